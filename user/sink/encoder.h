/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Encoders make bytes of metrics for sinks that push. They open no socket and read no clock;
 * who cuts the bytes into batches and delivers them is push.h.
 *
 *     begin(), then metric() for each, then end();   frame() for each batch made of their records
 *
 * A large flush takes several turns of the loop: metric->rule is not valid any more, and what a reload may
 * change, begin() copies.
 */
#ifndef SINK_ENCODER_H
#define SINK_ENCODER_H

#include <stddef.h>
#include <stdint.h>
#include "sink/format.h"
#include "sink/text.h"

struct encoder;
struct event;
struct metric;
struct snapshot;

/* Records of different kinds never share a batch: Wavefront's points and histograms. */
#define RECORD_KINDS 2

/* Whole records, kind by kind: what one metric became. */
struct records {
	struct text text[RECORD_KINDS];
	size_t points[RECORD_KINDS]; /* values with name and timestamp: "lines" of Graphite */
};

/* A counter of the encoder's own, exported as kstatsd.sinks.KIND.NAME. */
struct sink_count {
	const char *name; /* "refused.WF-400" */
	uint64_t value;	  /* since the start */
};

struct encoder_operations {
	/* A flush begins. Negative errno: nothing of it can be encoded. May be NULL. */
	int (*begin)(struct encoder *encoder, const struct snapshot *snapshot);
	/* Appends what the metric becomes, perhaps nothing. -ENOMEM: what was appended is not to be used. */
	int (*metric)(struct encoder *encoder, const struct snapshot *snapshot, const struct metric *metric,
		      struct records *records);
	/* The same for an event. NULL: there is no place for events; they are counted. */
	int (*event)(struct encoder *encoder, const struct snapshot *snapshot, const struct event *event,
		     struct records *records);
	/* What stands last in a flush and comes from no metric. May be NULL. */
	int (*end)(struct encoder *encoder, const struct snapshot *snapshot,
		   const struct delivery_report *report, struct records *records);
	/* Makes one batch, appended to `batch`, of `len` bytes of whole records. NULL: they are one as they stand. */
	int (*frame)(struct encoder *encoder, unsigned int kind, const char *data, size_t len, size_t points,
		     struct text *batch);
	/* The counters, whose number and names never change. NULL: none. */
	const struct sink_count *(*counts)(const struct encoder *encoder, size_t *count);
	void (*free)(struct encoder *encoder);
};

/* The first member of every encoder. */
struct encoder {
	const struct encoder_operations *operations;
};

#endif /* SINK_ENCODER_H */
