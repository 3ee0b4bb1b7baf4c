// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Names of metrics are safe long before they come here, but prefixes, sources and tags of the
 * configuration may be anything. One character becomes one character, so that lengths stay.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "lib/utf8.h"
#include "sink/wavefront/wavefront_text.h"

/* The length in bytes of what is replaced as one: a character, or a byte that is none. */
static size_t step_at(const char *text, size_t len)
{
	size_t step = utf8_length((const uint8_t *)text, len);

	return step ? step : 1;
}

static bool is_plain(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '_' || byte == '.' || byte == '-';
}

void wavefront_add_name(struct text *text, const char *name, size_t len,
			const struct wavefront_options *options)
{
	bool strict = options->use_strict && !options->use_regex, is_first = !text->len;

	for (size_t at = 0; at < len; at += step_at(name + at, len - at)) {
		bool fine = is_plain(name[at]) || (strict && (name[at] == '/' || name[at] == ',')) ||
			    (!at && is_first && name[at] == '~' && !options->use_regex);

		text_add(text, fine ? name + at : "-", 1);
	}
}

void wavefront_convert_paths(struct text *text, size_t begin, const struct wavefront_options *options)
{
	size_t separator = strlen(options->metric_separator);
	struct text converted = {};

	if (!options->convert_paths || !strcmp(options->metric_separator, "_") || text->failed)
		return;
	if (separator == 1) {
		for (size_t at = begin; at < text->len; at++)
			if (text->data[at] == '_')
				text->data[at] = options->metric_separator[0];
		return;
	}
	text_add(&converted, text->data + begin, text->len - begin);
	text->len = begin;
	for (size_t at = 0; at < converted.len; at++) {
		bool is_path = converted.data[at] == '_';

		text_add(text, is_path ? options->metric_separator : converted.data + at,
			 is_path ? separator : 1);
	}
	text->failed |= converted.failed;
	text_release(&converted);
}

static bool is_blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

void wavefront_add_value(struct text *text, const char *value, size_t len)
{
	size_t step;

	while (len && is_blank(value[0]))
		value++, len--;
	while (len && is_blank(value[len - 1]))
		len--;
	for (size_t at = 0; at < len; at += step) {
		/* What a backslash means to a reader depends on what follows: none leaves here. */
		bool fine = utf8_length((const uint8_t *)value + at, len - at) && value[at] != '*' &&
			    value[at] != '\\' && ((uint8_t)value[at] >= ' ' || value[at] == '\n') &&
			    value[at] != 0x7f;

		step = step_at(value + at, len - at);
		text_add(text, fine ? value + at : "-", fine ? step : 1);
	}
}

void wavefront_add_quoted(struct text *text, const char *value, size_t len)
{
	text_add(text, "\"", 1);
	for (size_t at = 0; at < len; at++) {
		if (value[at] == '"')
			text_add(text, "\\\"", 2);
		else if (value[at] == '\n')
			text_add(text, "\\n", 2);
		else
			text_add(text, value + at, 1);
	}
	text_add(text, "\"", 1);
}

size_t wavefront_length(const char *text, size_t len)
{
	size_t length = 0, step;

	for (size_t at = 0; at < len; at += step) {
		step = step_at(text + at, len - at);
		length += step == UTF8_LENGTH_MAX ? 2 : 1;
	}
	return length;
}

size_t wavefront_cut(const char *text, size_t len, size_t characters)
{
	size_t at = 0;

	while (at < len) {
		size_t step = step_at(text + at, len - at), wide = step == UTF8_LENGTH_MAX ? 2 : 1;

		if (wide > characters)
			break;
		characters -= wide;
		at += step;
	}
	return at;
}
