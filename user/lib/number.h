/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Numbers as text: the one place that reads and writes them. Independent of the locale.
 * Text is given by its length and need not end in NUL. Nothing is guessed at: empty text,
 * trailing text, "inf", "nan" and overflow are refused; blanks and hexadecimal too, but where
 * JavaScript's rules are asked for.
 */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Room for any double as number_format() writes it, with the NUL. */
#define NUMBER_BYTES 32

/*
 * Writes `value` in the shortest form that reads back to the same double, spelled as
 * JavaScript does: "0.1", "1500000", "1e+21", "1e-7", "Infinity", "-Infinity", "NaN". Returns its
 * length. Those three are for people: who writes for programs leaves them out.
 */
size_t number_format(double value, char text[NUMBER_BYTES]);

/*
 * A decimal number with an optional sign, fraction and exponent: "-99.9", "1e3", ".5".
 * 0, -EINVAL (not of that shape), or -ERANGE (beyond a double, or longer than 1023 bytes).
 */
int number_parse_double(const char *text, size_t length, double *value);

/*
 * A number as JavaScript's Number() reads it from text that is not empty: a decimal as above,
 * or without a sign "0x1F", "0o17", "0b101"; blanks around it, Unicode's too; blanks alone
 * are 0. Infinity is refused. 0, -EINVAL, or -ERANGE (beyond a double, or a decimal longer
 * than 1023 bytes).
 */
int number_parse_javascript(const char *text, size_t length, double *value);

/* Decimal digits only: "8125". 0, -EINVAL, or -ERANGE (does not fit). */
int number_parse_uint64(const char *text, size_t length, uint64_t *value);

#endif /* LIB_NUMBER_H */
