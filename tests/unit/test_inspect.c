// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Objects in Node's layout; what is wanted was printed by Node 20's util.inspect(). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "cli/inspect.h"

static void assert_inspect(struct inspect *inspect, const char *want)
{
	struct text text = {};

	inspect_finish(inspect, &text);
	assert_int_equal(inspect->count, 0);
	text_add(&text, "", 1);
	assert_string_equal(text.data, want);
	text_release(&text);
}

static void test_keys_and_numbers(void **state)
{
	struct inspect inspect = {};

	(void)state;
	assert_inspect(&inspect, "{}");
	inspect_number(&inspect, "a_1", 1);
	inspect_number(&inspect, "1a", -2.5);
	inspect_number(&inspect, "b.c;k=v", 1e21);
	inspect_number(&inspect, "zero", -0.0);
	inspect_number(&inspect, "tiny", 1e-7);
	assert_inspect(&inspect, "{ a_1: 1, '1a': -2.5, 'b.c;k=v': 1e+21, zero: -0, tiny: 1e-7 }");
	inspect_number(&inspect, "sum", INFINITY);
	inspect_numbers(&inspect, "samples", (const double[]){ -INFINITY, NAN }, 2);
	assert_inspect(&inspect, "{ sum: Infinity, samples: [ -Infinity, NaN ] }");
}

/* Eighty columns as Node counts them, which is more than there are. */
static void test_line_breaks(void **state)
{
	struct inspect inspect = {};

	(void)state;
	for (unsigned int digits = 0; digits < 2; digits++) {
		inspect_number(&inspect, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1);
		inspect_number(&inspect, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb", digits ? 123 : 12);
		assert_inspect(&inspect, digits ? "{\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1,\n"
						  "  bbbbbbbbbbbbbbbbbbbbbbbbbbbbb: 123\n}"
						: "{ aaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1, "
						  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb: 12 }");
	}
}

static void test_lists(void **state)
{
	static const double few[] = { 0, 1.5, 3, 4.5, 6, 7.5, 9 };
	struct inspect inspect = {};
	double many[101];

	(void)state;
	inspect_numbers(&inspect, "none", NULL, 0);
	inspect_numbers(&inspect, "six", few, 6);
	assert_inspect(&inspect, "{ none: [], six: [ 0, 1.5, 3, 4.5, 6, 7.5 ] }");
	inspect_numbers(&inspect, "seven", few, 7);
	assert_inspect(&inspect, "{\n  seven: [\n    0, 1.5, 3, 4.5,\n    6, 7.5, 9\n  ]\n}");
	for (size_t i = 0; i < 101; i++)
		many[i] = i < 50 ? 1 : 20;
	inspect_numbers(&inspect, "t", many, 101);
	assert_inspect(&inspect, "{\n  t: [\n"
				 "     1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,\n"
				 "     1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,\n"
				 "     1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,\n"
				 "     1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,\n"
				 "     1,  1, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,\n"
				 "    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,\n"
				 "    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,\n"
				 "    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,\n"
				 "    20, 20, 20, 20,\n"
				 "    ... 1 more item\n  ]\n}");
}

static void test_objects(void **state)
{
	struct inspect inspect = {}, inner = {};

	(void)state;
	inspect_object(&inspect, "empty", &inner);
	inspect_number(&inner, "count", 1);
	inspect_number(&inner, "b-c", 2);
	inspect_object(&inspect, "x", &inner);
	assert_inspect(&inspect, "{ empty: {}, x: { count: 1, 'b-c': 2 } }");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_and_numbers),
		cmocka_unit_test(test_line_breaks),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
