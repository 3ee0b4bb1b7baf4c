/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A TCP connection, or TLS over one: both look the same from here. Calls return a negative errno, -EAGAIN: later. */
#ifndef SINK_WIRE_H
#define SINK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct tls;
struct tls_session;

struct wire {
	int fd;			     /* -1: none */
	struct tls *tls;	     /* not the wire's; NULL: plain */
	struct tls_session *session; /* once it is connected */
};

/* Starts to connect: writable when that is decided. */
int wire_connect(struct wire *wire, int family, const struct sockaddr *address, socklen_t len);
/* What was decided, then TLS, if any. 0: established. */
int wire_establish(struct wire *wire);
/* Safe on one that is closed. */
void wire_close(struct wire *wire);

/* How much was taken. */
ssize_t wire_write(struct wire *wire, const char *data, size_t len);
/* Is it the writing that -EAGAIN waits for, and not the reading? */
bool wire_wants_write(const struct wire *wire);
/* Reads what there is, for nothing is expected. -EPIPE: the other side closed it. */
int wire_drain(struct wire *wire);
/* Bytes that the other side's TCP has not acknowledged. */
int wire_unacknowledged(struct wire *wire);
/* A negative errno in words. */
const char *wire_problem(const struct wire *wire, int err);

#endif /* SINK_WIRE_H */
