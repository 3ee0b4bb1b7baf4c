/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Text that grows. Once memory has run out it stays as it is and remembers that, so that
 * formatters check once, at the end.
 */
#ifndef SINK_TEXT_H
#define SINK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: empty. Not NUL-terminated. */
struct text {
	char *data;
	size_t len, size;
	bool failed;
};

void text_add(struct text *text, const char *bytes, size_t len);
void text_add_string(struct text *text, const char *string);
/* As lib/number.h spells it. Finite values only. */
void text_add_number(struct text *text, double value);
void text_release(struct text *text);

#endif /* SINK_TEXT_H */
