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

static void assert_same_index(int64_t micros)
{
	int16_t kernel = bucket_index(micros), daemon = histogram_index((double)micros / MICROS);

	if (kernel != daemon)
		fail_msg("%lld micros: bucket %d in the kernel, %d in the daemon", (long long)micros, kernel,
			 daemon);
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
		const int64_t bound = (int64_t)(exp2l(e / 64.0L) * MICROS);

		for (int64_t micros = bound - 2; micros <= bound + 2; micros++)
			assert_same_index(micros);
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

static void test_indexes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++)
		if (histogram_index(indexes[i].value) != indexes[i].index)
			fail_msg("%g is in bucket %d, not %d", indexes[i].value,
				 histogram_index(indexes[i].value), indexes[i].index);
	/* exact at powers of two, whichever way the index is found */
	for (int power = -120; power <= 120; power++) {
		assert_int_equal(histogram_index(ldexp(1, power)), 64 * power);
		assert_int_equal(histogram_index(nextafter(ldexp(1, power), INFINITY)), 64 * power + 1);
	}
}

static void test_bounds(void **state)
{
	double value, middle;
	int16_t index;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		value = ldexp(1 + (double)(random_bits() >> 12) / (double)(1ull << 52),
			      (int)(random_bits() % 200) - 100);
		value = i % 2 ? value : -value;
		index = histogram_index(value);
		middle = histogram_middle(index);
		assert_true(histogram_lower(index) <= value * (1 + 1e-15 * (value < 0 ? -1 : 1)));
		assert_true(histogram_upper(index) >= value * (1 - 1e-15 * (value < 0 ? -1 : 1)));
		assert_true(fabs(middle - value) <= 0.0055 * fabs(value));
	}
	assert_true(histogram_middle(BUCKET_ZERO) == 0);
}

static void test_order(void **state)
{
	static const double ascending[] = { -1e300, -5, -1, -1e-9, 0, 1e-9, 0.5, 1, 3, 1e300 };
	const size_t count = sizeof(ascending) / sizeof(*ascending);
	int order;

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			order = histogram_order(histogram_index(ascending[i]), histogram_index(ascending[j]));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void assert_buckets(const struct histogram *histogram, const double (*wanted)[2], size_t count)
{
	assert_int_equal(histogram->used, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(histogram->buckets[i].index, histogram_index(wanted[i][0]));
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
	assert_int_equal(histogram_add(&histogram, histogram_index(8), 1), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(0), 2), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(1), 3), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(-5), 1), 0);
	assert_int_equal(histogram_add(&histogram, histogram_index(8), 3), 0);
	assert_buckets(&histogram, added, 4);
	assert_int_equal(histogram_merge(&histogram, &other), 0);
	assert_buckets(&histogram, added, 4);
	assert_int_equal(histogram_add(&other, histogram_index(4), 0.25), 0);
	assert_int_equal(histogram_add(&other, histogram_index(1), 1.5), 0);
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
		assert_int_equal(histogram_add(&histogram, bucket_index((int64_t)(random_bits() >> 14)), 1),
				 0);
	for (size_t i = 0; i < histogram.used; i++)
		count += histogram.buckets[i].count;
	assert_true(count == 20000);
	for (size_t i = 1; i < histogram.used; i++)
		assert_true(histogram_order(histogram.buckets[i - 1].index, histogram.buckets[i].index) < 0);
	histogram_release(&histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_kernel), cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_order),
		cmocka_unit_test(test_buckets),	       cmocka_unit_test(test_many_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
