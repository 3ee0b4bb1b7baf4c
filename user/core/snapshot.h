/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What one window held, as numbers ready to be formatted. Immutable; sinks share it by
 * reference. No formatter reads a clock or a socket.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"

/* One percentile of a timer, statsd's fields count_P, mean_P, upper_P (lower_P), sum_P, sum_squares_P. */
struct percentile_stats {
	uint64_t count;
	double boundary; /* upper_P, or lower_P for a negative percentile */
	double sum, sum_squares, mean;
};

/* Samples below one limit and not below the one before it: statsd's histogram.bin_LIMIT. */
struct bin_stats {
	double limit; /* exclusive; INFINITY: "inf" */
	double count;
};

struct timer_stats {
	double count;						  /* weighted by 1/rate, as in statsd */
	double sum, sum_squares, mean, median, std, upper, lower; /* weighted only by timers.weighted */
	uint64_t samples;
};

struct bucket;
struct mapping_rule;

struct metric {
	enum metric_type type;
	enum timer_unit unit; /* of a timer's values, which are as they were sent: milliseconds stay that */
	const char *name;     /* safe for every sink: [a-zA-Z0-9_.-], NUL-terminated */
	const char *tags;     /* "k=v;k2=v2", sorted, safe; "" for none */
	union {
		double counter; /* sum over the window */
		double gauge;
		struct {
			double count;
			bool estimated; /* the count is a HyperLogLog estimate */
		} set;
		struct timer_stats timer;
	};
	/* Timers only: snapshot->percentile_count entries; an entry with count 0 is not to be sent. */
	const struct percentile_stats *percentiles;
	/* Timers only: statsd's histogram bins, in the order of their limits. */
	const struct bin_stats *bins;
	size_t bin_count;
	/*
	 * Timers only, unless idle, if the store keeps buckets: how its values are distributed
	 * (histogram.h), ascending, none empty. What the buckets bound is seconds if the unit is
	 * milliseconds, else the values as they are; either times the mapping's `scale`, as all other
	 * values of the metric. The counts add up to timer.samples, and are whole; with timers.weighted,
	 * to timer.count.
	 */
	const struct bucket *buckets;
	size_t bucket_count;
	/* What the mapping says of the name, or of those that none of its rules matches (mapping.h); NULL: nothing. Valid only while the snapshot is being delivered. */
	const struct mapping_rule *rule;
	/* Unix seconds that the sender gave ("|T"): the value stands for itself, nothing was added to it. 0: the snapshot's. */
	int64_t timestamp;
	/* Sent again without an observation: a counter, a set or a timer of nothing, a gauge as it was. */
	bool idle;
};

enum event_kind {
	EVENT_EVENT,	     /* _e{5,4}:title|text */
	EVENT_SERVICE_CHECK, /* _sc|name|0 */
};

/* A DogStatsD event or service check. Text is UTF-8, NUL-terminated, never NULL, "" where nothing was sent. */
struct event {
	enum event_kind kind;
	const char *title; /* of an event; the name of a service check */
	const char *text;  /* of an event; the message of a service check */
	const char *tags;  /* canonical, as a metric's */
	const char *host, *aggregation_key, *priority, *source_type, *alert_type;
	int64_t timestamp;   /* Unix seconds; the sender's, else that of the snapshot */
	unsigned int status; /* of a service check: 0 ok, 1 warning, 2 critical, 3 unknown */
};

struct snapshot {
	int64_t timestamp;	   /* Unix seconds: the end of the window */
	double seconds;		   /* the window's length: what rates are divided by */
	double processing_ms;	   /* what computing the statistics took; 0: not measured */
	const double *percentiles; /* as configured, e.g. 90, 99.9, -10 */
	size_t percentile_count;
	const struct metric *metrics; /* sorted by type, then name, then tags, then timestamp */
	size_t count;
	const struct event *events; /* as they came */
	size_t event_count;
};

struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* Drops one reference; the last frees. Safe on NULL. */
void snapshot_free(struct snapshot *snapshot);

/*
 * A copy of `parent` that keeps it alive and is to be changed: what it points to stays the parent's, but for
 * what is put into `room`, `bytes` of it, which go with the copy. NULL: out of memory. `parent` NULL: zeros.
 */
struct snapshot *snapshot_derive(struct snapshot *parent, size_t bytes, void **room);

#endif /* CORE_SNAPSHOT_H */
