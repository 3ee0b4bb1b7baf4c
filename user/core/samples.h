/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Raw samples of one timer in one window: all of them, or where there is a limit a fair
 * part, in which every sample came with the same probability, however many there were.
 */
#ifndef CORE_SAMPLES_H
#define CORE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>
#include "core/store.h"

/* All zero: none. */
struct samples {
	struct sample *list; /* as they came, as long as they are all here and unsorted */
	size_t used, size;
	uint64_t seen; /* how many there were; more than `used`: a part was left out */
};

/* Numbers by chance: xorshift64* of Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled" (2016). The state must not be 0. */
uint64_t chance_below(uint64_t *chance, uint64_t bound);

/*
 * At most `limit` are kept, 0: all; Vitter's algorithm R, "Random Sampling with a Reservoir"
 * (1985). A window that left some out keeps its number even when the limit changes.
 * -ENOMEM: nothing was added.
 */
int samples_add(struct samples *samples, struct sample sample, size_t limit, uint64_t *chance);

/*
 * Puts the samples of `from` before those of `to`, and empties `from`. Where both together are
 * over the limit, a fair part of both. -ENOMEM: nothing was moved.
 */
int samples_move(struct samples *to, struct samples *from, size_t limit, uint64_t *chance);

/* By value, ascending. */
void samples_sort(struct samples *samples);
void samples_release(struct samples *samples);

#endif /* CORE_SAMPLES_H */
