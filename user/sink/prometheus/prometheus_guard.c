// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * evhttp does not tell when it frees a connection that has never asked for anything. So a reference
 * to each bufferevent is kept, and one without callbacks is one that evhttp is done with.
 *
 *     accepted -> [asking: request] -> [answering: answer] -> [asking: idle] -> ...
 *                      '-- too long --------'-- too long ---------'--> shutdown(), evhttp hangs up
 */
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/prometheus/prometheus_guard.h"

#define LOOK_MSEC 500

struct guarded {
	TAILQ_ENTRY(guarded) next;
	struct bufferevent *stream;
	int64_t until;
	bool refused, encrypted;
	bool told; /* a request has come, and has or will have an answer */
};

struct guard {
	struct event_base *base;
	struct event *look;
	TAILQ_HEAD(, guarded) connections;
	struct guard_limits limits;
	struct guard_counts counts;
	SSL_CTX *tls;
};

static void guarded_free(struct guard *guard, struct guarded *one)
{
	TAILQ_REMOVE(&guard->connections, one, next);
	guard->counts.open -= !one->refused;
	bufferevent_decref(one->stream);
	free(one);
}

static bool is_gone(const struct guarded *one)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *context;

	bufferevent_getcb(one->stream, &read, &write, &event, &context);
	return !read && !write && !event;
}

/* Its end: evhttp reads it, and frees the connection. */
static void hang_up(struct guarded *one)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
				   "Content-Length: 21\r\n\r\ntoo many connections\n";
	evutil_socket_t fd = bufferevent_getfd(one->stream);

	if (fd < 0)
		return;
	if (one->refused && !one->told && !one->encrypted)
		send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_RDWR);
}

static void guard_look(struct guard *guard)
{
	int64_t now = clock_read(CLOCK_MONOTONIC);
	struct guarded *one, *next;

	for (one = TAILQ_FIRST(&guard->connections); one; one = next) {
		next = TAILQ_NEXT(one, next);
		if (is_gone(one)) {
			guarded_free(guard, one);
			continue;
		}
		if (now < one->until)
			continue;
		guard->counts.timed_out += !one->refused;
		one->until = now + guard->limits.answer;
		hang_up(one);
	}
}

static void guard_wait(struct guard *guard, long msec)
{
	const struct timeval wait = { .tv_sec = msec / 1000, .tv_usec = msec % 1000 * 1000 };

	event_add(guard->look, &wait);
}

static void guard_on_look(evutil_socket_t fd, short what, void *context)
{
	struct guard *guard = context;

	(void)fd;
	(void)what;
	guard_look(guard);
	if (!TAILQ_EMPTY(&guard->connections))
		guard_wait(guard, LOOK_MSEC);
}

static struct bufferevent *stream_new(struct guard *guard)
{
	struct bufferevent *stream;
	SSL *tls;

	if (!guard->tls)
		return bufferevent_socket_new(guard->base, -1, BEV_OPT_CLOSE_ON_FREE);
	tls = SSL_new(guard->tls);
	stream = tls ? bufferevent_openssl_socket_new(guard->base, -1, tls, BUFFEREVENT_SSL_ACCEPTING,
						      BEV_OPT_CLOSE_ON_FREE)
		     : NULL;
	if (!stream) {
		SSL_free(tls);
		return NULL;
	}
	/* Clients that end without a goodbye are no attack: what they asked for was whole, or is dropped. */
	bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
	return stream;
}

/*
 * evhttp accepted a connection and asks what to read it with. Without memory for the guard it has only
 * evhttp's own patience.
 */
static struct bufferevent *guard_on_accept(struct event_base *base, void *context)
{
	struct guard *guard = context;
	struct guarded *one = calloc(1, sizeof(*one));
	struct bufferevent *stream;

	(void)base;
	guard_look(guard);
	stream = one ? stream_new(guard) : NULL;
	if (!stream) {
		free(one);
		guard->counts.refused++;
		return bufferevent_socket_new(guard->base, -1, BEV_OPT_CLOSE_ON_FREE);
	}
	one->stream = stream;
	bufferevent_incref(stream);
	one->encrypted = guard->tls != NULL;
	one->refused = guard->counts.open >= guard->limits.connections;
	one->until = clock_read(CLOCK_MONOTONIC) + (one->refused ? 0 : guard->limits.request);
	guard->counts.refused += one->refused;
	guard->counts.accepted += !one->refused;
	guard->counts.open += !one->refused;
	TAILQ_INSERT_TAIL(&guard->connections, one, next);
	if (one->refused)
		log_warning("refused a connection to the metrics for Prometheus: there are %zu; "
			    "outputs.prometheus.max_connections may be raised",
			    guard->counts.open);
	guard_wait(guard, one->refused ? 0 : LOOK_MSEC);
	return stream;
}

struct guard *guard_new(struct event_base *base, struct evhttp *http)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return NULL;
	guard->base = base;
	TAILQ_INIT(&guard->connections);
	guard->look = evtimer_new(base, guard_on_look, guard);
	if (!guard->look) {
		free(guard);
		return NULL;
	}
	evhttp_set_bevcb(http, guard_on_accept, guard);
	return guard;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	while (!TAILQ_EMPTY(&guard->connections))
		guarded_free(guard, TAILQ_FIRST(&guard->connections));
	event_free(guard->look);
	SSL_CTX_free(guard->tls);
	free(guard);
}

void guard_set_tls(struct guard *guard, SSL_CTX *tls)
{
	SSL_CTX_free(guard->tls);
	guard->tls = tls;
}

void guard_set_limits(struct guard *guard, const struct guard_limits *limits)
{
	guard->limits = *limits;
}

static struct guarded *guard_find(const struct guard *guard, struct evhttp_connection *connection)
{
	const struct bufferevent *stream = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
	struct guarded *one;

	TAILQ_FOREACH(one, &guard->connections, next)
	if (one->stream == stream)
		return one;
	return NULL;
}

static void guard_on_close(struct evhttp_connection *connection, void *context)
{
	struct guarded *one = guard_find(context, connection);

	if (one)
		guarded_free(context, one);
}

/* The answer has left. */
static void guard_on_complete(struct evhttp_request *request, void *context)
{
	struct guard *guard = context;
	struct guarded *one = guard_find(guard, evhttp_request_get_connection(request));

	if (one)
		one->until = clock_read(CLOCK_MONOTONIC) + guard->limits.idle;
}

bool guard_request(struct guard *guard, struct evhttp_request *request)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct guarded *one = guard_find(guard, connection);

	if (!one)
		return true;
	one->told = true;
	one->until = clock_read(CLOCK_MONOTONIC) + guard->limits.answer;
	evhttp_connection_set_closecb(connection, guard_on_close, guard);
	evhttp_request_set_on_complete_cb(request, guard_on_complete, guard);
	return !one->refused;
}

void guard_hang_up(struct guard *guard)
{
	struct guarded *one;

	TAILQ_FOREACH(one, &guard->connections, next)
	if (!is_gone(one))
		hang_up(one);
}

void guard_counts(const struct guard *guard, struct guard_counts *counts)
{
	*counts = guard->counts;
}
