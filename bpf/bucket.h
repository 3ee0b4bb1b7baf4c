/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Which bucket of a base-2 exponential histogram a value falls into, by integers only.
 * Scale 6: 64 buckets per octave, as in Prometheus native histograms and OpenTelemetry
 * exponential histograms, so that any percentile is within 0.6 % and histograms merge.
 *
 * For a value of v units (not micros), e = ceil(64 * log2(v)): bucket e covers
 *
 *         2^((e-1)/64) < v <= 2^(e/64)
 *
 * How: v in micros, shifted until its top bit is bit 63, is compared with the 64 bucket
 * bounds 1e6 * 2^(i/64), shifted likewise. Those are the same 64 numbers in every octave:
 *
 *     2^63                                                         2^64
 *       |--T0--T1--T2-- ... --T59==1e6<<44--T60-- ... --T63---------|
 *
 * All but one (1e6 itself) are irrational, so comparing with their floor is exact.
 * The top six bits below the leading one choose where to start; two comparisons finish.
 */
#ifndef KSTATSD_BUCKET_H
#define KSTATSD_BUCKET_H

#include "kstatsd.h"

#define BUCKETS_PER_OCTAVE 64
#define BUCKET_E_MAX 8191
#define BUCKET_ZERO (-32768)	   /* index of the value zero */
#define BUCKET_NEGATIVE_BASE 16384 /* index of -v is that of v plus this */

#define BUCKET_UNIT_POSITION 59 /* position of 1e6 among the bounds */

/* floor of the bounds 1e6 * 2^(i/64), normalised to [2^63, 2^64), ascending; two more stop the search */
static const __u64 bucket_bounds[BUCKETS_PER_OCTAVE + 2] = {
	0x80dce96d484cbf25ULL, 0x82442334960ceda4ULL, 0x83af4661ce7c1d52ULL, 0x851e5ddc7f9a447eULL,
	0x869174aa9d4d22d2ULL, 0x880895f0d61d84b2ULL, 0x8983ccf2e8e0bff7ULL, 0x8b032513fb50fc8eULL,
	0x8c86a9d6f196e2b6ULL, 0x8e0e66dec6c74fadULL, 0x8f9a67eee657b934ULL, 0x912ab8eb868bef75ULL,
	0x92bf65da03dff487ULL, 0x94587ae13d70a83dULL, 0x95f60449f2660eaeULL, 0x97980e7f2061ff7fULL,
	0x993ea60e62f613f4ULL, 0x9ae9d7a85423b18aULL, 0x9c99b020ede91700ULL, 0x9e4e3c6fecde59abULL,
	0xa00789b133e54924ULL, 0xa1c5a52530ef37b6ULL, 0xa3889c3142dbae26ULL, 0xa5507c60207319f3ULL,
	0xa71d536240808dbcULL, 0xa8ef2f0e430db402ULL, 0xaac61d615bc41d3bULL, 0xaca22c7fbd771b14ULL,
	0xae836ab506d9636bULL, 0xb069e674b061bed8ULL, 0xb255ae5a7b620f75ULL, 0xb446d12ae25405e5ULL,
	0xb63d5dd38a5ee3ebULL, 0xb839636bb619b537ULL, 0xba3af134b98d70a0ULL, 0xbc42169a6f7a7d91ULL,
	0xbe4ee333afe52329ULL, 0xc06166c2c7ec7068ULL, 0xc279b135f2ef36a2ULL, 0xc497d2a7d502b97bULL,
	0xc6bbdb5ff6bec1e3ULL, 0xc8e5dbd34262cbadULL, 0xcb15e4a482580fddULL, 0xcd4c06a4e1143813ULL,
	0xcf8852d46a609253ULL, 0xd1cada628e09a6cdULL, 0xd413aeaea3fb1c62ULL, 0xd662e14871cbe373ULL,
	0xd8b883f0b1bea989ULL, 0xdb14a8999b3aa3b6ULL, 0xdd7761676cc0c8beULL, 0xdfe0c0b0f7619f98ULL,
	0xe250d9002bb7d250ULL, 0xe4c7bd12a86bc110ULL, 0xe7457fda4a445ce0ULL, 0xe9ca347dbdc99d8fULL,
	0xec55ee59127cf258ULL, 0xeee8c0fe4fac18fcULL, 0xf182c0360ae2d356ULL, 0xf424000000000000ULL,
	0xf6cc9493aaf2a70eULL, 0xf97c9260e32398c7ULL, 0xfc340e1078904907ULL, 0xfef31c84d29b9f02ULL,
	0xffffffffffffffffULL, 0xffffffffffffffffULL,
};

/* by the six bits below the leading one: how many bounds lie below that cell */
static const __u8 bucket_start[BUCKETS_PER_OCTAVE] = {
	0,  1,	3,  4,	5,  7,	8,  9,	11, 12, 13, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26,
	27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 46, 47,
	48, 49, 50, 51, 52, 52, 53, 54, 55, 56, 56, 57, 58, 59, 59, 60, 61, 62, 62, 63,
};

/* Bits up to and including the highest one set; value must not be 0. BPF has no instruction for it. */
static inline __attribute__((always_inline)) __u32 bit_length(__u64 value)
{
	__u32 length = 1;

#define BIT_LENGTH_STEP(bits)     \
	if (value >> (bits)) {    \
		value >>= (bits); \
		length += (bits); \
	}
	BIT_LENGTH_STEP(32)
	BIT_LENGTH_STEP(16)
	BIT_LENGTH_STEP(8)
	BIT_LENGTH_STEP(4)
	BIT_LENGTH_STEP(2)
	BIT_LENGTH_STEP(1)
#undef BIT_LENGTH_STEP
	return length;
}

/* e of a value in micros above 0. */
static inline __attribute__((always_inline)) __s32 bucket_exponent(__u64 micros)
{
	__u32 length = bit_length(micros);
	__u64 mantissa = micros << ((64 - length) & 63);
	__u32 position = bucket_start[(mantissa >> 57) & 63] & 63;

	/* the masks only tell the verifier what is so anyway: a shift below 64, a start of at most 63. */
	position += mantissa > bucket_bounds[position];
	position += mantissa > bucket_bounds[position];
	return ((__s32)length - 20) * BUCKETS_PER_OCTAVE + (__s32)position - BUCKET_UNIT_POSITION;
}

/* Index of a value in micros, of either sign or zero. */
static inline __attribute__((always_inline)) __s16 bucket_index(__s64 micros)
{
	if (micros == 0)
		return BUCKET_ZERO;
	if (micros < 0)
		return (__s16)(bucket_exponent(-(__u64)micros) + BUCKET_NEGATIVE_BASE);
	return (__s16)bucket_exponent((__u64)micros);
}

/* Maps signed to unsigned so that order is kept and 0 lies below every value: for maxima in zeroed memory. */
static inline __attribute__((always_inline)) __u64 order_key(__s64 value)
{
	return (__u64)value ^ (1ULL << 63);
}

#endif /* KSTATSD_BUCKET_H */
