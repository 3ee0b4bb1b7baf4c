// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Servers explain themselves by what they were sent, and not always letter by letter:
 *
 *     secret  ab+c/d==      text  ab+c/d==   ab\u002bc\/d==   ab%2Bc%2Fd%3D%3D   ab-c_d
 *                                 ********   ***************   ****************   ******
 *
 * The last lacks what base64 is filled up with: words end there, so it is found as a word.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "sink/transport/http_secret.h"

#define WORD_BYTES 512

/* Of hexadecimal digits; -1: they are none. */
static int hex_read(const char *text, size_t digits)
{
	int value = 0;

	for (size_t i = 0; i < digits; i++) {
		static const char letters[] = "0123456789abcdef";
		const char *letter = text[i] ? strchr(letters, text[i] | 0x20) : NULL;

		if (!letter)
			return -1;
		value = value << 4 | (int)(letter - letters);
	}
	return value;
}

/* How many bytes of the text stand for `letter`; 0: it does not begin with it. */
static size_t spelling(const char *text, size_t len, char letter, bool escaped)
{
	if (escaped && len >= 3 && text[0] == '%' && hex_read(text + 1, 2) == letter)
		return 3;
	if (escaped && len >= 6 && !strncmp(text, "\\u", 2) && hex_read(text + 2, 4) == letter)
		return 6;
	if (escaped && len >= 2 && text[0] == '\\' && text[1] == letter)
		return 2;
	if (escaped && ((letter == '+' && *text == '-') || (letter == '/' && *text == '_')))
		return 1;
	return *text == letter;
}

/* How many bytes of the text are the secret, or as much of it as there is room for; 0: it does not begin with it. */
static size_t secret_length(const char *text, const char *end, const char *secret, bool escaped)
{
	const char *at = text;

	for (size_t n = 0; secret[n]; n++) {
		size_t step = at < end ? spelling(at, (size_t)(end - at), secret[n], escaped) : 0;

		if (at == end && n >= HTTP_SECRET_BYTES)
			break;
		if (!step)
			return 0;
		at += step;
	}
	return (size_t)(at - text);
}

void http_secret_hide(const char *secret, char *text, size_t len)
{
	const char *end = text + len;

	for (; text < end; text++) {
		size_t plain = secret_length(text, end, secret, false);
		size_t spelled = secret_length(text, end, secret, true);

		memset(text, '*', plain > spelled ? plain : spelled);
	}
}

void http_secret_hide_header(const char *header, char *text, size_t len)
{
	const char *value = strchr(header, ':');
	char word[WORD_BYTES];

	value = value ? value + 1 + strspn(value + 1, " ") : "";
	if (strlen(value) >= HTTP_SECRET_BYTES)
		http_secret_hide(value, text, len);
	for (size_t word_len; *value; value += word_len + (value[word_len] != '\0')) {
		word_len = strcspn(value, " ,;:=\"");
		if (word_len < HTTP_SECRET_BYTES || word_len >= sizeof(word))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)word_len, value);
		http_secret_hide(word, text, len);
	}
	explicit_bzero(word, sizeof(word));
}
