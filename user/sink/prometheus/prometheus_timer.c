// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Timers: everything is computed from exponential buckets, which add up without loss. A summary's
 * quantiles are those of the last minutes: of a ring of histograms the oldest is emptied when its
 * time comes.
 *
 *     max_age 10m, 5 ages:   [8..10m ago][6..8m][4..6m][2..4m][0..2m]   all are asked, one is added to
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "sink/prometheus/prometheus_internal.h"

#define MSEC_PER_SECOND 1000.0

static void recent_free(struct totals *totals, struct recent *recent)
{
	if (!recent)
		return;
	for (uint32_t i = 0; i < recent->count; i++) {
		totals->counts.buckets -= recent->ages[i].used;
		histogram_release(&recent->ages[i]);
	}
	free(recent->ages);
	free(recent);
}

static struct recent *recent_new(uint32_t ages)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (!recent)
		return NULL;
	recent->count = ages;
	recent->ages = calloc(ages, sizeof(*recent->ages));
	if (recent->ages)
		return recent;
	free(recent);
	return NULL;
}

/* Empties what has become too old by `now`. */
static void recent_turn(struct totals *totals, struct recent *recent, int64_t age)
{
	if (!recent->turns || totals->now - recent->turns > age * recent->count) {
		for (uint32_t i = 0; i < recent->count; i++) {
			totals->counts.buckets -= recent->ages[i].used;
			recent->ages[i].used = 0;
		}
		recent->turns = totals->now + age;
	}
	while (totals->now >= recent->turns) {
		recent->at = (recent->at + 1) % recent->count;
		totals->counts.buckets -= recent->ages[recent->at].used;
		recent->ages[recent->at].used = 0;
		recent->turns += age;
	}
}

static int histogram_count(struct totals *totals, struct histogram *histogram, const struct histogram *more)
{
	size_t before = histogram->used;
	int err = histogram_merge(histogram, more);

	totals->counts.buckets += histogram->used - before;
	return err;
}

static int64_t age_of(const struct prometheus_shape *shape)
{
	int64_t age = shape->max_age / shape->ages;

	return age > 0 ? age : 1;
}

static int summary_add(struct totals *totals, struct total *total, const struct prometheus_shape *shape,
		       const struct histogram *window)
{
	if (total->recent && (!shape->summary || total->recent->count != shape->ages)) {
		recent_free(totals, total->recent);
		total->recent = NULL;
	}
	if (!shape->summary)
		return 0;
	if (!total->recent)
		total->recent = recent_new(shape->ages);
	if (!total->recent)
		return -ENOMEM;
	recent_turn(totals, total->recent, age_of(shape));
	return histogram_count(totals, &total->recent->ages[total->recent->at], window);
}

int timer_add(struct totals *totals, struct total *total, const struct metric *metric)
{
	const struct histogram window = {
		.buckets = (struct bucket *)metric->buckets,
		.used = metric->bucket_count,
	};
	double sum = total->sum + (metric->unit == UNIT_MILLISECONDS ? metric->timer.sum / MSEC_PER_SECOND
								     : metric->timer.sum);
	double count = total->value;
	int err;

	for (size_t i = 0; i < window.used; i++)
		count += window.buckets[i].count;
	if (!isfinite(sum) || !isfinite(count))
		return -ERANGE;
	err = histogram_count(totals, &total->buckets, &window);
	if (err)
		return err;
	total->value = count;
	total->sum = sum;
	return summary_add(totals, total, family_shape(totals, total->family), &window);
}

void timer_release(struct totals *totals, struct total *total)
{
	recent_free(totals, total->recent);
	totals->counts.buckets -= total->buckets.used;
	histogram_release(&total->buckets);
}

double total_below(const struct total *total, double bound)
{
	int16_t last = histogram_index(UNIT_NONE, bound);
	double count = 0;

	for (size_t i = 0; i < total->buckets.used; i++) {
		if (histogram_order(total->buckets.buckets[i].index, last) > 0)
			break;
		count += total->buckets.buckets[i].count;
	}
	return count;
}

/* The first bucket, by value, at which `rank` values are reached; the ages are walked side by side. */
static double recent_at(const struct recent *recent, double rank)
{
	size_t at[PROMETHEUS_AGES_MAX] = {};
	double count = 0, value = NAN;

	while (count < rank) {
		const struct bucket *least = NULL;

		for (uint32_t i = 0; i < recent->count; i++) {
			const struct histogram *age = &recent->ages[i];

			if (at[i] < age->used &&
			    (!least || histogram_order(age->buckets[at[i]].index, least->index) < 0))
				least = &age->buckets[at[i]];
		}
		if (!least)
			break;
		value = histogram_middle(UNIT_NONE, least->index);
		for (uint32_t i = 0; i < recent->count; i++) {
			const struct histogram *age = &recent->ages[i];

			if (at[i] < age->used && age->buckets[at[i]].index == least->index)
				count += age->buckets[at[i]++].count;
		}
	}
	return value;
}

double total_quantile(struct totals *totals, struct total *total, double quantile)
{
	struct recent *recent = total->recent;
	double count = 0;

	if (!recent)
		return NAN;
	recent_turn(totals, recent, age_of(family_shape(totals, total->family)));
	for (uint32_t i = 0; i < recent->count; i++)
		for (size_t j = 0; j < recent->ages[i].used; j++)
			count += recent->ages[i].buckets[j].count;
	return recent_at(recent, fmax(quantile * count, DBL_MIN));
}
