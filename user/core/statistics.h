/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From what a window holds of a timer to statsd's statistics. Pure, but for sorting the
 * samples in place.
 */
#ifndef CORE_STATISTICS_H
#define CORE_STATISTICS_H

#include <stddef.h>
#include "core/histogram.h"
#include "core/snapshot.h"
#include "core/sum.h"

/* Raw samples of timers.mode: exact. All zero: none. */
struct samples {
	double *values;
	size_t used, size;
};

/* -ENOMEM: nothing was added. */
int samples_add(struct samples *samples, double value);
void samples_release(struct samples *samples);

/* One timer in one window. All zero: no samples. Either samples or the histogram is in use. */
struct timer_window {
	struct moments moments;
	struct sum weight; /* sum of 1/rate */
	struct histogram histogram;
	struct samples samples;
};

/*
 * Fills `stats`, and one entry of `percentiles` for each of `wanted`; an entry with count 0
 * is not to be sent. Meant are statsd's (lib/process_metrics.js):
 *
 *  - percentile P of n values takes the k = round(|P|/100 * n) lowest, or highest if P is not
 *    positive; the boundary is the one next to the others; k == 0 yields nothing;
 *  - a single value is every percentile of itself;
 *  - the median of an even count is the mean of the middle two; the deviation is the
 *    population's; only `count` is weighted by the sample rate.
 *
 * From a histogram, median, boundaries and tail sums are within 0.55 % (and those of the
 * lowest, the highest and of all values exact); everything else is exact in either mode.
 */
void statistics_compute(struct timer_window *timer, const double *wanted, size_t wanted_count,
			struct timer_stats *stats, struct percentile_stats *percentiles);

#endif /* CORE_STATISTICS_H */
