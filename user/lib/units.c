// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A number with a unit is read as a decimal number up to the first letter, and the rest is
 * looked up in a table. Products are checked against the range of the result.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "lib/units.h"

#define NUMBER_MAX 64

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{ "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, {},
};

static const struct unit sizes[] = {
	{ "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 }, {},
};

int units_parse_integer(const char *text, uint64_t *value)
{
	uint64_t result = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		if (__builtin_mul_overflow(result, 10, &result) ||
		    __builtin_add_overflow(result, (uint64_t)(*text - '0'), &result))
			return -ERANGE;
	}
	*value = result;
	return 0;
}

int units_parse_number(const char *text, double *value)
{
	char *end;
	double result;

	/* strtod() also takes blanks, "0x10", "inf" and "nan": only what these bytes can spell. */
	if (!*text || text[strspn(text, "0123456789+-.eE")])
		return -EINVAL;
	result = strtod(text, &end);
	if (*end)
		return -EINVAL;
	if (!isfinite(result))
		return -ERANGE;
	*value = result;
	return 0;
}

static int unit_parse(const char *text, const struct unit *units, double limit, double *value)
{
	size_t length = strspn(text, "0123456789.");
	char number[NUMBER_MAX];
	double result;
	int err;

	if (length >= sizeof(number))
		return -ERANGE;
	memcpy(number, text, length);
	number[length] = '\0';
	err = units_parse_number(number, &result);
	if (err)
		return err;
	for (; units->name; units++)
		if (!strcmp(units->name, text + length))
			break;
	if (!units->name)
		return -EINVAL;
	result *= units->factor;
	if (result >= limit)
		return -ERANGE;
	*value = result;
	return 0;
}

int units_parse_duration(const char *text, int64_t *nanoseconds)
{
	double value;
	int err = unit_parse(text, durations, 0x1p63, &value);

	if (!err)
		*nanoseconds = llround(value);
	return err;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	double value;
	int err = unit_parse(text, sizes, 0x1p53, &value);

	if (!err && value != floor(value))
		return -EINVAL;
	if (!err)
		*bytes = (uint64_t)value;
	return err;
}
