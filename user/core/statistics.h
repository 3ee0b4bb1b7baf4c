/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From what a window holds of a timer to statsd's statistics. Pure, but for sorting the
 * samples in place.
 */
#ifndef CORE_STATISTICS_H
#define CORE_STATISTICS_H

#include <stddef.h>
#include "core/histogram.h"
#include "core/samples.h"
#include "core/snapshot.h"
#include "core/sum.h"

/*
 * One timer in one window. All zero: no samples. Either samples or the histogram is in use.
 * Where timers are weighted, moments, buckets and samples have the weights; else a weight of 1.
 */
struct timer_window {
	struct moments moments;
	struct sum weight; /* sum of 1/rate */
	uint64_t received;
	enum timer_unit unit; /* of the values, which decides what the buckets bound */
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
 * A value that weighs w is so many equal values, n is the sum of the weights, and of the
 * value at the boundary a part may belong to the k and a part not.
 *
 * From a histogram, median, boundaries and tail sums are within 0.55 % (and those of the
 * lowest, the highest and of all values exact). From samples of which a part was left out,
 * those kept stand for all: these numbers are estimates then. Everything else is exact.
 */
void statistics_compute(struct timer_window *timer, const double *wanted, size_t wanted_count,
			struct timer_stats *stats, struct percentile_stats *percentiles);

/*
 * How many values lie below each of `count` ascending limits and not below the one before,
 * as in statsd's histogram: what is not below the last one is in none. To be called after
 * statistics_compute(). Values of a histogram that lie in the bucket of a limit count as not
 * below it: exact for whole numbers and limits up to 90, else to 1.1 %.
 */
void statistics_bins(const struct timer_window *timer, const double *limits, size_t count,
		     struct bin_stats *bins);
/*
 * How the values are distributed, for others than statsd: buckets, ascending, of which there are at most
 * statistics_buckets_max(). Returns how many. Samples are put into buckets; the same order of calls as
 * above. Of samples of which a part was left out, each stands for as many as there are for one that was
 * kept; the counts are whole all the same, unless samples weigh something, and their sum is the number
 * of samples.
 */
size_t statistics_buckets(const struct timer_window *timer, struct bucket *buckets);
size_t statistics_buckets_max(const struct timer_window *timer);

/* Frees what the window points to; all zero then. */
void timer_window_release(struct timer_window *timer);

#endif /* CORE_STATISTICS_H */
