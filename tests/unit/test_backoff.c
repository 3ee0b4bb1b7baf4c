// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* How pauses grow, and that they differ. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "sink/transport/backoff.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_grows(void **state)
{
	static const int64_t most[] = { 10, 20, 40, 70, 70 };
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, 10000, 70000);
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < COUNT(most); i++)
			assert_in_range(backoff_take(&backoff), most[i] * 500, most[i] * 1000);
		backoff_reset(&backoff);
	}
}

/* The longest is kept, also if the shortest is that long, or there is none to speak of. */
static void test_bounds(void **state)
{
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, INT64_MAX / 4, INT64_MAX / 2);
	for (int i = 0; i < 5; i++)
		assert_in_range(backoff_take(&backoff), INT64_MAX / 8 - 1024, INT64_MAX / 2);
	backoff_init(&backoff, 1, 1);
	for (int i = 0; i < 5; i++)
		assert_in_range(backoff_take(&backoff), 0, 1);
}

/* Over the whole of where they may be: of 1000 some lie in each tenth. */
static void test_differs(void **state)
{
	unsigned int tenths[10] = {};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t pause = backoff_spread(2000000);

		assert_in_range(pause, 1000000, 2000000);
		tenths[pause == 2000000 ? 9 : (pause - 1000000) / 100000]++;
	}
	for (size_t i = 0; i < COUNT(tenths); i++)
		assert_in_range(tenths[i], 30, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
