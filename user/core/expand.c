// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A text of n bytes has at most n parts, so the array is taken at once. A scanner is given
 * the text behind a '$' and says how long the reference is; 0: it is none, and the '$' plain.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "core/expand.h"
#include "lib/number.h"

#define GROUPS_END INT32_MAX /* no group has so high a number */

struct reference {
	const char *name;
	size_t name_len, length; /* length: with the braces */
};

static size_t word_length(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	return len;
}

/* "1", "{1}", "{1": a brace that nothing closes is part of a glob's reference as well. */
static bool reference_of_glob(const char *text, struct reference *reference)
{
	bool open = *text == '{';

	reference->name = text + open;
	reference->name_len = word_length(reference->name);
	reference->length = open + reference->name_len + (reference->name[reference->name_len] == '}');
	return reference->name_len;
}

/* "1", "{1}", "{name}" */
static bool reference_of_regex(const char *text, struct reference *reference)
{
	bool open = *text == '{';

	reference->name = text + open;
	reference->name_len = word_length(reference->name);
	reference->length = reference->name_len + 2 * open;
	return reference->name_len && (!open || reference->name[reference->name_len] == '}');
}

static int number_of(const struct reference *reference)
{
	uint64_t number;

	if (number_parse_uint64(reference->name, reference->name_len, &number) || number >= GROUPS_END)
		return -1;
	return (int)number;
}

static void part_literal(struct expansion *expansion, const char *text, size_t len)
{
	struct expansion_part *last = expansion->count ? &expansion->parts[expansion->count - 1] : NULL;

	if (last && last->group < 0 && last->literal.text + last->literal.len == text)
		last->literal.len += len;
	else
		expansion->parts[expansion->count++] =
			(struct expansion_part){ .literal = { text, len }, .group = -1 };
}

static int expansion_begin(struct expansion *expansion, struct arena *arena, const char *text)
{
	expansion->count = 0;
	expansion->parts = arena_take(arena, (strlen(text) + 1) * sizeof(*expansion->parts));
	return expansion->parts ? 0 : -ENOMEM;
}

int expansion_compile_glob(struct expansion *expansion, struct arena *arena, const char *text, size_t stars)
{
	struct reference reference;
	int err = expansion_begin(expansion, arena, text), number;

	while (!err && *text) {
		if (*text != '$' || !reference_of_glob(text + 1, &reference)) {
			part_literal(expansion, text++, 1);
			continue;
		}
		number = number_of(&reference);
		if (number > 0 && (size_t)number <= stars)
			expansion->parts[expansion->count++].group = number;
		text += 1 + reference.length;
	}
	return err;
}

int expansion_compile_regex(struct expansion *expansion, struct arena *arena, const char *text,
			    expansion_group_fn *group, const void *context)
{
	struct reference reference;
	int err = expansion_begin(expansion, arena, text), number;

	while (!err && *text) {
		if (text[0] == '$' && text[1] == '$') {
			part_literal(expansion, text, 1);
			text += 2;
			continue;
		}
		if (*text != '$' || !reference_of_regex(text + 1, &reference)) {
			part_literal(expansion, text++, 1);
			continue;
		}
		number = number_of(&reference);
		if (number < 0)
			number = group(context, reference.name, reference.name_len);
		if (number >= 0)
			expansion->parts[expansion->count++].group = number;
		text += 1 + reference.length;
	}
	return err;
}

int expansion_write(const struct expansion *expansion, const struct piece *groups, size_t group_count,
		    char *to, size_t size, size_t *len)
{
	const struct piece *piece;
	size_t used = 0;

	for (const struct expansion_part *part = expansion->parts; part < expansion->parts + expansion->count;
	     part++) {
		piece = &part->literal;
		if (part->group >= 0 && (size_t)part->group >= group_count)
			continue;
		if (part->group >= 0)
			piece = &groups[part->group];
		if (piece->len > size - used)
			return -ENAMETOOLONG;
		if (piece->len)
			memcpy(to + used, piece->text, piece->len);
		used += piece->len;
	}
	*len = used;
	return 0;
}
