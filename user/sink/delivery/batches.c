// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Records are appended where they will lie in their batch. When a metric made one too large,
 * what lay there before it leaves, and the metric's own bytes move to the front.
 */
#include <string.h>
#include "sink/delivery/batches.h"

struct records *batches_open(struct batches *batches)
{
	for (unsigned int kind = 0; kind < RECORD_KINDS; kind++) {
		batches->len_before[kind] = batches->records.text[kind].len;
		batches->points_before[kind] = batches->records.points[kind];
	}
	return &batches->records;
}

/* Passes on the first `len` bytes of a kind, `points` of them. */
static void batches_cut(struct batches *batches, unsigned int kind, size_t len, size_t points)
{
	struct text *text = &batches->records.text[kind];

	batches->take(batches->context, kind, points, text->data, len);
	text->len -= len;
	batches->records.points[kind] -= points;
	memmove(text->data, text->data + len, text->len);
}

void batches_close(struct batches *batches, bool keep)
{
	for (unsigned int kind = 0; kind < RECORD_KINDS; kind++) {
		struct text *text = &batches->records.text[kind];
		size_t *points = &batches->records.points[kind];

		if (!keep) {
			text->len = batches->len_before[kind];
			text->failed = false;
			*points = batches->points_before[kind];
		}
		if ((text->len > batches->bytes || *points > batches->points) && batches->len_before[kind])
			batches_cut(batches, kind, batches->len_before[kind], batches->points_before[kind]);
		if (text->len > batches->bytes || *points >= batches->points)
			batches_cut(batches, kind, text->len, *points);
	}
}

void batches_finish(struct batches *batches)
{
	for (unsigned int kind = 0; kind < RECORD_KINDS; kind++) {
		if (batches->records.text[kind].len)
			batches_cut(batches, kind, batches->records.text[kind].len,
				    batches->records.points[kind]);
		text_release(&batches->records.text[kind]);
	}
	batches->records = (struct records){};
}
