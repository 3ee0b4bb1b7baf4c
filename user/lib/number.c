// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Printing: most values that pass here have at most six decimals; those are spelled from an
 * integer. The rest gets 15, 16 or 17 significant digits, the first that reads back equal:
 * up to 15 digits survive the way through a double, so fewer need not be tried. What comes
 * out is what JavaScript's Number.prototype.toString and Python's repr() choose, too.
 */
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/number.h"

#define TEXT_MAX 1024
#define DIGITS_MAX 17
#define MILLION 1000000
#define EXPONENT_MIN (-6) /* JavaScript writes an exponent below 1e-6 and from 1e21 */
#define EXPONENT_MAX 20

/* 0.d1d2d3... times 10^point: digits without leading or trailing zeros. */
struct decimal {
	char digits[DIGITS_MAX + 1];
	int count;
	int point;
	bool negative;
};

static double text_to_double(const char *text)
{
	static locale_t c_locale;

	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	return strtod_l(text, NULL, c_locale);
}

/* Rounds a finite value to `precision` digits. Only digits are taken from printf, so its locale does not matter. */
static void decimal_from_double(struct decimal *decimal, double value, int precision)
{
	char text[DIGITS_MAX + 16];
	const char *from;

	*decimal = (struct decimal){ .negative = signbit(value) };
	snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(value));
	for (from = text; *from && *from != 'e'; from++)
		if (isdigit((unsigned char)*from) && decimal->count < DIGITS_MAX)
			decimal->digits[decimal->count++] = *from;
	from += *from == 'e';
	for (const char *at = from; *at; at++)
		if (isdigit((unsigned char)*at))
			decimal->point = decimal->point * 10 + *at - '0';
	decimal->point = (*from == '-' ? -decimal->point : decimal->point) + 1;
	while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
}

/* The next larger number of as many digits. False: that would carry beyond the first. */
static bool decimal_step(struct decimal *decimal, int precision)
{
	int last = precision - 1;

	while (decimal->count < precision)
		decimal->digits[decimal->count++] = '0';
	while (last > 0 && decimal->digits[last] == '9')
		last--;
	if (decimal->digits[last] == '9')
		return false;
	decimal->digits[last]++;
	decimal->count = last + 1;
	return true;
}

static char *put_zeros(char *to, int count)
{
	if (count > 0)
		to = (char *)memset(to, '0', (size_t)count) + count;
	return to;
}

/*
 *     digits 125:  point 1: 1.25   point 5: 12500   point -1: 0.0125   point 23: 1.25e+22
 */
static size_t decimal_spell(const struct decimal *decimal, char text[NUMBER_BYTES])
{
	int exponent = decimal->point - 1, whole = decimal->point;
	bool scientific = exponent < EXPONENT_MIN || exponent > EXPONENT_MAX;
	char *to = text;

	if (decimal->negative)
		*to++ = '-';
	if (scientific)
		whole = 1;
	if (whole <= 0) {
		*to++ = '0';
		*to++ = '.';
		to = put_zeros(to, -whole);
	}
	for (int i = 0; i < decimal->count; i++) {
		if (i == whole && i)
			*to++ = '.';
		*to++ = decimal->digits[i];
	}
	to = put_zeros(to, whole - decimal->count);
	*to = '\0';
	if (scientific)
		to += snprintf(to, NUMBER_BYTES - (size_t)(to - text), "e%+d", exponent);
	return (size_t)(to - text);
}

/* At least `width` digits, led by zeros. */
static char *put_digits(char *to, uint64_t value, int width)
{
	char digits[20];
	int at = sizeof(digits);

	while (value || width > (int)sizeof(digits) - at) {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	}
	memcpy(to, digits + at, sizeof(digits) - (size_t)at);
	return to + sizeof(digits) - at;
}

/* Values that are a whole number of millionths below 10^9: their decimals are unique, hence the shortest. */
static bool format_millionths(double value, char text[NUMBER_BYTES], size_t *length)
{
	double scaled = nearbyint(value * MILLION);
	uint64_t millionths, fraction;
	int decimals = 6;
	char *to = text;

	if (!(fabs(scaled) < 1e15) || scaled / MILLION != value)
		return false;
	millionths = (uint64_t)fabs(scaled);
	fraction = millionths % MILLION;
	for (; fraction && fraction % 10 == 0; fraction /= 10)
		decimals--;
	if (scaled < 0)
		*to++ = '-';
	to = put_digits(to, millionths / MILLION, 1);
	if (fraction) {
		*to++ = '.';
		to = put_digits(to, fraction, decimals);
	}
	*to = '\0';
	*length = (size_t)(to - text);
	return true;
}

/*
 * Below a power of two doubles lie closer than above: there the nearest decimal may read
 * back as the double below, while the next one up, farther away, reads back right.
 */
static bool format_digits(double value, int precision, char text[NUMBER_BYTES], size_t *length)
{
	struct decimal decimal;

	decimal_from_double(&decimal, value, precision);
	*length = decimal_spell(&decimal, text);
	if (text_to_double(text) == value)
		return true;
	if (!decimal_step(&decimal, precision))
		return false;
	*length = decimal_spell(&decimal, text);
	return text_to_double(text) == value;
}

static size_t format_not_finite(double value, char text[NUMBER_BYTES])
{
	const char *word = isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";

	return (size_t)snprintf(text, NUMBER_BYTES, "%s", word);
}

size_t number_format(double value, char text[NUMBER_BYTES])
{
	/* The smallest doubles have fewer than 15 digits of their own. */
	int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
	size_t length;

	if (!isfinite(value))
		return format_not_finite(value, text);
	if (format_millionths(value, text, &length))
		return length;
	while (!format_digits(value, precision, text, &length) && precision < DIGITS_MAX)
		precision++;
	return length;
}

static size_t skip_digits(const char *text, size_t length, size_t at)
{
	while (at < length && isdigit((unsigned char)text[at]))
		at++;
	return at;
}

static bool is_one_of(const char *text, size_t length, size_t at, const char *bytes)
{
	return at < length && text[at] && strchr(bytes, text[at]);
}

/*
 *     -99.9e+3
 *     ^^^^^^^^ sign, digits, point, digits, exponent; at least one digit before the exponent
 */
static bool is_decimal(const char *text, size_t length)
{
	size_t at = is_one_of(text, length, 0, "+-"), start = at, digits;

	at = skip_digits(text, length, at);
	digits = at - start;
	if (is_one_of(text, length, at, ".")) {
		start = ++at;
		at = skip_digits(text, length, at);
		digits += at - start;
	}
	if (!digits)
		return false;
	if (is_one_of(text, length, at, "eE")) {
		at++;
		at += is_one_of(text, length, at, "+-");
		start = at;
		at = skip_digits(text, length, at);
		if (at == start)
			return false;
	}
	return at == length;
}

int number_parse_double(const char *text, size_t length, double *value)
{
	char copy[TEXT_MAX];
	double result;

	if (!is_decimal(text, length))
		return -EINVAL;
	if (length >= sizeof(copy))
		return -ERANGE;
	memcpy(copy, text, length);
	copy[length] = '\0';
	result = text_to_double(copy);
	if (!isfinite(result))
		return -ERANGE;
	*value = result;
	return 0;
}

/* What JavaScript calls white space, in UTF-8: WhiteSpace and LineTerminator of ECMA-262. */
static const char *const blanks[] = {
	" ",	  "\t",	    "\n",     "\v",	"\f",	  "\r",	    "\u00a0", "\u1680", "\u2000",
	"\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",
	"\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff",
};

/* The length of the blank with which text begins, or ends; 0: none. */
static size_t blank_length(const char *text, size_t length, bool at_end)
{
	unsigned char edge = length ? (unsigned char)text[at_end ? length - 1 : 0] : 'x';

	if (edge > ' ' && edge < 0x80)
		return 0;
	for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++) {
		size_t blank = strlen(blanks[i]);

		if (blank <= length && !memcmp(at_end ? text + length - blank : text, blanks[i], blank))
			return blank;
	}
	return 0;
}

/* The value of a digit, or 255. */
static unsigned int digit_value(char digit)
{
	if (isdigit((unsigned char)digit))
		return (unsigned int)(digit - '0');
	if (isalpha((unsigned char)digit))
		return (unsigned int)(tolower((unsigned char)digit) - 'a' + 10);
	return 255;
}

/*
 * Digits of a radix that is a power of two: 4 bits each for hexadecimal. The mantissa keeps 60
 * bits or more; of what falls out behind them only whether it is 0 can matter for the rounding.
 */
static int parse_binary(const char *text, size_t length, int bits, double *value)
{
	uint64_t mantissa = 0, rest = 0;
	int exponent = 0;
	double result;

	if (!length)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		unsigned int digit = digit_value(text[i]);

		if (digit >> bits)
			return -EINVAL;
		if (mantissa >> 60) {
			exponent += bits;
			rest |= digit;
		} else {
			mantissa = mantissa << bits | digit;
		}
	}
	result = ldexp((double)(mantissa | (rest != 0)), exponent);
	if (!isfinite(result))
		return -ERANGE;
	*value = result;
	return 0;
}

int number_parse_javascript(const char *text, size_t length, double *value)
{
	static const struct {
		char letter;
		int bits;
	} radixes[] = { { 'x', 4 }, { 'o', 3 }, { 'b', 1 } };
	size_t blank;

	if (!length)
		return -EINVAL;
	for (; (blank = blank_length(text, length, false)); length -= blank)
		text += blank;
	while ((blank = blank_length(text, length, true)))
		length -= blank;
	if (!length) {
		*value = 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(radixes) / sizeof(radixes[0]); i++)
		if (length > 1 && text[0] == '0' && tolower((unsigned char)text[1]) == radixes[i].letter)
			return parse_binary(text + 2, length - 2, radixes[i].bits, value);
	return number_parse_double(text, length, value);
}

int number_parse_uint64(const char *text, size_t length, uint64_t *value)
{
	uint64_t result = 0;

	if (!length)
		return -EINVAL;
	if (skip_digits(text, length, 0) != length)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (__builtin_mul_overflow(result, 10, &result) ||
		    __builtin_add_overflow(result, (uint64_t)(text[i] - '0'), &result))
			return -ERANGE;
	*value = result;
	return 0;
}
