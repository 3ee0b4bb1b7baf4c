/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Where the HTTP server listens: one address, which may become another one. */
#ifndef SINK_PROMETHEUS_LISTEN_H
#define SINK_PROMETHEUS_LISTEN_H

#include <stdbool.h>
#include "lib/error.h"

struct event_base;
struct evhttp;
struct evhttp_bound_socket;

/* Is it "host:port" or "[v6]:port" by number? A colon must be in it. */
bool listen_is_address(const char *address);
/*
 * Makes *bound, which is at `old` or NULL, the listener at `address`: "host:port" or "[v6]:port", by number.
 * -errno with the sentence in `error`: all is as it was.
 */
int listen_move(struct event_base *base, struct evhttp *http, struct evhttp_bound_socket **bound,
		const char *old, const char *address, struct error *error);
/* Nobody gets in any more. */
void listen_end(struct evhttp *http, struct evhttp_bound_socket **bound);

#endif /* SINK_PROMETHEUS_LISTEN_H */
