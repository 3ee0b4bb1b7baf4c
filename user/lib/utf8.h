/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* UTF-8 in bytes that anybody may have sent. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_LENGTH_MAX 4
#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * The length of the character that begins at `text`, of which `left` bytes are there; 0: none
 * does, as RFC 3629 has it (no surrogates, nothing longer than it must be, nothing above U+10FFFF).
 */
static inline size_t utf8_length(const uint8_t *text, size_t left)
{
	static const struct {
		uint8_t first, last;		/* of the first byte */
		uint8_t second_min, second_max; /* what follows that is 80 to BF */
		uint8_t length;
	} shapes[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t shape = 0, i;

	while (shape < sizeof(shapes) / sizeof(shapes[0]) &&
	       !(left && text[0] >= shapes[shape].first && text[0] <= shapes[shape].last))
		shape++;
	if (shape == sizeof(shapes) / sizeof(shapes[0]) || left < shapes[shape].length)
		return 0;
	if (shapes[shape].length > 1 &&
	    (text[1] < shapes[shape].second_min || text[1] > shapes[shape].second_max))
		return 0;
	for (i = 2; i < shapes[shape].length; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return shapes[shape].length;
}

#endif /* LIB_UTF8_H */
