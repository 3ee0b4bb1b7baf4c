// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Buckets are kept in a sorted array: a timer touches a few dozen of them in a window, and
 * whoever asks for a percentile wants them in order.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/histogram.h"
#include "core/sum.h"

#define SIZE_MIN 16

/* The value, as it was sent, that lies where bucket 0 ends: a second. */
static double unit_one(enum timer_unit unit)
{
	return unit == UNIT_MILLISECONDS ? 1000 : 1;
}

/* e of a positive value. A double within 2^-53 of an irrational bound is on one side of it for exp2l(), too. */
static int exponent_of(enum timer_unit unit, double value)
{
	double guess = ceil(BUCKETS_PER_OCTAVE * (log2(value) - log2(unit_one(unit))));
	long double one = unit_one(unit);
	int e;

	if (guess > BUCKET_E_MAX)
		return BUCKET_E_MAX;
	if (guess < -BUCKET_E_MAX)
		return -BUCKET_E_MAX;
	e = (int)guess;
	while (value > one * exp2l((long double)e / BUCKETS_PER_OCTAVE))
		e++;
	while (value <= one * exp2l((long double)(e - 1) / BUCKETS_PER_OCTAVE))
		e--;
	return e < -BUCKET_E_MAX ? -BUCKET_E_MAX : e > BUCKET_E_MAX ? BUCKET_E_MAX : e;
}

int16_t histogram_index(enum timer_unit unit, double value)
{
	int64_t micros;

	/* The kernel's answer wherever the kernel could have given one. */
	if (double_to_micros(value, &micros))
		return bucket_index(unit, micros);
	if (value < 0)
		return (int16_t)(exponent_of(unit, -value) + BUCKET_NEGATIVE_BASE);
	return (int16_t)exponent_of(unit, value);
}

/* Position of a bucket among all, by value: negative ones below 0, BUCKET_ZERO at 0. */
static int bucket_position(int16_t index)
{
	if (index == BUCKET_ZERO)
		return 0;
	if (index > BUCKET_E_MAX)
		return BUCKET_NEGATIVE_BASE - index - (BUCKET_E_MAX + 1);
	return index + BUCKET_E_MAX + 1;
}

int histogram_order(int16_t a, int16_t b)
{
	return bucket_position(a) - bucket_position(b);
}

/* A bucket's bound `step` buckets above its own e: 0 the farther from zero, -1 the nearer. */
static double bucket_bound(enum timer_unit unit, int16_t index, int step)
{
	double one = unit_one(unit);

	if (index == BUCKET_ZERO)
		return 0;
	if (index > BUCKET_E_MAX)
		return -one * exp2((double)(index - BUCKET_NEGATIVE_BASE + step) / BUCKETS_PER_OCTAVE);
	return one * exp2((double)(index + step) / BUCKETS_PER_OCTAVE);
}

double histogram_lower(enum timer_unit unit, int16_t index)
{
	return bucket_bound(unit, index, index > BUCKET_E_MAX ? 0 : -1);
}

double histogram_upper(enum timer_unit unit, int16_t index)
{
	return bucket_bound(unit, index, index > BUCKET_E_MAX ? -1 : 0);
}

double histogram_middle(enum timer_unit unit, int16_t index)
{
	double lower = histogram_lower(unit, index), upper = histogram_upper(unit, index);

	return index == BUCKET_ZERO ? 0 : 2 * lower * upper / (lower + upper);
}

size_t histogram_reach(enum timer_unit unit, double min, double max)
{
	return (size_t)histogram_order(histogram_index(unit, max), histogram_index(unit, min)) + 1;
}

void buckets_append(struct bucket *buckets, size_t *count, int16_t index, double values)
{
	if (!*count || buckets[*count - 1].index != index)
		buckets[(*count)++] = (struct bucket){ .index = index };
	buckets[*count - 1].count += values;
}

size_t buckets_scale(enum timer_unit unit, struct bucket *buckets, size_t count, double scale)
{
	size_t scaled = 0;
	struct bucket last;

	/* A negative number turns their order round. */
	for (size_t i = 0; scale < 0 && i < count / 2; i++) {
		last = buckets[count - 1 - i];
		buckets[count - 1 - i] = buckets[i];
		buckets[i] = last;
	}
	for (size_t i = 0; i < count; i++) {
		const struct bucket bucket = buckets[i];
		double middle = histogram_middle(unit, bucket.index) * scale;

		buckets_append(buckets, &scaled, histogram_index(unit, middle), bucket.count);
	}
	return scaled;
}

/* Where the bucket is, or would be. */
static size_t histogram_find(const struct histogram *histogram, int16_t index)
{
	size_t low = 0, high = histogram->used, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (histogram_order(histogram->buckets[middle].index, index) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for `more` buckets that are new. */
static int histogram_reserve(struct histogram *histogram, size_t more)
{
	size_t size = histogram->size ? histogram->size : SIZE_MIN;
	struct bucket *buckets;

	while (size < histogram->used + more)
		size *= 2;
	if (size == histogram->size)
		return 0;
	buckets = realloc(histogram->buckets, size * sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	histogram->buckets = buckets;
	histogram->size = size;
	return 0;
}

int histogram_add(struct histogram *histogram, int16_t index, double count)
{
	size_t at = histogram_find(histogram, index);
	struct bucket *bucket;

	if (at == histogram->used || histogram->buckets[at].index != index) {
		if (histogram_reserve(histogram, 1))
			return -ENOMEM;
		bucket = &histogram->buckets[at];
		memmove(bucket + 1, bucket, (histogram->used - at) * sizeof(*bucket));
		*bucket = (struct bucket){ .index = index };
		histogram->used++;
	}
	histogram->buckets[at].count += count;
	return 0;
}

int histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	if (!other->used)
		return 0;
	if (histogram_reserve(histogram, other->used))
		return -ENOMEM;
	for (size_t i = 0; i < other->used; i++)
		histogram_add(histogram, other->buckets[i].index, other->buckets[i].count);
	return 0;
}

void histogram_release(struct histogram *histogram)
{
	free(histogram->buckets);
	*histogram = (struct histogram){};
}
