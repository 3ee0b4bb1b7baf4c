// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Raw bytes -> canonical name. Tags are cut out first and sanitised one by one, so that no
 * byte of one can pass for a separator:
 *
 *     page load;env=prod   |#   zone:eu/1,beta
 *     ^^^^^^^^^ ^^^^^^^^        ^^^^^^^^^ ^^^^
 *     page_load;beta=true;env=prod;zone=eu-1
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/name.h"

/* A tag in the staging text. */
struct tag {
	const char *key, *value;
	unsigned int order; /* as sent */
};

/* Tags are staged, then sorted into place. Worst case: "a" becomes "a\0true\0". */
struct staging {
	char text[2 * NAME_BYTES];
	size_t used;
	struct tag tags[NAME_TAGS_MAX];
	unsigned int count;
};

/* The bytes that survive; what is not named here is deleted. */
static const char safe_bytes[256] = {
	['0'] = '0',  ['1'] = '1',  ['2'] = '2', ['3'] = '3', ['4'] = '4',  ['5'] = '5',  ['6'] = '6',
	['7'] = '7',  ['8'] = '8',  ['9'] = '9', ['a'] = 'a', ['b'] = 'b',  ['c'] = 'c',  ['d'] = 'd',
	['e'] = 'e',  ['f'] = 'f',  ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',  ['j'] = 'j',  ['k'] = 'k',
	['l'] = 'l',  ['m'] = 'm',  ['n'] = 'n', ['o'] = 'o', ['p'] = 'p',  ['q'] = 'q',  ['r'] = 'r',
	['s'] = 's',  ['t'] = 't',  ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',  ['x'] = 'x',  ['y'] = 'y',
	['z'] = 'z',  ['A'] = 'A',  ['B'] = 'B', ['C'] = 'C', ['D'] = 'D',  ['E'] = 'E',  ['F'] = 'F',
	['G'] = 'G',  ['H'] = 'H',  ['I'] = 'I', ['J'] = 'J', ['K'] = 'K',  ['L'] = 'L',  ['M'] = 'M',
	['N'] = 'N',  ['O'] = 'O',  ['P'] = 'P', ['Q'] = 'Q', ['R'] = 'R',  ['S'] = 'S',  ['T'] = 'T',
	['U'] = 'U',  ['V'] = 'V',  ['W'] = 'W', ['X'] = 'X', ['Y'] = 'Y',  ['Z'] = 'Z',  ['.'] = '.',
	['_'] = '_',  ['-'] = '-',  ['/'] = '-', [' '] = '_', ['\t'] = '_', ['\n'] = '_', ['\v'] = '_',
	['\f'] = '_', ['\r'] = '_',
};

static bool is_blank(unsigned char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Writes at most `len` bytes and a NUL to `to`; returns how many. `also` is one more byte that survives. */
static size_t text_sanitise(char *to, const unsigned char *from, size_t len, char also)
{
	size_t written = 0;
	char safe;

	for (size_t i = 0; i < len; i++) {
		safe = safe_bytes[from[i]];
		if (is_blank(from[i]) && i && is_blank(from[i - 1]))
			continue;
		if (!safe && also && from[i] == (unsigned char)also)
			safe = also;
		if (safe)
			to[written++] = safe;
	}
	to[written] = '\0';
	return written;
}

/* Removes empty components in place: ".a..b." is "a.b". */
static size_t path_collapse(char *path, size_t len)
{
	size_t written = 0;

	for (size_t i = 0; i < len; i++)
		if (path[i] != '.' || (written && path[written - 1] != '.'))
			path[written++] = path[i];
	if (written && path[written - 1] == '.')
		written--;
	path[written] = '\0';
	return written;
}

static size_t find_either(const unsigned char *text, size_t len, char one, char other)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] == (unsigned char)one || text[i] == (unsigned char)other)
			break;
	return i;
}

/*
 *     zone:eu/1     zone=eu/1     beta
 *     ^^^^ ^^^^
 */
static int tag_stage(struct staging *staging, const unsigned char *text, size_t len)
{
	size_t key_len = find_either(text, len, ':', '='), value_at = key_len + 1;
	struct tag *tag;
	size_t written;
	char *value;

	/* key, NUL, value or "true", NUL, and the '_' before "name" */
	if (staging->count == NAME_TAGS_MAX ||
	    staging->used + len + sizeof("_true") + 2 > sizeof(staging->text))
		return -ENAMETOOLONG;
	tag = &staging->tags[staging->count];
	tag->order = staging->count;
	tag->key = staging->text + staging->used;
	written = text_sanitise(staging->text + staging->used, text, key_len, '\0');
	if (!written)
		return 0;
	if (!strcmp(tag->key, "name")) {
		memcpy(staging->text + staging->used, "_name", sizeof("_name"));
		written = sizeof("_name") - 1;
	}
	value = staging->text + staging->used + written + 1;
	tag->value = value;
	written = value_at < len ? text_sanitise(value, text + value_at, len - value_at, '=') : 0;
	if (!written) {
		memcpy(value, "true", sizeof("true"));
		written = sizeof("true") - 1;
	}
	staging->used = (size_t)(value - staging->text) + written + 1;
	staging->count++;
	return 0;
}

static int tags_stage(struct staging *staging, const unsigned char *text, size_t len, char separator)
{
	size_t end;
	int err;

	for (; len; text += end, len -= end) {
		end = find_either(text, len, separator, separator);
		err = tag_stage(staging, text, end);
		if (err)
			return err;
		end += end < len;
	}
	return 0;
}

static int tag_compare(const void *a, const void *b)
{
	const struct tag *one = a, *other = b;
	int order = strcmp(one->key, other->key);

	if (order)
		return order;
	return one->order < other->order ? -1 : one->order > other->order;
}

static int tags_write(struct canonical_name *canonical, struct staging *staging)
{
	char *to = canonical->text + canonical->name_len + 1,
	     *end = canonical->text + sizeof(canonical->text);
	const struct tag *tag = staging->tags;
	size_t key_len, value_len;

	qsort(staging->tags, staging->count, sizeof(*tag), tag_compare);
	canonical->tags_len = 0;
	for (unsigned int i = 0; i < staging->count; i++, tag++) {
		if (i + 1 < staging->count && !strcmp(tag->key, tag[1].key))
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

#define OWN_PREFIX "kstatsd."

/* There is room for one byte more. Returns the new length. */
static size_t name_disown(char *text, size_t len)
{
	if (strncmp(text, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) != 0)
		return len;
	memmove(text + 1, text, len + 1);
	text[0] = '_';
	return len + 1;
}

int canonical_name_own(struct canonical_name *canonical, const char *name)
{
	size_t len = strlen(name);

	if (len > sizeof(canonical->text) - 2)
		return -ENAMETOOLONG;
	memcpy(canonical->text, name, len + 1);
	canonical->text[len + 1] = '\0'; /* no tags */
	canonical->name_len = len;
	canonical->tags_len = 0;
	return 0;
}

int canonical_name_make(struct canonical_name *canonical, const void *name, size_t name_len, const void *tags,
			size_t tags_len)
{
	size_t plain_len = find_either(name, name_len, ';', ';');
	struct staging staging;
	size_t len;
	int err;

	/* one '_' more and two NULs fit in any case */
	if (plain_len > sizeof(canonical->text) - 3)
		return -ENAMETOOLONG;
	len = path_collapse(canonical->text, text_sanitise(canonical->text, name, plain_len, '\0'));
	if (!len) {
		memcpy(canonical->text, "_", sizeof("_"));
		len = 1;
	}
	canonical->name_len = name_disown(canonical->text, len);

	staging.used = 0;
	staging.count = 0;
	if (plain_len < name_len) {
		err = tags_stage(&staging, (const unsigned char *)name + plain_len + 1,
				 name_len - plain_len - 1, ';');
		if (err)
			return err;
	}
	err = tags_stage(&staging, tags, tags_len, ',');
	return err ? err : tags_write(canonical, &staging);
}
