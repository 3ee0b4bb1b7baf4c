// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * References to the environment. A "${" that no name and no "}" follow is plain text. The
 * two private-use characters of a mark are dropped from the text itself; written as YAML
 * escapes they are refused.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/config_env.h"

#define MARK_OPEN "\xee\x80\x80"
#define MARK_CLOSE "\xee\x80\x81"
#define MARK_BYTES 3
#define NAME_MAX_BYTES 128

/* "${NAME:-fallback}" as it stands in a text. */
struct reference {
	char name[NAME_MAX_BYTES];
	const char *fallback; /* not NUL-terminated; NULL: none */
	size_t fallback_len;
	size_t length; /* of the whole */
};

static bool reference_parse(const char *text, struct reference *reference)
{
	const char *at = text + 2, *end;
	size_t name_len = 0;

	if (text[0] != '$' || text[1] != '{')
		return false;
	while (isalnum((unsigned char)at[name_len]) || at[name_len] == '_')
		name_len++;
	if (!name_len || name_len >= sizeof(reference->name) || isdigit((unsigned char)*at))
		return false;
	*reference = (struct reference){};
	memcpy(reference->name, at, name_len);
	at += name_len;
	end = at + strcspn(at, "}\n");
	if (*end != '}')
		return false;
	if (end != at) {
		if (at[0] != ':' || at[1] != '-')
			return false;
		reference->fallback = at + 2;
		reference->fallback_len = (size_t)(end - reference->fallback);
	}
	reference->length = (size_t)(end - text) + 1;
	return true;
}

static bool is_mark(const char *text)
{
	return !strncmp(text, MARK_OPEN, MARK_BYTES) || !strncmp(text, MARK_CLOSE, MARK_BYTES);
}

char *config_env_mark(const char *text)
{
	struct reference reference;
	size_t size = 0;
	char *marked = NULL;
	FILE *out = open_memstream(&marked, &size);

	if (!out)
		return NULL;
	for (const char *at = text; *at;) {
		if (reference_parse(at, &reference)) {
			fprintf(out, MARK_OPEN "%zu" MARK_CLOSE, (size_t)(at - text));
			at += reference.length;
		} else if (is_mark(at)) {
			at += MARK_BYTES;
		} else {
			fputc(*at++, out);
		}
	}
	if (fclose(out)) {
		free(marked);
		return NULL;
	}
	return marked;
}

/* The value of the reference whose mark starts at *at, and moves *at behind the mark. */
static int mark_resolve(const char **at, const char *original, const char **value, size_t *length,
			struct error *error)
{
	struct reference reference;
	size_t offset = 0;

	for (*at += MARK_BYTES; isdigit((unsigned char)**at); (*at)++)
		offset = offset * 10 + (size_t)(**at - '0');
	*at += MARK_BYTES;
	/* A mark written by hand, as "\\uE000": its offset is anything. */
	if (offset >= strlen(original) || !reference_parse(original + offset, &reference))
		return error_set(error, -EINVAL, "the characters U+E000 and U+E001 have no place here");
	*value = getenv(reference.name);
	/* As in a shell, ":-" is for what is empty as well. */
	if (*value && (**value || !reference.fallback)) {
		*length = strlen(*value);
		return 0;
	}
	if (!reference.fallback)
		return error_set(
			error, -EINVAL,
			"the environment variable %s is not set; ${%s:-default} would name a default",
			reference.name, reference.name);
	*value = reference.fallback;
	*length = reference.fallback_len;
	return 0;
}

int config_env_expand(const char *marked, const char *original, char *result, size_t size,
		      struct error *error)
{
	size_t used = 0;

	for (const char *at = marked; *at;) {
		const char *piece = at;
		size_t length = 1;
		int err = 0;

		if (!strncmp(at, MARK_OPEN, MARK_BYTES))
			err = mark_resolve(&at, original, &piece, &length, error);
		else
			at++;
		if (err)
			return err;
		if (length >= size - used)
			return error_set(error, -EINVAL, "the value is longer than %zu bytes", size - 1);
		memcpy(result + used, piece, length);
		used += length;
	}
	result[used] = '\0';
	return 0;
}
