/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a metric is in OTLP: its kind, and one packed data point. Pure; memory is kept between calls. */
#ifndef SINK_OTLP_POINT_H
#define SINK_OTLP_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metric;
struct snapshot;

/* Of one sign in one point: ten octaves at scale 6, all that a bucket can be at scale 1. */
#define OTLP_BUCKETS_MAX 640

/* Points of one kind and one name are one Metric. */
enum otlp_kind {
	OTLP_SUM,	    /* delta */
	OTLP_MONOTONIC_SUM, /* the same, nothing below zero */
	OTLP_GAUGE,
	OTLP_HISTOGRAM,		/* exponential, delta */
	OTLP_SECONDS_HISTOGRAM, /* the same, of seconds */
	OTLP_KINDS,
};

struct otlp_buffer {
	void *data;
	size_t size;
};

/* What packing needs. All zero: nothing yet. */
struct otlp_packer {
	struct otlp_buffer text, attributes, positive, negative, packed;
	/* Of the last point: its counts were too large, and are smaller there; its value or sum is left out. */
	bool clamped, not_finite;
};

enum otlp_kind otlp_kind_of(const struct metric *metric);
/*
 * The NumberDataPoint or ExponentialHistogramDataPoint of a metric, in *point until the next call: its length, 0: a
 * number that is not finite has none, or -ENOMEM.
 */
ptrdiff_t otlp_point_pack(struct otlp_packer *packer, const struct snapshot *snapshot,
			  const struct metric *metric, const void **point);
/* The attributes of "k=v;k2=v2" as a packed Resource; the same. */
ptrdiff_t otlp_resource_pack(struct otlp_packer *packer, const char *tags, const void **resource);
void otlp_packer_release(struct otlp_packer *packer);

#endif /* SINK_OTLP_POINT_H */
