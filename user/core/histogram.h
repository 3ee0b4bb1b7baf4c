/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A sparse histogram of base-2 exponential buckets, 64 per octave, as bpf/bucket.h numbers
 * them: index e of a positive value covers (2^((e-1)/64), 2^(e/64)], index e + 16384 the
 * mirror image below zero, BUCKET_ZERO is zero. Any value is within 0.55 % of what its
 * bucket stands for.
 *
 * Of a timer in milliseconds, these are seconds (docs/decisions/006-seconds.md). Values are as they
 * were sent everywhere here: its bucket 64 covers values of up to 2000.
 */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include "bucket.h"

struct bucket {
	int16_t index;
	double count; /* whole, unless values weigh fractions */
};

/* Ascending by value. All zero: empty. */
struct histogram {
	struct bucket *buckets;
	size_t used, size;
};

/* The bucket of a finite value; what e cannot express goes to the first or last bucket. */
int16_t histogram_index(enum timer_unit unit, double value);
/* Values in bucket `index` lie between these (one of which is excluded). */
double histogram_lower(enum timer_unit unit, int16_t index);
double histogram_upper(enum timer_unit unit, int16_t index);
/* What stands for all values in a bucket: the harmonic mean of its bounds, as far from either. */
double histogram_middle(enum timer_unit unit, int16_t index);
/* Negative, zero or positive, as values of bucket `a` lie below, in or above bucket `b`. */
int histogram_order(int16_t a, int16_t b);
/* How many buckets there are from that of `min` to that of `max`. */
size_t histogram_reach(enum timer_unit unit, double min, double max);

/* Adds `values` to the last of *count buckets, or behind it, where there is room, if `index` is above its own. */
void buckets_append(struct bucket *buckets, size_t *count, int16_t index, double values);
/*
 * What the buckets are of values that are `scale` times as large: each goes where its middle goes, so
 * that a value may be a bucket away from its own. Returns how many there are now, not more.
 */
size_t buckets_scale(enum timer_unit unit, struct bucket *buckets, size_t count, double scale);

/* -ENOMEM: nothing was added. */
int histogram_add(struct histogram *histogram, int16_t index, double count);
/* Adds all buckets of `other`. -ENOMEM: nothing was added. */
int histogram_merge(struct histogram *histogram, const struct histogram *other);
void histogram_release(struct histogram *histogram);

#endif /* CORE_HISTOGRAM_H */
