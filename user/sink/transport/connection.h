/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * One TCP or TLS connection that is kept open, as a transport: resolves, connects in the background,
 * tries again with growing pauses, and says when what it was given to send has been acknowledged
 * by the other side's TCP.
 */
#ifndef SINK_CONNECTION_H
#define SINK_CONNECTION_H

#include <stdint.h>
#include "lib/error.h"
#include "sink/options.h"
#include "sink/transport/transport.h"

struct event_base;

struct connection_options {
	const char *what;	      /* of the other side, for sentences: "graphite" */
	const char *address;	      /* "host:port", "[v6]:port" */
	int64_t retry_min, retry_max; /* nanoseconds between attempts */
	int64_t timeout;	      /* nanoseconds: to connect, and that a send may make no progress */
	struct tls_options tls;
};

/* What push_options say about it. */
struct connection_options connection_options_of(const char *what, const char *address,
						const struct push_options *push);

/* Starts to connect once the loop runs. The texts must outlive it. NULL with the sentence in `error`. */
struct transport *connection_new(struct event_base *base, const struct connection_options *options,
				 const struct transport_events *events, struct error *error);

#endif /* SINK_CONNECTION_H */
