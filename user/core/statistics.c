// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Values come in steps, ascending, each with a weight: the sorted samples, or the buckets. A
 * rank is a place on the sum of the weights:
 *
 *     value     1     3           4     7
 *     weight |--1--|-----2.5-----|--1--|--1--|      n = 5.5
 *            0     1            3.5   4.5   5.5     the 2 lowest: the 1, and 1 of the 2.5
 *
 * A sum that is only estimated, from buckets or from a part of the samples, is then pushed
 * into the range it must lie in because the sum of all values is known exactly:
 *
 *     |---------- k lowest: estimated ----------|-- n - k others: each in [edge, max] --|
 *     |------------------------- sum of all n: exact ----------------------------------|
 *
 * The truth lies in that range, too, so this never makes the estimate worse, and k == n
 * yields the exact sum.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "core/statistics.h"

/* Sums of weights that differ by less than this part of them are equal: 1/0.3 is rounded. */
#define SLACK 0x1p-50

/* The values of a timer in ascending order. */
struct ranking {
	const struct timer_window *timer;
	size_t steps;
	double weight; /* of all values */
	double kept;   /* of the samples */
	double scale;  /* what a sample's weight is multiplied by, since it stands for others, too */
	bool exact;    /* the steps are all the values */
};

struct step {
	double value, weight;
	double low, high; /* what values beyond this step, seen from above and from below, do not pass */
};

/* Sums of the values of one end. */
struct tail {
	double sum, squares;
};

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* Weights of 1e308 sum to infinity, and infinities divided or subtracted are no number: then something near. */
static double number_or(double value, double other)
{
	return isnan(value) ? other : value;
}

static struct ranking ranking_of(const struct timer_window *timer)
{
	const struct samples *samples = &timer->samples;
	struct ranking ranking = { .timer = timer, .steps = timer->histogram.used, .scale = 1 };

	ranking.weight = moments_count(&timer->moments);
	if (!samples->used)
		return ranking;
	ranking.steps = samples->used;
	ranking.exact = samples->used == samples->seen;
	if (ranking.exact)
		return ranking;
	for (size_t i = 0; i < samples->used; i++)
		ranking.kept += samples->list[i].weight;
	ranking.scale = number_or(ranking.weight / ranking.kept, 1);
	return ranking;
}

static struct step step_at(const struct ranking *ranking, size_t i)
{
	const struct moments *moments = &ranking->timer->moments;
	enum timer_unit unit = ranking->timer->unit;
	const struct sample *sample;
	const struct bucket *bucket;
	double value, low, high;

	if (ranking->timer->samples.used) {
		sample = &ranking->timer->samples.list[i];
		return (struct step){ .value = sample->value,
				      .weight = sample->weight * ranking->scale,
				      .low = moments->min,
				      .high = moments->max };
	}
	bucket = &ranking->timer->histogram.buckets[i];
	value = histogram_middle(unit, bucket->index);
	low = histogram_lower(unit, bucket->index);
	high = histogram_upper(unit, bucket->index);
	return (struct step){ .value = clamp(value, moments->min, moments->max),
			      .weight = bucket->count,
			      .low = clamp(low, moments->min, moments->max),
			      .high = clamp(high, moments->min, moments->max) };
}

/* The value at which the sum of the weights reaches `weight`, or, `beyond`, the first after that. */
static double value_at(const struct ranking *ranking, double weight, bool beyond)
{
	const struct moments *moments = &ranking->timer->moments;
	double slack = ranking->weight * SLACK, least = ranking->weight - 1;
	long double sum = 0;
	struct step step;

	/* The extremes are known, and weigh 1 at least. */
	if (!ranking->exact && (beyond ? weight < 1 : weight <= 1))
		return moments->min;
	if (!ranking->exact && (beyond ? weight >= least - slack : weight > least + slack))
		return moments->max;
	for (size_t i = 0; i < ranking->steps; i++) {
		step = step_at(ranking, i);
		sum += step.weight;
		if (beyond ? sum > weight + slack : sum >= weight - slack)
			return step.value;
	}
	return moments->max;
}

/* Sums of what lies between the ranks `from` and `to`. */
static struct tail tail_of_samples(const struct ranking *ranking, double from, double to)
{
	const struct samples *samples = &ranking->timer->samples;
	double slack = ranking->weight * SLACK, part;
	long double begin, end = 0;
	struct moments moments = {};

	for (size_t i = 0; i < samples->used && end < to; i++) {
		begin = end;
		end += samples->list[i].weight;
		part = (double)(fminl(end, to) - fmaxl(begin, from));
		if (part > slack)
			moments_add_weighted(&moments, samples->list[i].value, part);
	}
	return (struct tail){ .sum = moments_sum(&moments), .squares = moments_squares(&moments) };
}

/* Sums of the k values at one end, and in *edge the bound that the others do not pass. */
static struct tail tail_estimate(const struct ranking *ranking, double k, bool top, double *edge)
{
	const struct moments *moments = &ranking->timer->moments;
	double extreme = top ? moments->max : moments->min, slack = ranking->weight * SLACK, part;
	struct tail tail = {};
	struct step step;

	*edge = extreme;
	for (size_t i = 0; i < ranking->steps && k > slack; i++) {
		step = step_at(ranking, top ? ranking->steps - 1 - i : i);
		part = fmin(step.weight, k);
		*edge = top ? step.high : step.low;
		tail.sum += part * step.value;
		tail.squares += part * step.value * step.value;
		/* The outermost value is known. */
		if (i == 0) {
			tail.sum += extreme - step.value;
			tail.squares += extreme * extreme - step.value * step.value;
		}
		k -= part;
	}
	return tail;
}

/*
 * Pushes an estimate into total - [least, most]: what is left of a total that is known. Beside one
 * enormous value a total says nothing about the small ones, as it is rounded itself.
 */
static double tail_push(double estimate, double total, double least, double most)
{
	double rounding = 4 * DBL_EPSILON * fabs(total);

	return clamp(estimate, total - most - rounding, total - least + rounding);
}

static struct tail tail_estimated(const struct ranking *ranking, double k, bool top)
{
	const struct moments *moments = &ranking->timer->moments;
	double others = ranking->weight - k, edge, low, high, least, most;
	struct tail tail = tail_estimate(ranking, k, top, &edge);

	if (!(others > ranking->weight * SLACK))
		return (struct tail){ .sum = moments_sum(moments), .squares = moments_squares(moments) };
	low = top ? moments->min : edge;
	high = top ? edge : moments->max;
	tail.sum = tail_push(tail.sum, moments_sum(moments), others * low, others * high);
	least = low <= 0 && high >= 0 ? 0 : fmin(low * low, high * high);
	most = fmax(low * low, high * high);
	tail.squares = tail_push(tail.squares, moments_squares(moments), others * least, others * most);
	return tail;
}

static void percentile_compute(const struct ranking *ranking, double wanted, const struct timer_stats *stats,
			       struct percentile_stats *percentile)
{
	double n = ranking->weight, k, taken;
	bool top = wanted <= 0;
	struct tail tail;

	*percentile = (struct percentile_stats){};
	/* Of a number that is not negative, round() is JavaScript's Math.round(). */
	k = n <= 1 ? 1 : round(fabs(wanted) / 100 * n);
	if (k < 1)
		return;
	taken = fmin(k, n); /* 3.6 values round to 4 */
	if (ranking->exact)
		tail = top ? tail_of_samples(ranking, n - taken, n) : tail_of_samples(ranking, 0, taken);
	else
		tail = tail_estimated(ranking, taken, top);
	percentile->count = k < 0x1p64 ? (uint64_t)k : UINT64_MAX;
	percentile->boundary = top ? value_at(ranking, n - taken, true) : value_at(ranking, taken, false);
	percentile->sum = number_or(tail.sum, stats->sum);
	percentile->sum_squares = number_or(tail.squares, stats->sum_squares);
	percentile->mean = number_or(percentile->sum / taken, percentile->boundary);
}

static double median(const struct ranking *ranking)
{
	double low = value_at(ranking, ranking->weight / 2, false);
	double high = value_at(ranking, ranking->weight / 2, true);

	return low == high ? low : (low + high) / 2;
}

void statistics_compute(struct timer_window *timer, const double *wanted, size_t wanted_count,
			struct timer_stats *stats, struct percentile_stats *percentiles)
{
	const struct moments *moments = &timer->moments;
	struct ranking ranking;

	*stats = (struct timer_stats){ .count = sum_value(&timer->weight), .samples = timer->received };
	if (!timer->received) {
		for (size_t i = 0; i < wanted_count; i++)
			percentiles[i] = (struct percentile_stats){};
		return;
	}
	samples_sort(&timer->samples);
	ranking = ranking_of(timer);
	stats->sum = moments_sum(moments);
	stats->sum_squares = moments_squares(moments);
	stats->median = median(&ranking);
	stats->mean = number_or(stats->sum / ranking.weight, stats->median);
	stats->std = number_or(moments_deviation(moments), 0);
	for (size_t i = 0; i < wanted_count; i++)
		percentile_compute(&ranking, wanted[i], stats, &percentiles[i]);
	stats->upper = moments->max;
	stats->lower = moments->min;
}

/* The bucket that a limit lies in is not below it: measured values are rounded, as limits are. */
static bool step_is_below(const struct ranking *ranking, size_t i, double limit)
{
	const struct timer_window *timer = ranking->timer;

	if (timer->samples.used)
		return timer->samples.list[i].value < limit;
	return timer->moments.max < limit ||
	       histogram_order(timer->histogram.buckets[i].index, histogram_index(timer->unit, limit)) < 0;
}

void statistics_bins(const struct timer_window *timer, const double *limits, size_t count,
		     struct bin_stats *bins)
{
	struct ranking ranking = ranking_of(timer);
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		bins[i] = (struct bin_stats){ .limit = limits[i] };
	for (size_t i = 0; i < ranking.steps; i++) {
		while (at < count && !step_is_below(&ranking, i, limits[at]))
			at++;
		if (at == count)
			break;
		bins[at].count += step_at(&ranking, i).weight;
	}
}

size_t statistics_buckets_max(const struct timer_window *timer)
{
	size_t reach;

	if (!timer->samples.used)
		return timer->histogram.used;
	reach = histogram_reach(timer->unit, timer->moments.min, timer->moments.max);
	return reach < timer->samples.used ? reach : timer->samples.used;
}

size_t statistics_buckets(const struct timer_window *timer, struct bucket *buckets)
{
	const struct histogram *histogram = &timer->histogram;
	const struct samples *samples = &timer->samples;
	struct ranking ranking = ranking_of(timer);
	bool whole = !ranking.exact && ranking.kept <= (double)samples->used; /* no weight is below 1 */
	long double kept = 0, before = 0, sum;
	size_t count = 0;
	int16_t index;

	if (!samples->used && histogram->used)
		memcpy(buckets, histogram->buckets, histogram->used * sizeof(*buckets));
	if (!samples->used)
		return histogram->used;
	for (size_t i = 0; i < samples->used; i++) {
		kept += samples->list[i].weight;
		sum = whole ? roundl(kept * ranking.scale) : kept * ranking.scale;
		index = histogram_index(timer->unit, samples->list[i].value);
		buckets_append(buckets, &count, index, (double)(sum - before));
		before = sum;
	}
	return count;
}

void timer_window_release(struct timer_window *timer)
{
	histogram_release(&timer->histogram);
	samples_release(&timer->samples);
	*timer = (struct timer_window){};
}
