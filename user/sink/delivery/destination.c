// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Takes the oldest batch whenever the transport is ready, and tells the outbox what became of it:
 *
 *     outbox_take() -> transport_send() -> sent: it leaves    lost: it is the next again
 *                                          rejected: it leaves, counted, and the reason is logged
 *                                                    once, until a batch is taken again
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/batch.h"
#include "sink/delivery/destination.h"
#include "sink/delivery/outbox.h"

#define NS_PER_MSEC 1000000.0
#define WHAT_BYTES (ADDRESS_BYTES + 64)

struct destination {
	char what[WHAT_BYTES], key[WHAT_BYTES]; /* for sentences; for the spool */
	struct outbox *outbox;
	struct transport *transport;
	const struct batch *batch; /* being sent */
	bool held;
	struct destination_owner owner;
	int64_t send_began; /* CLOCK_MONOTONIC */
	uint64_t lines_sent, bytes_sent, batches_sent;
	bool rejecting;	  /* complained of */
	char reason[192]; /* of the last rejection, until a batch is taken */
};

static void send_next(struct destination *destination)
{
	/* A transport may be ready before there is an outbox. */
	if (!destination->outbox || destination->held || destination->batch ||
	    !transport_is_ready(destination->transport))
		return;
	destination->batch = outbox_take(destination->outbox);
	if (!destination->batch)
		return;
	destination->send_began = clock_read(CLOCK_MONOTONIC);
	transport_send(destination->transport, destination->batch);
}

static void on_ready(void *context)
{
	send_next(context);
}

static void on_available(void *context)
{
	send_next(context);
}

static void on_freed(void *context)
{
	const struct destination *destination = context;

	destination->owner.changed(destination->owner.context);
}

static void on_sent(void *context)
{
	struct destination *destination = context;
	const struct batch *batch = destination->batch;
	struct delivery_report *report = destination->owner.report;

	destination->batches_sent++;
	destination->lines_sent += batch->points;
	destination->bytes_sent += batch->len;
	report->flush_ms = (double)(clock_read(CLOCK_MONOTONIC) - destination->send_began) / NS_PER_MSEC;
	report->flush_length = batch->len;
	report->last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	destination->batch = NULL;
	destination->rejecting = false;
	destination->reason[0] = '\0';
	outbox_delivered(destination->outbox);
}

static void on_refused(void *context)
{
	struct destination *destination = context;

	destination->owner.report->last_exception = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	/* There may be nobody any more who takes something. */
	on_freed(destination);
}

static void on_lost(void *context)
{
	struct destination *destination = context;

	on_refused(destination);
	if (!destination->batch)
		return;
	destination->batch = NULL;
	outbox_put_back(destination->outbox);
}

static void on_rejected(void *context, const char *reason)
{
	struct destination *destination = context;

	on_refused(destination);
	snprintf(destination->reason, sizeof(destination->reason), "%s", reason);
	if (!destination->rejecting)
		log_error("%s rejects a batch of %zu points: %s; it is dropped, and so are others like it",
			  destination->what, destination->batch->points, reason);
	destination->rejecting = true;
	destination->batch = NULL;
	outbox_rejected(destination->outbox);
}

static int destination_open(struct destination *destination, const struct sink_environment *environment,
			    const struct push_plan *plan, const char *address, struct error *error)
{
	const struct outbox_options outbox = {
		.what = destination->what,
		.destination = destination->key,
		.limits = plan->options.queue,
		.spool = plan->options.queue.disk ? environment->spool : NULL,
		.available = on_available,
		.freed = on_freed,
		.context = destination,
	};
	const struct transport_events events = {
		.ready = on_ready,
		.sent = on_sent,
		.lost = on_lost,
		.rejected = on_rejected,
		.refused = on_refused,
		.context = destination,
	};

	/* First the way: a bad address is the commonest reason to fail. */
	destination->transport = plan->connect(plan->context, environment->base, address, &events, error);
	if (!destination->transport)
		return -EINVAL;
	destination->outbox = outbox_new(environment->base, &outbox, error);
	if (!destination->outbox)
		return -ENOMEM;
	/* What an earlier daemon left. */
	send_next(destination);
	return 0;
}

struct destination *destination_new(const struct sink_environment *environment, const struct push_plan *plan,
				    const char *address, const struct destination_owner *owner,
				    struct error *error)
{
	struct destination *destination = calloc(1, sizeof(*destination));

	if (!destination) {
		error_set(error, -ENOMEM, "cannot create an output to %s: out of memory", address);
		return NULL;
	}
	destination->owner = *owner;
	snprintf(destination->what, sizeof(destination->what), "%s at %s", plan->kind, address);
	snprintf(destination->key, sizeof(destination->key), "%s/%s/%s", plan->kind, plan->protocol, address);
	if (destination_open(destination, environment, plan, address, error)) {
		destination_free(destination);
		return NULL;
	}
	return destination;
}

void destination_free(struct destination *destination)
{
	if (!destination)
		return;
	/* The transport reads the batch that the outbox holds. */
	transport_free(destination->transport);
	if (destination->batch)
		outbox_put_back(destination->outbox);
	outbox_free(destination->outbox);
	free(destination);
}

enum destination_room destination_room(const struct destination *destination, size_t len)
{
	switch (outbox_room(destination->outbox, len)) {
	case OUTBOX_ROOM:
		return DESTINATION_ROOM;
	case OUTBOX_BUSY:
		return DESTINATION_BUSY;
	case OUTBOX_FULL:
		break;
	}
	return transport_is_up(destination->transport) ? DESTINATION_FULL : DESTINATION_ABSENT;
}

void destination_add(struct destination *destination, unsigned int kind, size_t points, const char *data,
		     size_t len)
{
	/* One that is only busy may have it in a moment; the outbox knows when that is over. */
	bool urgent = destination->held || !transport_is_up(destination->transport);

	outbox_add(destination->outbox, kind, points, data, len, urgent);
	send_next(destination);
}

void destination_hold(struct destination *destination, bool hold)
{
	destination->held = hold;
	send_next(destination);
}

void destination_hurry(struct destination *destination)
{
	destination_hold(destination, false);
	outbox_save(destination->outbox);
}

bool destination_is_idle(const struct destination *destination)
{
	return outbox_is_empty(destination->outbox);
}

bool destination_is_safe(const struct destination *destination)
{
	const struct transport *transport = destination->transport;
	/* One that answered, and asked to be left alone, is up and yet does nothing for a while. */
	bool sends = transport_is_up(transport) && (destination->batch || transport_is_ready(transport));

	return outbox_is_empty(destination->outbox) || (outbox_is_safe(destination->outbox) && !sends);
}

void destination_add_stats(const struct destination *destination, struct sink_stats *stats)
{
	uint64_t connections = transport_connections(destination->transport);
	const char *problem = transport_error(destination->transport);
	struct outbox_stats outbox;

	outbox_stats(destination->outbox, &outbox);
	stats->connected &= transport_is_up(destination->transport);
	stats->lines_sent += destination->lines_sent;
	stats->bytes_sent += destination->bytes_sent;
	stats->batches_sent += destination->batches_sent;
	stats->batches_dropped += outbox.batches_dropped;
	stats->lines_dropped += outbox.points_dropped;
	stats->batches_queued += outbox.batches_queued;
	stats->bytes_queued += outbox.bytes_queued;
	stats->batches_unsaved += outbox.in_memory_only ? outbox.batches_queued : 0;
	stats->lines_unsaved += outbox.in_memory_only ? outbox.points_queued : 0;
	stats->bytes_spooled += outbox.bytes_spooled;
	stats->batches_rejected += outbox.batches_rejected;
	stats->lines_rejected += outbox.points_rejected;
	stats->spool_errors += outbox.spool_errors;
	stats->reconnects += connections ? connections - 1 : 0;
	if (!*problem)
		problem = destination->reason;
	if (*problem && !stats->last_error[0])
		snprintf(stats->last_error, sizeof(stats->last_error), "%s", problem);
}

const struct sink_count *destination_counts(const struct destination *destination, size_t *count)
{
	const struct transport_operations *operations = destination->transport->operations;

	*count = 0;
	return operations->counts ? operations->counts(destination->transport, count) : NULL;
}
