/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The sinks of a running daemon. A reload keeps those whose options did not change, with
 * their connections and queues; those that are gone get nothing new, and stay until what
 * they hold has left or their time is up.
 */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/config.h"
#include "sink/format.h"
#include "sink/relay/relay.h"
#include "sink/sink.h"
#include "sink/delivery/spool.h"

struct event_base;
struct output;
struct snapshot;
struct spool;
struct store;
struct worker;

#define OUTPUT_KINDS 16 /* or less */

/* What outputs of one kind held when their time was up. */
struct output_losses {
	const char *kind; /* NULL: none so far */
	uint64_t batches, lines;
	uint64_t batches_counted, lines_counted; /* what outputs_count_self() has exported */
};

struct outputs {
	struct event_base *base;
	struct output *first;
	struct worker *worker;		  /* the spool's; NULL: no output needed one so far */
	struct spool *spool;		  /* the same, or it could not be opened */
	struct spool_stats spool_counted; /* what outputs_count_self() has exported */
	struct output_losses losses[OUTPUT_KINDS];
	const char *state_dir;	     /* "": nowhere */
	struct format_options names; /* the sinks point here: not to be moved */
	struct relay_feed relays;    /* the same */
};

/* No sinks yet. `state_dir` outlives them. */
void outputs_init(struct outputs *outputs, struct event_base *base, const char *state_dir);
/*
 * Makes the sinks those of `config`: all, or nothing and a negative errno with the sentence. A spool that
 * cannot be opened is a warning.
 */
int outputs_update(struct outputs *outputs, const struct config *config, struct error *error);
/* Waits until what the spool was given is on disk, but not beyond `until` (CLOCK_MONOTONIC); says what is lost. */
void outputs_release(struct outputs *outputs, int64_t until);

/* Hands the snapshot to each; drops retired ones that are idle or older than `patience` nanoseconds. */
void outputs_deliver(struct outputs *outputs, struct snapshot *snapshot, int64_t patience);
/* Does an output of `config` want the buckets of timers in snapshots? */
bool outputs_want_buckets(const struct config *config);
/* True when everything delivered has left; or when what has not is safe on disk. */
bool outputs_idle(const struct outputs *outputs);
bool outputs_safe(const struct outputs *outputs);
/* True when the spool has nothing more to do. */
bool outputs_saved(const struct outputs *outputs);
/* The daemon leaves: nothing waits for its time any more. */
void outputs_hurry(struct outputs *outputs);
/* Bytes that have not left, and of these, those that are safe on disk for the next daemon. */
uint64_t outputs_queued(const struct outputs *outputs, uint64_t *spooled);
/* The percentiles that outputs of `config` want, each once, as many as there is room for; returns how many. */
size_t outputs_percentiles(const struct config *config, double percentiles[PERCENTILES_MAX]);
/* True when nobody will ever read any of them again. */
bool outputs_gone(const struct outputs *outputs);

/*
 * Adds what the sinks counted since the last call to `window`, as kstatsd.sinks.KIND.*, but what they never
 * counted; unless `tell`, it only takes note that they counted. -ENOMEM.
 */
int outputs_count_self(struct outputs *outputs, struct store *store, unsigned int window, bool tell);

/* Calls `visit` with the statistics of each sink in use. */
void outputs_visit(const struct outputs *outputs,
		   void (*visit)(void *context, const struct sink_stats *stats), void *context);

#endif /* CLI_OUTPUTS_H */
