// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The tables of bpf/bucket.h, bound by bound, by another arithmetic than they were made with: a
 * bound is the floor of a 64th root, so its 64th power, of 4096 bits, must not be above the radicand,
 * and that of the next integer must be. Then what the search makes of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bucket.h"

#define LIMBS 65

/* A number of LIMBS * 64 bits, the lowest first. */
struct big {
	uint64_t limb[LIMBS];
};

static struct big big_times(const struct big *a, const struct big *b)
{
	struct big product = {};

	for (size_t i = 0; i < LIMBS; i++) {
		uint64_t carry = 0;

		for (size_t j = 0; i + j < LIMBS; j++) {
			unsigned __int128 sum = (unsigned __int128)a->limb[i] * b->limb[j];

			sum += product.limb[i + j];
			sum += carry;
			product.limb[i + j] = (uint64_t)sum;
			carry = (uint64_t)(sum >> 64);
		}
	}
	return product;
}

static int big_compare(const struct big *a, const struct big *b)
{
	for (size_t i = LIMBS; i-- > 0;)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* (low + 2^64 high)^64 */
static struct big big_power_64(uint64_t low, uint64_t high)
{
	struct big power = { .limb = { low, high } };

	for (int i = 0; i < 6; i++)
		power = big_times(&power, &power);
	return power;
}

/* one^64 * 2^bits */
static struct big radicand_of(uint64_t one, unsigned int bits)
{
	struct big power = big_power_64(one, 0), two = {};

	two.limb[bits / 64] = 1ULL << bits % 64;
	return big_times(&power, &two);
}

static const uint64_t ones[TIMER_UNITS] = { 1000000, 1000000000 };

/* The position of 1 among the bounds, and the length of what it is in micros. */
static const unsigned int positions[TIMER_UNITS] = { 59, 57 }, lengths[TIMER_UNITS] = { 20, 30 };

/*
 * Bound p is one * 2^((p - position) / 64), shifted to the top: e = p - position of those from `position`
 * on, and one octave higher of those before it.
 */
static void check_bound(size_t unit, unsigned int position)
{
	uint64_t bound = bucket_scales[unit].bounds[position];
	unsigned int shift = 64 - lengths[unit];
	unsigned int bits = 64 * shift + position - positions[unit];
	struct big radicand = radicand_of(ones[unit], bits);
	struct big power = big_power_64(bound, 0), next;
	int order = big_compare(&power, &radicand);

	assert_true(bound >> 63);
	assert_true(position == positions[unit] ? order == 0 : order < 0);
	next = big_power_64(bound + 1, bound + 1 == 0);
	assert_true(big_compare(&next, &radicand) > 0);
}

static void test_bounds(void **state)
{
	(void)state;
	for (size_t unit = 0; unit < TIMER_UNITS; unit++) {
		for (unsigned int position = 0; position < BUCKETS_PER_OCTAVE; position++)
			check_bound(unit, position);
		assert_int_equal(bucket_scales[unit].bounds[positions[unit]],
				 ones[unit] << (64 - lengths[unit]));
		for (unsigned int i = 64; i < 66; i++)
			assert_true(bucket_scales[unit].bounds[i] == UINT64_MAX);
	}
}

/* Two comparisons must be enough from where the search starts. */
static void test_starts(void **state)
{
	(void)state;
	for (size_t unit = 0; unit < TIMER_UNITS; unit++)
		for (uint64_t cell = 0; cell < 64; cell++) {
			uint64_t low = (64 + cell) << 57, last = low + ((1ULL << 57) - 1);
			unsigned int below = 0, within = 0;

			for (unsigned int i = 0; i < 64; i++) {
				uint64_t bound = bucket_scales[unit].bounds[i];

				below += bound < low;
				within += bound >= low && bound < last;
			}
			assert_int_equal(bucket_scales[unit].start[cell], below);
			assert_in_range(within, 0, 2);
			assert_in_range(below, 0, 63);
		}
}

/* Is v = micros / one above 2^(e/64)? By v^64 > 2^e, whichever sign e has. */
static int is_above(uint64_t micros, uint64_t one, int e)
{
	struct big left = e < 0 ? radicand_of(micros, (unsigned int)-e) : big_power_64(micros, 0);
	struct big right = e < 0 ? big_power_64(one, 0) : radicand_of(one, (unsigned int)e);

	return big_compare(&left, &right) > 0;
}

static void check_index(size_t unit, uint64_t micros)
{
	int e = bucket_index((enum timer_unit)unit, (int64_t)micros);

	if (is_above(micros, ones[unit], e) || !is_above(micros, ones[unit], e - 1))
		fail_msg("%llu micros are not in bucket %d of unit %zu", (unsigned long long)micros, e, unit);
	assert_int_equal(bucket_index((enum timer_unit)unit, -(int64_t)micros), e + BUCKET_NEGATIVE_BASE);
}

/* On both sides of bounds that 40 bits hold, and of the powers of two and of ten. */
static void test_indexes(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (size_t unit = 0; unit < TIMER_UNITS; unit++) {
		for (unsigned int i = 0; i < 64; i++)
			for (unsigned int shift = 24; shift < 64; shift += 13)
				for (uint64_t add = 0; add < 2; add++)
					check_index(unit, (bucket_scales[unit].bounds[i] >> shift) + add);
		for (unsigned int i = 0; i < 40; i++)
			check_index(unit, 1ULL << i);
		for (power = 1; power < 1000000000000; power *= 10)
			check_index(unit, power);
		assert_int_equal(bucket_index((enum timer_unit)unit, 0), BUCKET_ZERO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
