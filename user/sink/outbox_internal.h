/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The list of an outbox, for outbox*.c only. */
#ifndef SINK_OUTBOX_INTERNAL_H
#define SINK_OUTBOX_INTERNAL_H

#include <sys/queue.h>
#include "sink/outbox.h"

struct event;

/* One batch that waits. */
struct entry {
	TAILQ_ENTRY(entry) next;
	struct batch *batch; /* NULL: on disk only */
	int64_t born;	     /* CLOCK_BOOTTIME, so that no step of the wall clock makes it older */
	size_t len, points;
};

TAILQ_HEAD(entry_list, entry);

struct outbox {
	struct outbox_options options;
	struct entry_list list; /* the oldest first */
	struct entry *taken;
	struct event *timer;
	struct outbox_stats stats;
	uint64_t points_dropped_before; /* when nothing waited for the last time */
	bool complained;		/* that batches are dropped, since then */
};

/* Takes it off the list and frees it. */
void entry_remove(struct outbox *outbox, struct entry *entry);
/* The same, and counts it as dropped. */
void entry_drop(struct outbox *outbox, struct entry *entry);

#endif /* SINK_OUTBOX_INTERNAL_H */
