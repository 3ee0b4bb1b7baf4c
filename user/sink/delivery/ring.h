/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Which of several destinations a series goes to: always the same, as long as the list names it.
 * Each has many points on a circle of 64-bit numbers; a series goes to the owner of the next point.
 *
 *     0 ---a--b-b---c-a---x-c---b--a--- 2^64     x goes to c; without c, to b
 *
 * A destination more, or less, moves only the series that it gets, or had. The circle depends on
 * the texts of the addresses alone, not on their order.
 */
#ifndef SINK_RING_H
#define SINK_RING_H

#include <stddef.h>
#include "sink/options.h"

struct ring;

/* NULL: out of memory. */
struct ring *ring_new(const char (*addresses)[ADDRESS_BYTES], size_t count);
/* Safe on NULL. */
void ring_free(struct ring *ring);

/* The index of the address for "name;tags", "name" without tags. */
size_t ring_find(const struct ring *ring, const char *name, const char *tags);

#endif /* SINK_RING_H */
