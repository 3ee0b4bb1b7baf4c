// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two sources answer the same two questions, "the value of rank r" and "the sums of the k
 * lowest or highest": the sorted samples, or the buckets. A sum estimated from buckets is
 * then pushed into the range it must lie in because the sum of all values is known exactly:
 *
 *     |---------- k lowest: estimated ----------|-- n - k others: each in [edge, max] --|
 *     |------------------------- sum of all n: exact ----------------------------------|
 *
 * The truth lies in that range, too, so this never makes the estimate worse, and k == n
 * yields the exact sum.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include "core/statistics.h"

#define SIZE_MIN 64

/* Sums of the values of one end. */
struct tail {
	double sum, squares;
};

int samples_add(struct samples *samples, double value)
{
	size_t size = samples->size ? 2 * samples->size : SIZE_MIN;
	double *values;

	if (samples->used == samples->size) {
		values = realloc(samples->values, size * sizeof(*values));
		if (!values)
			return -ENOMEM;
		samples->values = values;
		samples->size = size;
	}
	samples->values[samples->used++] = value;
	return 0;
}

void samples_release(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){};
}

static int double_compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* The value of a rank from 1 to n. */
static double value_of_rank(const struct timer_window *timer, uint64_t rank)
{
	const struct moments *moments = &timer->moments;

	if (rank <= 1)
		return moments->min;
	if (rank >= moments_count(moments))
		return moments->max;
	if (timer->samples.used)
		return timer->samples.values[rank - 1];
	return clamp(histogram_middle(histogram_rank(&timer->histogram, rank)), moments->min, moments->max);
}

static struct tail tail_of_samples(const struct samples *samples, uint64_t k, bool top)
{
	struct moments moments = {};
	size_t first = top ? samples->used - k : 0;

	for (size_t i = first; i < first + k; i++)
		moments_add(&moments, samples->values[i]);
	return (struct tail){ .sum = moments_sum(&moments), .squares = moments_squares(&moments) };
}

/* Sums of the k values at one end of the buckets, and in *edge the bound that the others do not pass. */
static struct tail tail_estimate(const struct timer_window *timer, uint64_t k, bool top, double *edge)
{
	const struct histogram *histogram = &timer->histogram;
	const struct moments *moments = &timer->moments;
	const struct bucket *bucket;
	struct tail tail = {};
	double extreme = top ? moments->max : moments->min, value;
	uint64_t part;

	*edge = extreme;
	for (size_t i = 0; i < histogram->used && k; i++) {
		bucket = &histogram->buckets[top ? histogram->used - 1 - i : i];
		part = bucket->count < k ? bucket->count : k;
		value = clamp(histogram_middle(bucket->index), moments->min, moments->max);
		*edge = top ? histogram_upper(bucket->index) : histogram_lower(bucket->index);
		tail.sum += (double)part * value;
		tail.squares += (double)part * value * value;
		/* The outermost value is known. */
		if (i == 0) {
			tail.sum += extreme - value;
			tail.squares += extreme * extreme - value * value;
		}
		k -= part;
	}
	*edge = clamp(*edge, moments->min, moments->max);
	return tail;
}

static struct tail tail_of_buckets(const struct timer_window *timer, uint64_t k, bool top)
{
	const struct moments *moments = &timer->moments;
	double others = (double)(moments_count(moments) - k), edge, low, high, least, most;
	struct tail tail = tail_estimate(timer, k, top, &edge);

	low = top ? moments->min : edge;
	high = top ? edge : moments->max;
	tail.sum = clamp(tail.sum, moments_sum(moments) - others * high, moments_sum(moments) - others * low);
	least = low <= 0 && high >= 0 ? 0 : fmin(low * low, high * high);
	most = fmax(low * low, high * high);
	tail.squares = clamp(tail.squares, moments_squares(moments) - others * most,
			     moments_squares(moments) - others * least);
	return tail;
}

static void percentile_compute(const struct timer_window *timer, double wanted,
			       struct percentile_stats *percentile)
{
	uint64_t n = moments_count(&timer->moments), k;
	bool top = wanted <= 0;
	struct tail tail;

	*percentile = (struct percentile_stats){};
	k = n == 1 ? 1 : (uint64_t)round(fabs(wanted) / 100 * (double)n);
	if (k > n)
		k = n;
	if (!k)
		return;
	tail = timer->samples.used ? tail_of_samples(&timer->samples, k, top)
				   : tail_of_buckets(timer, k, top);
	percentile->count = k;
	percentile->boundary = value_of_rank(timer, top ? n - k + 1 : k);
	percentile->sum = tail.sum;
	percentile->sum_squares = tail.squares;
	percentile->mean = tail.sum / (double)k;
}

static double median(const struct timer_window *timer, uint64_t n)
{
	double middle = value_of_rank(timer, n / 2 + 1);

	return n % 2 ? middle : (value_of_rank(timer, n / 2) + middle) / 2;
}

void statistics_compute(struct timer_window *timer, const double *wanted, size_t wanted_count,
			struct timer_stats *stats, struct percentile_stats *percentiles)
{
	const struct moments *moments = &timer->moments;
	uint64_t n = moments_count(moments);

	*stats = (struct timer_stats){ .count = sum_value(&timer->weight), .samples = n };
	if (!n) {
		for (size_t i = 0; i < wanted_count; i++)
			percentiles[i] = (struct percentile_stats){};
		return;
	}
	if (timer->samples.used)
		qsort(timer->samples.values, timer->samples.used, sizeof(*timer->samples.values),
		      double_compare);
	for (size_t i = 0; i < wanted_count; i++)
		percentile_compute(timer, wanted[i], &percentiles[i]);
	stats->sum = moments_sum(moments);
	stats->sum_squares = moments_squares(moments);
	stats->mean = stats->sum / (double)n;
	stats->median = median(timer, n);
	stats->std = moments_deviation(moments);
	stats->upper = moments->max;
	stats->lower = moments->min;
}
