// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Tags are cut out first and sanitised one by one:
 *
 *     page load;env=prod   |#   zone:eu/1,beta
 *               ^^^^^^^^        ^^^^^^^^^ ^^^^
 *     page_load;beta=true;env=prod;zone=eu-1
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/tag.h"

/* Writes the key and its NUL to `to`, which has room for len + 2 bytes; returns its length. */
static size_t key_write(char *to, const char *key, size_t len)
{
	size_t written = name_sanitise(to, key, len, '\0');

	/* Carbon keeps the series' own name under this key. */
	if (strcmp(to, "name") != 0)
		return written;
	memcpy(to, "_name", sizeof("_name"));
	return sizeof("_name") - 1;
}

int tag_list_add(struct tag_list *list, const char *key, size_t key_len, const char *value, size_t value_len)
{
	size_t left = sizeof(list->text) - list->used, written;
	char *to = list->text + list->used;
	struct tag *tag = &list->tags[list->count];

	/* key, NUL, value or "true", NUL, and the '_' before "name" */
	if (list->count == NAME_TAGS_MAX || key_len > left || value_len > left ||
	    key_len + value_len + sizeof("_true") + 3 > left)
		return -ENAMETOOLONG;
	written = key_write(to, key, key_len);
	if (!written)
		return 0;
	tag->key = to;
	tag->order = list->count++;
	to += written + 1;
	tag->value = to;
	written = name_sanitise(to, value, value_len, '=');
	if (!written) {
		memcpy(to, "true", sizeof("true"));
		written = sizeof("true") - 1;
	}
	list->used = (size_t)(to - list->text) + written + 1;
	return 0;
}

/*
 *     zone:eu/1     zone=eu/1     a=b:c     beta
 *     ^^^^ ^^^^                   ^ ^^^ "b=c"
 */
static int tag_parse(struct tag_list *list, const char *text, size_t len)
{
	char copy[NAME_BYTES], *colon, *equals;
	size_t key_len = len;

	if (len >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, text, len);
	colon = memchr(copy, ':', len);
	if (colon)
		*colon = '=';
	for (size_t i = 0; i < len; i++)
		if (copy[i] == ';')
			copy[i] = '_';
	equals = memchr(copy, '=', len);
	if (!equals)
		return tag_list_add(list, copy, len, "", 0);
	key_len = (size_t)(equals - copy);
	return tag_list_add(list, copy, key_len, equals + 1, len - key_len - 1);
}

int tag_list_parse(struct tag_list *list, const char *text, size_t len, char separator)
{
	const char *end;
	size_t tag_len;
	int err;

	for (; len; text += tag_len, len -= tag_len) {
		end = memchr(text, separator, len);
		tag_len = end ? (size_t)(end - text) : len;
		err = tag_parse(list, text, tag_len);
		if (err)
			return err;
		tag_len += end != NULL;
	}
	return 0;
}

/* How the key is spelled in the list; false if it is too long to be there. */
static bool key_spell(char safe[NAME_BYTES], const char *key)
{
	size_t len = strlen(key);

	if (len + 2 > NAME_BYTES)
		return false;
	key_write(safe, key, len);
	return true;
}

bool tag_list_has(const struct tag_list *list, const char *key)
{
	char safe[NAME_BYTES];

	if (!key_spell(safe, key))
		return false;
	for (unsigned int i = 0; i < list->count; i++)
		if (!strcmp(list->tags[i].key, safe))
			return true;
	return false;
}

void tag_list_remove(struct tag_list *list, const char *key)
{
	unsigned int kept = 0;
	char safe[NAME_BYTES];

	if (!key_spell(safe, key))
		return;
	for (unsigned int i = 0; i < list->count; i++)
		if (strcmp(list->tags[i].key, safe) != 0)
			list->tags[kept++] = list->tags[i];
	list->count = kept;
}

static int tag_compare(const void *a, const void *b)
{
	const struct tag *one = a, *other = b;
	int order = strcmp(one->key, other->key);

	if (order)
		return order;
	return one->order < other->order ? -1 : one->order > other->order;
}

int tag_list_write(struct tag_list *list, struct canonical_name *canonical)
{
	char *to = canonical->text + canonical->name_len + 1,
	     *end = canonical->text + sizeof(canonical->text);
	const struct tag *tag = list->tags;
	size_t key_len, value_len;

	qsort(list->tags, list->count, sizeof(*tag), tag_compare);
	canonical->tags_len = 0;
	for (unsigned int i = 0; i < list->count; i++, tag++) {
		if (i + 1 < list->count && !strcmp(tag->key, tag[1].key))
			continue;
		key_len = strlen(tag->key);
		value_len = strlen(tag->value);
		if (key_len + value_len + 3 > (size_t)(end - to))
			return -ENAMETOOLONG;
		if (canonical->tags_len)
			*to++ = ';';
		to = (char *)memcpy(to, tag->key, key_len) + key_len;
		*to++ = '=';
		to = (char *)memcpy(to, tag->value, value_len) + value_len;
		canonical->tags_len = (size_t)(to - canonical_name_tags(canonical));
	}
	*to = '\0';
	return 0;
}
