/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Batches on disk, for all destinations in one SQLite database (DIRECTORY/spool.db, WAL). Every
 * call returns at once; the work is done by the worker, and its end is told in the loop. A
 * database that cannot be read is set aside as spool.db.corrupt-TIME, with a message, and a new
 * one begun.
 *
 * What is written stays after the daemon was killed, at any time. After a loss of power the last
 * few writes may be missing.
 */
#ifndef SINK_SPOOL_H
#define SINK_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/error.h"
#include "sink/delivery/batch.h"

struct spool;
struct spool_client;
struct worker;

/* What the spool holds of a destination, found at the start. */
struct spool_row {
	uint64_t row;
	int64_t created;
	size_t len, points;
};

/* What became of the calls below. `err` is 0 or a negative errno. */
struct spool_events {
	/* The rows from before the attachment, the oldest first; once. They are now the client's to delete. */
	void (*found)(void *context, const struct spool_row *rows, size_t count, int err);
	/* From now on the batch survives the daemon; or it is not there. */
	void (*written)(void *context, uint64_t row, int err);
	/* The batch, to be released; or NULL: -EBADMSG or -ENOENT, it is damaged or not there; or what may pass. */
	void (*read)(void *context, uint64_t row, struct batch *batch, int err);
	/* The database was set aside: no row is there any more of which it was told before. */
	void (*lost)(void *context);
	void *context;
};

struct spool_stats {
	/* Too old, of destinations that no output has; or not to be written, and their client has left. */
	uint64_t batches_dropped, points_dropped;
};

/* Opens or creates it, and locks it against another daemon. Blocks. NULL with the sentence in `error`. */
struct spool *spool_new(struct worker *worker, const char *directory, struct error *error);
/* After all clients have left. Blocks until what was to be written is written. Safe on NULL. */
void spool_free(struct spool *spool);
/* Nothing is with the disk, or waits for it: spool_free() has hardly anything to do. */
bool spool_is_idle(const struct spool *spool);
/*
 * spool_free(), if that is done by `until` (CLOCK_MONOTONIC). False: the disk hangs, and what was to be written is
 * lost, which is logged; the spool stays, as the worker has it, which is to be freed by the same time.
 */
bool spool_free_until(struct spool *spool, int64_t until);

/*
 * From now on these are all the outputs there are: says how many batches wait for destinations that no client
 * has, and deletes those that are older than `max_age` nanoseconds (0: none), now and every hour.
 */
void spool_settle(struct spool *spool, int64_t max_age);
void spool_stats(const struct spool *spool, struct spool_stats *stats);

/*
 * found() follows, at once if no other client has the destination; else when it leaves: sets *waits.
 * NULL: out of memory.
 */
struct spool_client *spool_attach(struct spool *spool, const char *destination,
				  const struct spool_events *events, bool *waits);
/* Calls nothing back any more. What is to be written yet will be. Safe on NULL. */
void spool_detach(struct spool_client *client);

/* The client leaves, and these could not even be given to spool_write(): counts them. */
void spool_lose(struct spool_client *client, uint64_t batches, uint64_t points);

/* A number for a batch, greater than all before. */
uint64_t spool_row(struct spool *spool);
/* Holds the batch until it is written. -ENOMEM. */
int spool_write(struct spool_client *client, uint64_t row, struct batch *batch);
/* Of a row that is being read by nobody else. -ENOMEM. */
int spool_read(struct spool_client *client, uint64_t row);
/* False: it is too late, the row is being written, or was. Else it will not be, and written() is not called. */
bool spool_cancel(struct spool_client *client, uint64_t row);
/* The row is not needed any more, written or about to be. A daemon that is killed may find it again. */
void spool_delete(struct spool_client *client, uint64_t row);

#endif /* SINK_SPOOL_H */
