// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Sums do not depend on order, are rounded once, and a spread survives a large mean. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "core/sum.h"
#include "kstatsd.h"

#define assert_double(got, want)                                                                 \
	do {                                                                                     \
		if ((got) != (want))                                                             \
			fail_msg("%s is %.17g, not %.17g", #got, (double)(got), (double)(want)); \
	} while (0)

static void assert_near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("%.17g is not %.17g", got, want);
}

static void test_sum(void **state)
{
	struct sum sum = {};

	(void)state;
	for (int i = 0; i < 10; i++)
		sum_add(&sum, 0.1);
	assert_double(sum_value(&sum), 1);
	sum_add_micros(&sum, -1000001);
	assert_double(sum_value(&sum), -0.000001);

	/* What no micros can say is kept beside them. */
	sum_add(&sum, 1e-9);
	assert_double(sum_value(&sum), -0.000000999);

	sum = (struct sum){};
	sum_add(&sum, 1e300);
	sum_add(&sum, 5);
	sum_add(&sum, -1e300);
	assert_double(sum_value(&sum), 5);
}

static void test_sum_overflow(void **state)
{
	const __int128 large = (__int128)1 << 126;
	struct sum sum = {};

	(void)state;
	for (int i = 0; i < 8; i++)
		sum_add_micros(&sum, large);
	assert_near(sum_value(&sum), ldexp(1, 129) / MICROS, 1e-15);
	for (int i = 0; i < 8; i++)
		sum_add_micros(&sum, -large);
	assert_true(fabs(sum_value(&sum)) < ldexp(1, 129) / MICROS * 1e-18);
}

static void test_rounded_once(void **state)
{
	(void)state;
	assert_double(micros_to_double(0), 0);
	assert_double(micros_to_double(1), 1e-6);
	assert_double(micros_to_double(-1), -1e-6);
	assert_double(micros_to_double((__int128)9007199254740993 * MICROS), 9007199254740992.0);
	/* one micro above the tie: up */
	assert_double(micros_to_double((__int128)9007199254740993 * MICROS + 1), 9007199254740994.0);
	assert_double(micros_to_double(((__int128)1 << 126) + 1), ldexp(1, 126) / MICROS);
	for (int64_t micros = 1; micros < (1ll << 52); micros = micros * 3 + 1)
		assert_double(micros_to_double(micros), (double)micros / MICROS);
}

static void test_double_to_micros(void **state)
{
	static const struct {
		double value;
		int exact;
		int64_t micros;
	} cases[] = {
		{ 0, 1, 0 },	    { 0.1, 1, 100000 }, { -320.5, 1, -320500000 },    { 1e-6, 1, 1 },
		{ 1e-7, 0, 0 },	    { 1.0 / 3, 0, 0 },	{ 4e9, 1, 4000000000000000 }, { 1e10, 0, 0 },
		{ INFINITY, 0, 0 },
	};
	int64_t micros;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		micros = 0;
		assert_int_equal(double_to_micros(cases[i].value, &micros), cases[i].exact);
		assert_int_equal(micros, cases[i].micros);
	}
}

/* Two-pass deviation, as statsd computes it, in long double. */
static double deviation_of(const double *values, size_t count)
{
	long double sum = 0, spread = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	for (size_t i = 0; i < count; i++)
		spread += (values[i] - sum / count) * (values[i] - sum / count);
	return (double)sqrtl(spread / count);
}

static void test_moments(void **state)
{
	static const double sets[][4] = {
		{ 1, 2, 3, 4 },
		{ 0.1, 0.2, 0.3, 0.4 },
		{ -5, 5, -5, 5 },
		{ 1000000000.25, 1000000000.5, 1000000000.75, 1000000000.5 },
		{ 7, 7, 7, 7 },
		{ 1.0 / 3, 2.0 / 3, 4.0 / 3, 1.0 / 7 }, /* no whole micros */
		{ 1.0 / 3, 1, 2, 3 },			/* some */
		{ 1e-9, 2e-9, 1e9, 1e-7 },
		{ 1e200, 2e200, 3e200, 4e200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		struct moments moments = {};
		long double squares = 0;

		for (size_t j = 0; j < 4; j++) {
			moments_add(&moments, sets[i][j]);
			squares += (long double)sets[i][j] * sets[i][j];
		}
		assert_double(moments_count(&moments), 4);
		assert_near(moments_deviation(&moments), deviation_of(sets[i], 4), 1e-9);
		if (squares <= DBL_MAX)
			assert_near(moments_squares(&moments), (double)squares, 1e-15);
		assert_double(moments.max, fmax(fmax(sets[i][0], sets[i][1]), fmax(sets[i][2], sets[i][3])));
		assert_double(moments.min, fmin(fmin(sets[i][0], sets[i][1]), fmin(sets[i][2], sets[i][3])));
	}
}

static void test_spread_without_cancellation(void **state)
{
	struct moments moments = {};

	(void)state;
	/* A mean of 2^51 micros and a deviation of half a micro; naive sums of squares lose all of it. */
	for (int i = 0; i < 100000; i++) {
		const int64_t value = (1ll << 51) + i % 2;

		moments_add_sums(&moments, 1, value, (unsigned __int128)((__int128)value * value), value,
				 value);
	}
	assert_double(moments_deviation(&moments), 0.5e-6);
}

static void test_moments_overflow(void **state)
{
	const int64_t large = 1ll << 62;
	struct moments moments = {};

	(void)state;
	for (int i = 0; i < 64; i++) {
		const int64_t value = i % 2 ? large : -large;

		moments_add_sums(&moments, 1, value, (unsigned __int128)((__int128)value * value), value,
				 value);
	}
	assert_double(moments_count(&moments), 64);
	assert_double(moments_sum(&moments), 0);
	assert_near(moments_squares(&moments), 64 * ldexp(1, 124) / 1e12, 1e-15);
	assert_near(moments_deviation(&moments), ldexp(1, 62) / MICROS, 1e-15);
}

static void test_folded_equals_added(void **state)
{
	struct moments added = {}, folded = {};
	unsigned __int128 squares = 0;
	int64_t min = INT64_MAX, max = INT64_MIN, micros;
	__int128 sum = 0;

	(void)state;
	srandom(2);
	for (int i = 0; i < 10000; i++) {
		micros = random() - (1 << 30);
		moments_add(&added, (double)micros / MICROS);
		sum += micros;
		squares += (unsigned __int128)((__int128)micros * micros);
		min = micros < min ? micros : min;
		max = micros > max ? micros : max;
	}
	moments_add_sums(&folded, 10000, sum, squares, min, max);
	assert_double(moments_sum(&folded), moments_sum(&added));
	assert_double(moments_squares(&folded), moments_squares(&added));
	assert_double(moments_deviation(&folded), moments_deviation(&added));
	assert_double(folded.min, added.min);
	assert_double(folded.max, added.max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_sum_overflow),
		cmocka_unit_test(test_rounded_once),
		cmocka_unit_test(test_double_to_micros),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_spread_without_cancellation),
		cmocka_unit_test(test_moments_overflow),
		cmocka_unit_test(test_folded_equals_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
