/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Wavefront's lines, made of metrics (encoder.h). Records of kind 0 are points, of kind 1 histograms:
 *
 *     "shop.orders.count" 3 1700000000 source="web1" "env"="prod"
 *     !M 1700000000 #3 20.1 #1 40.3 "shop.checkout" source="web1" "env"="prod"
 *
 * What Wavefront would refuse does not leave here; it is counted by the code that Wavefront has for it.
 */
#ifndef SINK_WAVEFRONT_H
#define SINK_WAVEFRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sink/encoder.h"
#include "sink/wavefront/sink_wavefront.h"

#define WAVEFRONT_DELTA "\xe2\x88\x86" /* U+2206: counts that Wavefront adds up */
#define WAVEFRONT_LINE_MAX 32768       /* a proxy reads no longer line */
#define WAVEFRONT_HEARTBEAT 300	       /* seconds */
#define WAVEFRONT_CENTROIDS_MAX 100    /* of a line; Wavefront's reader refuses more */
#define WAVEFRONT_TAGS_MAX 128	       /* more than any limit */

enum wavefront_kind {
	WAVEFRONT_POINTS,
	WAVEFRONT_HISTOGRAMS,
};
_Static_assert(WAVEFRONT_HISTOGRAMS < RECORD_KINDS, "encoder.h has a kind for histograms");

/* Why a line is not sent: rows of counters. */
enum wavefront_refusal {
	WAVEFRONT_TAKEN,
	WAVEFRONT_NAME_ILLEGAL,	   /* WF-400 */
	WAVEFRONT_KEY_ILLEGAL,	   /* WF-401 */
	WAVEFRONT_TIME_FAR,	   /* WF-402 */
	WAVEFRONT_DELTA_ILLEGAL,   /* WF-404 */
	WAVEFRONT_HISTOGRAM_EMPTY, /* WF-405 */
	WAVEFRONT_SOURCE_MISSING,  /* WF-406 */
	WAVEFRONT_SOURCE_LONG,	   /* WF-407 */
	WAVEFRONT_NAME_LONG,	   /* WF-408 */
	WAVEFRONT_HISTOGRAM_LONG,  /* WF-409 */
	WAVEFRONT_TAGS_MANY,	   /* WF-410 */
	WAVEFRONT_TAG_LONG,	   /* WF-411 */
	WAVEFRONT_KEY_LONG,	   /* WF-412 */
	WAVEFRONT_VALUE_EMPTY,	   /* WF-414 */
	WAVEFRONT_NOT_FINITE,	   /* Wavefront's code lets it through, its storage does not */
	WAVEFRONT_LINE_LONG,
	WAVEFRONT_REFUSALS,
};

/*
 * In characters, as Java counts them. Values have one as well (255, WF-413), which nothing reaches: a key
 * and its value together are refused before (254, WF-411).
 */
struct wavefront_limit {
	size_t name, histogram_name, source, tags, key, pair;
};
extern const struct wavefront_limit wavefront_limits[];

/* "WF-400: Point metric has..." in our words: "WF-400 (the name is empty)". */
const char *wavefront_refusal_text(enum wavefront_refusal refusal);

/* Told of the first line that is refused for a reason, with the name of its metric. */
typedef void wavefront_refused_fn(void *context, enum wavefront_refusal refusal, const char *name);

/*
 * `options->source` stands for itself: "" means none. `names` is read at each flush (field_names,
 * timer_metrics, internal_metrics). `refused` may be NULL. NULL: out of memory.
 */
struct encoder *wavefront_encoder_new(const struct wavefront_options *options,
				      const struct format_options *names, wavefront_refused_fn *refused,
				      void *context);

#endif /* SINK_WAVEFRONT_H */
