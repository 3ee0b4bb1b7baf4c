// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Connected, so that ICMP's refusals come back: the kernel reports one at the next send, which is
 * not done then, or when it is asked. Names are looked up again within a minute, and soon after
 * something was refused; a socket stays as long as its address is among the answers.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/clock.h"
#include "sink/transport/backoff.h"
#include "sink/relay/relay_socket.h"
#include "sink/transport/resolve.h"
#include "sink/transport/timer.h"

#define LOOK_UP_SECONDS 60
#define LOOK_UP_SOON_SECONDS 5
#define SEND_BUFFER_BYTES (1 << 20)

struct relay_socket {
	struct resolver *resolver;
	struct event *look_up;
	int64_t looked_up; /* CLOCK_MONOTONIC */
	int fd;		   /* -1: nowhere to send to */
	struct sockaddr_storage to;
	void (*opened)(void *context, uint64_t cookie, const struct sockaddr *to);
	void *context;
	char problem[256];
};

/* It may have moved. */
static void look_up_soon(struct relay_socket *socket)
{
	int64_t now = clock_read(CLOCK_MONOTONIC);

	if (now - socket->looked_up < LOOK_UP_SOON_SECONDS * NS_PER_SECOND)
		return;
	socket->looked_up = now;
	timer_start(socket->look_up, 0);
}

int relay_socket_refused(struct relay_socket *socket)
{
	socklen_t size = sizeof(int);
	int err = 0;

	if (socket->fd < 0 || getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &err, &size) || !err)
		return 0;
	look_up_soon(socket);
	return -err;
}

int relay_socket_send(struct relay_socket *socket, const void *data, size_t len)
{
	int err;

	if (socket->fd < 0)
		return -ENOTCONN;
	if (send(socket->fd, data, len, MSG_DONTWAIT) >= 0)
		return 0;
	err = -errno;
	look_up_soon(socket);
	return err;
}

const char *relay_socket_problem(const struct relay_socket *socket)
{
	return socket->problem;
}

/* Its descriptor and its cookie, or a negative errno. */
static int udp_connect(const struct evutil_addrinfo *address, uint64_t *cookie)
{
	int fd = socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP), err;
	const int bytes = SEND_BUFFER_BYTES;
	socklen_t size = sizeof(*cookie);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* or as much as there may be */
	if (!connect(fd, address->ai_addr, (socklen_t)address->ai_addrlen) &&
	    !getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static bool sends_to(const struct relay_socket *socket, const struct evutil_addrinfo *address)
{
	for (; socket->fd >= 0 && address; address = address->ai_next)
		if (!memcmp(&socket->to, address->ai_addr, address->ai_addrlen))
			return true;
	return false;
}

/* The first address that there is a way to. */
static void connect_any(struct relay_socket *socket, const struct evutil_addrinfo *address)
{
	int fd = -EHOSTUNREACH;
	uint64_t cookie = 0;

	for (; address; address = address->ai_next) {
		fd = udp_connect(address, &cookie);
		if (fd >= 0)
			break;
	}
	if (fd < 0) {
		snprintf(socket->problem, sizeof(socket->problem), "%s", strerror(-fd));
		return;
	}
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = fd;
	memset(&socket->to, 0, sizeof(socket->to));
	memcpy(&socket->to, address->ai_addr, address->ai_addrlen);
	socket->problem[0] = '\0';
	socket->opened(socket->context, cookie, address->ai_addr);
}

static void on_resolved(void *context, struct evutil_addrinfo *addresses, const char *problem)
{
	struct relay_socket *socket = context;

	if (problem && socket->fd < 0)
		snprintf(socket->problem, sizeof(socket->problem), "%s", problem);
	else if (!problem && !sends_to(socket, addresses))
		connect_any(socket, addresses);
	if (addresses)
		evutil_freeaddrinfo(addresses);
	socket->looked_up = clock_read(CLOCK_MONOTONIC);
	timer_start(socket->look_up, backoff_spread(NS_PER_SECOND * (socket->fd < 0 ? LOOK_UP_SOON_SECONDS
										    : LOOK_UP_SECONDS)));
}

static void on_look_up(evutil_socket_t fd, short what, void *context)
{
	struct relay_socket *socket = context;

	(void)fd;
	(void)what;
	resolver_start(socket->resolver);
}

struct relay_socket *relay_socket_new(struct event_base *base, const char *address,
				      void (*opened)(void *context, uint64_t cookie,
						     const struct sockaddr *to),
				      void *context, struct error *error)
{
	struct relay_socket *socket = calloc(1, sizeof(*socket));

	if (!socket) {
		error_set(error, -ENOMEM, "cannot relay to '%s': out of memory", address);
		return NULL;
	}
	socket->fd = -1;
	socket->opened = opened;
	socket->context = context;
	snprintf(socket->problem, sizeof(socket->problem), "its address is not known yet");
	socket->look_up = evtimer_new(base, on_look_up, socket);
	if (!socket->look_up)
		error_set(error, -ENOMEM, "cannot relay to '%s': out of memory", address);
	else
		socket->resolver = resolver_new(base, address, on_resolved, socket, error);
	if (!socket->resolver) {
		relay_socket_free(socket);
		return NULL;
	}
	resolver_start(socket->resolver);
	return socket;
}

void relay_socket_free(struct relay_socket *socket)
{
	if (!socket)
		return;
	resolver_free(socket->resolver);
	if (socket->look_up)
		event_free(socket->look_up);
	if (socket->fd >= 0)
		close(socket->fd);
	free(socket);
}
