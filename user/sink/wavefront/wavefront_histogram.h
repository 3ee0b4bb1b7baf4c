/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Centroids of a timer's buckets, " #COUNT VALUE" for each: the middle of a bucket stands for all in it,
 * in the unit in which the values were sent. Every kstatsd has the same buckets, so what several of
 * them send Wavefront adds up without loss.
 */
#ifndef SINK_WAVEFRONT_HISTOGRAM_H
#define SINK_WAVEFRONT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include "sink/text.h"

struct metric;

/* Begins with the metric and zeros. */
struct wavefront_centroids {
	const struct metric *metric;
	size_t at;   /* bucket */
	double seen; /* what the buckets before it count, and what of that was written */
	double written;
	uint64_t clamped; /* counts that were more than Wavefront's 2^31 - 1 */
};

/* Appends the next of them, WAVEFRONT_CENTROIDS_MAX at most. Returns how many; 0: that was all. */
size_t wavefront_add_centroids(struct wavefront_centroids *centroids, struct text *text);

#endif /* SINK_WAVEFRONT_HISTOGRAM_H */
