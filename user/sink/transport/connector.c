// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *                 +---------- address by address ------+
 *                 v                                    |
 *     RESOLVING -> CONNECTING (TCP, then TLS) -> DONE  |
 *         ^            |                               |
 *         |            v  none is left                 |
 *         +------- PAUSING <---- restart --------------+
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <event2/event.h>
#include <event2/util.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/transport/backoff.h"
#include "sink/transport/connector.h"
#include "sink/transport/resolve.h"
#include "sink/transport/socket.h"
#include "sink/transport/timer.h"
#include "sink/transport/tls.h"

enum state {
	PAUSING,
	RESOLVING,
	CONNECTING,
	DONE,
};

struct connector {
	struct connection_options options;
	struct connector_events events;
	struct event_base *base;
	struct resolver *resolver;
	struct tls *tls;
	struct evutil_addrinfo *addresses, *next; /* not yet tried */
	enum state state;
	struct wire wire;
	struct event *decided, *timer;
	struct backoff backoff;
	bool complained; /* that it is not there, since it last was */
	bool tls_stale;	 /* its files changed, and cannot be used; complained of */
	char error[160];
};

static void decided_free(struct connector *connector)
{
	if (connector->decided)
		event_free(connector->decided);
	connector->decided = NULL;
}

static void connector_close(struct connector *connector)
{
	decided_free(connector);
	event_del(connector->timer);
	wire_close(&connector->wire);
}

static void addresses_free(struct connector *connector)
{
	if (connector->addresses)
		evutil_freeaddrinfo(connector->addresses);
	connector->addresses = NULL;
	connector->next = NULL;
}

static void connector_pause(struct connector *connector)
{
	connector->state = PAUSING;
	timer_start(connector->timer, backoff_take(&connector->backoff));
}

static void connector_failed(struct connector *connector)
{
	const struct connection_options *options = &connector->options;

	if (!connector->complained)
		log_warning("cannot connect to %s at %s: %s; trying again, at least every %g s",
			    options->what, options->address, connector->error,
			    (double)options->retry_max / NS_PER_SECOND);
	connector->complained = true;
	addresses_free(connector);
	connector_pause(connector);
	connector->events.refused(connector->events.context);
}

static void on_decided(evutil_socket_t fd, short events, void *context);

/* Waits for the socket. */
static int connector_wait(struct connector *connector, short what)
{
	decided_free(connector);
	connector->decided = event_new(connector->base, connector->wire.fd, what, on_decided, connector);
	return connector->decided && !event_add(connector->decided, NULL) ? 0 : -ENOMEM;
}

/* Certificates are renewed while we run. What was read before may still do. */
static void certificates_refresh(struct connector *connector)
{
	const struct connection_options *options = &connector->options;
	struct error error = {};
	bool stale = connector->tls && tls_refresh(connector->tls, &error);

	if (stale && !connector->tls_stale)
		log_warning("%s at %s: %s; going on with what was read before", options->what,
			    options->address, error.text);
	connector->tls_stale = stale;
}

/* The next address, or a pause when none is left. */
static void connector_try_next(struct connector *connector)
{
	const struct evutil_addrinfo *address;
	int err;

	while (connector->next) {
		address = connector->next;
		connector->next = address->ai_next;
		connector->wire = (struct wire){ .fd = -1, .tls = connector->tls };
		err = wire_connect(&connector->wire, address->ai_family, address->ai_addr,
				   (socklen_t)address->ai_addrlen)
			      ?: connector_wait(connector, EV_WRITE);
		if (!err) {
			connector->state = CONNECTING;
			timer_start(connector->timer, connector->options.timeout);
			return;
		}
		snprintf(connector->error, sizeof(connector->error), "%s", socket_problem(err));
		connector_close(connector);
	}
	connector_failed(connector);
}

static void connector_give_up(struct connector *connector, int err)
{
	snprintf(connector->error, sizeof(connector->error), "%s", wire_problem(&connector->wire, err));
	connector_close(connector);
	connector_try_next(connector);
}

static void on_decided(evutil_socket_t fd, short events, void *context)
{
	struct connector *connector = context;
	int err = wire_establish(&connector->wire);

	(void)fd;
	(void)events;
	if (err == -EAGAIN)
		err = connector_wait(connector, wire_wants_write(&connector->wire) ? EV_WRITE : EV_READ)
			      ?: -EAGAIN;
	if (err) {
		if (err != -EAGAIN)
			connector_give_up(connector, err);
		return;
	}
	decided_free(connector);
	event_del(connector->timer);
	addresses_free(connector);
	connector->state = DONE;
	connector->complained = false;
	log_info("connected to %s at %s", connector->options.what, connector->options.address);
	connector->events.connected(connector->events.context);
}

static void on_resolved(void *context, struct evutil_addrinfo *addresses, const char *problem)
{
	struct connector *connector = context;

	certificates_refresh(connector);
	connector->addresses = addresses;
	connector->next = addresses;
	if (!addresses)
		snprintf(connector->error, sizeof(connector->error), "%s", problem);
	connector_try_next(connector);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct connector *connector = context;

	(void)fd;
	(void)events;
	if (connector->state == CONNECTING) {
		connector_give_up(connector, -ETIMEDOUT);
	} else if (connector->state == RESOLVING) {
		resolver_cancel(connector->resolver);
		snprintf(connector->error, sizeof(connector->error),
			 "its name cannot be looked up: no answer within %g s",
			 (double)connector->options.timeout / NS_PER_SECOND);
		connector_failed(connector);
	} else if (connector->state == PAUSING) {
		connector->state = RESOLVING;
		/* First, as it may be answered at once. */
		timer_start(connector->timer, connector->options.timeout);
		resolver_start(connector->resolver);
	}
}

static int connector_open(struct connector *connector, struct error *error)
{
	const struct connection_options *options = &connector->options;

	connector->timer = evtimer_new(connector->base, on_timer, connector);
	if (!connector->timer)
		return error_set(error, -ENOMEM, "cannot connect to %s: out of memory", options->what);
	connector->resolver = resolver_new(connector->base, options->address, on_resolved, connector, error);
	if (!connector->resolver)
		return -EINVAL;
	if (options->tls.enabled) {
		connector->tls = tls_new(&options->tls, resolver_host(connector->resolver), error);
		if (!connector->tls)
			return -EINVAL;
	}
	timer_start(connector->timer, 0);
	return 0;
}

struct connector *connector_new(struct event_base *base, const struct connection_options *options,
				const struct connector_events *events, struct error *error)
{
	struct connector *connector = calloc(1, sizeof(*connector));

	if (!connector) {
		error_set(error, -ENOMEM, "cannot connect to %s: out of memory", options->what);
		return NULL;
	}
	connector->options = *options;
	connector->events = *events;
	connector->base = base;
	connector->wire.fd = -1;
	backoff_init(&connector->backoff, options->retry_min, options->retry_max);
	if (connector_open(connector, error)) {
		connector_free(connector);
		return NULL;
	}
	return connector;
}

void connector_free(struct connector *connector)
{
	if (!connector)
		return;
	if (connector->timer) {
		connector_close(connector);
		event_free(connector->timer);
	}
	addresses_free(connector);
	resolver_free(connector->resolver);
	tls_free(connector->tls);
	free(connector);
}

struct wire *connector_wire(struct connector *connector)
{
	return &connector->wire;
}

void connector_restart(struct connector *connector)
{
	connector_close(connector);
	connector_pause(connector);
}

void connector_praise(struct connector *connector)
{
	backoff_reset(&connector->backoff);
	connector->error[0] = '\0';
}

const char *connector_error(const struct connector *connector)
{
	return connector->error;
}
