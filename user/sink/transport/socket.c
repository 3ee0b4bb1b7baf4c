// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Linux's TCP, including that SIOCOUTQ counts what is sent and not acknowledged. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include "sink/transport/socket.h"

#define UNACKNOWLEDGED_MSEC 60000
#define KEEPALIVE_SECONDS 30

/* So that another side that vanished without a word is noticed within about a minute. */
static void socket_tune(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_SECONDS / 3 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MSEC },
	};

	/* Whichever fails: the connection works without it. */
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value,
			   sizeof(options[i].value));
}

int socket_open(int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), err;

	if (fd < 0)
		return -errno;
	socket_tune(fd);
	if (connect(fd, address, len) && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int socket_opened(int fd)
{
	int err = 0;
	socklen_t size = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) ? -errno : -err;
}

int socket_unacknowledged(int fd)
{
	int pending = 0;
	ssize_t got;
	char byte;

	if (ioctl(fd, SIOCOUTQ, &pending))
		return -errno;
	/* A reset also empties the socket: asked second, so that what was counted is known to be true. */
	got = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	if (got == 0)
		return -EPIPE;
	return got < 0 && errno != EAGAIN && errno != EINTR ? -errno : pending;
}

const char *socket_problem(int err)
{
	return err == -EPIPE ? "the other side closed it" : strerror(-err);
}
