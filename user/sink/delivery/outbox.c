// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The list of what waits for one destination, and its limits. A batch goes off the list when it
 * was delivered, or refused, or when a limit says so; the one that was taken stays in any case.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/outbox_internal.h"

/* Each needs a little memory of its own, wherever its data are. */
#define BATCHES_MAX (128 << 10)
static const struct timeval aging_interval = { .tv_sec = 5 };

/* What is on its way to disk may be that much more than queue.memory: a flush is larger than that, at times. */
#define WRITE_AHEAD_BYTES (64 << 20)
/* Of these, who can wait takes only that many: the disk has enough to do with them. */
#define WRITE_AHEAD_PACE (16 << 20)

/* Where it stands beside the list; NULL: nowhere. */
static struct entry_list *entry_lane(struct outbox *outbox, const struct entry *entry)
{
	switch (entry->place) {
	case PLACE_MEMORY:
		return &outbox->unsaved;
	case PLACE_WRITING:
		return &outbox->writing;
	case PLACE_STORED:
		break;
	}
	return entry->batch ? &outbox->cached : NULL;
}

static void entry_leave(struct outbox *outbox, struct entry *entry)
{
	struct entry_list *lane = entry_lane(outbox, entry);

	if (lane)
		TAILQ_REMOVE(lane, entry, beside);
	if (entry->place != PLACE_MEMORY)
		outbox->bytes_disk -= entry->len;
	if (entry->place != PLACE_STORED)
		return;
	outbox->stats.batches_spooled--;
	outbox->stats.bytes_spooled -= entry->len;
}

static void entry_enter(struct outbox *outbox, struct entry *entry)
{
	struct entry_list *lane = entry_lane(outbox, entry);
	struct entry *behind = lane ? TAILQ_LAST(lane, entry_list) : NULL;

	/* Hardly ever is there a newer one. */
	while (behind && behind->row > entry->row && lane != &outbox->writing)
		behind = TAILQ_PREV(behind, entry_list, beside);
	if (behind)
		TAILQ_INSERT_AFTER(lane, behind, entry, beside);
	else if (lane)
		TAILQ_INSERT_HEAD(lane, entry, beside);
	if (entry->place != PLACE_MEMORY)
		outbox->bytes_disk += entry->len;
	if (entry->place != PLACE_STORED)
		return;
	outbox->stats.batches_spooled++;
	outbox->stats.bytes_spooled += entry->len;
}

void entry_place(struct outbox *outbox, struct entry *entry, enum place place)
{
	entry_leave(outbox, entry);
	entry->place = place;
	entry_enter(outbox, entry);
}

void entry_insert(struct outbox *outbox, struct entry *entry, struct entry *before)
{
	if (before)
		TAILQ_INSERT_BEFORE(before, entry, next);
	else
		TAILQ_INSERT_TAIL(&outbox->list, entry, next);
	entry_enter(outbox, entry);
	outbox->stats.batches_queued++;
	outbox->stats.bytes_queued += entry->len;
	outbox->stats.points_queued += entry->points;
	if (entry->batch)
		outbox->stats.bytes_memory += entry->len;
	if (!event_pending(outbox->aging, EV_TIMEOUT, NULL))
		event_add(outbox->aging, &aging_interval);
}

void entry_evict(struct outbox *outbox, struct entry *entry)
{
	TAILQ_REMOVE(&outbox->cached, entry, beside);
	outbox->stats.bytes_memory -= entry->len;
	batch_release(entry->batch);
	entry->batch = NULL;
}

void entry_recall(struct outbox *outbox, struct entry *entry, struct batch *batch)
{
	struct entry *before = TAILQ_FIRST(&outbox->cached);

	entry->batch = batch;
	/* What is read is next to be sent: few are older. */
	while (before && before->row < entry->row)
		before = TAILQ_NEXT(before, beside);
	if (before)
		TAILQ_INSERT_BEFORE(before, entry, beside);
	else
		TAILQ_INSERT_TAIL(&outbox->cached, entry, beside);
}

static void entry_free(struct entry *entry)
{
	batch_release(entry->batch);
	free(entry);
}

void entry_remove(struct outbox *outbox, struct entry *entry)
{
	if (entry == outbox->taken)
		outbox->taken = NULL;
	if (entry->place == PLACE_STORED ||
	    (entry->place == PLACE_WRITING && !spool_cancel(outbox->client, entry->row)))
		spool_delete(outbox->client, entry->row);
	entry_leave(outbox, entry);
	TAILQ_REMOVE(&outbox->list, entry, next);
	outbox->stats.batches_queued--;
	outbox->stats.bytes_queued -= entry->len;
	outbox->stats.points_queued -= entry->points;
	if (entry->batch || entry->reading)
		outbox->stats.bytes_memory -= entry->len;
	entry_free(entry);
	outbox_tell_freed(outbox);
	if (!TAILQ_EMPTY(&outbox->list))
		return;
	event_del(outbox->aging);
	if (outbox->saving)
		event_del(outbox->saving);
	if (outbox->complained) {
		log_info("%s has caught up; %" PRIu64 " points were dropped", outbox->options.what,
			 outbox->stats.points_dropped - outbox->points_dropped_before);
		outbox->complained = false;
	}
}

static void outbox_count_drop(struct outbox *outbox, size_t points)
{
	if (!outbox->complained) {
		log_warning(
			"too much waits for %s, or for too long: dropping the oldest; see queue.memory, queue.disk, queue.max_age",
			outbox->options.what);
		outbox->points_dropped_before = outbox->stats.points_dropped;
		outbox->complained = true;
	}
	outbox->stats.batches_dropped++;
	outbox->stats.points_dropped += points;
}

void entry_drop(struct outbox *outbox, struct entry *entry)
{
	outbox_count_drop(outbox, entry->points);
	entry_remove(outbox, entry);
}

/* The list is in the order of ages, so the first that is young enough ends the search. */
void outbox_expire(struct outbox *outbox)
{
	const int64_t max_age = outbox->options.limits.max_age, now = clock_read(CLOCK_BOOTTIME);
	struct entry *entry = TAILQ_FIRST(&outbox->list), *next;

	for (; max_age && entry && now - entry->born > max_age; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry != outbox->taken)
			entry_drop(outbox, entry);
	}
}

struct entry *outbox_oldest(const struct outbox *outbox)
{
	struct entry *entry = TAILQ_FIRST(&outbox->list);

	return entry && entry == outbox->taken ? TAILQ_NEXT(entry, next) : entry;
}

/* The oldest that is in memory and not on disk, but what is being sent. */
static struct entry *outbox_oldest_unsaved(const struct outbox *outbox)
{
	struct entry *unsaved = TAILQ_FIRST(&outbox->unsaved), *writing = TAILQ_FIRST(&outbox->writing);

	if (unsaved && unsaved == outbox->taken)
		unsaved = TAILQ_NEXT(unsaved, beside);
	if (writing && writing == outbox->taken)
		writing = TAILQ_NEXT(writing, beside);
	if (!unsaved || !writing)
		return unsaved ? unsaved : writing;
	return unsaved->row < writing->row ? unsaved : writing;
}

bool outbox_make_room(struct outbox *outbox, size_t len, bool writable)
{
	const size_t limit = outbox->options.limits.memory + (writable ? WRITE_AHEAD_BYTES : 0);
	struct entry *entry;

	if (len > limit)
		return false;
	if (!writable)
		outbox_evict(outbox, limit - len, outbox_oldest(outbox));
	while (outbox->stats.bytes_memory + len > limit && (entry = outbox_oldest_unsaved(outbox)))
		entry_drop(outbox, entry);
	return outbox->stats.bytes_memory + len <= limit;
}

enum outbox_room outbox_room(const struct outbox *outbox, size_t len)
{
	const struct queue_options *limits = &outbox->options.limits;
	const struct outbox_stats *stats = &outbox->stats;
	/* What is on disk leaves memory as soon as it is in the way. */
	const uint64_t unsaved = stats->bytes_queued - stats->bytes_spooled + len;

	/* It never gets better than that. */
	if (!stats->batches_queued)
		return OUTBOX_ROOM;
	if (stats->batches_queued >= BATCHES_MAX)
		return OUTBOX_FULL;
	if (!outbox_can_write(outbox, len))
		return unsaved <= limits->memory ? OUTBOX_ROOM : OUTBOX_FULL;
	if (stats->bytes_queued + len > limits->disk)
		return OUTBOX_FULL;
	return unsaved <= limits->memory + WRITE_AHEAD_PACE ? OUTBOX_ROOM : OUTBOX_BUSY;
}

static void on_aging(evutil_socket_t fd, short events, void *context)
{
	struct outbox *outbox = context;

	(void)fd;
	(void)events;
	outbox_expire(outbox);
	if (!TAILQ_EMPTY(&outbox->list))
		event_add(outbox->aging, &aging_interval);
	outbox_go_on(outbox);
}

struct outbox *outbox_new(struct event_base *base, const struct outbox_options *options, struct error *error)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (!outbox)
		goto out_error;
	outbox->options = *options;
	TAILQ_INIT(&outbox->list);
	TAILQ_INIT(&outbox->unsaved);
	TAILQ_INIT(&outbox->writing);
	TAILQ_INIT(&outbox->cached);
	outbox->aging = event_new(base, -1, 0, on_aging, outbox);
	if (outbox->aging && !outbox_attach(outbox))
		return outbox;
	outbox_free(outbox);
out_error:
	error_set(error, -ENOMEM, "cannot create a queue for %s: out of memory", options->what);
	return NULL;
}

void outbox_free(struct outbox *outbox)
{
	struct entry *entry;

	if (!outbox)
		return;
	outbox_detach(outbox);
	while ((entry = TAILQ_FIRST(&outbox->list))) {
		TAILQ_REMOVE(&outbox->list, entry, next);
		entry_free(entry);
	}
	if (outbox->aging)
		event_free(outbox->aging);
	free(outbox);
}

static struct entry *entry_new(struct outbox *outbox, unsigned int kind, size_t points, const char *data,
			       size_t len)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->batch = batch_new(kind, clock_read(CLOCK_REALTIME), points, len);
	if (!entry->batch) {
		free(entry);
		return NULL;
	}
	memcpy(entry->batch->data, data, len);
	entry->born = clock_read(CLOCK_BOOTTIME);
	entry->len = len;
	entry->points = points;
	if (outbox->client)
		entry->row = spool_row(outbox->options.spool);
	return entry;
}

void outbox_add(struct outbox *outbox, unsigned int kind, size_t points, const char *data, size_t len,
		bool urgent)
{
	const bool writable = outbox_can_write(outbox, len);
	const struct entry *last;
	struct entry *entry = NULL;

	outbox_expire(outbox);
	while (outbox->stats.batches_queued >= BATCHES_MAX)
		entry_drop(outbox, outbox_oldest(outbox));
	if (outbox_make_room(outbox, len, writable))
		entry = entry_new(outbox, kind, points, data, len);
	if (!entry) {
		outbox_count_drop(outbox, points);
		return;
	}
	last = TAILQ_LAST(&outbox->list, entry_list);
	urgent |= last && last->place != PLACE_MEMORY;
	entry_insert(outbox, entry, NULL);
	urgent |= outbox->stats.bytes_memory > outbox->options.limits.memory;
	if (urgent && writable)
		entry_write(outbox, entry);
	if (entry->place == PLACE_MEMORY)
		outbox_save_later(outbox);
}

const struct batch *outbox_take(struct outbox *outbox)
{
	struct entry *first;

	outbox_expire(outbox);
	if (!outbox->finding)
		outbox_read_ahead(outbox);
	first = TAILQ_FIRST(&outbox->list);
	outbox->taken = first && first->batch && !outbox->finding ? first : NULL;
	outbox->wanted = !outbox->taken;
	return outbox->taken ? outbox->taken->batch : NULL;
}

void outbox_tell(struct outbox *outbox)
{
	const struct entry *first = TAILQ_FIRST(&outbox->list);

	if (!outbox->wanted || !first || !first->batch || outbox->finding)
		return;
	outbox->wanted = false;
	if (outbox->options.available)
		outbox->options.available(outbox->options.context);
}

void outbox_tell_freed(const struct outbox *outbox)
{
	if (outbox->options.freed)
		outbox->options.freed(outbox->options.context);
}

void outbox_delivered(struct outbox *outbox)
{
	if (outbox->taken)
		entry_remove(outbox, outbox->taken);
}

void outbox_rejected(struct outbox *outbox)
{
	if (!outbox->taken)
		return;
	outbox->stats.batches_rejected++;
	outbox->stats.points_rejected += outbox->taken->points;
	entry_remove(outbox, outbox->taken);
}

void outbox_put_back(struct outbox *outbox)
{
	outbox->taken = NULL;
}

bool outbox_is_empty(const struct outbox *outbox)
{
	return TAILQ_EMPTY(&outbox->list) && !outbox->finding;
}

bool outbox_is_safe(const struct outbox *outbox)
{
	return outbox->stats.batches_spooled == outbox->stats.batches_queued;
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *stats)
{
	*stats = outbox->stats;
	stats->in_memory_only = !outbox->client;
}
