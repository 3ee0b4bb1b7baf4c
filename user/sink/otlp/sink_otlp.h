/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * OpenTelemetry's protocol over HTTP, in protobuf, to any collector: counters as sums (delta), gauges
 * and sets as gauges, timers as exponential histograms.
 */
#ifndef SINK_SINK_OTLP_H
#define SINK_SINK_OTLP_H

#include "sink/options.h"
#include "sink/sink.h"

#define OTLP_HEADERS_MAX 8
#define OTLP_HEADER_BYTES 512
#define OTLP_RESOURCE_BYTES 1024

struct otlp_options {
	struct push_options push; /* its destinations are URLs */
	bool gzip;
	/* "Authorization: Bearer"; the file is read again when it changes. "": none. */
	char token_file[FILE_PATH_BYTES], token[OTLP_HEADER_BYTES];
	char headers[OTLP_HEADERS_MAX][OTLP_HEADER_BYTES]; /* "Name: value"; "" ends the list */
	/* Attributes of the resource, "k=v;k2=v2". service.name and host.name that are not named are added. */
	char resource[OTLP_RESOURCE_BYTES];
};

/* `options` are struct otlp_options. NULL with the sentence in `error`; an absent collector is no error. */
struct sink *sink_otlp_new(const struct sink_environment *environment, const void *options,
			   struct error *error);

#endif /* SINK_SINK_OTLP_H */
