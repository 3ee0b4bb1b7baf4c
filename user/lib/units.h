/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Numbers with units, as people write them in configuration. A unit that is missing,
 * misspelt or followed by anything is refused. Text is NUL-terminated. Both return 0, or
 * -EINVAL (not of that shape) or -ERANGE (does not fit), and write the result only on 0.
 */
#ifndef LIB_UNITS_H
#define LIB_UNITS_H

#include <stdint.h>

/* A number and its unit, ms, s, m or h, in nanoseconds: "50ms", "1.5s". Not negative. */
int units_parse_duration(const char *text, int64_t *nanoseconds);
/* Bytes, or a number with KiB, MiB or GiB: "65536", "16MiB". Not negative. */
int units_parse_size(const char *text, uint64_t *bytes);

#endif /* LIB_UNITS_H */
