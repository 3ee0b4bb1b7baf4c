// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Native histograms: our buckets are Prometheus' own at schema 6, with the same numbers.
 *
 *     buckets   -64: 2   -63: 5   10: 5           each with its count
 *     spans     {offset -64, length 2} {offset 72, length 1}
 *     deltas    2 3 0                             each count as the difference to the one before
 *     counts    2 5 5                             instead of these, if one of them is not whole
 */
#include <math.h>
#include "sink/prometheus/prometheus_native.h"

#define WHOLE_MAX 0x1p53 /* above, not each whole number is a double */

/* Buckets of one sign, by their distance from zero. */
struct side {
	const struct bucket *first;
	size_t count;
	int step; /* to the next one, farther from zero */
	int base; /* what is to be taken from their index */
};

struct spans {
	MESSAGE(BucketSpan) * *spans;
	size_t span_count;
	int64_t *deltas;
	double *counts;
};

static int side_exponent(const struct side *side, size_t i)
{
	return side->first[(ptrdiff_t)i * side->step].index - side->base;
}

static double side_count(const struct side *side, size_t i)
{
	return side->first[(ptrdiff_t)i * side->step].count;
}

static bool spans_fill(struct spans *spans, const struct side *side, struct arena *arena)
{
	MESSAGE(BucketSpan) *span = NULL;
	double before = 0;
	int next = 0;

	spans->spans = arena_take(arena, side->count * sizeof(struct span *));
	spans->deltas = arena_take(arena, side->count * sizeof(*spans->deltas));
	spans->counts = arena_take(arena, side->count * sizeof(*spans->counts));
	if (!spans->spans || !spans->deltas || !spans->counts)
		return false;
	for (size_t i = 0; i < side->count; i++) {
		int exponent = side_exponent(side, i);

		if (!span || exponent != next) {
			span = arena_take(arena, sizeof(*span));
			if (!span)
				return false;
			io__prometheus__client__bucket_span__init(span);
			span->has_offset = span->has_length = true;
			span->offset = exponent - next;
			spans->spans[spans->span_count++] = span;
		}
		span->length++;
		next = exponent + 1;
		spans->counts[i] = side_count(side, i);
		spans->deltas[i] = (int64_t)(side_count(side, i) - before);
		before = side_count(side, i);
	}
	return true;
}

static bool is_whole(const struct total *total)
{
	for (size_t i = 0; i < total->buckets.used; i++)
		if (total->buckets.buckets[i].count != floor(total->buckets.buckets[i].count))
			return false;
	return total->value < WHOLE_MAX;
}

static bool native_fill(MESSAGE(Histogram) * to, const struct total *total, bool whole, struct arena *arena)
{
	const struct bucket *buckets = total->buckets.buckets;
	size_t used = total->buckets.used, negative = 0, zero;
	struct side below, above;
	struct spans spans = {};

	while (negative < used && buckets[negative].index > BUCKET_E_MAX)
		negative++;
	zero = negative < used && buckets[negative].index == BUCKET_ZERO;
	below = (struct side){ buckets + negative - (negative > 0), negative, -1, BUCKET_NEGATIVE_BASE };
	above = (struct side){ buckets + negative + zero, used - negative - zero, 1, 0 };

	to->has_schema = to->has_zero_threshold = true;
	to->schema = NATIVE_SCHEMA;
	to->zero_threshold = NATIVE_ZERO_THRESHOLD;
	to->has_zero_count = whole;
	to->has_zero_count_float = !whole;
	to->zero_count_float = zero ? buckets[negative].count : 0;
	to->zero_count = (uint64_t)to->zero_count_float;
	if (!spans_fill(&spans, &below, arena))
		return false;
	to->negative_span = spans.spans;
	to->n_negative_span = spans.span_count;
	to->negative_delta = spans.deltas;
	to->negative_count = spans.counts;
	*(whole ? &to->n_negative_delta : &to->n_negative_count) = below.count;
	spans = (struct spans){};
	if (!spans_fill(&spans, &above, arena))
		return false;
	to->positive_span = spans.spans;
	to->n_positive_span = spans.span_count;
	to->positive_delta = spans.deltas;
	to->positive_count = spans.counts;
	*(whole ? &to->n_positive_delta : &to->n_positive_count) = above.count;
	return true;
}

static bool classic_fill(MESSAGE(Histogram) * to, const struct total *total,
			 const struct prometheus_shape *shape, bool whole, struct arena *arena)
{
	size_t count = shape->bound_count;

	to->bucket = arena_take(arena, (count + 1) * sizeof(*to->bucket));
	if (!to->bucket)
		return false;
	/* The last reaches to infinity. */
	for (size_t i = 0; i <= count; i++) {
		MESSAGE(Bucket) *bucket = arena_take(arena, sizeof(*bucket));

		if (!bucket)
			return false;
		io__prometheus__client__bucket__init(bucket);
		bucket->has_upper_bound = bucket->has_cumulative_count = true;
		bucket->has_cumulative_count_float = !whole;
		bucket->upper_bound = i < count ? shape->bounds[i] : INFINITY;
		bucket->cumulative_count_float =
			i < count ? total_below(total, shape->bounds[i]) : total->value;
		bucket->cumulative_count = (uint64_t)round(bucket->cumulative_count_float);
		to->bucket[to->n_bucket++] = bucket;
	}
	return true;
}

MESSAGE(Histogram) * native_histogram(const struct total *total, const struct prometheus_shape *shape,
				      bool native, struct arena *arena)
{
	MESSAGE(Histogram) *to = arena_take(arena, sizeof(*to));
	bool whole = is_whole(total);

	if (!to)
		return NULL;
	io__prometheus__client__histogram__init(to);
	to->has_sample_count = to->has_sample_sum = true;
	to->sample_count = (uint64_t)round(total->value);
	to->sample_sum = total->sum;
	to->has_sample_count_float = !whole;
	to->sample_count_float = total->value;
	if (!classic_fill(to, total, shape, whole, arena))
		return NULL;
	return !native || native_fill(to, total, whole, arena) ? to : NULL;
}
