/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Tags on their way into a canonical name: collected from wherever they stand, made safe one
 * by one, so that no byte of one can pass for a separator, then sorted.
 */
#ifndef CORE_TAG_H
#define CORE_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include "core/name.h"

struct tag {
	const char *key, *value; /* in the list's text */
	unsigned int order;	 /* as added */
};

/* Worst case of the text: "a" becomes "a\0true\0". Empty with used and count 0, the rest as it may be. */
struct tag_list {
	char text[2 * NAME_BYTES];
	size_t used;
	struct tag tags[NAME_TAGS_MAX];
	unsigned int count;
};

/* No key: nothing is added. No value: "true". -ENAMETOOLONG. */
int tag_list_add(struct tag_list *list, const char *key, size_t key_len, const char *value, size_t value_len);

/*
 * Adds the tags of `text`, with `separator` between them: "k:v", "k=v" or "bare". As in
 * statsd, the first ':' of a tag is a '='; the first '=' then ends the key. A ';' is '_'.
 */
int tag_list_parse(struct tag_list *list, const char *text, size_t len, char separator);

/* Is there one with this key, once that is made safe? */
bool tag_list_has(const struct tag_list *list, const char *key);
void tag_list_remove(struct tag_list *list, const char *key);

/* Sorts and writes them behind the name; of equal keys the one added last. -ENAMETOOLONG. */
int tag_list_write(struct tag_list *list, struct canonical_name *canonical);

#endif /* CORE_TAG_H */
