// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A flush is encoded metric by metric, into the batches of one set for all destinations or, where
 * each series goes to one of them, into a set for each. One that is large is encoded in slices:
 * between them the loop serves others, sends, and tells what was written to disk.
 *
 *     snapshot -> | slice | slice | slice | end |      the next snapshot, and one more, wait
 *                 ^       ^
 *                 at once in the loop, as soon as destinations have room
 */
#include <string.h>
#include <event2/event.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/push_internal.h"

#define NS_PER_MSEC 1000000.0

/* Some ten milliseconds. */
#define SLICE_BYTES (1 << 20)
#define SLICE_METRICS 8192

/* Whoever makes room says so; this is for what nobody says: that a connection is gone, or a disk can be tried again. */
static const struct timeval pause_most = { .tv_usec = 100000 }, at_once = {};

/* What an encoder has made, complete, for whom it is. */
static void lane_add(struct lane *lane, unsigned int kind, size_t points, const char *data, size_t len)
{
	struct push *push = lane->push;

	push->progress.bytes += len;
	if (lane->destination) {
		destination_add(lane->destination, kind, points, data, len);
		return;
	}
	for (size_t i = 0; i < destination_count(push); i++)
		destination_add(push->destinations[i], kind, points, data, len);
}

/* The encoder makes a batch of records, if they are none as they stand. */
static void lane_take(void *context, unsigned int kind, size_t points, const char *data, size_t len)
{
	struct lane *lane = context;
	struct push *push = lane->push;
	struct encoder *encoder = push->plan.encoder;
	struct text batch = {};

	if (!encoder->operations->frame) {
		lane_add(lane, kind, points, data, len);
		return;
	}
	if (encoder->operations->frame(encoder, kind, data, len, points, &batch)) {
		push->batches_failed++;
		push->metrics_failed += points;
		log_error("cannot make a batch of %zu points for %s at %s; they are dropped", points,
			  push->plan.kind, push->address);
	} else {
		lane_add(lane, kind, points, batch.data, batch.len);
	}
	text_release(&batch);
}

void push_init_lanes(struct push *push)
{
	const struct push_options *options = &push->plan.options;
	/* So that a small queue holds several. */
	size_t most = options->queue.memory / 4;

	push->lane_count = push->ring ? destination_count(push) : 1;
	for (size_t i = 0; i < push->lane_count; i++) {
		push->lanes[i].push = push;
		push->lanes[i].destination = push->ring ? push->destinations[i] : NULL;
		push->lanes[i].batches = (struct batches){
			.bytes = options->batch_bytes < most ? options->batch_bytes : most,
			.points = options->batch_points,
			.take = lane_take,
			.context = &push->lanes[i],
		};
	}
}

static struct batches *batches_of(struct push *push, const char *name, const char *tags)
{
	return &push->lanes[push->ring ? ring_find(push->ring, name, tags) : 0].batches;
}

static void metric_encode(struct push *push, const struct snapshot *snapshot, const struct metric *metric)
{
	struct encoder *encoder = push->plan.encoder;
	struct batches *batches = batches_of(push, metric->name, metric->tags);
	bool good = !encoder->operations->metric(encoder, snapshot, metric, batches_open(batches));

	batches_close(batches, good);
	push->metrics_failed += !good;
}

static void event_encode(struct push *push, const struct snapshot *snapshot, const struct event *event)
{
	struct encoder *encoder = push->plan.encoder;
	struct batches *batches;
	bool good;

	if (!encoder->operations->event) {
		push->events_without_place++;
		return;
	}
	batches = batches_of(push, event->title, event->tags);
	good = !encoder->operations->event(encoder, snapshot, event, batches_open(batches));
	batches_close(batches, good);
	push->metrics_failed += !good;
}

/* What stands last goes to the first, of several that share the series. */
static void end_encode(struct push *push, const struct snapshot *snapshot)
{
	struct encoder *encoder = push->plan.encoder;
	struct batches *batches = &push->lanes[0].batches;
	bool good;

	if (!encoder->operations->end)
		return;
	good = !encoder->operations->end(encoder, snapshot, &push->report, batches_open(batches));
	batches_close(batches, good);
	push->metrics_failed += !good;
}

/*
 * Had the next batch better wait? One destination of several that takes nothing may delay the others up to the
 * next flush, not longer: then its oldest batches go.
 */
static bool push_is_full(const struct push *push)
{
	/* One metric may end two batches. */
	const size_t len = 2 * push->lanes[0].batches.bytes;
	size_t rooms[DESTINATION_ROOMS] = {};

	for (size_t i = 0; i < destination_count(push); i++)
		rooms[destination_room(push->destinations[i], len)]++;
	if (rooms[DESTINATION_FULL] && rooms[DESTINATION_ROOM] && push->flush_count > 1)
		return rooms[DESTINATION_BUSY];
	return rooms[DESTINATION_BUSY] || rooms[DESTINATION_FULL];
}

/* Encodes until the slice or the room is used up. True: nothing is left but the end. */
static bool slice_encode(struct push *push, const struct snapshot *snapshot)
{
	struct progress *progress = &push->progress;
	size_t checked = SIZE_MAX;

	progress->bytes = 0;
	push->paused = false;
	for (size_t left = SLICE_METRICS; progress->position < snapshot->count + snapshot->event_count;
	     left--) {
		/* Only a batch makes a difference. */
		push->paused = checked != progress->bytes && push_is_full(push);
		checked = progress->bytes;
		if (push->paused || !left || progress->bytes >= SLICE_BYTES)
			return false;
		if (progress->position < snapshot->count)
			metric_encode(push, snapshot, &snapshot->metrics[progress->position]);
		else
			event_encode(push, snapshot, &snapshot->events[progress->position - snapshot->count]);
		progress->position++;
	}
	return true;
}

static void flush_begin(struct push *push, const struct snapshot *snapshot)
{
	struct encoder *encoder = push->plan.encoder;

	push->progress = (struct progress){ .begun = true, .failed = push->metrics_failed };
	if (!encoder->operations->begin || !encoder->operations->begin(encoder, snapshot))
		return;
	push->metrics_failed += snapshot->count;
	push->progress.refused = true;
	push->progress.position = snapshot->count + snapshot->event_count;
}

static void flush_end(struct push *push, const struct snapshot *snapshot)
{
	struct progress *progress = &push->progress;

	push->report.calculation_ms = (double)progress->nanoseconds / NS_PER_MSEC;
	if (!progress->refused)
		end_encode(push, snapshot);
	for (size_t i = 0; i < push->lane_count; i++)
		batches_finish(&push->lanes[i].batches);
	if (push->metrics_failed != progress->failed)
		log_error("cannot encode %llu of %zu metrics for %s at %s: out of memory; they are dropped",
			  (unsigned long long)(push->metrics_failed - progress->failed), snapshot->count,
			  push->plan.kind, push->address);
	progress->begun = false;
}

/* A slice of the flush. True: that was the last. */
static bool flush_go_on(struct push *push, const struct snapshot *snapshot)
{
	int64_t began = clock_read(CLOCK_MONOTONIC);
	bool done;

	if (!push->progress.begun)
		flush_begin(push, snapshot);
	done = slice_encode(push, snapshot);
	push->progress.nanoseconds += clock_read(CLOCK_MONOTONIC) - began;
	if (done)
		flush_end(push, snapshot);
	return done;
}

static void flushes_remove(struct push *push, size_t index)
{
	snapshot_free(push->flushes[index]);
	push->flush_count--;
	memmove(&push->flushes[index], &push->flushes[index + 1],
		(push->flush_count - index) * sizeof(push->flushes[0]));
}

/* Not at once, in any case: what became active in this turn of the loop comes first. */
static void slice_later(struct push *push)
{
	event_add(push->slice, push->paused ? &pause_most : &at_once);
}

void push_on_slice(evutil_socket_t fd, short events, void *context)
{
	struct push *push = context;

	(void)fd;
	(void)events;
	if (flush_go_on(push, push->flushes[0]))
		flushes_remove(push, 0);
	if (push->flush_count)
		slice_later(push);
	else
		push->complained = false;
}

static void flush_count_drop(struct push *push, const struct snapshot *snapshot, size_t left)
{
	push->batches_failed++;
	push->metrics_failed += left;
	push->progress.failed += left;
	if (!push->complained)
		log_warning("%s at %s: flushes come faster than they can be sent; dropping the oldest of "
			    "more than %d that wait, of %zu metrics",
			    push->plan.kind, push->address, FLUSHES_MAX - 1, snapshot->count);
	push->complained = true;
}

void push_flush(struct push *push, struct snapshot *snapshot)
{
	size_t oldest = push->progress.begun;

	if (!push->flush_count && flush_go_on(push, snapshot))
		return;
	if (push->flush_count == FLUSHES_MAX) {
		flush_count_drop(push, push->flushes[oldest], push->flushes[oldest]->count);
		flushes_remove(push, oldest);
	}
	push->flushes[push->flush_count++] = snapshot_ref(snapshot);
	if (push->flush_count == 1)
		slice_later(push);
}

void push_wake(struct push *push)
{
	if (!push->paused)
		return;
	push->paused = false;
	slice_later(push);
}

uint64_t push_waiting(const struct push *push)
{
	uint64_t count = 0;

	for (size_t i = 0; i < push->flush_count; i++)
		count += push->flushes[i]->count;
	if (push->flush_count && push->progress.begun)
		count -= push->progress.position < push->flushes[0]->count ? push->progress.position
									   : push->flushes[0]->count;
	return count;
}

void push_abandon(struct push *push)
{
	uint64_t waiting = push_waiting(push);

	if (waiting)
		log_warning("%s at %s: %llu metrics were not sent, nor written to disk: there was no room "
			    "for them in time; they are dropped",
			    push->plan.kind, push->address, (unsigned long long)waiting);
	push->metrics_failed += waiting;
	push->paused = false;
	while (push->flush_count)
		flushes_remove(push, 0);
	for (size_t i = 0; i < push->lane_count; i++)
		batches_finish(&push->lanes[i].batches);
}
