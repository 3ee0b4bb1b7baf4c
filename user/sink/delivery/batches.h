/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Cuts a flush into batches: records pile up, kind by kind, and what lies between two metrics is
 * where they may be cut.
 *
 *     | metric | metric | metric | metric ...
 *     '---- at most `bytes` ----' '------------
 *              and `points`
 */
#ifndef SINK_BATCHES_H
#define SINK_BATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include "sink/encoder.h"

struct batches {
	size_t bytes, points; /* a batch is not made larger, unless one metric is */
	struct records records;
	size_t len_before[RECORD_KINDS], points_before[RECORD_KINDS];
	/* Takes a batch of whole records; its bytes are gone afterwards. */
	void (*take)(void *context, unsigned int kind, size_t points, const char *data, size_t len);
	void *context;
};

/* Where the next metric's records are to be appended. */
struct records *batches_open(struct batches *batches);
/* The metric is complete, or, unless `keep`, had better not been. Passes on what is full. */
void batches_close(struct batches *batches, bool keep);
/* Passes on the rest, and frees the room for it. */
void batches_finish(struct batches *batches);

#endif /* SINK_BATCHES_H */
