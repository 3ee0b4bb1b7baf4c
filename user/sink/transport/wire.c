// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * TLS has records of its own (tickets) to read when a socket is readable, and its goodbye may lie
 * behind them: all is read before the socket is asked whether it still is one.
 */
#include <errno.h>
#include <unistd.h>
#include "sink/transport/socket.h"
#include "sink/transport/tls.h"
#include "sink/transport/wire.h"

#define DRAINS_MAX 16 /* of a buffer each: who talks all the time does not keep the loop */

int wire_connect(struct wire *wire, int family, const struct sockaddr *address, socklen_t len)
{
	wire->fd = socket_open(family, address, len);
	return wire->fd < 0 ? wire->fd : 0;
}

int wire_establish(struct wire *wire)
{
	int err;

	if (!wire->session) {
		err = socket_opened(wire->fd);
		if (err || !wire->tls)
			return err;
		wire->session = tls_session_new(wire->tls, wire->fd);
		if (!wire->session)
			return -ENOMEM;
	}
	return tls_handshake(wire->session);
}

void wire_close(struct wire *wire)
{
	tls_session_free(wire->session);
	wire->session = NULL;
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

ssize_t wire_write(struct wire *wire, const char *data, size_t len)
{
	ssize_t sent;

	if (wire->session)
		return tls_write(wire->session, data, len);
	sent = send(wire->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent >= 0)
		return sent;
	return errno == EINTR ? -EAGAIN : -errno;
}

bool wire_wants_write(const struct wire *wire)
{
	return !wire->session || tls_wants_write(wire->session);
}

static ssize_t wire_read(struct wire *wire, char *data, size_t size)
{
	ssize_t got;

	if (wire->session)
		return tls_read(wire->session, data, size);
	got = recv(wire->fd, data, size, MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

int wire_drain(struct wire *wire)
{
	char ignored[4096];
	ssize_t got = 1;

	for (int i = 0; i < DRAINS_MAX && got > 0; i++)
		got = wire_read(wire, ignored, sizeof(ignored));
	if (!got)
		return -EPIPE;
	return got > 0 || got == -EAGAIN || got == -EINTR ? 0 : (int)got;
}

int wire_unacknowledged(struct wire *wire)
{
	/* TLS says that it does not want us behind what it acknowledged. */
	int err = wire->session ? wire_drain(wire) : 0;

	return err ? err : socket_unacknowledged(wire->fd);
}

const char *wire_problem(const struct wire *wire, int err)
{
	return err == -EPROTO && wire->session ? tls_problem(wire->session) : socket_problem(err);
}
