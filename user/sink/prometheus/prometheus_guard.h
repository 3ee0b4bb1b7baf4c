/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Connections of the HTTP server: so many, for so long. evhttp knows only how long nothing came;
 * who sends a byte now and then would stay for ever.
 */
#ifndef SINK_PROMETHEUS_GUARD_H
#define SINK_PROMETHEUS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct evhttp;
struct evhttp_request;
struct guard;
struct ssl_ctx_st;

struct guard_limits {
	size_t connections;
	int64_t request; /* nanoseconds in which the first request must have come */
	int64_t idle;	 /* and any other one, once the answer to the one before has left */
	int64_t answer;	 /* and an answer must have left */
};

struct guard_counts {
	uint64_t accepted, refused, timed_out;
	size_t open;
};

/* Watches over what `http` accepts from now on. NULL: out of memory. */
struct guard *guard_new(struct event_base *base, struct evhttp *http);
/* After the server. Safe on NULL. */
void guard_free(struct guard *guard);
/* For connections accepted from now on. `tls` is taken over; NULL: none. */
void guard_set_tls(struct guard *guard, struct ssl_ctx_st *tls);
void guard_set_limits(struct guard *guard, const struct guard_limits *limits);
/* A request has come: to be called for each. False: the connection is one too many, and is to be closed. */
bool guard_request(struct guard *guard, struct evhttp_request *request);
/* Ends them all: evhttp reads their end, and frees them. */
void guard_hang_up(struct guard *guard);
void guard_counts(const struct guard *guard, struct guard_counts *counts);

#endif /* SINK_PROMETHEUS_GUARD_H */
