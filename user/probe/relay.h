/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Every captured datagram as it was sent, for those who pass it on to another statsd: copies from
 * the kernel of what it parsed itself, and what the daemon parses. Of TCP connections the lines,
 * one by one. Without a relay there is neither ring nor copy.
 */
#ifndef PROBE_RELAY_H
#define PROBE_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct capture;

#define CAPTURE_RELAY_BYTES (1 << 20) /* of copies, between two looks at timers and signals */

/*
 * Begins it, with a ring of a power of two of bytes; or ends it: `pass` is NULL. pass() gets each datagram, of at
 * least one byte, during the calls of capture_consume(), capture_relay_consume() and others that drain. Negative
 * errno: it is as it was.
 */
int capture_relay(struct capture *capture, size_t ring_bytes,
		  void (*pass)(void *context, const void *data, size_t len), void *context,
		  struct error *error);
/* Polls readable when the copies want to be read at once; -1 while it is off. */
int capture_relay_fd(const struct capture *capture);
/*
 * Reads the copies that are there, about CAPTURE_RELAY_BYTES at most, and none that may be younger than what the last
 * capture_consume() has not read. Negative errno.
 */
int capture_relay_consume(struct capture *capture, struct error *error);
/* Datagrams since the start that could not be copied. */
uint64_t capture_relay_missed(const struct capture *capture);
/*
 * The sockets, by SO_COOKIE, whose datagrams are not captured and not absorbed wherever they go; those named before
 * are forgotten. What is beyond RELAY_SOCKETS_MAX is left out.
 */
void capture_relay_sockets(struct capture *capture, const uint64_t *cookies, size_t count);

#endif /* PROBE_RELAY_H */
