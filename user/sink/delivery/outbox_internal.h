/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What outbox.c, the list and its limits, and outbox_spool.c, its other half on disk, share. */
#ifndef SINK_OUTBOX_INTERNAL_H
#define SINK_OUTBOX_INTERNAL_H

#include <sys/queue.h>
#include "sink/delivery/outbox.h"
#include "sink/delivery/spool.h"

struct event;

/*
 *     MEMORY -> WRITING -> STORED, with or without its data in memory
 *        ^         |         |
 *        '---------+---------'   it could not be written; the spool was set aside
 */
enum place {
	PLACE_MEMORY,
	PLACE_WRITING,
	PLACE_STORED,
};

/* One batch that waits: on the list, and in one of the lanes unless it is on disk only. */
struct entry {
	TAILQ_ENTRY(entry) next, beside;
	struct batch *batch; /* NULL: on disk only */
	uint64_t row;	     /* greater than all before it on the list */
	int64_t born;	     /* CLOCK_BOOTTIME, so that no step of the wall clock makes it older */
	size_t len, points;
	enum place place;
	bool reading; /* its data come; room in memory is counted already */
	unsigned int failures;
};

TAILQ_HEAD(entry_list, entry);

struct outbox {
	struct outbox_options options;
	struct entry_list list; /* the oldest first */
	/* The lanes, also the oldest first, but for `writing`, which is in the order of the writes. */
	struct entry_list unsaved, writing;
	struct entry_list cached; /* STORED, and in memory as well */
	struct entry *taken;
	struct event *aging, *saving;
	struct outbox_stats stats;
	struct spool_client *client; /* NULL: no spool */
	size_t bytes_disk;	     /* WRITING and STORED */
	int64_t paused; /* CLOCK_BOOTTIME until which nothing is written, as the last write failed */
	bool wanted;	/* outbox_take() had nothing */
	bool finding;	/* found() is about to come */
	uint64_t points_dropped_before; /* when nothing waited for the last time */
	bool complained;		/* that batches are dropped, since then */
};

/* Takes it off the list, deletes its row, frees it. */
void entry_remove(struct outbox *outbox, struct entry *entry);
/* The same, and counts it as dropped. */
void entry_drop(struct outbox *outbox, struct entry *entry);
/* Puts a new one, with its place, before `before`, or at the end if that is NULL, and counts it. */
void entry_insert(struct outbox *outbox, struct entry *entry, struct entry *before);
/* Moves it to another place and keeps lanes and counts right. */
void entry_place(struct outbox *outbox, struct entry *entry, enum place place);
/* Forgets the data of one that is STORED; or gives it data, for which memory is counted already. */
void entry_evict(struct outbox *outbox, struct entry *entry);
void entry_recall(struct outbox *outbox, struct entry *entry, struct batch *batch);
void outbox_expire(struct outbox *outbox);
/* But for the one that was taken. */
struct entry *outbox_oldest(const struct outbox *outbox);
/*
 * Makes room in memory for `len` bytes more: forgets data that are on disk, then drops the oldest that are
 * not. `writable`: they will leave memory when they are written, so there may be more of them.
 */
bool outbox_make_room(struct outbox *outbox, size_t len, bool writable);
/* Something went without having been asked for: reads back what is next by now, if it was wanted. */
void outbox_go_on(struct outbox *outbox);
void outbox_tell_freed(const struct outbox *outbox);
/* Calls available() if outbox_take() has something that it had not. */
void outbox_tell(struct outbox *outbox);

/* Negative errno: there is not enough memory. */
int outbox_attach(struct outbox *outbox);
/* What is not on disk yet will be, without the outbox. */
void outbox_detach(struct outbox *outbox);
/* May a batch of that length go to disk now? */
bool outbox_can_write(const struct outbox *outbox, size_t len);
void entry_write(struct outbox *outbox, struct entry *entry);
/* Sees to it that what is in memory only will be written, if it waits for long. */
void outbox_save_later(struct outbox *outbox);
/* Reads the first few back, as far as memory allows; the very first in any case. */
void outbox_read_ahead(struct outbox *outbox);
/* Forgets data that are on disk, of what is behind `stop`, the newest first, until no more than `bytes` are in memory. */
void outbox_evict(struct outbox *outbox, size_t bytes, const struct entry *stop);

#endif /* SINK_OUTBOX_INTERNAL_H */
