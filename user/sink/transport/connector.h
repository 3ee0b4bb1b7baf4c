/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Establishes a TCP or TLS connection, address by address of a name, and tries again after pauses that grow. */
#ifndef SINK_CONNECTOR_H
#define SINK_CONNECTOR_H

#include "lib/error.h"
#include "sink/transport/connection.h"
#include "sink/transport/wire.h"

struct connector;
struct event_base;

struct connector_events {
	/* connector_wire() is established. */
	void (*connected)(void *context);
	/* Not this time. It goes on by itself. */
	void (*refused)(void *context);
	void *context;
};

/* Starts by itself once the loop runs. The texts of `options` must outlive it. NULL with the sentence in `error`. */
struct connector *connector_new(struct event_base *base, const struct connection_options *options,
				const struct connector_events *events, struct error *error);
/* Closes the connection. Safe on NULL. */
void connector_free(struct connector *connector);

struct wire *connector_wire(struct connector *connector);
/* Closes the connection, and begins again after a pause. */
void connector_restart(struct connector *connector);
/* It was good for something: the next pause is a short one. */
void connector_praise(struct connector *connector);
/* Why there was no connection the last time; "" for none. */
const char *connector_error(const struct connector *connector);

#endif /* SINK_CONNECTOR_H */
