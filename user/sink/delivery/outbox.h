/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Batches that wait for one destination, the oldest first, and leave only when they are
 * delivered. What does not leave at once is written to the spool on disk, if there is one, and
 * survives the daemon; a part of it, bounded by queue.memory, is kept in memory as well, so that
 * it need not be read back.
 *
 *     add -> | memory ............... | <- read back, oldest first
 *            | spool ..................................... |   over queue.disk or queue.max_age
 *                                                              the oldest go, counted
 *
 * Without a spool, memory is all there is.
 */
#ifndef SINK_OUTBOX_H
#define SINK_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"
#include "sink/delivery/batch.h"
#include "sink/options.h"

struct event_base;
struct outbox;
struct spool;

struct outbox_options {
	const char *what;	 /* of the destination, for sentences: "graphite at 127.0.0.1:2003" */
	const char *destination; /* in the spool; the same after a restart with the same configuration */
	struct queue_options limits;
	struct spool *spool; /* NULL: none */
	/* outbox_first() has something again: it was read back. */
	void (*available)(void *context);
	/* A batch has left, or is on disk: outbox_room() may say otherwise than before. May be NULL. */
	void (*freed)(void *context);
	void *context;
};

struct outbox_stats {
	uint64_t batches_queued, bytes_queued, points_queued; /* in memory or on disk, each counted once */
	uint64_t bytes_memory;
	uint64_t batches_spooled, bytes_spooled; /* of these, safely on disk */
	bool in_memory_only; /* there is no spool: what is queued is gone if the outbox is freed */
	uint64_t batches_dropped, points_dropped; /* over the limits, or too old; since the start */
	uint64_t batches_rejected, points_rejected;
	uint64_t spool_errors; /* batches that could not be written to disk or read back */
};

/* The texts must outlive it. NULL with the sentence in `error`. */
struct outbox *outbox_new(struct event_base *base, const struct outbox_options *options, struct error *error);
/* What is not on disk is gone, without a spool; with one, it sees to it, and counts what it cannot write. Safe on NULL. */
void outbox_free(struct outbox *outbox);

/* What becomes of the oldest if `len` bytes more are added. */
enum outbox_room {
	OUTBOX_ROOM, /* they stay */
	OUTBOX_BUSY, /* so they do, once more is written to disk, which is under way: freed() follows */
	OUTBOX_FULL, /* they go, unless some are sent first */
};
enum outbox_room outbox_room(const struct outbox *outbox, size_t len);

/* Takes a copy. `urgent`: it cannot be sent now, so to disk with it at once. What finds no room pushes out the oldest. */
void outbox_add(struct outbox *outbox, unsigned int kind, size_t points, const char *data, size_t len,
		bool urgent);
/*
 * The oldest batch, and holds it: it stays until one of the next three is called. NULL: there is none, or
 * it is being read back and available() follows.
 */
const struct batch *outbox_take(struct outbox *outbox);
/* The batch taken was delivered; or refused for good, which is counted; or is to be sent again. */
void outbox_delivered(struct outbox *outbox);
void outbox_rejected(struct outbox *outbox);
void outbox_put_back(struct outbox *outbox);

/* What waits goes to disk now: the daemon is about to leave. */
void outbox_save(struct outbox *outbox);

/* Nothing waits. */
bool outbox_is_empty(const struct outbox *outbox);
/* All that waits is on disk: the daemon may leave. */
bool outbox_is_safe(const struct outbox *outbox);
void outbox_stats(const struct outbox *outbox, struct outbox_stats *stats);

#endif /* SINK_OUTBOX_H */
