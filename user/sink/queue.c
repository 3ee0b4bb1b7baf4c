// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A batch is what is sent again when a connection breaks, and what is dropped at once, so
 * it is neither a line nor everything: 256 KiB, or a quarter of a small queue.
 */
#include <stdlib.h>
#include <string.h>
#include "sink/queue.h"

#define BATCH_BYTES (256 << 10)

void queue_init(struct queue *queue, size_t limit)
{
	*queue = (struct queue){ .limit = limit };
	TAILQ_INIT(&queue->list);
}

static void batch_remove(struct queue *queue, struct batch *batch)
{
	TAILQ_REMOVE(&queue->list, batch, next);
	queue->bytes -= batch->len;
	queue->count--;
	free(batch);
}

void queue_release(struct queue *queue)
{
	while (!TAILQ_EMPTY(&queue->list))
		batch_remove(queue, TAILQ_FIRST(&queue->list));
}

static size_t count_lines(const char *text, size_t len)
{
	const char *end = text + len;
	size_t lines = 0;

	for (; text < end && (text = memchr(text, '\n', (size_t)(end - text))); text++)
		lines++;
	return lines;
}

/* Drops what is oldest until there are `len` bytes of room. */
static bool queue_make_room(struct queue *queue, size_t len)
{
	struct batch *batch = TAILQ_FIRST(&queue->list), *next;

	for (; batch && queue->limit - queue->bytes < len; batch = next) {
		next = TAILQ_NEXT(batch, next);
		if (batch->sending)
			continue;
		queue->batches_dropped++;
		queue->lines_dropped += batch->lines;
		batch_remove(queue, batch);
	}
	return queue->limit - queue->bytes >= len;
}

static void batch_add(struct queue *queue, const char *text, size_t len)
{
	size_t lines = count_lines(text, len);
	struct batch *batch = NULL;

	if (len <= queue->limit && queue_make_room(queue, len))
		batch = malloc(sizeof(*batch) + len);
	if (!batch) {
		queue->batches_dropped++;
		queue->lines_dropped += lines;
		return;
	}
	*batch = (struct batch){ .len = len, .lines = lines };
	memcpy(batch->data, text, len);
	TAILQ_INSERT_TAIL(&queue->list, batch, next);
	queue->bytes += len;
	queue->count++;
}

void queue_add(struct queue *queue, const char *text, size_t len)
{
	const size_t most = queue->limit / 4 < BATCH_BYTES ? queue->limit / 4 : BATCH_BYTES;
	const char *end;
	size_t part;

	for (; len; text += part, len -= part) {
		part = len;
		if (len > most) {
			/* Up to the last newline within the limit; a longer line goes alone. */
			end = memrchr(text, '\n', most);
			if (!end)
				end = memchr(text, '\n', len);
			part = end ? (size_t)(end - text) + 1 : len;
		}
		batch_add(queue, text, part);
	}
}

struct batch *queue_first(struct queue *queue)
{
	return TAILQ_FIRST(&queue->list);
}

size_t queue_lines(const struct queue *queue)
{
	const struct batch *batch;
	size_t lines = 0;

	TAILQ_FOREACH(batch, &queue->list, next)
	lines += batch->lines;
	return lines;
}

void queue_pop(struct queue *queue)
{
	batch_remove(queue, TAILQ_FIRST(&queue->list));
}
