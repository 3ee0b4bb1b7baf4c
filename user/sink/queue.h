/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Batches of whole lines that wait to be sent, bounded in bytes. When a new one has no room,
 * the oldest goes that is not being sent, and is counted.
 */
#ifndef SINK_QUEUE_H
#define SINK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct batch {
	TAILQ_ENTRY(batch) next;
	size_t len, lines;
	bool sending; /* somebody reads data: it must stay */
	char data[];
};

TAILQ_HEAD(batch_list, batch);

struct queue {
	struct batch_list list; /* oldest first */
	size_t limit, bytes, count;
	uint64_t batches_dropped, lines_dropped;
};

void queue_init(struct queue *queue, size_t limit);
void queue_release(struct queue *queue);

/* Appends text of whole lines, cut into batches of moderate size. What finds neither room nor memory is counted. */
void queue_add(struct queue *queue, const char *text, size_t len);
/* The oldest batch; NULL: empty. */
struct batch *queue_first(struct queue *queue);
/* Of all batches. */
size_t queue_lines(const struct queue *queue);
/* Removes the oldest batch, which has been delivered. */
void queue_pop(struct queue *queue);

#endif /* SINK_QUEUE_H */
