/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * One TCP connection that is kept open: resolves, connects in the background, tries again
 * with growing pauses, and says when what it was given to send has been acknowledged by the
 * other side's TCP.
 */
#ifndef SINK_CONNECTION_H
#define SINK_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct connection;
struct event_base;

struct connection_options {
	const char *what;	     /* of the other side, for sentences: "graphite" */
	const char *address;	     /* "host:port", "[v6]:port" */
	double retry_min, retry_max; /* seconds */
	/* The connection is there and nothing is being sent: connection_send() may be called. */
	void (*ready)(void *context);
	/* All that was given to connection_send() is acknowledged. ready() follows. */
	void (*sent)(void *context);
	/* The connection broke. What was being sent may have arrived in part, or whole, or not. */
	void (*lost)(void *context);
	/* It could not be established this time, as a statsd would find out at each flush. */
	void (*refused)(void *context);
	void *context;
};

/* Starts to connect once the loop runs. The texts must outlive it. NULL with the sentence in `error`. */
struct connection *connection_new(struct event_base *base, const struct connection_options *options,
				  struct error *error);
/* Safe on NULL. Calls nothing back any more. */
void connection_free(struct connection *connection);

/* Sends bytes that must stay where they are until sent() or lost(). Only when connection_is_ready(). */
void connection_send(struct connection *connection, const char *data, size_t len);

bool connection_is_ready(const struct connection *connection);
bool connection_is_up(const struct connection *connection);
/* How often it was established, and why it is not, or was not until something was sent; "" for none. */
uint64_t connection_count(const struct connection *connection);
const char *connection_error(const struct connection *connection);

#endif /* SINK_CONNECTION_H */
