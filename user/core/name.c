// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Bytes that anybody may have sent, made safe. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "core/name.h"
#include "core/naming.h"

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

size_t name_sanitise(char *to, const void *text, size_t len, char also)
{
	const unsigned char *from = text;
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

/*
 * What '.', '_' and '-' are is the sinks' to say: to Prometheus all are '_', to Wavefront '_' may be '.'. So all of
 * kstatsd, kstatsd.x, kstatsd_x, kstatsd-x are the daemon's. The '_' before it is something to every sink.
 */
static bool name_is_own(const char *text)
{
	static const char own[] = "kstatsd";
	const size_t len = sizeof(own) - 1;

	return !strncmp(text, own, len) &&
	       (!text[len] || text[len] == '.' || text[len] == '_' || text[len] == '-');
}

/* There is room for one byte more. Returns the new length. */
static size_t name_disown(char *text, size_t len)
{
	if (!name_is_own(text))
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
	canonical->scale = 1;
	canonical->dropped = false;
	canonical->ttl = 0;
	canonical->rule = NULL;
	return 0;
}

int canonical_name_set(struct canonical_name *canonical, const void *name, size_t len)
{
	/* one '_' more and two NULs fit in any case */
	if (len > sizeof(canonical->text) - 3)
		return -ENAMETOOLONG;
	len = path_collapse(canonical->text, name_sanitise(canonical->text, name, len, '\0'));
	if (!len) {
		memcpy(canonical->text, "_", sizeof("_"));
		len = 1;
	}
	canonical->name_len = name_disown(canonical->text, len);
	return 0;
}

int canonical_name_make(struct canonical_name *canonical, const void *name, size_t name_len, const void *tags,
			size_t tags_len)
{
	return naming_make(NULL, METRIC_COUNTER, canonical, name, name_len, tags, tags_len);
}
