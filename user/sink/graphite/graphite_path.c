// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     eu.{service}.{name}.{zone}
 *     ^^^ ^^^^^^^ ^      ^ ^^^^     pieces: "eu.", service, "." before the name; ".", zone behind
 *
 * A value in a path is one component: its dots, and what a path should not have, become '_'.
 */
#include <stdio.h>
#include <string.h>
#include "sink/graphite/graphite_path.h"

static bool is_word(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '_' || byte == '-';
}

/* Every component has something in it, a reference counting as something. */
static bool dots_are_good(const char *text)
{
	char before = '.';

	for (; *text; before = *text++)
		if (*text == '.' && before == '.')
			return false;
	return before != '.';
}

/* "{KEY}" at the start of `text`: the length of KEY; 0: it is none. */
static size_t reference_len(const char *text)
{
	size_t len = 0;

	while (is_word(text[1 + len]) || text[1 + len] == '.')
		len++;
	return text[1 + len] == '}' ? len : 0;
}

static const char *pieces_parse(struct graphite_template *template)
{
	const char *text = template->text;
	size_t names = 0;

	while (*text) {
		struct graphite_piece *piece = &template->pieces[template->count];

		if (template->count == GRAPHITE_PIECES_MAX)
			return "it has too many pieces";
		*piece = (struct graphite_piece){ .text = text, .is_tag = *text == '{' };
		if (piece->is_tag) {
			piece->len = reference_len(text);
			piece->text++;
			text += piece->len + 2;
			if (!piece->len)
				return "a '{' begins neither {name} nor the {KEY} of a tag";
		} else {
			while (is_word(*text) || *text == '.')
				text++;
			piece->len = (size_t)(text - piece->text);
			if (!piece->len)
				return "only letters, digits, '_', '-' and '.' may stand beside {...}";
		}
		if (piece->is_tag && piece->len == 4 && !memcmp(piece->text, "name", 4)) {
			template->name = template->count;
			names++;
		} else {
			template->count++;
		}
	}
	return names == 1 ? NULL : "it needs {name}, once";
}

const char *graphite_template_parse(struct graphite_template *template, const char *text, const char *missing,
				    bool drop_tags)
{
	*template = (struct graphite_template){ .drop_tags = drop_tags };
	if (strlen(text) >= sizeof(template->text))
		return "it is too long";
	snprintf(template->text, sizeof(template->text), "%s", text);
	snprintf(template->missing, sizeof(template->missing), "%s", missing);
	if (!*text)
		return NULL;
	if (!dots_are_good(text))
		return "a component between dots is empty";
	return pieces_parse(template);
}

/* The value of a tag in "k=v;k2=v2"; NULL: there is none. */
static const char *tag_find(const char *tags, const char *key, size_t key_len, size_t *len)
{
	while (*tags) {
		size_t tag_len = strcspn(tags, ";");

		if (tag_len > key_len && tags[key_len] == '=' && !memcmp(tags, key, key_len)) {
			*len = tag_len - key_len - 1;
			return tags + key_len + 1;
		}
		tags += tag_len + (tags[tag_len] == ';');
	}
	return NULL;
}

static void value_add(struct text *text, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text_add(text, is_word(value[i]) ? &value[i] : "_", 1);
}

static void piece_add(const struct graphite_template *template, const struct graphite_piece *piece,
		      const char *tags, struct text *text)
{
	const char *value;
	size_t len = 0;

	if (!piece->is_tag) {
		text_add(text, piece->text, piece->len);
		return;
	}
	value = tag_find(tags, piece->text, piece->len, &len);
	if (len)
		value_add(text, value, len);
	else
		text_add_string(text, template->missing);
}

static bool is_folded(const struct graphite_template *template, const char *key, size_t len)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct graphite_piece *piece = &template->pieces[i];

		if (piece->is_tag && piece->len == len && !memcmp(piece->text, key, len))
			return true;
	}
	return false;
}

/* ";k=v" for those that are not in the path. */
static void tags_add(const struct graphite_template *template, const char *tags, struct text *text)
{
	while (*tags) {
		size_t len = strcspn(tags, ";"), key_len = strcspn(tags, "=");

		if (!is_folded(template, tags, key_len)) {
			text_add(text, ";", 1);
			text_add(text, tags, len);
		}
		tags += len + (tags[len] == ';');
	}
}

void graphite_template_expand(const struct graphite_template *template, const char *tags, struct text *before,
			      struct text *behind)
{
	for (size_t i = 0; i < template->count; i++)
		piece_add(template, &template->pieces[i], tags, i < template->name ? before : behind);
	if (!template->drop_tags)
		tags_add(template, tags, behind);
}

bool graphite_path_is_storable(const char *path, size_t len)
{
	const char *end = path + len, *dot;

	if (len <= GRAPHITE_FILE_NAME_MAX || memchr(path, ';', len))
		return true;
	if (len > GRAPHITE_PATH_MAX)
		return false;
	for (; (dot = memchr(path, '.', (size_t)(end - path))); path = dot + 1)
		if (dot - path > GRAPHITE_FOLDER_NAME_MAX)
			return false;
	return end - path <= GRAPHITE_FILE_NAME_MAX;
}
