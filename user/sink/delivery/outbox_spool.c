// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The other half of an outbox: which batches go to disk, and when; which leave memory, and come
 * back. What could not be written is tried again after a pause; until then memory is all there
 * is, with the limit that it has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/outbox_internal.h"

#define NS_PER_MSEC 1000000ll
#define SAVE_AFTER (200 * NS_PER_MSEC)
#define PAUSE (5 * NS_PER_SECOND)
#define READ_AHEAD 4
#define READ_FAILURES_MAX 3

bool outbox_can_write(const struct outbox *outbox, size_t len)
{
	return outbox->client && len <= outbox->options.limits.disk &&
	       clock_read(CLOCK_BOOTTIME) >= outbox->paused;
}

void outbox_evict(struct outbox *outbox, size_t bytes, const struct entry *stop)
{
	struct entry *entry = TAILQ_LAST(&outbox->cached, entry_list), *older;

	for (; entry && (!stop || entry->row > stop->row) && outbox->stats.bytes_memory > bytes;
	     entry = older) {
		older = TAILQ_PREV(entry, entry_list, beside);
		if (entry != outbox->taken)
			entry_evict(outbox, entry);
	}
}

/* What memory may hold, and what it holds until it is written. */
static size_t outbox_bytes_max(const struct outbox *outbox)
{
	return outbox->options.limits.memory + outbox->bytes_disk - outbox->stats.bytes_spooled;
}

/* Drops the oldest on disk until there is room there. */
static bool outbox_make_room_on_disk(struct outbox *outbox, size_t len)
{
	const size_t limit = outbox->options.limits.disk;
	struct entry *entry = TAILQ_FIRST(&outbox->list), *next;

	for (; entry && outbox->bytes_disk + len > limit; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry->place != PLACE_MEMORY && entry != outbox->taken)
			entry_drop(outbox, entry);
	}
	return outbox->bytes_disk + len <= limit;
}

void entry_write(struct outbox *outbox, struct entry *entry)
{
	if (!outbox_make_room_on_disk(outbox, entry->len))
		return;
	if (spool_write(outbox->client, entry->row, entry->batch)) {
		outbox->stats.spool_errors++;
		outbox->paused = clock_read(CLOCK_BOOTTIME) + PAUSE;
		return;
	}
	entry_place(outbox, entry, PLACE_WRITING);
}

static void outbox_write_all(struct outbox *outbox)
{
	struct entry *entry = TAILQ_FIRST(&outbox->unsaved), *newer;

	/* Writing one drops none but those that are on disk. */
	for (; entry; entry = newer) {
		newer = TAILQ_NEXT(entry, beside);
		if (outbox_can_write(outbox, entry->len))
			entry_write(outbox, entry);
	}
}

/* The oldest that is in memory only, but need not be. */
static const struct entry *outbox_unsaved(const struct outbox *outbox)
{
	const struct entry *entry = TAILQ_FIRST(&outbox->unsaved);

	while (entry && entry->len > outbox->options.limits.disk)
		entry = TAILQ_NEXT(entry, beside);
	return entry;
}

static void outbox_save_at(struct outbox *outbox, int64_t when)
{
	const int64_t delay = when - clock_read(CLOCK_BOOTTIME);
	const struct timeval wait = {
		.tv_sec = delay > 0 ? delay / NS_PER_SECOND : 0,
		.tv_usec = delay > 0 ? delay % NS_PER_SECOND / 1000 : 0,
	};

	event_add(outbox->saving, &wait);
}

void outbox_save_later(struct outbox *outbox)
{
	if (outbox->client && !event_pending(outbox->saving, EV_TIMEOUT, NULL))
		outbox_save_at(outbox, clock_read(CLOCK_BOOTTIME) + SAVE_AFTER);
}

/* One that has waited, and all behind it. */
static void on_saving(evutil_socket_t fd, short events, void *context)
{
	struct outbox *outbox = context;
	const struct entry *unsaved = outbox_unsaved(outbox);
	int64_t when = unsaved ? unsaved->born + SAVE_AFTER : 0;

	(void)fd;
	(void)events;
	outbox_read_ahead(outbox);
	if (!unsaved)
		return;
	if (when < outbox->paused)
		when = outbox->paused;
	if (clock_read(CLOCK_BOOTTIME) < when) {
		outbox_save_at(outbox, when);
		return;
	}
	outbox_write_all(outbox);
	/* What found no room on disk, as what is being sent takes all of it. */
	if (outbox_unsaved(outbox))
		outbox_save_at(outbox, clock_read(CLOCK_BOOTTIME) + PAUSE);
}

void outbox_save(struct outbox *outbox)
{
	outbox->paused = 0;
	if (outbox->client)
		outbox_write_all(outbox);
}

void outbox_read_ahead(struct outbox *outbox)
{
	const size_t limit = outbox_bytes_max(outbox);
	struct entry *entry = TAILQ_FIRST(&outbox->list);

	for (int i = 0; entry && i < READ_AHEAD; i++, entry = TAILQ_NEXT(entry, next)) {
		if (entry->batch || entry->reading)
			continue;
		outbox_evict(outbox, limit > entry->len ? limit - entry->len : 0, entry);
		if (i && outbox->stats.bytes_memory + entry->len > limit)
			break;
		if (spool_read(outbox->client, entry->row)) {
			outbox_save_later(outbox);
			break;
		}
		entry->reading = true;
		outbox->stats.bytes_memory += entry->len;
	}
}

void outbox_go_on(struct outbox *outbox)
{
	if (!outbox->wanted || outbox->finding)
		return;
	outbox_read_ahead(outbox);
	outbox_tell(outbox);
}

static void on_written(void *context, uint64_t row, int err)
{
	struct outbox *outbox = context;
	/* Ends are told in the order of the writes: it is the first one, or was removed meanwhile. */
	struct entry *entry = TAILQ_FIRST(&outbox->writing);

	if (err) {
		outbox->stats.spool_errors++;
		/* lost() follows, and there is a new file. */
		if (err != -EUCLEAN)
			outbox->paused = clock_read(CLOCK_BOOTTIME) + PAUSE;
		outbox_save_later(outbox);
	}
	if (entry && entry->row == row)
		entry_place(outbox, entry, err ? PLACE_MEMORY : PLACE_STORED);
	if (err)
		outbox_make_room(outbox, 0, false);
	else
		outbox_evict(outbox, outbox_bytes_max(outbox), outbox_oldest(outbox));
	outbox_tell_freed(outbox);
}

static struct entry *entry_find(struct outbox *outbox, uint64_t row)
{
	struct entry *entry = TAILQ_FIRST(&outbox->list);

	while (entry && entry->row < row)
		entry = TAILQ_NEXT(entry, next);
	return entry && entry->row == row ? entry : NULL;
}

static void entry_read_failed(struct outbox *outbox, struct entry *entry, int err)
{
	outbox->stats.spool_errors++;
	if (err == -EBADMSG || err == -ENOENT || ++entry->failures == READ_FAILURES_MAX) {
		log_warning("a batch of %zu points for %s cannot be read back from the spool, and is dropped",
			    entry->points, outbox->options.what);
		entry_drop(outbox, entry);
		outbox_read_ahead(outbox);
		return;
	}
	/* Not at once: it will be asked for again then. */
	if (!event_pending(outbox->saving, EV_TIMEOUT, NULL))
		outbox_save_at(outbox, clock_read(CLOCK_BOOTTIME) + PAUSE);
}

static void on_read(void *context, uint64_t row, struct batch *batch, int err)
{
	struct outbox *outbox = context;
	struct entry *entry = entry_find(outbox, row);

	if (!entry || !entry->reading) {
		batch_release(batch);
		/* It grew too old while it was read, and was the one that somebody waits for. */
		outbox_go_on(outbox);
		return;
	}
	entry->reading = false;
	if (!err && (batch->len != entry->len || batch->points != entry->points)) {
		batch_release(batch);
		err = -EBADMSG;
	}
	if (!err) {
		entry_recall(outbox, entry, batch);
	} else {
		outbox->stats.bytes_memory -= entry->len;
		if (err != -EUCLEAN)
			entry_read_failed(outbox, entry, err);
	}
	outbox_tell(outbox);
}

/* The older ones, which there is no memory to list. */
static void found_lose(struct outbox *outbox, const struct spool_row *rows, size_t count)
{
	uint64_t points = 0;

	for (size_t i = 0; i < count; i++)
		points += rows[i].points;
	outbox->stats.spool_errors += count;
	log_error(
		"cannot list %zu batches (%" PRIu64
		" points) that the spool holds for %s: out of memory; they are kept there until the next start",
		count, points, outbox->options.what);
}

/*
 * Ages by the wall clock, as nothing else outlives the daemon. One from the future counts as new,
 * but none as younger than one that was written after it.
 */
static void on_found(void *context, const struct spool_row *rows, size_t count, int err)
{
	struct outbox *outbox = context;
	const int64_t now = clock_read(CLOCK_REALTIME);
	const int64_t up = clock_read(CLOCK_BOOTTIME);
	int64_t born = up, created;
	struct entry *before = TAILQ_FIRST(&outbox->list);

	outbox->finding = false;
	if (err) {
		outbox->stats.spool_errors++;
		log_error("cannot list what the spool holds for %s; it is kept there until the next start",
			  outbox->options.what);
	}
	while (count--) {
		struct entry *entry = calloc(1, sizeof(*entry));

		if (!entry) {
			found_lose(outbox, rows, count + 1);
			break;
		}
		created = rows[count].created > 0 ? rows[count].created : 0;
		if (up - (now - created) < born)
			born = up - (now - created);
		*entry = (struct entry){ .row = rows[count].row,
					 .born = born,
					 .len = rows[count].len,
					 .points = rows[count].points,
					 .place = PLACE_STORED };
		entry_insert(outbox, entry, before);
		before = entry;
	}
	outbox_expire(outbox);
	outbox_read_ahead(outbox);
	outbox_tell(outbox);
}

static void on_lost(void *context)
{
	struct outbox *outbox = context;
	struct entry *entry = TAILQ_FIRST(&outbox->list), *next;

	for (; entry; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry->place != PLACE_STORED)
			continue;
		entry_place(outbox, entry, PLACE_MEMORY);
		if (entry->batch)
			continue;
		outbox->stats.spool_errors++;
		entry_drop(outbox, entry);
	}
	outbox_save(outbox);
	outbox_tell(outbox);
}

int outbox_attach(struct outbox *outbox)
{
	const struct spool_events events = {
		.found = on_found,
		.written = on_written,
		.read = on_read,
		.lost = on_lost,
		.context = outbox,
	};
	bool waits;

	if (!outbox->options.spool)
		return 0;
	outbox->saving = event_new(event_get_base(outbox->aging), -1, 0, on_saving, outbox);
	if (!outbox->saving)
		return -ENOMEM;
	outbox->client = spool_attach(outbox->options.spool, outbox->options.destination, &events, &waits);
	outbox->finding = outbox->client && !waits;
	return outbox->client ? 0 : -ENOMEM;
}

/* What does not go to disk in any way: it is larger than queue.disk, or memory has run out. */
static void outbox_lose(struct outbox *outbox)
{
	const struct entry *entry;
	uint64_t batches = 0, points = 0;

	TAILQ_FOREACH(entry, &outbox->unsaved, beside)
	{
		batches++;
		points += entry->points;
	}
	if (!batches)
		return;
	log_warning(
		"%" PRIu64 " batches (%" PRIu64
		" points) for %s cannot be kept on disk, and are dropped: the output ends; see queue.disk",
		batches, points, outbox->options.what);
	spool_lose(outbox->client, batches, points);
}

void outbox_detach(struct outbox *outbox)
{
	outbox_save(outbox);
	if (outbox->client)
		outbox_lose(outbox);
	spool_detach(outbox->client);
	outbox->client = NULL;
	if (outbox->saving)
		event_free(outbox->saving);
}
