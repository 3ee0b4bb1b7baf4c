/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Graphite: carbon's plaintext. */
#ifndef SINK_SINK_GRAPHITE_H
#define SINK_SINK_GRAPHITE_H

#include "sink/options.h"
#include "sink/sink.h"

struct graphite_options {
	struct push_options push;
};

/* `options` are struct graphite_options. NULL with the sentence in `error`; an absent carbon is no error. */
struct sink *sink_graphite_new(const struct sink_environment *environment, const void *options,
			       struct error *error);

#endif /* SINK_SINK_GRAPHITE_H */
