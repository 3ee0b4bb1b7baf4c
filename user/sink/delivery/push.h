/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A sink that pushes: view -> encoder -> batches -> one outbox and one transport per destination.
 *
 *     snapshot -> view.h -> encoder.h -+-> outbox.h -> transport.h -> 10.0.0.1:2003
 *                                      '-> outbox.h -> transport.h -> 10.0.0.2:2003
 */
#ifndef SINK_PUSH_H
#define SINK_PUSH_H

#include "sink/encoder.h"
#include "sink/options.h"
#include "sink/sink.h"
#include "sink/transport/transport.h"

/* What makes a sink of a kind out of push.h. */
struct push_plan {
	const char *kind;     /* "graphite": in sentences, statistics and the spool */
	const char *protocol; /* tells two outputs to one address apart in the spool: "plaintext", "pickle" */
	struct push_options options;
	struct encoder *encoder; /* the sink's from now on, also on failure */
	/* Makes the transport to one destination. NULL with the sentence in `error`. */
	struct transport *(*connect)(const void *context, struct event_base *base, const char *address,
				     const struct transport_events *events, struct error *error);
	const void *
		context; /* of connect(): outlives the sink, or NULL; freed with the sink if `free_context` */
	void (*free_context)(void *context);
};

struct sink *push_new(const struct sink_environment *environment, const struct push_plan *plan,
		      struct error *error);

#endif /* SINK_PUSH_H */
