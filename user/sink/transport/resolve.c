// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Names are looked up by libevent's evdns, which reads resolv.conf and /etc/hosts only when it is set
 * up: so each lookup has one of its own, and finds what those files say by then. evdns answers a
 * cancelled request later, from the loop: so a lookup outlives its resolver.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include "lib/number.h"
#include "sink/transport/resolve.h"

#define HOST_MAX 256
#define PORT_MAX 8

/* One question to evdns. */
struct lookup {
	struct resolver *resolver; /* NULL: nobody waits any more */
	struct event_base *base;
	struct evdns_base *dns;
};

struct resolver {
	struct event_base *base;
	struct lookup *lookup; /* NULL: none runs */
	struct evdns_getaddrinfo_request *request;
	char host[HOST_MAX], port[PORT_MAX];
	char problem[128];
	void (*resolved)(void *context, struct evutil_addrinfo *addresses, const char *problem);
	void *context;
};

/*
 *     carbon.example:2003     [::1]:2003
 *     ^^^^^^^^^^^^^^ ^^^^      ^^^  ^^^^
 */
static int address_split(struct resolver *resolver, const char *address)
{
	const char *colon = strrchr(address, ':');
	uint64_t port;
	size_t len;

	if (!colon || number_parse_uint64(colon + 1, strlen(colon + 1), &port) || !port || port > UINT16_MAX)
		return -EINVAL;
	len = (size_t)(colon - address);
	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return -EINVAL;
	}
	if (!len || len >= sizeof(resolver->host))
		return -EINVAL;
	snprintf(resolver->host, sizeof(resolver->host), "%.*s", (int)len, address);
	snprintf(resolver->port, sizeof(resolver->port), "%u", (unsigned int)port);
	return 0;
}

struct resolver *resolver_new(struct event_base *base, const char *address,
			      void (*resolved)(void *context, struct evutil_addrinfo *addresses,
					       const char *problem),
			      void *context, struct error *error)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver) {
		error_set(error, -ENOMEM, "cannot connect to '%s': out of memory", address);
		return NULL;
	}
	if (address_split(resolver, address)) {
		error_set(error, -EINVAL,
			  "'%s' is no address to connect to: host:port or [IPv6]:port is expected", address);
		free(resolver);
		return NULL;
	}
	resolver->base = base;
	resolver->resolved = resolved;
	resolver->context = context;
	return resolver;
}

static void on_dns_unused(evutil_socket_t fd, short events, void *dns)
{
	(void)fd;
	(void)events;
	evdns_base_free(dns, 0);
}

static void on_answer(int result, struct evutil_addrinfo *addresses, void *context)
{
	struct lookup *lookup = context;
	struct resolver *resolver = lookup->resolver;
	const struct timeval now = {};

	/* Not here: evdns is still at work further up the stack. */
	event_base_once(lookup->base, -1, EV_TIMEOUT, on_dns_unused, lookup->dns, &now);
	free(lookup);
	if (resolver) {
		resolver->lookup = NULL;
		resolver->request = NULL;
		snprintf(resolver->problem, sizeof(resolver->problem), "its name cannot be looked up: %s",
			 evutil_gai_strerror(result ? result : EVUTIL_EAI_NONAME));
		resolver->resolved(resolver->context, addresses, addresses ? NULL : resolver->problem);
	} else if (addresses) {
		evutil_freeaddrinfo(addresses);
	}
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	resolver_cancel(resolver);
	free(resolver);
}

void resolver_cancel(struct resolver *resolver)
{
	if (!resolver->lookup)
		return;
	resolver->lookup->resolver = NULL;
	resolver->lookup = NULL;
	evdns_getaddrinfo_cancel(resolver->request);
	resolver->request = NULL;
}

const char *resolver_host(const struct resolver *resolver)
{
	return resolver->host;
}

/* Without a usable resolv.conf evdns asks this machine; /etc/hosts is read in any case. */
static struct evdns_base *dns_open(struct event_base *base)
{
	struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	if (dns)
		evdns_base_resolv_conf_parse(dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	return dns;
}

static void resolve_name(struct resolver *resolver, const struct evutil_addrinfo *hints)
{
	struct evdns_getaddrinfo_request *request;
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup)
		lookup->dns = dns_open(resolver->base);
	if (!lookup || !lookup->dns) {
		free(lookup);
		resolver->resolved(resolver->context, NULL, "cannot set up DNS");
		return;
	}
	lookup->resolver = resolver;
	lookup->base = resolver->base;
	resolver->lookup = lookup;
	request = evdns_getaddrinfo(lookup->dns, resolver->host, resolver->port, hints, on_answer, lookup);
	/* NULL: it was answered already. Even the resolver may be gone. */
	if (request)
		resolver->request = request;
}

void resolver_start(struct resolver *resolver)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = EVUTIL_AI_NUMERICHOST,
	};
	struct evutil_addrinfo *addresses = NULL;

	if (resolver->lookup)
		return;
	if (!evutil_getaddrinfo(resolver->host, resolver->port, &hints, &addresses)) {
		resolver->resolved(resolver->context, addresses, NULL);
		return;
	}
	hints.ai_flags = 0;
	resolve_name(resolver, &hints);
}
