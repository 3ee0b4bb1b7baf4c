// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* One byte at a time: what is more than ASCII may turn the direction of a line, or not show at all. */
#include <stdio.h>
#include <string.h>
#include "cli/escape.h"

static size_t escape_byte(unsigned char byte, char piece[ESCAPED_BYTES + 1])
{
	static const char specials[] = "\\\t\r\n", letters[] = "\\trn";
	const char *special = byte ? strchr(specials, byte) : NULL;

	if (special)
		return (size_t)snprintf(piece, ESCAPED_BYTES + 1, "\\%c", letters[special - specials]);
	return (size_t)snprintf(piece, ESCAPED_BYTES + 1, byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x",
				byte);
}

size_t escape(const void *bytes, size_t len, char *text, size_t size)
{
	const unsigned char *byte = bytes;
	char piece[ESCAPED_BYTES + 1];
	size_t used = 0, more;

	for (size_t i = 0; i < len; i++) {
		more = escape_byte(byte[i], piece);
		if (used + more >= size)
			break;
		memcpy(text + used, piece, more);
		used += more;
	}
	if (size)
		text[used] = '\0';
	return used;
}
