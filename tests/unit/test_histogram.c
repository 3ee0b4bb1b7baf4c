// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The daemon's buckets are the kernel's, are in order, and stand for their values within 0.55 %. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "core/histogram.h"
#include "kstatsd.h"

static uint64_t random_bits(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static const enum timer_unit units[] = { UNIT_NONE, UNIT_MILLISECONDS };
static const double ones[] = { 1, 1000 }; /* what is 1 in the buckets */

static void assert_same_index(int64_t micros)
{
	for (size_t i = 0; i < 2; i++) {
		int16_t kernel = bucket_index(units[i], micros);
		int16_t daemon = histogram_index(units[i], (double)micros / MICROS);

		if (kernel != daemon)
			fail_msg("%lld micros, unit %zu: bucket %d in the kernel, %d in the daemon",
				 (long long)micros, i, kernel, daemon);
	}
}

static void test_same_as_kernel(void **state)
{
	(void)state;
	for (int64_t micros = -200000; micros <= 200000; micros++)
		assert_same_index(micros);
	for (int i = 0; i < 500000; i++)
		assert_same_index((int64_t)(random_bits() >> (12 + random_bits() % 50)) * (i % 2 ? 1 : -1));
	/* on both sides of every bound */
	for (int e = -1270; e < 64 * 32; e++) {
		for (size_t i = 0; i < 2; i++) {
			const int64_t bound = (int64_t)(exp2l(e / 64.0L) * MICROS * ones[i]);

			/* beyond, a double is not one number of micros */
			for (int64_t micros = bound - 2; micros <= bound + 2 && micros < 1LL << 52; micros++)
				assert_same_index(micros);
		}
	}
}

static const struct {
	double value;
	int index;
} indexes[] = {
	{ 0, BUCKET_ZERO },
	{ 1, 0 },
	{ 2, 64 },
	{ 0.5, -64 },
	{ 1024, 640 },
	{ 1.0000001, 1 },
	{ 0.9999999, 0 },
	{ -1, BUCKET_NEGATIVE_BASE },
	{ -2, BUCKET_NEGATIVE_BASE + 64 },
	{ 0x1p-40, -2560 },
	{ 0x1p100, 6400 },
	{ 1e300, BUCKET_E_MAX },
	{ -1e300, BUCKET_NEGATIVE_BASE + BUCKET_E_MAX },
	{ DBL_TRUE_MIN, -BUCKET_E_MAX },
	{ -DBL_TRUE_MIN, BUCKET_NEGATIVE_BASE - BUCKET_E_MAX },
};

static const struct {
	double value;
	int index;
} ms_indexes[] = {
	{ 0, BUCKET_ZERO },
	{ 1000, 0 },
	{ 2000, 64 },
	{ 500, -64 },
	{ 1, -637 }, /* 64 * log2(0.001) is -637.8 */
	{ 1000.000001, 1 },
	{ -1000, BUCKET_NEGATIVE_BASE },
	{ 0x1p-40, -3197 },
	{ 1e300, BUCKET_E_MAX },
	{ DBL_TRUE_MIN, -BUCKET_E_MAX },
};

static void test_indexes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++)
		if (histogram_index(UNIT_NONE, indexes[i].value) != indexes[i].index)
			fail_msg("%g is in bucket %d, not %d", indexes[i].value,
				 histogram_index(UNIT_NONE, indexes[i].value), indexes[i].index);
	for (size_t i = 0; i < sizeof(ms_indexes) / sizeof(*ms_indexes); i++)
		if (histogram_index(UNIT_MILLISECONDS, ms_indexes[i].value) != ms_indexes[i].index)
			fail_msg("%g ms are in bucket %d, not %d", ms_indexes[i].value,
				 histogram_index(UNIT_MILLISECONDS, ms_indexes[i].value),
				 ms_indexes[i].index);
	/* exact at powers of two, whichever way the index is found */
	for (size_t i = 0; i < 2; i++)
		for (int power = -120; power <= 120; power++) {
			double bound = ldexp(ones[i], power);

			assert_int_equal(histogram_index(units[i], bound), 64 * power);
			assert_int_equal(histogram_index(units[i], nextafter(bound, INFINITY)),
					 64 * power + 1);
		}
}

static void test_bounds(void **state)
{
	enum timer_unit unit;
	double value, middle;
	int16_t index;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		unit = units[i / 2 % 2];
		value = ldexp(1 + (double)(random_bits() >> 12) / (double)(1ull << 52),
			      (int)(random_bits() % 200) - 100);
		value = i % 2 ? value : -value;
		index = histogram_index(unit, value);
		middle = histogram_middle(unit, index);
		assert_true(histogram_lower(unit, index) <= value * (1 + 1e-15 * (value < 0 ? -1 : 1)));
		assert_true(histogram_upper(unit, index) >= value * (1 - 1e-15 * (value < 0 ? -1 : 1)));
		assert_true(fabs(middle - value) <= 0.0055 * fabs(value));
		assert_int_equal(histogram_index(unit, middle), index);
	}
	assert_true(histogram_middle(UNIT_NONE, BUCKET_ZERO) == 0);
	assert_true(histogram_middle(UNIT_MILLISECONDS, BUCKET_ZERO) == 0);
}

static void test_order(void **state)
{
	static const double ascending[] = { -1e300, -5, -1, -1e-9, 0, 1e-9, 0.5, 1, 3, 1e300 };
	const size_t count = sizeof(ascending) / sizeof(*ascending);
	int order;

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			order = histogram_order(histogram_index(UNIT_NONE, ascending[i]),
						histogram_index(UNIT_NONE, ascending[j]));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void assert_buckets(const struct histogram *histogram, const double (*wanted)[2], size_t count)
{
	assert_int_equal(histogram->used, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(histogram->buckets[i].index, histogram_index(UNIT_NONE, wanted[i][0]));
		assert_true(histogram->buckets[i].count == wanted[i][1]);
	}
}

static void test_buckets(void **state)
{
	static const double added[][2] = { { -5, 1 }, { 0, 2 }, { 1, 3 }, { 8, 4 } };
	static const double merged[][2] = { { -5, 1 }, { 0, 2 }, { 1, 4.5 }, { 4, 0.25 }, { 8, 4 } };
	struct histogram histogram = {}, other = {};

	(void)state;
	/* in no order, some twice */
	assert_int_equal(histogram_add(&histogram, histogram_index(UNIT_NONE, 8), 1), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(UNIT_NONE, 0), 2), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(UNIT_NONE, 1), 3), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(UNIT_NONE, -5), 1), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(UNIT_NONE, 8), 3), 0);
	assert_buckets(&histogram, added, 4);
	assert_int_equal(histogram_merge(&histogram, &other), 0);
	assert_buckets(&histogram, added, 4);
	assert_int_equal(histogram_add(&other, histogram_index(UNIT_NONE, 4), 0.25), 0);
	assert_int_equal(histogram_add(&other, histogram_index(UNIT_NONE, 1), 1.5), 0);
	assert_int_equal(histogram_merge(&histogram, &other), 0);
	assert_buckets(&histogram, merged, 5);
	histogram_release(&other);
	assert_int_equal(histogram_merge(&other, &histogram), 0);
	assert_buckets(&other, merged, 5);
	histogram_release(&histogram);
	histogram_release(&other);
	assert_int_equal(histogram.used, 0);
}

static void test_many_buckets(void **state)
{
	struct histogram histogram = {};
	double count = 0;

	(void)state;
	for (int i = 0; i < 20000; i++)
		assert_int_equal(histogram_add(&histogram,
					       bucket_index(UNIT_NONE, (int64_t)(random_bits() >> 14)), 1),
				 0);
	for (size_t i = 0; i < histogram.used; i++)
		count += histogram.buckets[i].count;
	assert_true(count == 20000);
	for (size_t i = 1; i < histogram.used; i++)
		assert_true(histogram_order(histogram.buckets[i - 1].index, histogram.buckets[i].index) < 0);
	histogram_release(&histogram);
}

static void assert_scaled(enum timer_unit unit, double scale)
{
	static const double values[] = { -3, -0.25, 0, 1e-6, 1, 7, 7.05, 1000 };
	const size_t count = sizeof(values) / sizeof(*values);
	struct bucket buckets[8];
	double sum = 0, want = 0, got;
	size_t scaled;

	for (size_t i = 0; i < count; i++) {
		buckets[i] = (struct bucket){ histogram_index(unit, values[i]), (double)i + 1 };
		want += (double)i + 1;
	}
	scaled = buckets_scale(unit, buckets, count, scale);
	assert_in_range(scaled, 1, count);
	for (size_t i = 0; i < scaled; i++) {
		sum += buckets[i].count;
		if (i)
			assert_true(histogram_order(buckets[i - 1].index, buckets[i].index) < 0);
		got = histogram_middle(unit, buckets[i].index);
		if (scaled == count)
			assert_true(fabs(got - scale * values[scale < 0 ? count - 1 - i : i]) <=
				    0.0111 * fabs(got));
	}
	assert_true(sum == want);
	assert_int_equal(scaled, scale == 0 ? 1 : count);
}

/* The mapping's scale: order and counts stay, each value within two halves of a bucket. */
static void test_scale(void **state)
{
	static const double scales[] = { 0.001, 1000, -2, 3.7, -0.3, 1, 0 };
	struct bucket power = { .index = histogram_index(UNIT_NONE, 5), .count = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++)
		for (size_t unit = 0; unit < 2; unit++)
			assert_scaled(units[unit], scales[i]);
	/* by a power of two nothing is lost */
	assert_int_equal(buckets_scale(UNIT_NONE, &power, 1, 8), 1);
	assert_int_equal(power.index, histogram_index(UNIT_NONE, 40));
	/* beyond what e expresses */
	assert_int_equal(buckets_scale(UNIT_NONE, &power, 1, -1e300), 1);
	assert_int_equal(power.index, BUCKET_NEGATIVE_BASE + BUCKET_E_MAX);
	assert_int_equal(buckets_scale(UNIT_NONE, &power, 0, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_kernel), cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_order),
		cmocka_unit_test(test_buckets),	       cmocka_unit_test(test_many_buckets),
		cmocka_unit_test(test_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
