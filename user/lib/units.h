/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Numbers as people write them in configuration and on command lines: the one place that
 * reads them. Empty text, blanks, trailing text, overflow, "inf", "nan" and hexadecimal are
 * refused, never guessed at. Text is NUL-terminated. All return 0, or -EINVAL (not of that
 * shape) or -ERANGE (does not fit), and write the result only on 0.
 */
#ifndef LIB_UNITS_H
#define LIB_UNITS_H

#include <stdint.h>

/* Decimal digits only: "8125". */
int units_parse_integer(const char *text, uint64_t *value);
/* A decimal number with an optional sign, fraction and exponent: "-99.9", "1e3". */
int units_parse_number(const char *text, double *value);
/* A number and its unit, ms, s, m or h, in nanoseconds: "50ms", "1.5s". Not negative. */
int units_parse_duration(const char *text, int64_t *nanoseconds);
/* Bytes, or a number with KiB, MiB or GiB: "65536", "16MiB". Not negative. */
int units_parse_size(const char *text, uint64_t *bytes);

#endif /* LIB_UNITS_H */
