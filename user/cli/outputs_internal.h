/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Inside of the list of outputs, for outputs*.c only. */
#ifndef CLI_OUTPUTS_INTERNAL_H
#define CLI_OUTPUTS_INTERNAL_H

#include "cli/outputs.h"

/* What a kind keeps on disk. */
enum storage {
	STORAGE_NONE,
	STORAGE_SPOOL, /* batches, unless its push_options, the first of its options, say queue.disk: 0 */
};

/* A kind of outputs: where its options lie in the configuration, and who makes the sink. */
struct output_kind {
	size_t list, size; /* of options in struct config */
	size_t count;	   /* where the size_t lies that says how many; 0: `enabled` */
	size_t enabled;	   /* where the bool lies */
	struct sink *(*create)(const struct sink_environment *environment, const void *options,
			       struct error *error);
	bool wants_buckets; /* of timers, in snapshots */
	size_t view; /* where its struct view_options lies in the options; 0: snapshots mean nothing to it */
	enum storage storage;
};

#define COUNTS_MAX 64 /* of one kind of sinks alone */

/* What an output is made from. The options are compared as bytes. */
struct output_plan {
	const struct output_kind *kind;
	const void *options;
};

struct output {
	struct output *next;
	struct output_plan plan; /* with a copy of the options */
	struct sink *sink;
	struct sink_stats counted;	     /* what outputs_count_self() has exported */
	uint64_t counts_counted[COUNTS_MAX]; /* the same of its own counters */
	int64_t retired;		     /* CLOCK_MONOTONIC; 0: in use */
};

/* Counts, and says, what goes with an output that is to be freed. */
void output_lose(struct outputs *outputs, const struct output *output);

#endif /* CLI_OUTPUTS_INTERNAL_H */
