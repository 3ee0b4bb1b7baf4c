// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     connector.h -> READY -> SENDING -> WAITING_FOR_ACK
 *          ^           ^        |             |      |
 *          |           +-----------------------------+
 *          +----- any failure --+-------------+
 *
 * Acknowledged means that the socket holds nothing any more that the other side's TCP has
 * not confirmed, and that the connection is still there. The other program may yet die
 * before it reads what its kernel took; only a protocol with answers could tell. Of TLS the same
 * holds, once all its records are written.
 *
 * While something is sent, a number of bytes that does not change for `timeout` is a failure: the
 * other side accepts, and does not read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/batch.h"
#include "sink/transport/connection.h"
#include "sink/transport/connector.h"
#include "sink/transport/timer.h"

#define ACK_POLL_MIN 1000000 /* nanoseconds */
#define ACK_POLL_MAX 50000000

#define WRITES_MAX 16 /* in one turn of the loop; TLS writes 16 KiB at a time */

enum state {
	CONNECTING,
	READY,
	SENDING,
	WAITING_FOR_ACK,
};

struct connection {
	struct transport transport;
	struct connection_options options;
	struct transport_events events;
	struct event_base *base;
	struct connector *connector;
	struct wire *wire; /* the connector's */
	enum state state;
	struct event *readable, *writable, *timer;
	const char *data; /* being sent */
	size_t left, unacknowledged;
	int64_t progress; /* CLOCK_MONOTONIC: when either last became less */
	int64_t poll;	  /* nanoseconds, growing */
	uint64_t count;
	char error[160];
};

static void events_free(struct connection *connection)
{
	if (connection->readable)
		event_free(connection->readable);
	if (connection->writable)
		event_free(connection->writable);
	connection->readable = NULL;
	connection->writable = NULL;
	event_del(connection->timer);
}

/* Leaves the connection in order to open another. */
static void connection_break(struct connection *connection, const char *problem)
{
	const struct connection_options *options = &connection->options;

	snprintf(connection->error, sizeof(connection->error), "%s", problem);
	log_warning("lost the connection to %s at %s: %s; connecting again", options->what, options->address,
		    problem);
	events_free(connection);
	connection->state = CONNECTING;
	connector_restart(connection->connector);
	connection->events.lost(connection->events.context);
}

static void connection_acknowledged(struct connection *connection)
{
	const struct transport_events *events = &connection->events;

	event_del(connection->timer);
	connection->state = READY;
	connector_praise(connection->connector);
	connection->error[0] = '\0';
	events->sent(events->context);
	if (connection->state == READY)
		events->ready(events->context);
}

/* False: nothing has moved for too long, and the connection is broken off. */
static bool connection_moves(struct connection *connection, bool moved)
{
	int64_t now = clock_read(CLOCK_MONOTONIC), left;

	if (moved)
		connection->progress = now;
	left = connection->progress + connection->options.timeout - now;
	if (left <= 0) {
		connection_break(connection, "it takes nothing any more");
		return false;
	}
	timer_start(connection->timer, connection->state == WAITING_FOR_ACK && connection->poll < left
					       ? connection->poll
					       : left);
	return true;
}

static void connection_check_ack(struct connection *connection)
{
	int pending = wire_unacknowledged(connection->wire);
	bool moved;

	if (pending < 0) {
		connection_break(connection, wire_problem(connection->wire, pending));
	} else if (!pending) {
		connection_acknowledged(connection);
	} else {
		moved = (size_t)pending < connection->unacknowledged;
		connection->unacknowledged = (size_t)pending;
		if (connection_moves(connection, moved))
			connection->poll =
				connection->poll * 2 < ACK_POLL_MAX ? connection->poll * 2 : ACK_POLL_MAX;
	}
}

static void connection_write(struct connection *connection)
{
	size_t before = connection->left;
	ssize_t sent = 0;

	for (int i = 0; i < WRITES_MAX && connection->left; i++) {
		sent = wire_write(connection->wire, connection->data, connection->left);
		if (sent < 0)
			break;
		connection->data += sent;
		connection->left -= (size_t)sent;
	}
	if (sent < 0 && sent != -EAGAIN) {
		connection_break(connection, wire_problem(connection->wire, (int)sent));
		return;
	}
	if (connection->left) {
		/* on_readable() goes on, if TLS waits for the other side. */
		if (connection_moves(connection, connection->left < before) &&
		    (sent >= 0 || wire_wants_write(connection->wire)))
			event_add(connection->writable, NULL);
		return;
	}
	/* on_readable() may have been first. */
	event_del(connection->writable);
	connection->state = WAITING_FOR_ACK;
	connection->poll = ACK_POLL_MIN;
	connection->unacknowledged = SIZE_MAX;
	connection_check_ack(connection);
}

/* Nothing is expected to come; it is read so that the end is seen. */
static void on_readable(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;
	int err = wire_drain(connection->wire);

	(void)fd;
	(void)events;
	if (err)
		connection_break(connection, wire_problem(connection->wire, err));
	else if (connection->state == SENDING && connection->wire->tls)
		connection_write(connection);
}

static void on_writable(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)events;
	if (connection->state == SENDING)
		connection_write(connection);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)events;
	if (connection->state == SENDING)
		connection_moves(connection, false);
	else if (connection->state == WAITING_FOR_ACK)
		connection_check_ack(connection);
}

static void on_connected(void *context)
{
	struct connection *connection = context;

	connection->wire = connector_wire(connection->connector);
	connection->readable = event_new(connection->base, connection->wire->fd, EV_READ | EV_PERSIST,
					 on_readable, connection);
	connection->writable =
		event_new(connection->base, connection->wire->fd, EV_WRITE, on_writable, connection);
	if (!connection->readable || !connection->writable || event_add(connection->readable, NULL)) {
		connection_break(connection, "out of memory");
		return;
	}
	connection->count++;
	connection->state = READY;
	connection->events.ready(connection->events.context);
}

static void on_refused(void *context)
{
	struct connection *connection = context;

	connection->events.refused(connection->events.context);
}

static struct connection *connection_of(const struct transport *transport)
{
	return (struct connection *)transport;
}

static void connection_send(struct transport *transport, const struct batch *batch)
{
	struct connection *connection = connection_of(transport);

	connection->data = batch->data;
	connection->left = batch->len;
	connection->state = SENDING;
	/* From the loop, so that a long queue does not become a deep stack. */
	event_add(connection->writable, NULL);
	connection_moves(connection, true);
}

static bool connection_is_ready(const struct transport *transport)
{
	return connection_of(transport)->state == READY;
}

static bool connection_is_up(const struct transport *transport)
{
	return connection_of(transport)->state >= READY;
}

static uint64_t connection_count(const struct transport *transport)
{
	return connection_of(transport)->count;
}

static const char *connection_error(const struct transport *transport)
{
	const struct connection *connection = connection_of(transport);
	const char *refused = connector_error(connection->connector);

	return connection->state == CONNECTING && *refused ? refused : connection->error;
}

static void connection_free(struct transport *transport)
{
	struct connection *connection = connection_of(transport);

	if (connection->timer) {
		events_free(connection);
		event_free(connection->timer);
	}
	connector_free(connection->connector);
	free(connection);
}

static const struct transport_operations connection_operations = {
	.send = connection_send,
	.is_ready = connection_is_ready,
	.is_up = connection_is_up,
	.connections = connection_count,
	.error = connection_error,
	.free = connection_free,
};

struct connection_options connection_options_of(const char *what, const char *address,
						const struct push_options *push)
{
	return (struct connection_options){
		.what = what,
		.address = address,
		.retry_min = push->retry_min,
		.retry_max = push->retry_max,
		.timeout = push->timeout,
		.tls = push->tls,
	};
}

struct transport *connection_new(struct event_base *base, const struct connection_options *options,
				 const struct transport_events *events, struct error *error)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	const struct connector_events connector = { on_connected, on_refused, connection };

	if (connection)
		connection->timer = evtimer_new(base, on_timer, connection);
	if (!connection || !connection->timer) {
		free(connection);
		error_set(error, -ENOMEM, "cannot connect to %s: out of memory", options->what);
		return NULL;
	}
	connection->transport.operations = &connection_operations;
	connection->options = *options;
	connection->events = *events;
	connection->base = base;
	connection->connector = connector_new(base, options, &connector, error);
	if (!connection->connector) {
		connection_free(&connection->transport);
		return NULL;
	}
	return &connection->transport;
}
