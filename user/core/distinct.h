/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * How many distinct values a set saw: exactly, by their 128-bit hashes, up to a limit; then
 * by a HyperLogLog sketch, whose registers bpf/hash.h assigns.
 */
#ifndef CORE_DISTINCT_H
#define CORE_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hash.h"

/* All zero: empty. */
struct distinct {
	uint64_t (*members)[2]; /* open addressing; two zeros: free */
	size_t used, size;	/* size: a power of two, or 0 */
	uint8_t *registers;	/* HLL_REGISTERS of them; then there are no members */
	bool zero;		/* the hash that is all zeros is a member */
};

/* `limit`: so many are counted exactly. -ENOMEM: nothing was added. */
int distinct_add(struct distinct *distinct, const uint64_t hash[2], size_t limit);
int distinct_merge(struct distinct *distinct, const uint8_t *registers);
/* All that `other` has. -ENOMEM: perhaps only some of it was added, which does no harm. */
int distinct_absorb(struct distinct *distinct, const struct distinct *other, size_t limit);
/* How many; *estimated: by the sketch. */
double distinct_count(const struct distinct *distinct, bool *estimated);
void distinct_release(struct distinct *distinct);

#endif /* CORE_DISTINCT_H */
