// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Doubles its room whenever it is full. */
#include <stdlib.h>
#include <string.h>
#include "lib/number.h"
#include "sink/text.h"

#define SIZE_MIN 4096

static bool text_reserve(struct text *text, size_t len)
{
	size_t size = text->size ? text->size : SIZE_MIN;
	char *data;

	if (text->failed || text->size - text->len >= len)
		return !text->failed;
	while (size - text->len < len)
		size *= 2;
	data = realloc(text->data, size);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->size = size;
	return true;
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	if (!len || !text_reserve(text, len))
		return;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_number(struct text *text, double value)
{
	char number[NUMBER_BYTES];

	text_add(text, number, number_format(value, number));
}

void text_release(struct text *text)
{
	free(text->data);
	*text = (struct text){};
}
