// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Numbers as text: what is spelled how, that everything reads back to the same double, and
 * what is refused.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/number.h"

/* Spelled as JavaScript's String() spells them. */
static const struct {
	double value;
	const char *text;
} spellings[] = {
	{ 0, "0" },
	{ -0.0, "0" },
	{ 1, "1" },
	{ -1, "-1" },
	{ 0.1, "0.1" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ 320.5, "320.5" },
	{ -0.000001, "-0.000001" },
	{ 1.5e-6, "0.0000015" },
	{ 1e-7, "1e-7" },
	{ 1.25e-9, "1.25e-9" },
	{ 1e9, "1000000000" },
	{ 1e15, "1000000000000000" },
	{ 9007199254740993.0, "9007199254740992" },
	{ 1152921504606846976.0, "1152921504606847000" },
	{ 123456789012345680000.0, "123456789012345680000" },
	{ 999999999999999900000.0, "999999999999999900000" },
	{ 1e21, "1e+21" },
	{ 1.7976931348623157e308, "1.7976931348623157e+308" },
	{ 5e-324, "5e-324" },
	{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
	{ 0x1p-24, "5.960464477539063e-8" }, /* nearest with 16 digits reads back as another */
	{ 1.0 / 3, "0.3333333333333333" },
	{ 999999999.999999, "999999999.999999" },
	{ 1234567.25, "1234567.25" },
	{ 100.01, "100.01" },
	{ INFINITY, "Infinity" },
	{ -INFINITY, "-Infinity" },
	{ NAN, "NaN" },
	{ -NAN, "NaN" },
};

static void test_spelling(void **state)
{
	char text[NUMBER_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		assert_int_equal(number_format(spellings[i].value, text), strlen(spellings[i].text));
		assert_string_equal(text, spellings[i].text);
	}
}

static uint64_t random_bits(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void assert_reads_back(double value)
{
	char text[NUMBER_BYTES];
	double back = NAN;
	size_t length = number_format(value, text);

	assert_true(length < sizeof(text));
	assert_int_equal(number_parse_double(text, length, &back), 0);
	if (memcmp(&back, &value, sizeof(back)) && value != 0)
		fail_msg("%a is written as %s", value, text);
}

static void test_reads_back(void **state)
{
	uint64_t bits;
	double value;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		bits = random_bits();
		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			assert_reads_back(value);
		assert_reads_back((double)(int64_t)bits / 1000000);
		assert_reads_back((double)(bits % 1000000) / (double)(1 + (bits >> 32) % 1000));
	}
	for (int exponent = -1074; exponent < 1024; exponent++)
		assert_reads_back(ldexp(1, exponent));
}

static const struct {
	const char *text;
	int result;
	double value;
} doubles[] = {
	{ "0", 0, 0 },	       { "-99.9", 0, -99.9 }, { "+10e1", 0, 100 },     { "1E-3", 0, 0.001 },
	{ ".5", 0, 0.5 },      { "5.", 0, 5 },	      { "1e400", -ERANGE, 0 }, { "1e-400", 0, 0 },
	{ "", -EINVAL, 0 },    { "-", -EINVAL, 0 },   { ".", -EINVAL, 0 },     { "e5", -EINVAL, 0 },
	{ "1e", -EINVAL, 0 },  { "1e+", -EINVAL, 0 }, { "--1", -EINVAL, 0 },   { "1.2.3", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },  { "1 ", -EINVAL, 0 },  { "1,5", -EINVAL, 0 },   { "0x10", -EINVAL, 0 },
	{ "inf", -EINVAL, 0 }, { "nan", -EINVAL, 0 }, { "12abc", -EINVAL, 0 },
};

static void test_doubles(void **state)
{
	double value;
	int result;

	(void)state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++) {
		value = 42;
		result = number_parse_double(doubles[i].text, strlen(doubles[i].text), &value);
		if (result != doubles[i].result || value != (result ? 42 : doubles[i].value))
			fail_msg("\"%s\": result %d, value %g", doubles[i].text, result, value);
	}
	assert_int_equal(number_parse_double("12\0", 3, &value), -EINVAL);
	assert_int_equal(number_parse_double("129", 2, &value), 0);
	assert_true(value == 12);
}

static void test_long_text(void **state)
{
	char text[2000];
	double value = 0;

	(void)state;
	memset(text, '0', sizeof(text));
	text[1022] = '7';
	assert_int_equal(number_parse_double(text, 1023, &value), 0);
	assert_true(value == 7);
	assert_int_equal(number_parse_double(text, 1024, &value), -ERANGE);
}

static const struct {
	const char *text;
	int result;
	uint64_t value;
} integers[] = {
	{ "0", 0, 0 },
	{ "8125", 0, 8125 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "99999999999999999999", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "80abc", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1.0", -EINVAL, 0 },
};

static void test_integers(void **state)
{
	uint64_t value;
	int result;

	(void)state;
	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++) {
		value = 42;
		result = number_parse_uint64(integers[i].text, strlen(integers[i].text), &value);
		if (result != integers[i].result || value != (result ? 42 : integers[i].value))
			fail_msg("\"%s\": result %d, value %llu", integers[i].text, result,
				 (unsigned long long)value);
	}
}

/* What Number() of a JavaScript engine says; where it says NaN or Infinity, a refusal. */
static const struct {
	const char *text;
	int result;
	double value;
} javascript[] = {
	{ "1", 0, 1 },
	{ "-2.5", 0, -2.5 },
	{ "+1e3", 0, 1000 },
	{ ".5", 0, 0.5 },
	{ "5.", 0, 5 },
	{ "010", 0, 10 },
	{ " \t\v\f\r\n7 ", 0, 7 },
	{ "\u00a0\u2003\ufeff7\u3000\u2028", 0, 7 },
	{ " ", 0, 0 },
	{ "\u00a0", 0, 0 },
	{ "0x10", 0, 16 },
	{ "0Xff", 0, 255 },
	{ " 0b101 ", 0, 5 },
	{ "0o17", 0, 15 },
	{ "0x20000000000001", 0, 9007199254740992.0 }, /* a tie goes to the even one */
	{ "0x20000000000003", 0, 9007199254740996.0 },
	{ "0x200000000000010000001", 0, 0x20000000000002p28 }, /* just above a tie */
	{ "", -EINVAL, 0 },
	{ "0x", -EINVAL, 0 },
	{ "0xg", -EINVAL, 0 },
	{ "-0x10", -EINVAL, 0 },
	{ "0b2", -EINVAL, 0 },
	{ "0o8", -EINVAL, 0 },
	{ "1 2", -EINVAL, 0 },
	{ "+ 1", -EINVAL, 0 },
	{ "1_000", -EINVAL, 0 },
	{ "Infinity", -EINVAL, 0 },
	{ "NaN", -EINVAL, 0 },
	{ "\u00a1", -EINVAL, 0 },
	{ "\xc2", -EINVAL, 0 },
	{ "1e999", -ERANGE, 0 },
};

static void test_javascript(void **state)
{
	char huge[300];
	double value;
	int result;

	(void)state;
	for (size_t i = 0; i < sizeof(javascript) / sizeof(*javascript); i++) {
		value = 42;
		result = number_parse_javascript(javascript[i].text, strlen(javascript[i].text), &value);
		if (result != javascript[i].result || value != (result ? 42 : javascript[i].value))
			fail_msg("\"%s\": result %d, value %.17g", javascript[i].text, result, value);
	}
	memset(huge, 'f', sizeof(huge));
	memcpy(huge, "0x", 2);
	assert_int_equal(number_parse_javascript(huge, sizeof(huge), &value), -ERANGE);
	assert_int_equal(number_parse_javascript(huge, 2 + 200, &value), 0);
	assert_true(value == 0x1p800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spelling), cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_doubles),	 cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_integers), cmocka_unit_test(test_javascript),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
