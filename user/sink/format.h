/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Formatters: a snapshot goes in, text comes out. They read no clock and know no socket.
 * Each appends to `text` and returns 0 or -ENOMEM.
 */
#ifndef SINK_FORMAT_H
#define SINK_FORMAT_H

#include <stdbool.h>
#include "lib/number.h"
#include "sink/text.h"

struct snapshot;
struct metric;

/* Carbon drops the connection over a longer line. */
#define GRAPHITE_LINE_MAX 16384

/* Graphite's plaintext, names as statsd's without legacyNamespace. Values that are not finite are left out. */
int format_graphite(const struct snapshot *snapshot, struct text *text);

/* One JSON object per metric and line; docs/json.md. Values that are not finite are null. */
int format_json(const struct snapshot *snapshot, struct text *text);

/* Aligned columns for people. `bold`: the terminal may be told to emphasise. */
int format_table(const struct snapshot *snapshot, bool bold, struct text *text);

/* Fields of a metric, one by one, in the order that statsd sends them, under statsd's names; a gauge's is "value". */
void fields_visit(const struct snapshot *snapshot, const struct metric *metric,
		  void (*visit)(void *context, const char *name, double value), void *context);

#define PERCENTILE_LABEL (NUMBER_BYTES + 4)

/* How names spell a percentile: 90 is "90", 99.9 is "99_9", -10 is "top10". */
void percentile_label(double percentile, char label[PERCENTILE_LABEL]);

#endif /* SINK_FORMAT_H */
