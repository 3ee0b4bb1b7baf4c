/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Wavefront: to proxies by TCP or HTTP, or to the service itself. Options that Telegraf's
 * outputs.wavefront has, too, have its names and mean the same.
 */
#ifndef SINK_SINK_WAVEFRONT_H
#define SINK_SINK_WAVEFRONT_H

#include "sink/options.h"
#include "sink/sink.h"

#define WAVEFRONT_TEXT_BYTES 256 /* names and values of tags are far below */
#define WAVEFRONT_SEPARATOR_BYTES 8
#define WAVEFRONT_OVERRIDES_MAX 8
#define WAVEFRONT_TOKEN_BYTES 1024

/* Whose limits hold: what they refuse is not sent. */
enum wavefront_limits {
	WAVEFRONT_LIMITS_SERVICE,
	WAVEFRONT_LIMITS_PROXY,
};

/* Bits of wavefront_options.histograms, in the order of "!M", "!H", "!D". */
enum wavefront_histogram {
	WAVEFRONT_MINUTE = 1,
	WAVEFRONT_HOUR = 2,
	WAVEFRONT_DAY = 4,
};

struct wavefront_options {
	struct push_options push; /* destinations: "host:port" for TCP, or http:// and https:// URLs */
	bool direct;		  /* the destination is the service itself and no proxy */
	uint32_t said;		  /* how many of its keys named destinations: more than one is an error */
	char prefix[WAVEFRONT_TEXT_BYTES];
	char metric_separator[WAVEFRONT_SEPARATOR_BYTES];
	bool convert_paths; /* '_' in names becomes the separator, unless that is '_' */
	bool use_regex, use_strict, truncate_tags, simple_fields;
	char source[WAVEFRONT_TEXT_BYTES];				     /* "": the host's name */
	char source_override[WAVEFRONT_OVERRIDES_MAX][WAVEFRONT_TEXT_BYTES]; /* "" ends the list */
	enum wavefront_limits limits;
	bool delta_counters;
	bool timer_points;			/* statistics of timers, as points */
	uint32_t histograms;			/* and how they are distributed: bits; 0: not at all */
	char application[WAVEFRONT_TEXT_BYTES]; /* "": the four tags and the heartbeat are not sent */
	char service[WAVEFRONT_TEXT_BYTES], cluster[WAVEFRONT_TEXT_BYTES], shard[WAVEFRONT_TEXT_BYTES];
	bool heartbeat;
	char token_file[FILE_PATH_BYTES];  /* of the service; "": none */
	char token[WAVEFRONT_TOKEN_BYTES]; /* without a file. A secret: never to be shown */
};

/* Telegraf's defaults, and ours. All but `push`, which stays. */
void wavefront_options_init(struct wavefront_options *options);

/* `options` are struct wavefront_options. NULL with the sentence in `error`; an absent proxy is no error. */
struct sink *sink_wavefront_new(const struct sink_environment *environment, const void *options,
				struct error *error);

#endif /* SINK_SINK_WAVEFRONT_H */
