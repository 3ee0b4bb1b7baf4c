/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Batches on disk, for all destinations in one SQLite database (DIRECTORY/spool.db, WAL). Every
 * call returns at once; the work is done by the worker, and its end is told in the loop, in the
 * order of the calls. A database that cannot be read is set aside as spool.db.corrupt-TIME, with a
 * message, and a new one begun.
 */
#ifndef SINK_SPOOL_H
#define SINK_SPOOL_H

#include <stdint.h>
#include "lib/error.h"
#include "sink/outbox.h"

struct worker;

/* What the spool holds of a destination, found at the start. */
struct spool_row {
	uint64_t row;
	int64_t created;
	size_t len, points;
};

/* Opens or creates it, and locks it against another daemon. NULL with the sentence in `error`. */
struct spool *spool_new(struct worker *worker, const char *directory, struct error *error);
void spool_free(struct spool *spool);

#endif /* SINK_SPOOL_H */
