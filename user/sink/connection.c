// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *                 +------------------ address by address --------------+
 *                 v                                                    |
 *     RESOLVING -> CONNECTING -> READY -> SENDING -> WAITING_FOR_ACK   |
 *         ^            |           ^                        |          |
 *         |            v           +------------------------+          |
 *         +------- PAUSING <--- any failure --------------------------->
 *
 * Acknowledged means that the socket holds nothing any more that the other side's TCP has
 * not confirmed, and that the connection is still there. The other program may yet die
 * before it reads what its kernel took; only a protocol with answers could tell.
 *
 * While something is sent, a number of bytes that does not change for `timeout` is a failure: the
 * other side accepts, and does not read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/util.h>
#include <sys/socket.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/batch.h"
#include "sink/connection.h"
#include "sink/resolve.h"
#include "sink/socket.h"

#define ACK_POLL_MIN 1000000 /* nanoseconds */
#define ACK_POLL_MAX 50000000

enum state {
	PAUSING,
	RESOLVING,
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
	struct resolver *resolver;
	struct evutil_addrinfo *addresses, *next; /* not yet tried */
	enum state state;
	int fd; /* -1: none */
	struct event *readable, *writable, *timer;
	const char *data; /* being sent */
	size_t left, unacknowledged;
	int64_t progress;    /* CLOCK_MONOTONIC: when either last became less */
	int64_t pause, poll; /* nanoseconds, growing */
	bool complained;     /* that it is not there, since it last was */
	uint64_t count;
	char error[160];
};

static void timer_start(struct connection *connection, int64_t nanoseconds)
{
	const struct timeval delay = {
		.tv_sec = nanoseconds / NS_PER_SECOND,
		.tv_usec = nanoseconds % NS_PER_SECOND / 1000,
	};

	event_add(connection->timer, &delay);
}

static void events_free(struct connection *connection)
{
	if (connection->readable)
		event_free(connection->readable);
	if (connection->writable)
		event_free(connection->writable);
	connection->readable = NULL;
	connection->writable = NULL;
}

static void connection_close(struct connection *connection)
{
	events_free(connection);
	event_del(connection->timer);
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
}

static void addresses_free(struct connection *connection)
{
	if (connection->addresses)
		evutil_freeaddrinfo(connection->addresses);
	connection->addresses = NULL;
	connection->next = NULL;
}

/* Between half of the pause and the whole of it, so that many daemons do not come back in step. */
static void connection_pause(struct connection *connection)
{
	uint32_t chance;

	evutil_secure_rng_get_bytes(&chance, sizeof(chance));
	connection->state = PAUSING;
	timer_start(connection,
		    (int64_t)((double)connection->pause * (0.5 + (double)chance / UINT32_MAX / 2)));
	connection->pause *= 2;
	if (connection->pause > connection->options.retry_max)
		connection->pause = connection->options.retry_max;
}

static void connection_failed(struct connection *connection, const char *problem)
{
	const struct connection_options *options = &connection->options;

	snprintf(connection->error, sizeof(connection->error), "%s", problem);
	if (!connection->complained)
		log_warning("cannot connect to %s at %s: %s; trying again, at least every %g s",
			    options->what, options->address, problem,
			    (double)options->retry_max / NS_PER_SECOND);
	connection->complained = true;
	addresses_free(connection);
	connection_pause(connection);
	connection->events.refused(connection->events.context);
}

/* Leaves the connection in order to open another. */
static void connection_break(struct connection *connection, const char *problem)
{
	const struct connection_options *options = &connection->options;

	snprintf(connection->error, sizeof(connection->error), "%s", problem);
	log_warning("lost the connection to %s at %s: %s; connecting again", options->what, options->address,
		    problem);
	connection_close(connection);
	connection_pause(connection);
	connection->events.lost(connection->events.context);
}

/* Nothing is expected to come; it is read so that the end is seen. */
static void on_readable(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;
	char ignored[4096];
	ssize_t got = recv(fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	(void)events;
	if (got == 0)
		connection_break(connection, socket_problem(-EPIPE));
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		connection_break(connection, socket_problem(-errno));
}

static void connection_acknowledged(struct connection *connection)
{
	const struct transport_events *events = &connection->events;

	event_del(connection->timer);
	connection->state = READY;
	connection->pause = connection->options.retry_min;
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
	timer_start(connection, connection->state == WAITING_FOR_ACK && connection->poll < left
					? connection->poll
					: left);
	return true;
}

static void connection_check_ack(struct connection *connection)
{
	int pending = socket_unacknowledged(connection->fd);
	bool moved;

	if (pending < 0) {
		connection_break(connection, socket_problem(pending));
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
	ssize_t sent = send(connection->fd, connection->data, connection->left, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		connection_break(connection, socket_problem(-errno));
		return;
	}
	if (sent > 0) {
		connection->data += sent;
		connection->left -= (size_t)sent;
	}
	if (connection->left) {
		if (connection_moves(connection, sent > 0))
			event_add(connection->writable, NULL);
		return;
	}
	connection->state = WAITING_FOR_ACK;
	connection->poll = ACK_POLL_MIN;
	connection->unacknowledged = SIZE_MAX;
	connection_check_ack(connection);
}

static void connection_established(struct connection *connection)
{
	const struct connection_options *options = &connection->options;

	event_del(connection->timer);
	addresses_free(connection);
	log_info("connected to %s at %s", options->what, options->address);
	connection->count++;
	connection->complained = false;
	connection->state = READY;
	event_add(connection->readable, NULL);
	connection->events.ready(connection->events.context);
}

static void on_writable(evutil_socket_t fd, short events, void *context);

/* Starts to connect to one address. */
static int connection_open(struct connection *connection, const struct evutil_addrinfo *address)
{
	int fd = socket_open(address->ai_family, address->ai_addr, (socklen_t)address->ai_addrlen);

	if (fd < 0)
		return fd;
	connection->fd = fd;
	connection->readable = event_new(connection->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	connection->writable = event_new(connection->base, fd, EV_WRITE, on_writable, connection);
	return connection->readable && connection->writable ? 0 : -ENOMEM;
}

/* The next address, or a pause when none is left; `problem` is that of the one before. */
static void connection_try_next(struct connection *connection, const char *problem)
{
	const struct evutil_addrinfo *address;
	int err;

	while (connection->next) {
		address = connection->next;
		connection->next = address->ai_next;
		err = connection_open(connection, address);
		if (!err) {
			connection->state = CONNECTING;
			event_add(connection->writable, NULL);
			timer_start(connection, connection->options.timeout);
			return;
		}
		problem = socket_problem(err);
		connection_close(connection);
	}
	connection_failed(connection, problem);
}

static void on_writable(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;
	int err;

	(void)events;
	if (connection->state != CONNECTING) {
		connection_write(connection);
		return;
	}
	err = socket_opened(fd);
	if (!err) {
		connection_established(connection);
		return;
	}
	connection_close(connection);
	connection_try_next(connection, socket_problem(err));
}

static void on_resolved(void *context, struct evutil_addrinfo *addresses, const char *problem)
{
	struct connection *connection = context;

	connection->addresses = addresses;
	connection->next = addresses;
	connection_try_next(connection, problem);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)events;
	switch (connection->state) {
	case PAUSING:
		connection->state = RESOLVING;
		resolver_start(connection->resolver);
		break;
	case CONNECTING:
		connection_close(connection);
		connection_try_next(connection, socket_problem(-ETIMEDOUT));
		break;
	case SENDING:
		connection_moves(connection, false);
		break;
	case WAITING_FOR_ACK:
		connection_check_ack(connection);
		break;
	default:
		break;
	}
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
	return connection_of(transport)->error;
}

static void connection_free(struct transport *transport)
{
	struct connection *connection = connection_of(transport);

	if (connection->timer) {
		connection_close(connection);
		event_free(connection->timer);
	}
	addresses_free(connection);
	resolver_free(connection->resolver);
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
	};
}

struct transport *connection_new(struct event_base *base, const struct connection_options *options,
				 const struct transport_events *events, struct error *error)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		error_set(error, -ENOMEM, "cannot connect to %s: out of memory", options->what);
		return NULL;
	}
	connection->transport.operations = &connection_operations;
	connection->options = *options;
	connection->events = *events;
	connection->base = base;
	connection->fd = -1;
	connection->pause = options->retry_min;
	connection->timer = evtimer_new(base, on_timer, connection);
	if (!connection->timer) {
		error_set(error, -ENOMEM, "cannot connect to %s: out of memory", options->what);
		goto out_free;
	}
	connection->resolver = resolver_new(base, options->address, on_resolved, connection, error);
	if (!connection->resolver)
		goto out_free;
	timer_start(connection, 0);
	return &connection->transport;

out_free:
	connection_free(&connection->transport);
	return NULL;
}
