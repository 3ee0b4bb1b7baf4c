// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Text of a sender as a JSON string: whatever the bytes are, what comes out is valid UTF-8 and stays one line. */
#include <stdint.h>
#include <stdio.h>
#include "sink/format.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* What follows a lead byte. The ranges of the second one leave out surrogates, overlong forms and what is beyond U+10FFFF. */
static const struct {
	uint8_t lead_first, lead_last;
	uint8_t second_first, second_last;
	unsigned int length;
} sequences[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Bytes of the character that begins here, above U+007F; 0: none does. */
static unsigned int sequence_length(const uint8_t *at)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		unsigned int seen = 2;

		if (*at < sequences[i].lead_first || *at > sequences[i].lead_last)
			continue;
		if (at[1] < sequences[i].second_first || at[1] > sequences[i].second_last)
			return 0;
		while (seen < sequences[i].length && (at[seen] & 0xc0) == 0x80)
			seen++;
		return seen == sequences[i].length ? seen : 0;
	}
	return 0;
}

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
		length = 1;
		if ((unsigned char)*string < 0x80) {
			escape_add(text, *string);
		} else if (sequence_length((const uint8_t *)string)) {
			length = sequence_length((const uint8_t *)string);
			text_add(text, string, length);
		} else {
			text_add_string(text, REPLACEMENT);
		}
		string += length;
	}
	text_add(text, "\"", 1);
}
