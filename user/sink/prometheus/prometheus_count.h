/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Counting, saving and rendering, by a thread of its own: its worker does one job after the other, so
 * that what is rendered was saved before, and the loop never waits. All calls and callbacks are the loop's.
 */
#ifndef SINK_PROMETHEUS_COUNT_H
#define SINK_PROMETHEUS_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"
#include "sink/prometheus/prometheus.h"
#include "sink/prometheus/prometheus_exposition.h"
#include "sink/prometheus/prometheus_totals.h"

struct event_base;
struct prometheus_count;
struct snapshot;

struct prometheus_count_events {
	/* What can be scraped is another now. */
	void (*changed)(void *context);
	/* `text` is the callback's; text->failed: out of memory. */
	void (*rendered)(void *context, enum exposition exposition, bool gzip, struct text *text);
	void *context;
};

struct prometheus_count_stats {
	struct totals_counts totals; /* as of the last flush that was counted */
	uint64_t save_errors;
	uint64_t flushes_dropped, metrics_dropped; /* too many waited */
	size_t flushes_waiting;
	bool loaded; /* the totals of the last daemon were read, or there are none */
	char error[256];
};

/* `state_dir` "": totals begin at zero. NULL with the sentence in `error`. */
struct prometheus_count *prometheus_count_new(struct event_base *base, const char *state_dir,
					      const struct prometheus_options *options,
					      const struct prometheus_count_events *events,
					      struct error *error);
/* Waits until what was given to it is saved, but not long for a disk that hangs. Calls nothing back. Safe on NULL. */
void prometheus_count_free(struct prometheus_count *count);

/* Adds a flush; takes a reference. */
void prometheus_count_flush(struct prometheus_count *count, struct snapshot *snapshot);
/* rendered() follows. -ENOMEM. */
int prometheus_count_render(struct prometheus_count *count, enum exposition exposition, bool gzip);
/* Other options from the next job on. -ENOMEM. */
int prometheus_count_update(struct prometheus_count *count, const struct prometheus_options *options);
void prometheus_count_stats(const struct prometheus_count *count, struct prometheus_count_stats *stats);

#endif /* SINK_PROMETHEUS_COUNT_H */
