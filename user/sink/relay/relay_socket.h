/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A UDP socket that is connected to a name, wherever that moves. Nothing blocks, nothing is kept:
 * what cannot be sent at once is not sent.
 */
#ifndef SINK_RELAY_SOCKET_H
#define SINK_RELAY_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct event_base;
struct relay_socket;
struct sockaddr;

/*
 * "host:port" or "[v6]:port"; the text must outlive it. opened() is called for each new socket before anything is sent
 * from it, perhaps before this returns. NULL with the sentence in `error`.
 */
struct relay_socket *relay_socket_new(struct event_base *base, const char *address,
				      void (*opened)(void *context, uint64_t cookie,
						     const struct sockaddr *to),
				      void *context, struct error *error);
/* Safe on NULL. */
void relay_socket_free(struct relay_socket *socket);

/* 0, or a negative errno: it was not sent. */
int relay_socket_send(struct relay_socket *socket, const void *data, size_t len);
/* What ICMP said since the last call of something that was sent: a negative errno; 0: nothing. */
int relay_socket_refused(struct relay_socket *socket);
/* Why there is nowhere to send to; "" if there is. */
const char *relay_socket_problem(const struct relay_socket *socket);

#endif /* SINK_RELAY_SOCKET_H */
