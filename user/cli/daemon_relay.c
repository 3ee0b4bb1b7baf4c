// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * From the capture to the relays among the outputs. Programs copy nothing while there is none. The
 * daemon looks for copies at each beat of the fastest relay; the kernel wakes it when many wait.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cli/daemon.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "probe/relay.h"

struct relaying {
	struct event *look, *ring;
	uint64_t missed; /* what the kernel's count was when the relays were told last */
};

static void relays_pass(void *context, const void *data, size_t len)
{
	struct daemon *daemon = context;

	relay_feed_pass(&daemon->outputs.relays, data, len);
}

static void relays_consume(struct daemon *daemon)
{
	struct relaying *relaying = daemon->relaying;
	struct error error = {};
	uint64_t missed;

	if (capture_consume(daemon->capture, &error) < 0 ||
	    capture_relay_consume(daemon->capture, &error) < 0) {
		daemon->counts.ring_errors++;
		log_error("%s", error.text);
	}
	missed = capture_relay_missed(daemon->capture);
	if (missed != relaying->missed)
		log_warning("datagrams were not relayed: the ring to the daemon was full; raise "
			    "limits.relay_ring");
	relay_feed_miss(&daemon->outputs.relays, missed - relaying->missed);
	relaying->missed = missed;
}

static void relays_on_ring(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	relays_consume(context);
}

static void relays_on_look(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;

	(void)fd;
	(void)what;
	relays_consume(daemon);
	relay_feed_tick(&daemon->outputs.relays, clock_read(CLOCK_MONOTONIC));
}

/* One of this machine's addresses: a socket can be bound to it. */
static bool is_local(const struct sockaddr *address)
{
	struct sockaddr_storage any = {};
	socklen_t len =
		address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool local;

	memcpy(&any, address, len);
	/* The port is at the same place in both. */
	((struct sockaddr_in *)&any)->sin_port = 0;
	local = fd >= 0 && !bind(fd, (struct sockaddr *)&any, len);
	if (fd >= 0)
		close(fd);
	return local;
}

static bool is_captured(const struct capture_options *options, uint16_t port)
{
	for (size_t i = 0; i < options->port_count; i++)
		if (options->ports[i] == port)
			return true;
	return false;
}

/* What the programs must not capture. */
static void relays_name_sockets(struct daemon *daemon)
{
	uint64_t cookies[RELAY_SOCKETS_MAX];
	size_t count = relay_feed_cookies(&daemon->outputs.relays, cookies, RELAY_SOCKETS_MAX);

	if (daemon->capture)
		capture_relay_sockets(daemon->capture, cookies, count);
}

static void relays_on_opened(void *context, const char *name, const struct sockaddr *to)
{
	const struct sockaddr_in *address = (const void *)to;
	struct daemon *daemon = context;
	uint16_t port = ntohs(address->sin_port);

	relays_name_sockets(daemon);
	if (!daemon->config.capture.absorb && is_captured(&daemon->config.capture, port) && is_local(to))
		log_warning("the relay to %s leads to port %u of this machine, which applications send to by "
			    "themselves: what listens there gets everything twice; end one of the two ways, "
			    "with capture.statsd.absorb or by taking the relay away",
			    name, port);
}

static void relays_stop(struct daemon *daemon)
{
	struct relaying *relaying = daemon->relaying;

	if (relaying->ring)
		event_free(relaying->ring);
	relaying->ring = NULL;
	event_del(relaying->look);
	capture_relay(daemon->capture, 0, NULL, NULL, NULL);
}

static struct relaying *relaying_new(struct daemon *daemon)
{
	struct relaying *relaying = calloc(1, sizeof(*relaying));

	if (relaying)
		relaying->look = event_new(daemon->base, -1, EV_PERSIST, relays_on_look, daemon);
	if (relaying && relaying->look)
		return relaying;
	free(relaying);
	return NULL;
}

static int relays_start(struct daemon *daemon, struct error *error)
{
	struct relaying *relaying = daemon->relaying;
	int err;

	if (relaying->ring)
		return 0;
	relaying->missed = capture_relay_missed(daemon->capture);
	err = capture_relay(daemon->capture, daemon->config.relay_ring, relays_pass, daemon, error);
	if (err)
		return err;
	relaying->ring = event_new(daemon->base, capture_relay_fd(daemon->capture), EV_READ | EV_PERSIST,
				   relays_on_ring, daemon);
	if (relaying->ring && !event_add(relaying->ring, NULL))
		return 0;
	relays_stop(daemon);
	return error_set(error, -ENOMEM, "cannot relay datagrams: out of memory");
}

int daemon_update_relays(struct daemon *daemon, struct error *error)
{
	int64_t delay = relay_feed_delay(&daemon->outputs.relays);
	struct timeval look = { .tv_sec = delay / NS_PER_SECOND, .tv_usec = delay % NS_PER_SECOND / 1000 };
	int err;

	if (!delay && !daemon->relaying)
		return 0;
	if (!daemon->relaying)
		daemon->relaying = relaying_new(daemon);
	if (!daemon->relaying)
		return error_set(error, -ENOMEM, "cannot relay datagrams: out of memory");
	relays_name_sockets(daemon);
	if (!delay) {
		relays_stop(daemon);
		return 0;
	}
	err = relays_start(daemon, error);
	if (!err)
		event_add(daemon->relaying->look, &look);
	return err;
}

void daemon_open_relays(struct daemon *daemon)
{
	daemon->outputs.relays.opened = relays_on_opened;
	daemon->outputs.relays.context = daemon;
}

void daemon_feed_relays(struct daemon *daemon)
{
	size_t taken;

	if (!daemon->relaying || !daemon->relaying->ring)
		return;
	/* A call takes a part of the ring. */
	for (taken = 0; taken <= daemon->config.relay_ring; taken += CAPTURE_RELAY_BYTES)
		relays_consume(daemon);
}

void daemon_close_relays(struct daemon *daemon)
{
	struct relaying *relaying = daemon->relaying;

	if (!relaying)
		return;
	daemon_feed_relays(daemon);
	relay_feed_finish(&daemon->outputs.relays);
	relays_stop(daemon);
	event_free(relaying->look);
	free(relaying);
	daemon->relaying = NULL;
}
