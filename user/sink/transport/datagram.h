/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * UDP as a transport: batches of text, cut at the ends of lines into datagrams that no network on
 * the way has to cut again. What was handed to the kernel counts as delivered: there is nobody who
 * would say more.
 */
#ifndef SINK_DATAGRAM_H
#define SINK_DATAGRAM_H

#include "lib/error.h"
#include "sink/transport/connection.h"
#include "sink/transport/transport.h"

/* Of Ethernet's 1500 what a router may add, and headers, leave. */
#define DATAGRAM_BYTES 1432

struct event_base;

/*
 * `options` without TLS. Looks the address up once the loop runs. The texts must outlive it. NULL with the
 * sentence in `error`. Counts lines longer than DATAGRAM_BYTES, which are left out, and datagrams that nobody
 * listened for, as far as the other side says so.
 */
struct transport *datagram_new(struct event_base *base, const struct connection_options *options,
			       const struct transport_events *events, struct error *error);

#endif /* SINK_DATAGRAM_H */
