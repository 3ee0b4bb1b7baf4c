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
struct relay_feed;
struct sink;
struct snapshot;
struct spool;

/* What the daemon lends its sinks; all of it outlives them. */
struct sink_environment {
	struct event_base *base;
	/* Read at each delivery: what it points to may change between two. NULL: format_defaults. */
	const struct format_options *names;
	struct spool *spool;	   /* NULL: batches wait in memory only */
	const char *state_dir;	   /* where files outlive the daemon; "": nowhere */
	struct relay_feed *relays; /* where relays get what they pass on */
};

/* Safe on NULL. What is queued is gone: wait for sink_idle() first. */
void sink_free(struct sink *sink);

/* Queues one snapshot (takes a reference of its own). Never blocks, never fails: what cannot be kept is counted. */
void sink_deliver(struct sink *sink, struct snapshot *snapshot);
/* True when all that was delivered has left (for TCP: the peer has acknowledged it). */
bool sink_idle(const struct sink *sink);
/* True when what has not left is safe on disk, for the next daemon, and waits for somebody who is not there. */
bool sink_safe(const struct sink *sink);
/* The daemon leaves: nothing waits for its time any more. */
void sink_hurry(struct sink *sink);
/* Nothing new is for it any more: it only lives until what it holds has left, or sink_update() takes it back. */
void sink_retire(struct sink *sink);

/* Can other options be given to one that is in use? */
bool sink_can_update(const struct sink *sink);
/* Those of its kind. Negative errno with the sentence in `error`: it goes on with those it has. */
int sink_update(struct sink *sink, const void *options, struct error *error);

/* What statsd's Graphite backend tells of itself. Zeros where nothing happened yet, but for last_flush: the start. */
struct delivery_report {
	double calculation_ms;	/* what formatting took */
	int64_t last_flush;	/* Unix seconds: the last delivery */
	int64_t last_exception; /* Unix seconds: the last failure */
	double flush_ms;	/* what the last delivery took */
	uint64_t flush_length;	/* and its bytes */
};

struct sink_count;

struct sink_stats {
	const char *kind;    /* "graphite", "stdout" */
	const char *address; /* "" where there is none */
	bool connected;
	bool gone; /* nobody will ever read it again */
	uint64_t lines_sent, bytes_sent, batches_sent;
	uint64_t batches_dropped, lines_dropped; /* pushed out of the queue */
	uint64_t batches_queued, bytes_queued;
	uint64_t batches_unsaved, lines_unsaved;   /* of these, gone if the sink is freed now */
	uint64_t bytes_spooled;			   /* of these, on disk */
	uint64_t metrics_waiting;		   /* for being made into batches: not among them */
	uint64_t batches_rejected, lines_rejected; /* the other side will never take them */
	uint64_t spool_errors;
	uint64_t reconnects;
	uint64_t events_without_place; /* events and service checks that the format has no place for */
	struct delivery_report report;
	const struct sink_count
		*counts; /* of this kind of sink alone, encoder.h; valid while the sink lives */
	size_t count_count;
	char last_error[256]; /* "" for none */
};
void sink_stats(const struct sink *sink, struct sink_stats *stats);

#endif /* SINK_SINK_H */
