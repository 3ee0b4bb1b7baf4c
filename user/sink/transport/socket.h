/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A TCP socket that never blocks: what the kernel can be told and asked about one. */
#ifndef SINK_SOCKET_H
#define SINK_SOCKET_H

#include <sys/socket.h>

/* Starts to connect. The descriptor, writable when it is decided; or a negative errno. */
int socket_open(int family, const struct sockaddr *address, socklen_t len);
/* What was decided: 0 or a negative errno. */
int socket_opened(int fd);
/* Bytes that the other side's TCP has not acknowledged; a negative errno if the connection broke (-EPIPE: closed). */
int socket_unacknowledged(int fd);
/* A negative errno in words. */
const char *socket_problem(int err);

#endif /* SINK_SOCKET_H */
