/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What push.c, the sink, and push_flush.c, which makes batches of its flushes, share. */
#ifndef SINK_PUSH_INTERNAL_H
#define SINK_PUSH_INTERNAL_H

#include <event2/util.h>
#include "sink/delivery/batches.h"
#include "sink/delivery/destination.h"
#include "sink/operations.h"
#include "sink/delivery/push.h"
#include "sink/delivery/ring.h"

struct event;

/* One that is being encoded, and those that wait behind it. */
#define FLUSHES_MAX 3

/* Batches of one destination, or of all. */
struct lane {
	struct push *push;
	struct destination *destination; /* NULL: all */
	struct batches batches;
};

/* The flush that is being encoded: how far it is. */
struct progress {
	bool begun, refused; /* as a whole, by the encoder */
	size_t position;     /* of metrics, then of events */
	size_t bytes;	     /* of batches made in this turn of the loop */
	uint64_t failed;     /* metrics_failed when it began */
	int64_t nanoseconds; /* that were spent on it */
};

struct push {
	struct sink sink;
	struct push_plan plan;
	char address[DESTINATIONS_MAX * ADDRESS_BYTES];
	struct destination *destinations[DESTINATIONS_MAX];
	struct lane lanes[DESTINATIONS_MAX];
	size_t lane_count;
	struct ring *ring;     /* NULL: there is one lane */
	struct event *release; /* ends the jitter; NULL: there is none */
	bool hurried;
	struct snapshot *flushes[FLUSHES_MAX]; /* not encoded, or not to the end: the oldest first */
	size_t flush_count;
	struct progress progress;
	struct event *slice; /* the next one is due */
	bool paused;	     /* until there is room */
	bool complained;     /* that flushes were dropped, since none waited */
	struct delivery_report report;
	uint64_t events_without_place, batches_failed, metrics_failed;
	struct sink_count *counts;
};

static inline size_t destination_count(const struct push *push)
{
	return push->plan.options.destination_count;
}

/* Once there are destinations and, if they share the series, a ring. */
void push_init_lanes(struct push *push);
/* Makes batches of a flush, at once or, with a reference of its own, bit by bit in the loop. */
void push_flush(struct push *push, struct snapshot *snapshot);
/* For push->slice. */
void push_on_slice(evutil_socket_t fd, short events, void *push);
/* There may be room for more. */
void push_wake(struct push *push);
/* How many metrics are in no batch yet. */
uint64_t push_waiting(const struct push *push);
/* What waits is dropped, counted and told. */
void push_abandon(struct push *push);

#endif /* SINK_PUSH_INTERNAL_H */
