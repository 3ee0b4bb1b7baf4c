/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A sparse histogram of base-2 exponential buckets, 64 per octave, as bpf/bucket.h numbers
 * them: index e of a positive value covers (2^((e-1)/64), 2^(e/64)], index e + 16384 the
 * mirror image below zero, BUCKET_ZERO is zero. Any value is within 0.55 % of what its
 * bucket stands for.
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
int16_t histogram_index(double value);
/* Values in bucket `index` lie between these (one of which is excluded). */
double histogram_lower(int16_t index);
double histogram_upper(int16_t index);
/* What stands for all values in a bucket: the harmonic mean of its bounds, as far from either. */
double histogram_middle(int16_t index);
/* Negative, zero or positive, as values of bucket `a` lie below, in or above bucket `b`. */
int histogram_order(int16_t a, int16_t b);

/* -ENOMEM: nothing was added. */
int histogram_add(struct histogram *histogram, int16_t index, double count);
/* Adds all buckets of `other`. -ENOMEM: nothing was added. */
int histogram_merge(struct histogram *histogram, const struct histogram *other);
void histogram_release(struct histogram *histogram);

#endif /* CORE_HISTOGRAM_H */
