/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The slow path in user space: statsd bytes -> the kernel's own parser -> the store, with
 * the exact arithmetic that the kernel lacks, counted in a ledger. Of a line with several
 * values each counts as a line.
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

/* When what follows was sent, Unix seconds: times that senders gave are compared with it. 0 until it is called. */
void ingest_set_time(struct ingest *ingest, int64_t now);

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

/* What is wrong with a value of a line. */
struct line_fault {
	enum ledger_counter reason; /* as ingest_lines() would count it */
	size_t at;		    /* byte of the line where the fault is, at most its length */
	const char *why;	    /* what the ledger's row leaves open, in words; NULL: nothing */
};

/*
 * Why ingest_lines() would reject a line (without its newline) at the time `now` (Unix seconds),
 * or values of it: writes at most `max` faults, in the order of the values, and returns how many there
 * are. 0: the line is good. Folds and counts nothing.
 */
size_t ingest_explain(struct ingest *ingest, const void *line, size_t len, int64_t now,
		      struct line_fault *faults, size_t max);

#endif /* CORE_INGEST_H */
