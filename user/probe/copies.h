/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A ring of copies of what the kernel parsed, that exists only while somebody wants them. Its
 * records begin with their time: CLOCK_MONOTONIC, nanoseconds, a uint64_t.
 *
 * What the daemon parses itself comes through another ring. Before a record of that is passed
 * on, the copies that are older are: the order is that of the sends, as far as two CPUs have one.
 */
#ifndef PROBE_COPIES_H
#define PROBE_COPIES_H

#include <stddef.h>
#include <stdint.h>

struct bpf_map;
struct copies;

/*
 * Makes the ring, of a power of two of bytes, and puts it into the map of maps `outer`. `take` gets each record, which
 * has `head` bytes at least. NULL: *err is a negative errno.
 */
struct copies *copies_new(const struct bpf_map *outer, size_t bytes, size_t head,
			  void (*take)(void *context, const void *record, size_t size), void *context,
			  int *err);
/* Programs fill it no more when it returns. Safe on NULL. */
void copies_free(struct copies *copies);

/*
 * Takes all copies that are not younger than `until`, before what was sent then is passed on; not
 * for ever, though programs may fill the ring meanwhile. Negative errno.
 */
int copies_catch_up(struct copies *copies, uint64_t until);
/* The same of about `bytes` of them. */
int copies_consume(struct copies *copies, uint64_t until, size_t bytes);
/* Polls readable when the copies want to be read at once. */
int copies_fd(const struct copies *copies);

#endif /* PROBE_COPIES_H */
