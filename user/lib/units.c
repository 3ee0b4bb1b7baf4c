// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A number with a unit is read as a decimal number up to the first letter, and the rest is
 * looked up in a table. Products are checked against the range of the result.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "lib/number.h"
#include "lib/units.h"

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

static int unit_parse(const char *text, const struct unit *units, double limit, double *value)
{
	size_t length = strspn(text, "0123456789.");
	double result;
	int err = number_parse_double(text, length, &result);

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
