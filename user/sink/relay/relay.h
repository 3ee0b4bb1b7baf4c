/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Relays pass captured datagrams on to another statsd, over UDP and unchanged; several in one, a
 * line each, as far as they fit. What cannot be sent is counted, never kept: it is UDP.
 *
 *     capture -> relay_feed_pass() -+-> relay: batch --(full, or delay)--> 10.0.0.5:8125
 *                                   '-> relay: batch --------------------> 10.0.0.6:8125
 */
#ifndef SINK_RELAY_H
#define SINK_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include "sink/options.h"
#include "sink/sink.h"

#define RELAY_BATCH_BYTES 1432 /* fits into an Ethernet frame, whatever the way adds */

struct relay;
struct sockaddr;

struct relay_options {
	char address[ADDRESS_BYTES]; /* "host:port", "[v6]:port" */
	size_t batch_bytes;	     /* a datagram is not made larger by joining */
	int64_t delay;		     /* nanoseconds that one waits for others, about */
};

/* What the daemon feeds its relays with. All zero: there is none. */
struct relay_feed {
	LIST_HEAD(relay_list, relay) relays;
	/* One of them is about to send from a new socket to this address: capture_relay_sockets(). May be NULL. */
	void (*opened)(void *context, const char *name, const struct sockaddr *to);
	void *context;
};

/* `options` are struct relay_options; it joins environment->relays. NULL with the sentence in `error`. */
struct sink *sink_relay_new(const struct sink_environment *environment, const void *options,
			    struct error *error);

/* One captured datagram, and how many were captured without getting here. */
void relay_feed_pass(struct relay_feed *feed, const void *data, size_t len);
void relay_feed_miss(struct relay_feed *feed, uint64_t count);
/* To be called every relay_feed_delay() nanoseconds of CLOCK_MONOTONIC: sends what has waited. */
void relay_feed_tick(struct relay_feed *feed, int64_t now);
/* Sends all that waits. */
void relay_feed_finish(struct relay_feed *feed);
/* The shortest delay; 0: there is no relay. */
int64_t relay_feed_delay(const struct relay_feed *feed);
/* The sockets that they send from, by SO_COOKIE: at most `max`, and how many. */
size_t relay_feed_cookies(const struct relay_feed *feed, uint64_t *cookies, size_t max);

#endif /* SINK_RELAY_H */
