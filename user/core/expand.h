/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Text with references to what a rule matched, "${1}_total", compiled when the rule is read.
 * Globs and regular expressions spell references alike but for the corners:
 *
 *                 glob                       regular expression (Go's Regexp.Expand)
 *     $1 ${1}     the first '*'              the first group
 *     $0          nothing                    all that matched
 *     $1_x        nothing, as "1_x" is no number, nor a group's name, in either
 *     ${name}     nothing                    the group of that name
 *     $$          '$' and what follows       '$'
 */
#ifndef CORE_EXPAND_H
#define CORE_EXPAND_H

#include <stddef.h>
#include "lib/arena.h"

/* Not NUL-terminated, someone else's. */
struct piece {
	const char *text;
	size_t len;
};

/* Literal text, or a group. */
struct expansion_part {
	struct piece literal;
	int group; /* negative: the literal */
};

struct expansion {
	struct expansion_part *parts;
	size_t count;
};

/* The number of the group of that name (`len` bytes), or negative if there is none. */
typedef int expansion_group_fn(const void *context, const char *name, size_t len);

/* Both keep pointers into `text` and take from the arena. -ENOMEM. `stars`: how many there are. */
int expansion_compile_glob(struct expansion *expansion, struct arena *arena, const char *text, size_t stars);
int expansion_compile_regex(struct expansion *expansion, struct arena *arena, const char *text,
			    expansion_group_fn *group, const void *context);

/* Writes to `to`, no NUL; *len says how much. Groups that are not there are empty. -ENAMETOOLONG. */
int expansion_write(const struct expansion *expansion, const struct piece *groups, size_t group_count,
		    char *to, size_t size, size_t *len);

#endif /* CORE_EXPAND_H */
