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
#include "sink/outbox_internal.h"

/* Each needs a little memory of its own, wherever its data are. */
#define BATCHES_MAX (128 << 10)
#define AGES_SECONDS 5

static struct entry *entry_add(struct outbox *outbox, struct batch *batch)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->batch = batch;
	entry->born = clock_read(CLOCK_BOOTTIME);
	entry->len = batch->len;
	entry->points = batch->points;
	TAILQ_INSERT_TAIL(&outbox->list, entry, next);
	outbox->stats.batches_queued++;
	outbox->stats.bytes_queued += entry->len;
	outbox->stats.points_queued += entry->points;
	outbox->stats.bytes_memory += entry->len;
	return entry;
}

void entry_remove(struct outbox *outbox, struct entry *entry)
{
	if (entry == outbox->taken)
		outbox->taken = NULL;
	TAILQ_REMOVE(&outbox->list, entry, next);
	outbox->stats.batches_queued--;
	outbox->stats.bytes_queued -= entry->len;
	outbox->stats.points_queued -= entry->points;
	if (entry->batch)
		outbox->stats.bytes_memory -= entry->len;
	batch_release(entry->batch);
	free(entry);
	if (TAILQ_EMPTY(&outbox->list) && outbox->complained) {
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
static void outbox_expire(struct outbox *outbox)
{
	const int64_t max_age = outbox->options.limits.max_age, now = clock_read(CLOCK_BOOTTIME);
	struct entry *entry = TAILQ_FIRST(&outbox->list), *next;

	for (; max_age && entry && now - entry->born > max_age; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry != outbox->taken)
			entry_drop(outbox, entry);
	}
}

/* Drops what is oldest until there is room in memory for `len` bytes more. */
static bool outbox_make_room(struct outbox *outbox, size_t len)
{
	const size_t limit = outbox->options.limits.memory;
	struct entry *entry = TAILQ_FIRST(&outbox->list), *next;

	if (len > limit)
		return false;
	for (; entry &&
	       (outbox->stats.bytes_memory + len > limit || outbox->stats.batches_queued >= BATCHES_MAX);
	     entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry != outbox->taken)
			entry_drop(outbox, entry);
	}
	return outbox->stats.bytes_memory + len <= limit;
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	outbox_expire(context);
}

struct outbox *outbox_new(struct event_base *base, const struct outbox_options *options, struct error *error)
{
	const struct timeval often = { .tv_sec = AGES_SECONDS };
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (outbox)
		outbox->timer = event_new(base, -1, EV_PERSIST, on_timer, outbox);
	if (!outbox || !outbox->timer || event_add(outbox->timer, &often)) {
		error_set(error, -ENOMEM, "cannot create a queue for %s: out of memory", options->what);
		if (outbox && outbox->timer)
			event_free(outbox->timer);
		free(outbox);
		return NULL;
	}
	outbox->options = *options;
	TAILQ_INIT(&outbox->list);
	return outbox;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	outbox->complained = false;
	while (!TAILQ_EMPTY(&outbox->list))
		entry_remove(outbox, TAILQ_FIRST(&outbox->list));
	event_free(outbox->timer);
	free(outbox);
}

void outbox_add(struct outbox *outbox, unsigned int kind, size_t points, const char *data, size_t len,
		bool urgent)
{
	struct batch *batch = NULL;

	(void)urgent;
	outbox_expire(outbox);
	if (outbox_make_room(outbox, len))
		batch = batch_new(kind, clock_read(CLOCK_REALTIME), points, len);
	if (batch)
		memcpy(batch->data, data, len);
	if (!batch || !entry_add(outbox, batch)) {
		outbox_count_drop(outbox, points);
		batch_release(batch);
	}
}

const struct batch *outbox_take(struct outbox *outbox)
{
	outbox_expire(outbox);
	outbox->taken = TAILQ_FIRST(&outbox->list);
	return outbox->taken ? outbox->taken->batch : NULL;
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
	return TAILQ_EMPTY(&outbox->list);
}

bool outbox_is_safe(const struct outbox *outbox)
{
	return outbox_is_empty(outbox);
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *stats)
{
	*stats = outbox->stats;
}
