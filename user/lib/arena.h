/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Memory for things that live and end together, such as the rules of one file: taken piece
 * by piece, given back at once.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stddef.h>

struct arena_block;

/* All zero: empty. */
struct arena {
	struct arena_block *last;
};

/* Zeroed, aligned for anything; NULL: out of memory. */
void *arena_take(struct arena *arena, size_t bytes);
/* A copy of `length` bytes with a NUL behind. NULL: out of memory. */
char *arena_copy(struct arena *arena, const char *text, size_t length);
void arena_release(struct arena *arena);

#endif /* LIB_ARENA_H */
