/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Transports bring one batch at a time to one destination and say what became of it:
 * connection.h over TCP and TLS, datagram.h over UDP, http_transport.h by POST.
 *
 *     ready() -> transport_send() -> sent(), ready()
 *                                    lost()      ... ready(): the same batch again
 *                                    rejected(), ready(): the other side will never take it
 */
#ifndef SINK_TRANSPORT_H
#define SINK_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct sink_count;
struct transport;

struct transport_events {
	/* Nothing is being sent, and transport_send() may be called. */
	void (*ready)(void *context);
	/* The other side has the batch. ready() follows. */
	void (*sent)(void *context);
	/* It may have it in part, or whole, or not. ready() follows after a pause that grows. */
	void (*lost)(void *context);
	/* It has refused it for good, for this reason. ready() follows. */
	void (*rejected)(void *context, const char *reason);
	/* It could not be reached this time, as a statsd would find out at each flush. */
	void (*refused)(void *context);
	void *context;
};

struct transport_operations {
	void (*send)(struct transport *transport, const struct batch *batch);
	bool (*is_ready)(const struct transport *transport);
	bool (*is_up)(const struct transport *transport);
	uint64_t (*connections)(const struct transport *transport);
	const char *(*error)(const struct transport *transport);
	/* Its own counters, whose number and names never change, as the encoder's. NULL: none. */
	const struct sink_count *(*counts)(const struct transport *transport, size_t *count);
	void (*free)(struct transport *transport);
};

/* The first member of every transport. */
struct transport {
	const struct transport_operations *operations;
};

/* Only when it is ready. The batch must stay as it is until sent(), lost() or rejected(). */
static inline void transport_send(struct transport *transport, const struct batch *batch)
{
	transport->operations->send(transport, batch);
}

static inline bool transport_is_ready(const struct transport *transport)
{
	return transport->operations->is_ready(transport);
}

/* As far as it is known: the other side is there. */
static inline bool transport_is_up(const struct transport *transport)
{
	return transport->operations->is_up(transport);
}

/* How often it was established; 0 where there is no such thing. */
static inline uint64_t transport_connections(const struct transport *transport)
{
	return transport->operations->connections(transport);
}

/* Why it is not up, or the last batch was not taken; "" for none. */
static inline const char *transport_error(const struct transport *transport)
{
	return transport->operations->error(transport);
}

/* Safe on NULL. Calls nothing back any more. */
static inline void transport_free(struct transport *transport)
{
	if (transport)
		transport->operations->free(transport);
}

#endif /* SINK_TRANSPORT_H */
