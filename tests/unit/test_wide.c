// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The kernel's 128-bit arithmetic against the compiler's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "wide.h"

#define VALUE_MAX (1ULL << 53)
#define SCALE_MAX 1024
#define RANDOM_VALUES 200000

static void check(uint64_t value, uint64_t by)
{
	unsigned __int128 wanted = (unsigned __int128)value * value;
	struct wide square = wide_square(value), scaled = wide_scale(square, by);

	if (square.lo != (uint64_t)wanted || square.hi != (uint64_t)(wanted >> 64))
		fail_msg("the square of %llu", (unsigned long long)value);
	wanted *= by;
	if (scaled.lo != (uint64_t)wanted || scaled.hi != (uint64_t)(wanted >> 64))
		fail_msg("the square of %llu times %llu", (unsigned long long)value, (unsigned long long)by);
}

static void test_edges(void **state)
{
	static const uint64_t values[] = { 0, 1, MICROS, (1 << 27) - 1, 1 << 27, 1ULL << 32, VALUE_MAX - 1 };
	static const uint64_t scales[] = { 1, 2, 10, 1023, SCALE_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		for (size_t j = 0; j < sizeof(scales) / sizeof(scales[0]); j++)
			check(values[i], scales[j]);
}

static void test_random(void **state)
{
	(void)state;
	srandom(20260103);
	for (int n = 0; n < RANDOM_VALUES; n++) {
		uint64_t value = ((uint64_t)random() << 31 | (uint64_t)random()) & (VALUE_MAX - 1);

		check(value >> (random() % 53), (uint64_t)random() % SCALE_MAX + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("wide", tests, NULL, NULL);
}
