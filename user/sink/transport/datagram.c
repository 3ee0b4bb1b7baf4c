// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     RESOLVING -> READY -> SENDING, a few datagrams at a time
 *         ^                    |
 *         '-- PAUSING <--------'   the kernel does not take one; or nobody listened: the name may
 *                                  mean another machine now
 *
 * A connected socket, so that it is told (ECONNREFUSED, by the next call) that nobody listens.
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
#include "sink/transport/backoff.h"
#include "sink/delivery/batch.h"
#include "sink/transport/datagram.h"
#include "sink/encoder.h"
#include "sink/transport/resolve.h"
#include "sink/transport/socket.h"
#include "sink/transport/timer.h"

/* A receive buffer holds about a hundred: they are not sent in one breath. */
#define BURST 8
#define BURST_NS 1000000

enum state {
	PAUSING,
	RESOLVING,
	READY,
	SENDING,
};

enum datagram_counter {
	DATAGRAMS_REFUSED,
	LINES_OVER_DATAGRAM,
	DATAGRAM_COUNTERS,
};

struct datagram {
	struct transport transport;
	struct connection_options options;
	struct transport_events events;
	struct resolver *resolver;
	struct event *timer;
	enum state state;
	int fd;		  /* -1: none */
	const char *data; /* being sent */
	size_t left;
	struct backoff backoff;
	bool refused, complained; /* during this batch; of what is wrong, since it last was right */
	struct sink_count counts[DATAGRAM_COUNTERS];
	char error[160];
};

static void datagram_complain(struct datagram *datagram, const char *problem)
{
	snprintf(datagram->error, sizeof(datagram->error), "%s", problem);
	if (!datagram->complained)
		log_warning("cannot send to %s at %s: %s; trying on", datagram->options.what,
			    datagram->options.address, problem);
	datagram->complained = true;
}

static void datagram_close(struct datagram *datagram)
{
	if (datagram->fd >= 0)
		close(datagram->fd);
	datagram->fd = -1;
}

/* To look the address up again, later. */
static void datagram_pause(struct datagram *datagram)
{
	datagram_close(datagram);
	datagram->state = PAUSING;
	timer_start(datagram->timer, backoff_take(&datagram->backoff));
}

/* All of the batch is on its way. */
static void datagram_finish(struct datagram *datagram)
{
	const struct transport_events *events = &datagram->events;

	if (datagram->refused) {
		events->refused(events->context);
		datagram_pause(datagram);
	} else {
		backoff_reset(&datagram->backoff);
		datagram->complained = false;
		datagram->error[0] = '\0';
		datagram->state = READY;
	}
	events->sent(events->context);
	if (datagram->state == READY)
		events->ready(events->context);
}

/* Whole lines for one datagram. 0: the first is too long for any. */
static size_t datagram_cut(const char *data, size_t len)
{
	const char *end;

	if (len <= DATAGRAM_BYTES)
		return len;
	end = memrchr(data, '\n', DATAGRAM_BYTES);
	return end ? (size_t)(end - data) + 1 : 0;
}

static void line_skip(struct datagram *datagram)
{
	const char *end = memchr(datagram->data, '\n', datagram->left);
	size_t len = end ? (size_t)(end - datagram->data) + 1 : datagram->left;

	datagram->counts[LINES_OVER_DATAGRAM].value++;
	datagram->data += len;
	datagram->left -= len;
}

/* One datagram, or a line that fits into none. A negative errno: the kernel did not take it. */
static int datagram_send_one(struct datagram *datagram)
{
	size_t len = datagram_cut(datagram->data, datagram->left);

	if (!len) {
		line_skip(datagram);
		return 0;
	}
	if (send(datagram->fd, datagram->data, len, MSG_DONTWAIT) < 0)
		return -errno;
	datagram->data += len;
	datagram->left -= len;
	return 0;
}

static void datagram_burst(struct datagram *datagram)
{
	const struct transport_events *events = &datagram->events;
	int err = 0;

	for (int i = 0; i < BURST && datagram->left && !err; i++) {
		err = datagram_send_one(datagram);
		/* That was about one before this, which nobody listened for. */
		if (err == -ECONNREFUSED) {
			datagram->counts[DATAGRAMS_REFUSED].value++;
			datagram->refused = true;
			datagram_complain(datagram, socket_problem(err));
			err = 0;
		}
	}
	if (err && err != -EAGAIN && err != -EINTR && err != -ENOBUFS) {
		datagram_complain(datagram, socket_problem(err));
		datagram_pause(datagram);
		events->lost(events->context);
	} else if (datagram->left) {
		timer_start(datagram->timer, BURST_NS);
	} else {
		datagram_finish(datagram);
	}
}

static int datagram_open(struct datagram *datagram, const struct evutil_addrinfo *address)
{
	int err = 0;

	datagram->fd = socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (datagram->fd < 0 || connect(datagram->fd, address->ai_addr, (socklen_t)address->ai_addrlen))
		err = -errno;
	if (err)
		datagram_close(datagram);
	return err;
}

static void on_resolved(void *context, struct evutil_addrinfo *addresses, const char *problem)
{
	struct datagram *datagram = context;
	int err = -EADDRNOTAVAIL;

	event_del(datagram->timer);
	for (const struct evutil_addrinfo *next = addresses; next && err; next = next->ai_next)
		err = datagram_open(datagram, next);
	if (addresses)
		evutil_freeaddrinfo(addresses);
	if (err) {
		datagram_complain(datagram, addresses ? socket_problem(err) : problem);
		datagram_pause(datagram);
		datagram->events.refused(datagram->events.context);
		return;
	}
	datagram->state = READY;
	datagram->events.ready(datagram->events.context);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct datagram *datagram = context;
	char problem[96];

	(void)fd;
	(void)events;
	if (datagram->state == SENDING) {
		datagram_burst(datagram);
	} else if (datagram->state == RESOLVING) {
		resolver_cancel(datagram->resolver);
		snprintf(problem, sizeof(problem), "its name cannot be looked up: no answer within %g s",
			 (double)datagram->options.timeout / NS_PER_SECOND);
		on_resolved(datagram, NULL, problem);
	} else if (datagram->state == PAUSING) {
		datagram->state = RESOLVING;
		/* First, as it may be answered at once. */
		timer_start(datagram->timer, datagram->options.timeout);
		resolver_start(datagram->resolver);
	}
}

static struct datagram *datagram_of(const struct transport *transport)
{
	return (struct datagram *)transport;
}

static void datagram_send(struct transport *transport, const struct batch *batch)
{
	struct datagram *datagram = datagram_of(transport);

	datagram->data = batch->data;
	datagram->left = batch->len;
	datagram->refused = false;
	datagram->state = SENDING;
	/* From the loop, so that a long queue does not become a deep stack. */
	timer_start(datagram->timer, 0);
}

static bool datagram_is_ready(const struct transport *transport)
{
	return datagram_of(transport)->state == READY;
}

static bool datagram_is_up(const struct transport *transport)
{
	return datagram_of(transport)->state >= READY;
}

static uint64_t datagram_connections(const struct transport *transport)
{
	(void)transport;
	return 0;
}

static const char *datagram_error(const struct transport *transport)
{
	return datagram_of(transport)->error;
}

static const struct sink_count *datagram_counts(const struct transport *transport, size_t *count)
{
	*count = DATAGRAM_COUNTERS;
	return datagram_of(transport)->counts;
}

static void datagram_free(struct transport *transport)
{
	struct datagram *datagram = datagram_of(transport);

	datagram_close(datagram);
	if (datagram->timer)
		event_free(datagram->timer);
	resolver_free(datagram->resolver);
	free(datagram);
}

static const struct transport_operations datagram_operations = {
	.send = datagram_send,
	.is_ready = datagram_is_ready,
	.is_up = datagram_is_up,
	.connections = datagram_connections,
	.error = datagram_error,
	.counts = datagram_counts,
	.free = datagram_free,
};

struct transport *datagram_new(struct event_base *base, const struct connection_options *options,
			       const struct transport_events *events, struct error *error)
{
	struct datagram *datagram = calloc(1, sizeof(*datagram));

	if (!datagram) {
		error_set(error, -ENOMEM, "cannot send to %s: out of memory", options->what);
		return NULL;
	}
	datagram->transport.operations = &datagram_operations;
	datagram->options = *options;
	datagram->events = *events;
	datagram->fd = -1;
	backoff_init(&datagram->backoff, options->retry_min, options->retry_max);
	datagram->counts[DATAGRAMS_REFUSED].name = "datagrams_refused";
	datagram->counts[LINES_OVER_DATAGRAM].name = "lines_over_datagram";
	datagram->timer = evtimer_new(base, on_timer, datagram);
	if (!datagram->timer)
		error_set(error, -ENOMEM, "cannot send to %s: out of memory", options->what);
	else
		datagram->resolver = resolver_new(base, options->address, on_resolved, datagram, error);
	if (!datagram->resolver) {
		datagram_free(&datagram->transport);
		return NULL;
	}
	timer_start(datagram->timer, 0);
	return &datagram->transport;
}
