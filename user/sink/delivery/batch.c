// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Batches are counted, not copied: while one is being written to disk, it may be sent, or be
 * dropped, and has to stay where it is until the write has ended.
 */
#include <stdlib.h>
#include "sink/delivery/batch.h"

struct batch *batch_new(unsigned int kind, int64_t created, size_t points, size_t len)
{
	struct batch *batch = malloc(sizeof(*batch) + len);

	if (batch)
		*batch = (struct batch){
			.created = created, .kind = kind, .holders = 1, .len = len, .points = points
		};
	return batch;
}

struct batch *batch_hold(struct batch *batch)
{
	batch->holders++;
	return batch;
}

void batch_release(struct batch *batch)
{
	if (batch && !--batch->holders)
		free(batch);
}
