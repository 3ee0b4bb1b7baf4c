/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Totals as a scrape gets them. Pure: they append to `text`; text->failed says that memory ran out.
 * What formats there are, and which of them the other side wants.
 */
#ifndef SINK_PROMETHEUS_EXPOSITION_H
#define SINK_PROMETHEUS_EXPOSITION_H

#include <stdbool.h>
#include "sink/text.h"

struct totals;

enum exposition {
	EXPOSITION_TEXT,	    /* text/plain; version=0.0.4 */
	EXPOSITION_OPENMETRICS,	    /* 1.0.0 */
	EXPOSITION_OPENMETRICS_OLD, /* 0.0.1, which says less about itself */
	EXPOSITION_PROTOBUF,	    /* io.prometheus.client.MetricFamily, each with its length before it */
	EXPOSITIONS,
};

/* What stands in Content-Type. */
extern const char *const exposition_types[EXPOSITIONS];

/* The one that an Accept header likes best; without a header, or if it likes none, text. */
enum exposition exposition_choose(const char *accept);
/* Does an Accept-Encoding header take gzip? NULL: no. */
bool exposition_takes_gzip(const char *accept_encoding);

/* Appends all. `native`: histograms of protobuf have their exponential buckets beside the classic ones. */
void exposition_render(struct totals *totals, enum exposition exposition, bool native, struct text *text);

void exposition_text(struct totals *totals, bool openmetrics, struct text *text);
void exposition_protobuf(struct totals *totals, bool native, struct text *text);

/* What HELP says. */
const char *exposition_help(const char *help);
#endif /* SINK_PROMETHEUS_EXPOSITION_H */
