/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What a scrape shows: sums over all flushes, as Prometheus wants them, where snapshots hold what
 * one window added. Pure: reads no clock, opens no file, logs nothing. For one thread at a time.
 *
 *     claims (a tree by name)          family                    series (a tree by labels)
 *       "latency"        ------------> latency: timer, rule ---> {}          count, sum, buckets
 *       "latency_bucket" ------------>                      '--> {env=prod}  ...
 *       "latency_sum"    ------------>
 *
 * No two families have a name in common that a sample may bear.
 */
#ifndef SINK_PROMETHEUS_TOTALS_H
#define SINK_PROMETHEUS_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include "core/histogram.h"
#include "sink/prometheus/prometheus_rule.h"
#include "sink/text.h"

struct metric;
struct totals;

enum family_kind {
	FAMILY_COUNTER,
	FAMILY_GAUGE, /* and sets */
	FAMILY_TIMER,
};

#define FAMILY_CLAIMS 5

struct claim {
	const char *name;
	struct family *family;
};

struct family {
	enum family_kind kind;
	struct claim claims[FAMILY_CLAIMS]; /* the first is the family's name, as samples bear it */
	size_t claim_count;
	char *base;		      /* the name without "_total", if that is added to it */
	char *origin;		      /* as it was sent by the first: for sentences */
	struct prometheus_rule *rule; /* NULL: none */
	uint64_t ruled;		      /* the flush that `rule` is of */
	void *series;		      /* a tree for tsearch() */
	size_t count;
	int64_t id;	/* in the file; 0: not there */
	bool dirty;	/* the file does not have it so */
	int64_t loaded; /* when it came from the file (the clock of totals_begin()), 0: observed since */
	uint64_t saved; /* prometheus_file.c's own */
};

/* What a summary looks back on: the histograms of `count` stretches of time, a ring. */
struct recent {
	struct histogram *ages;
	uint32_t count, at;
	int64_t turns; /* when `at` is over; the clock of totals_begin() */
};

TAILQ_HEAD(total_list, total);

/* One series. */
struct total {
	TAILQ_ENTRY(total) order, changed;
	struct family *family;
	double value; /* of a counter or gauge; the count of a timer */
	double sum;
	struct histogram buckets; /* of all time: in seconds for `ms` timers */
	struct recent *recent;	  /* of a summary */
	bool is_set;
	uint64_t flush, plain; /* the last one that held it; that held a value without a time of its own */
	int64_t updated;       /* the clock of totals_begin() */
	int64_t id;	       /* in the file; 0: not there */
	bool dirty;	       /* in totals->changed: the file does not have it so */
	size_t labels_len;
	char labels[]; /* prometheus_names.h */
};

struct totals_options {
	struct prometheus_shape shape; /* of timers that no rule shapes; its arrays are the caller's */
	bool total_suffix;
	int64_t ttl; /* nanoseconds without an observation after which a series goes; 0: never */
	size_t series_max;
};

/* Since the start, but for the last two. */
struct totals_counts {
	uint64_t conflicts, negative, not_finite, evicted, expired, no_memory;
	size_t series, buckets;
};

/* The options stay the caller's, and may change between calls. NULL: out of memory. */
struct totals *totals_new(const struct totals_options *options);
void totals_free(struct totals *totals);

/* A flush begins, at `now` (nanoseconds of a clock that never steps): what is too old goes. */
void totals_begin(struct totals *totals, int64_t now);
/* Adds a metric. What cannot be added is counted. */
void totals_add(struct totals *totals, const struct metric *metric, struct prometheus_rule *rule);
void totals_counts(const struct totals *totals, struct totals_counts *counts);
/* What is to be told a person: sentences, each with a newline. The caller empties it. */
struct text *totals_notices(struct totals *totals);
/* After options.total_suffix changed. */
void totals_rename(struct totals *totals);

/* Does a family have that name, with a suffix behind it, or a sample of it? */
bool totals_has_name(struct totals *totals, const char *name, size_t len, const char *suffix);
/* In the order of their names; of their labels. */
void totals_visit(const struct totals *totals, void (*visit)(void *context, const struct family *family),
		  void *context);
void family_visit(const struct family *family, void (*visit)(void *context, struct total *total),
		  void *context);

static inline const char *family_name(const struct family *family)
{
	return family->claims[0].name;
}

/* How a timer is to be shown. */
const struct prometheus_shape *family_shape(const struct totals *totals, const struct family *family);
/* What a counter or gauge shows. */
double total_value(const struct totals *totals, const struct total *total);
/* How many of a timer's values are not above `bound`: to 1.1 %, and exact for up to 90 whole milliseconds. */
double total_below(const struct total *total, double bound);
/* Quantile of what a summary looks back on; NaN for nothing. */
double total_quantile(struct totals *totals, struct total *total, double quantile);

/*
 * For the file (prometheus_file.c): families and series found there, the last updated first. A family that is
 * there already is given as it is. NULL: conflict or no memory.
 */
struct family *totals_load_family(struct totals *totals, enum family_kind kind, const char *base,
				  const char *origin, struct prometheus_rule *rule, int64_t now);
struct total *totals_load_series(struct totals *totals, struct family *family, const char *labels,
				 size_t labels_len, int64_t updated);
bool totals_has_series(const struct family *family, const char *labels, size_t labels_len);
/* After its buckets were filled in. */
void totals_loaded(struct totals *totals, struct total *total);
/* After all of its series: it goes if there is none. */
void totals_load_end(struct totals *totals, struct family *family);
/* What changed since it was saved: counters and timers. */
struct total_list *totals_changed(struct totals *totals);
void totals_saved(struct totals *totals, struct total *total);
/* Nothing was saved: all is changed, and has no id. */
void totals_unsave(struct totals *totals);
/* Told of each series and family that goes and has an id: it is to be deleted. */
struct totals_gone {
	void (*total)(void *context, int64_t id);
	void (*family)(void *context, int64_t id);
	void *context;
};
void totals_set_gone(struct totals *totals, const struct totals_gone *gone);

#endif /* SINK_PROMETHEUS_TOTALS_H */
