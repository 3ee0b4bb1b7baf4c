/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The slow path in user space: statsd bytes -> the kernel's own parser -> the store, with
 * the exact arithmetic that the kernel lacks, counted in a ledger.
 */
#ifndef CORE_INGEST_H
#define CORE_INGEST_H

#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"

struct ingest;
struct store;

/* NULL when out of memory. `store` must outlive it. Free with ingest_free(). */
struct ingest *ingest_new(struct store *store);
void ingest_free(struct ingest *ingest);

/* The key under which the kernel hashes the values of sets; both sides must use one. */
void ingest_set_key(struct ingest *ingest, const uint64_t key[2]);

/*
 * Folds every line of `data` (`len` bytes, not NUL-terminated, never written) into `window`
 * of the store and counts lines in `ledger`.
 */
void ingest_lines(struct ingest *ingest, unsigned int window, const void *data, size_t len,
		  struct ledger *ledger);

/*
 * The same for whole datagrams: `segment` bytes each (UDP_SEGMENT), or one if it is 0.
 * Counts datagrams too; `seen` of the first is the kernel's, which saw one send.
 */
void ingest_datagrams(struct ingest *ingest, unsigned int window, const void *data, size_t len,
		      uint32_t segment, struct ledger *ledger);

#endif /* CORE_INGEST_H */
