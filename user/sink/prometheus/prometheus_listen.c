// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * An address by number, and a listener there. A reload moves it: the new one is there before the old
 * one goes, so that who cannot have the new one keeps what it has.
 */
#include <errno.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "lib/log.h"
#include "sink/options.h"
#include "sink/prometheus/prometheus_listen.h"

#define BACKLOG 64

/* By number: asking a name server would block. NULL: it is not. The caller frees it. */
static struct addrinfo *address_find(const char *address)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(address, ':');
	bool brackets = address[0] == '[';
	struct addrinfo *found = NULL;
	char host[ADDRESS_BYTES];

	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - 2 * brackets, address + brackets);
	return getaddrinfo(host, colon + 1, &hints, &found) ? NULL : found;
}

bool listen_is_address(const char *address)
{
	struct addrinfo *found = address_find(address);

	if (found)
		freeaddrinfo(found);
	return found;
}

static struct evconnlistener *listener_new(struct event_base *base, const char *address, struct error *error)
{
	const unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct addrinfo *found = address_find(address);
	struct evconnlistener *listener;

	if (!found) {
		error_set(error, -EINVAL, "cannot listen for Prometheus on %s: that is no address by number",
			  address);
		return NULL;
	}
	listener = evconnlistener_new_bind(base, NULL, NULL, flags, BACKLOG, found->ai_addr,
					   (int)found->ai_addrlen);
	if (!listener)
		error_set(error, -errno,
			  "cannot listen for Prometheus on %s: %s; set another outputs.prometheus.listen",
			  address, strerror(errno));
	freeaddrinfo(found);
	return listener;
}

static struct evhttp_bound_socket *listen_bind(struct event_base *base, struct evhttp *http,
					       const char *address, struct error *error)
{
	struct evconnlistener *listener = listener_new(base, address, error);
	struct evhttp_bound_socket *bound = listener ? evhttp_bind_listener(http, listener) : NULL;

	if (listener && !bound) {
		error_set(error, -ENOMEM, "cannot listen for Prometheus: out of memory");
		evconnlistener_free(listener);
	}
	return bound;
}

void listen_end(struct evhttp *http, struct evhttp_bound_socket **bound)
{
	if (*bound)
		evhttp_del_accept_socket(http, *bound);
	*bound = NULL;
}

/* What is in the way of 0.0.0.0 may be our own 127.0.0.1 of that port: it goes first then. */
static struct evhttp_bound_socket *listen_instead(struct event_base *base, struct evhttp *http,
						  struct evhttp_bound_socket **bound, const char *old,
						  const char *address, struct error *error)
{
	struct evhttp_bound_socket *other;
	struct error problem = {};

	listen_end(http, bound);
	other = listen_bind(base, http, address, error);
	if (other)
		return other;
	*bound = listen_bind(base, http, old, &problem);
	if (!*bound)
		log_error("nobody can scrape the metrics for Prometheus: %s", problem.text);
	return NULL;
}

int listen_move(struct event_base *base, struct evhttp *http, struct evhttp_bound_socket **bound,
		const char *old, const char *address, struct error *error)
{
	struct evhttp_bound_socket *other = listen_bind(base, http, address, error);

	if (!other && *bound && !strcmp(strrchr(old, ':'), strrchr(address, ':')))
		other = listen_instead(base, http, bound, old, address, error);
	if (!other)
		return -EIO;
	listen_end(http, bound);
	*bound = other;
	return 0;
}
