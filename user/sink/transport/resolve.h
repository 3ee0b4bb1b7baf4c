/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* From "host:port" to socket addresses, without blocking the loop. */
#ifndef SINK_RESOLVE_H
#define SINK_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include "lib/error.h"

struct event_base;
struct evutil_addrinfo;
struct resolver;

/*
 * "host:port" or "[v6]:port". NULL with the sentence in `error`, if it is neither. The
 * caller frees with resolver_free(), after which nothing is called back.
 */
struct resolver *resolver_new(struct event_base *base, const char *address,
			      void (*resolved)(void *context, struct evutil_addrinfo *addresses,
					       const char *problem),
			      void *context, struct error *error);
void resolver_free(struct resolver *resolver);
/* The host of the address, without brackets. */
const char *resolver_host(const struct resolver *resolver);

/*
 * Looks the address up, by what resolv.conf and /etc/hosts say now; nothing, while it is being looked
 * up already. The answer, perhaps before this returns: resolved() with a list that the callee frees
 * with evutil_freeaddrinfo(), or with NULL and what the problem is. Numbers need no DNS.
 */
void resolver_start(struct resolver *resolver);
/* It has taken too long: nothing is answered any more, until the next start. */
void resolver_cancel(struct resolver *resolver);

#endif /* SINK_RESOLVE_H */
