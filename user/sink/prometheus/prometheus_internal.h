/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Inside of prometheus_totals.h: prometheus_totals.c, prometheus_family.c and prometheus_timer.c share it. */
#ifndef SINK_PROMETHEUS_INTERNAL_H
#define SINK_PROMETHEUS_INTERNAL_H

#include "sink/prometheus/prometheus_totals.h"

#define CONFLICTS_TOLD_MAX 256

struct totals {
	const struct totals_options *options;
	void *claims;		 /* a tree for tsearch() of struct claim */
	struct total_list order; /* the longest not updated first */
	struct total_list changed;
	struct totals_counts counts;
	struct totals_gone gone;
	uint64_t flush;
	int64_t now;
	struct text name, labels, work; /* scratch */
	struct text notices;
	void *told; /* a tree of names whose conflicts were told */
	size_t told_count;
};

/* The family of that name, found or made; NULL: conflict (counted, told) or no memory (counted). */
struct family *family_find(struct totals *totals, enum family_kind kind, const char *base,
			   const char *origin);
/* When its last series went. */
void family_free(struct totals *totals, struct family *family);
/* With all its series. */
void family_drop(struct totals *totals, struct family *family);
/* Where a series is among those of its family, or NULL. */
struct total *family_find_series(const struct family *family, const char *labels, size_t len);
int series_compare_labels(const void *one, const void *other);

/* Adds a window's buckets to a timer. -ENOMEM: nothing, or a part; -ERANGE: nothing, as it would be infinite. */
int timer_add(struct totals *totals, struct total *total, const struct metric *metric);
void timer_release(struct totals *totals, struct total *total);

#endif /* SINK_PROMETHEUS_INTERNAL_H */
