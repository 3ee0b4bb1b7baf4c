// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Text of a sender as a JSON string: whatever the bytes are, what comes out is valid UTF-8 and stays one line. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "lib/utf8.h"
#include "sink/format.h"

static bool is_plain(char byte)
{
	return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

/* A byte of ASCII that cannot stand for itself. */
static void escape_add(struct text *text, char byte)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char escape[8];

	for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
		if (names[i] != byte)
			continue;
		text_add(text, "\\", 1);
		text_add(text, &names[i + 1], 1);
		return;
	}
	snprintf(escape, sizeof(escape), "\\u%04x", (unsigned int)byte);
	text_add_string(text, escape);
}

void json_string_add(struct text *text, const char *string)
{
	size_t length;

	text_add(text, "\"", 1);
	while (*string) {
		for (length = 0; is_plain(string[length]);)
			length++;
		text_add(text, string, length);
		string += length;
		if (!*string)
			break;
		length = utf8_length((const uint8_t *)string, strnlen(string, UTF8_LENGTH_MAX));
		if ((unsigned char)*string < 0x80)
			escape_add(text, *string);
		else if (length)
			text_add(text, string, length);
		else
			text_add_string(text, UTF8_REPLACEMENT);
		string += length ? length : 1;
	}
	text_add(text, "\"", 1);
}
