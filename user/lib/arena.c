// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A list of blocks; a piece that does not fit in the last one begins a new one. */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib/arena.h"

#define BLOCK_BYTES 65536

struct arena_block {
	struct arena_block *before;
	size_t used, size;
	alignas(max_align_t) char memory[];
};

void *arena_take(struct arena *arena, size_t bytes)
{
	struct arena_block *block = arena->last;
	size_t size;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->used < bytes) {
		size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		block = calloc(1, sizeof(*block) + size);
		if (!block)
			return NULL;
		block->size = size;
		block->before = arena->last;
		arena->last = block;
	}
	block->used += bytes;
	return block->memory + block->used - bytes;
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_take(arena, length + 1);

	return copy ? memcpy(copy, text, length) : NULL;
}

void arena_release(struct arena *arena)
{
	struct arena_block *before;

	for (struct arena_block *block = arena->last; block; block = before) {
		before = block->before;
		free(block);
	}
	arena->last = NULL;
}
