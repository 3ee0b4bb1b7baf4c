/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Numbers of 128 bits as two words: BPF multiplies to 64 bits only. Pure arithmetic, for the
 * kernel and for the test that compares it with the compiler's own.
 */
#ifndef KSTATSD_WIDE_H
#define KSTATSD_WIDE_H

#include "kstatsd.h"

struct wide {
	__u64 lo, hi;
};

/* The square of a number below 2^53. */
static inline __attribute__((always_inline)) struct wide wide_square(__u64 value)
{
	__u64 top = value >> 27, bottom = value & ((1 << 27) - 1);
	__u64 cross = 2 * top * bottom; /* times 2^27 */
	struct wide square;

	square.hi = (top * top) >> 10;
	square.lo = (top * top) << 54;
	square.hi += cross >> 37;
	square.lo += cross << 27;
	square.hi += square.lo < cross << 27;
	square.lo += bottom * bottom;
	square.hi += square.lo < bottom * bottom;
	return square;
}

/* A number below 2^117 times one of at most 1024. */
static inline __attribute__((always_inline)) struct wide wide_scale(struct wide number, __u64 by)
{
	__u64 low = (number.lo & 0xffffffff) * by, middle = (number.lo >> 32) * by; /* times 2^32 */
	struct wide product;

	product.lo = low + (middle << 32);
	product.hi = number.hi * by + (middle >> 32) + (product.lo < low);
	return product;
}

#endif /* KSTATSD_WIDE_H */
