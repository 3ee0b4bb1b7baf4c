/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Graphite: carbon, by its plaintext protocol over TCP, TLS or UDP, or by its pickle protocol. */
#ifndef SINK_SINK_GRAPHITE_H
#define SINK_SINK_GRAPHITE_H

#include "sink/graphite/graphite_path.h"
#include "sink/options.h"
#include "sink/sink.h"

enum graphite_protocol {
	GRAPHITE_PLAINTEXT,
	GRAPHITE_PICKLE,
	GRAPHITE_UDP,
};

struct graphite_options {
	struct push_options push;
	enum graphite_protocol protocol;
	/* graphite_path.h: "" for none; what stands for a tag that is missing; whether the others go. */
	char template[GRAPHITE_TEMPLATE_BYTES], missing_tag[GRAPHITE_MISSING_BYTES];
	bool drop_tags;
};

/* `options` are struct graphite_options. NULL with the sentence in `error`; an absent carbon is no error. */
struct sink *sink_graphite_new(const struct sink_environment *environment, const void *options,
			       struct error *error);

#endif /* SINK_SINK_GRAPHITE_H */
