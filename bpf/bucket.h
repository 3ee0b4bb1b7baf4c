/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Which bucket of a base-2 exponential histogram a value falls into, by integers only.
 * Scale 6: 64 buckets per octave, as in Prometheus native histograms and OpenTelemetry
 * exponential histograms, so that any percentile is within 0.6 % and histograms merge.
 *
 * What is counted in buckets is a number v: the value itself, or for a timer in milliseconds (enum
 * timer_unit) the same in seconds, since that is what those systems want: 64 * log2(1000) is not
 * whole, so buckets of milliseconds are none of seconds (docs/decisions/006-seconds.md). For
 * e = ceil(64 * log2(v)), bucket e covers
 *
 *         2^((e-1)/64) < v <= 2^(e/64)
 *
 * How: values are micros, so v = 1 is 1e6 of them, or 1e9 of milliseconds. The micros, shifted until
 * their top bit is bit 63, are compared with the 64 bucket bounds 1e6 * 2^(i/64), shifted likewise.
 * Those are the same 64 numbers in every octave:
 *
 *     2^63                                                         2^64
 *       |--T0--T1--T2-- ... --T59==1e6<<44--T60-- ... --T63---------|
 *       |--T0--T1--T2-- ... --T57==1e9<<34--T58-- ... --T63---------|
 *
 * All but one (1e6, or 1e9, itself) are irrational, so comparing with their floor is exact.
 * The top six bits below the leading one choose where to start; two comparisons finish.
 */
#ifndef KSTATSD_BUCKET_H
#define KSTATSD_BUCKET_H

#include "kstatsd.h"

#define BUCKETS_PER_OCTAVE 64
#define BUCKET_E_MAX 8191
#define BUCKET_ZERO (-32768)	   /* index of the value zero */
#define BUCKET_NEGATIVE_BASE 16384 /* index of -v is that of v plus this */

/*
 * The bounds of one unit. They are integers, by integer arithmetic only: with one = 1e6 or 1e9, the
 * floor of one * 2^(i/64 + s) is the 64th root of one^64 * 2^(i + 64 s), which is six integer square
 * roots. In Python, for the s that puts it into [2^63, 2^64):
 *
 *     n = one ** 64 << i + 64 * s
 *     for _ in range(6): n = math.isqrt(n)
 *
 * tests/unit/test_bucket.c raises each to the 64th power to see that it is right.
 */
struct bucket_scale {
	/* ascending; two more stop the search */
	__u64 bounds[BUCKETS_PER_OCTAVE + 2];
	/* by the six bits below the leading one: how many bounds lie below that cell */
	__u8 start[BUCKETS_PER_OCTAVE];
	/* 64 times the bit length of `one`, and its position: what lies there has e = 0 */
	__s32 origin;
	__u32 pad;
};

static const struct bucket_scale bucket_scales[TIMER_UNITS] = {
	[UNIT_NONE] = {
		.bounds = {
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
		},
		.start = {
			0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19,
			20, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
			37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 46, 47, 48, 49, 50, 51,
			52, 52, 53, 54, 55, 56, 56, 57, 58, 59, 59, 60, 61, 62, 62, 63,
		},
		.origin = 20 * BUCKETS_PER_OCTAVE + 59,
	},
	[UNIT_MILLISECONDS] = {
		.bounds = {
			0x80992abb83a534a2ULL, 0x81ffa7a9549ca6e3ULL, 0x836a0bee9d9d5401ULL, 0x84d8626d3118d396ULL,
			0x864ab625376b7b77ULL, 0x87c11235836d16a3ULL, 0x893b81dbe7ed5966ULL, 0x8aba10758e1ea3cfULL,
			0x8c3cc97f4cf1aaddULL, 0x8dc3b8960164a7d9ULL, 0x8f4ee976e7c8b4ccULL, 0x90de67fff600044cULL,
			0x9272403036b7aa56ULL, 0x940a7e28259fb382ULL, 0x95a72e2a0ca44f7cULL, 0x97485c9a622adb60ULL,
			0x98ee16002855a076ULL, 0x9a9867054d512391ULL, 0x9c475c770cade96dULL, 0x9dfb034651c99c68ULL,
			0x9fb368881b4a8811ULL, 0xa1709975dfb06757ULL, 0xa332a36df2fd8a6aULL, 0xa4f993f3ed7b61caULL,
			0xa6c578b1139d848cULL, 0xa8965f74bf065071ULL, 0xaa6c5634c8b04b16ULL, 0xac476b0df43f745fULL,
			0xae27ac445c7dc318ULL, 0xb00d2843e1060dc2ULL, 0xb1f7eda09520aa93ULL, 0xb3e80b172fd51af7ULL,
			0xb5dd8f8d7d341ffdULL, 0xb7d88a12d0dd9ea0ULL, 0xb9d909e079c5c456ULL, 0xbbdf1e5a373ce5c6ULL,
			0xbdead70eaf3d9b5aULL, 0xbffc43b7e604a922ULL, 0xc213743bb6f64957ULL, 0xc43078ac4ed47ae7ULL,
			0xc6536148a749ff7dULL, 0xc87c3e7d03cdbec3ULL, 0xcaab20e36fe24ee5ULL, 0xcce019443eb56ce4ULL,
			0xcf1b38968c2339b8ULL, 0xd15c9000bf211c1fULL, 0xd3a430d90d943190ULL, 0xd5f22ca6019743e0ULL,
			0xd846951f0034440aULL, 0xdaa17c2cd19555dbULL, 0xdd02f3ea2ab18362ULL, 0xdf6b0ea438793a89ULL,
			0xe1d9dedb2c86c2b2ULL, 0xe44f7742cb56e3ddULL, 0xe6cbeac2fc0e04aaULL, 0xe94f4c7859ce1066ULL,
			0xebd9afb4c6a18262ULL, 0xee6b280000000000ULL, 0xf103c91834f0f723ULL, 0xf3a3a6f29dd0c333ULL,
			0xf64ad5bc15bce751ULL, 0xf8f969d9b5abf948ULL, 0xfbaf77e97135e555ULL, 0xfe6d14c2b5114024ULL,
			0xffffffffffffffffULL, 0xffffffffffffffffULL,
		},
		.start = {
			0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 20,
			21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33, 34, 35, 36, 37,
			38, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 48, 49, 50, 51,
			52, 53, 53, 54, 55, 56, 57, 57, 58, 59, 60, 60, 61, 62, 63, 63,
		},
		.origin = 30 * BUCKETS_PER_OCTAVE + 57,
	},
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
static inline __attribute__((always_inline)) __s32 bucket_exponent(enum timer_unit unit, __u64 micros)
{
	const struct bucket_scale *scale = &bucket_scales[unit & (TIMER_UNITS - 1)];
	__u32 length = bit_length(micros);
	__u64 mantissa = micros << ((64 - length) & 63);
	__u32 position = scale->start[(mantissa >> 57) & 63] & 63;

	/* the masks only tell the verifier what is so anyway: a shift below 64, a start of at most 63. */
	position += mantissa > scale->bounds[position];
	position += mantissa > scale->bounds[position];
	return (__s32)(length * BUCKETS_PER_OCTAVE + position) - scale->origin;
}

/* Index of a value in micros of its unit, of either sign or zero. */
static inline __attribute__((always_inline)) __s16 bucket_index(enum timer_unit unit, __s64 micros)
{
	if (micros == 0)
		return BUCKET_ZERO;
	if (micros < 0)
		return (__s16)(bucket_exponent(unit, -(__u64)micros) + BUCKET_NEGATIVE_BASE);
	return (__s16)bucket_exponent(unit, (__u64)micros);
}

/* Maps signed to unsigned so that order is kept and 0 lies below every value: for maxima in zeroed memory. */
static inline __attribute__((always_inline)) __u64 order_key(__s64 value)
{
	return (__u64)value ^ (1ULL << 63);
}

#endif /* KSTATSD_BUCKET_H */
