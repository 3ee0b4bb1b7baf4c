/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What every sink offers the daemon. A sink turns snapshots into bytes with a pure
 * formatter (format_*.c) and moves the bytes with a transport of its own; it never
 * delays the flush or another sink.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct event_base;
struct format_options;
struct sink;
struct snapshot;

enum stdout_format {
	STDOUT_TABLE,
	STDOUT_GRAPHITE,
	STDOUT_JSON,
};
/* `names` is read at each delivery, so what it points to may change between two; NULL: format_defaults. */
struct stdout_options {
	enum stdout_format format;
	const struct format_options *names;
};

struct graphite_options {
	char address[256];  /* "host:port", "[v6]:port" */
	size_t queue_bytes; /* what waits while carbon is away; over it the oldest batch goes, counted */
	double retry_min, retry_max; /* seconds between attempts to connect: doubles from min to max */
	const struct format_options *names;
};

/* Writes to standard output as a flush happens. */
struct sink *sink_stdout_new(const struct stdout_options *options, struct error *error);
/* Keeps one TCP connection; connects in the background, so an absent carbon is no error here. */
struct sink *sink_graphite_new(struct event_base *base, const struct graphite_options *options,
			       struct error *error);
/* Safe on NULL. What is queued is gone: wait for sink_idle() first. */
void sink_free(struct sink *sink);

/* Queues one snapshot (takes a reference of its own). Never blocks, never fails: what cannot be kept is counted. */
void sink_deliver(struct sink *sink, struct snapshot *snapshot);
/* True when all that was delivered has left (for TCP: the peer has acknowledged it). */
bool sink_idle(const struct sink *sink);

struct sink_stats {
	const char *kind;    /* "graphite", "stdout" */
	const char *address; /* "" where there is none */
	bool connected;
	bool gone; /* nobody will ever read it again */
	uint64_t lines_sent, bytes_sent, batches_sent;
	uint64_t batches_dropped, lines_dropped; /* pushed out of the queue */
	uint64_t batches_queued, bytes_queued;
	uint64_t reconnects;
	uint64_t events_without_place; /* events and service checks that the format has no place for */
	int64_t last_flush,
		last_exception; /* Unix seconds: last batch sent, or the start; last failure, or 0 */
	double flush_ms;	/* what sending the last batch took */
	uint64_t flush_length;	/* and its bytes */
	char last_error[256];	/* "" for none */
};
void sink_stats(const struct sink *sink, struct sink_stats *stats);

#endif /* SINK_SINK_H */
