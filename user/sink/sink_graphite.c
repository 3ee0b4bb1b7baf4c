// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Graphite's plaintext over one TCP connection. A batch leaves the queue when the other
 * side's TCP has acknowledged all of it; if the connection breaks before, it is sent again
 * whole. What then arrives twice is harmless: carbon keeps the last value of a timestamp.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/connection.h"
#include "sink/format.h"
#include "sink/queue.h"
#include "sink/operations.h"
#include "sink/sink_graphite.h"

#define NS_PER_MSEC 1000000.0

struct graphite {
	struct sink sink;
	struct graphite_options options;
	const char *address;
	const struct format_options *names;
	struct connection *connection;
	struct queue queue;
	uint64_t lines_sent, bytes_sent, batches_sent;
	uint64_t events_without_place;
	struct delivery_report self;
	int64_t send_began;	       /* CLOCK_MONOTONIC */
	uint64_t lines_dropped_before; /* when the queue was last empty */
	bool complained;	       /* that lines are dropped, since then */
};

static void send_next(struct graphite *graphite)
{
	struct batch *batch = queue_first(&graphite->queue);

	if (!batch || !connection_is_ready(graphite->connection))
		return;
	batch->sending = true;
	graphite->send_began = clock_read(CLOCK_MONOTONIC);
	connection_send(graphite->connection, batch->data, batch->len);
}

static void on_ready(void *context)
{
	send_next(context);
}

static void on_sent(void *context)
{
	struct graphite *graphite = context;
	struct queue *queue = &graphite->queue;
	const struct batch *batch = queue_first(queue);

	graphite->batches_sent++;
	graphite->lines_sent += batch->lines;
	graphite->bytes_sent += batch->len;
	graphite->self.flush_ms = (double)(clock_read(CLOCK_MONOTONIC) - graphite->send_began) / NS_PER_MSEC;
	graphite->self.flush_length = batch->len;
	graphite->self.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	queue_pop(queue);
	if (!queue_first(queue) && graphite->complained) {
		log_info("graphite at %s has caught up; %" PRIu64 " lines were dropped", graphite->address,
			 queue->lines_dropped - graphite->lines_dropped_before);
		graphite->complained = false;
	}
}

static void on_refused(void *context)
{
	struct graphite *graphite = context;

	graphite->self.last_exception = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
}

static void on_lost(void *context)
{
	struct graphite *graphite = context;
	struct batch *batch = queue_first(&graphite->queue);

	on_refused(graphite);
	if (batch)
		batch->sending = false;
}

static int graphite_format(struct graphite *graphite, const struct snapshot *snapshot, struct text *text)
{
	const struct format_options *names = graphite->names;
	int64_t began = clock_read(CLOCK_MONOTONIC);
	int err = format_graphite(snapshot, names, text);

	graphite->self.calculation_ms = (double)(clock_read(CLOCK_MONOTONIC) - began) / NS_PER_MSEC;
	return err ? err : format_graphite_self(snapshot, names, &graphite->self, text);
}

static void graphite_deliver(struct sink *sink, struct snapshot *snapshot)
{
	struct graphite *graphite = (struct graphite *)sink;
	struct queue *queue = &graphite->queue;
	uint64_t dropped = queue->lines_dropped;
	struct text text = {};

	graphite->events_without_place += snapshot->event_count;
	/* Out of memory cuts the text off somewhere; the broken line must not go out. */
	if (graphite_format(graphite, snapshot, &text)) {
		queue->batches_dropped++;
		log_error("cannot format %zu metrics for graphite at %s: out of memory; they are dropped",
			  snapshot->count, graphite->address);
	} else {
		queue_add(queue, text.data, text.len);
	}
	text_release(&text);
	if (queue->lines_dropped != dropped && !graphite->complained) {
		log_warning("the queue for graphite at %s is full (%zu bytes): dropping the oldest lines",
			    graphite->address, queue->limit);
		graphite->lines_dropped_before = dropped;
		graphite->complained = true;
	}
	send_next(graphite);
}

static bool graphite_idle(const struct sink *sink)
{
	return !((const struct graphite *)sink)->queue.count;
}

static void graphite_stats(const struct sink *sink, struct sink_stats *stats)
{
	const struct graphite *graphite = (const struct graphite *)sink;
	uint64_t connections = connection_count(graphite->connection);

	*stats = (struct sink_stats){
		.kind = "graphite",
		.address = graphite->address,
		.connected = connection_is_up(graphite->connection),
		.lines_sent = graphite->lines_sent,
		.bytes_sent = graphite->bytes_sent,
		.batches_sent = graphite->batches_sent,
		.batches_dropped = graphite->queue.batches_dropped,
		.lines_dropped = graphite->queue.lines_dropped,
		.batches_queued = graphite->queue.count,
		.bytes_queued = graphite->queue.bytes,
		.reconnects = connections ? connections - 1 : 0,
		.events_without_place = graphite->events_without_place,
		.report = graphite->self,
	};
	snprintf(stats->last_error, sizeof(stats->last_error), "%s", connection_error(graphite->connection));
}

static void graphite_free(struct sink *sink)
{
	struct graphite *graphite = (struct graphite *)sink;

	connection_free(graphite->connection);
	queue_release(&graphite->queue);
	free(graphite);
}

static const struct sink_operations graphite_operations = {
	.deliver = graphite_deliver,
	.idle = graphite_idle,
	.stats = graphite_stats,
	.free = graphite_free,
};

struct sink *sink_graphite_new(const struct sink_environment *environment, const void *context,
			       struct error *error)
{
	const struct graphite_options *options = context;
	struct graphite *graphite = calloc(1, sizeof(*graphite));
	struct connection_options connection = {
		.what = "graphite",
		.retry_min = (double)options->push.retry_min / NS_PER_SECOND,
		.retry_max = (double)options->push.retry_max / NS_PER_SECOND,
		.ready = on_ready,
		.sent = on_sent,
		.lost = on_lost,
		.refused = on_refused,
		.context = graphite,
	};

	if (!graphite) {
		error_set(error, -ENOMEM, "cannot create an output for graphite: out of memory");
		return NULL;
	}
	graphite->sink.operations = &graphite_operations;
	graphite->options = *options;
	graphite->address = graphite->options.push.destinations[0];
	graphite->names = environment->names ? environment->names : &format_defaults;
	graphite->self.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	queue_init(&graphite->queue, options->push.queue.memory);
	connection.address = graphite->address;
	graphite->connection = connection_new(environment->base, &connection, error);
	if (!graphite->connection) {
		graphite_free(&graphite->sink);
		return NULL;
	}
	return &graphite->sink;
}
