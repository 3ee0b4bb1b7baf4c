/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * All series that the daemon knows, and what each of the two windows holds of them.
 * The probe side folds what it drains into window 0 or 1; the flush closes one window
 * into a snapshot. Opens no socket, knows no BPF, reads no clock.
 *
 * Two series are one when their canonical names are: the name made safe (statsd's
 * sanitising) and the tags made safe, sorted by key. So "a b:1|c" and "a_b:1|c" meet
 * here, as they do in statsd, while the kernel keeps them apart by their bytes.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"

struct store;
struct series;
struct naming;
struct canonical_name;
struct metric;

/* What becomes of a series that a window does not hold. */
struct idle_options {
	/*
	 * By type: it is sent again at each closing, as statsd does unless it is told to delete: a
	 * counter, a set or a timer of nothing, a gauge as it was.
	 */
	bool sent[METRIC_TYPES];
	/* ... until nothing of it was observed for so many nanoseconds of window time, to the nearest closing; 0: for ever. */
	int64_t ttl;
	/*
	 * Where gauges are not: 0: the value is not sent, but remembered for deltas. Else statsd's
	 * gaugesMaxTTL: it is sent by so many closings in all, then forgotten.
	 */
	uint64_t gauge_closings;
};

#define BIN_METRIC_MAX 256
#define BINS_MAX 64

/* statsd's histogram: timers whose key ("name;k=v") contains `metric` are counted in bins. */
struct bin_rule {
	char metric[BIN_METRIC_MAX];
	double limits[BINS_MAX]; /* ascending, exclusive; INFINITY for all that is left */
	size_t count;		 /* 0: those that contain `metric` have no bins */
};

struct store_options {
	size_t series_max; /* series that are not held: over it the longest idle goes, or store_series() returns NULL */
	bool exact_timers;    /* keep raw samples, statistics to the last digit */
	bool keep_buckets;    /* as in store_set_buckets() */
	bool weighted_timers; /* a sample at rate r is 1/r samples in all statistics, not only in the count */
	size_t percentile_limit;   /* raw samples kept of a timer in a window; 0: all */
	size_t set_exact_max;	   /* distinct values a set counts exactly */
	const double *percentiles; /* as in store_set_percentiles() */
	size_t percentile_count;
	size_t stamped_max; /* values with a time of their own that both windows keep; 0: 65536 */
	size_t events_max;  /* events and service checks that both windows keep; 0: 1024 */
	struct idle_options idle;
	const struct bin_rule *bin_rules; /* as in store_set_bins() */
	size_t bin_rule_count;
	uint64_t seed; /* of the choice of samples; 0: by chance */
};

/* NULL when out of memory. The caller frees with store_free(). */
struct store *store_new(const struct store_options *options);
void store_free(struct store *store);

/*
 * The percentiles that snapshots compute for timers: 90, 99.9, -10 (statsd's lower_top10).
 * The array is copied. -ENOMEM leaves the old ones.
 */
int store_set_percentiles(struct store *store, const double *percentiles, size_t count);

/* The first rule that matches a timer is its own. The array is copied. -ENOMEM leaves the old ones. */
int store_set_bins(struct store *store, const struct bin_rule *rules, size_t count);
/* Are the buckets of timers copied into snapshots? */
void store_set_buckets(struct store *store, bool wanted);
void store_set_idle(struct store *store, const struct idle_options *idle);
/* Windows that hold more samples already keep them. */
void store_set_percentile_limit(struct store *store, size_t limit);

/*
 * How series are named from now on (core/naming.h); it must outlive the store or the next
 * call. NULL, as at the start: without mapping and templates. Series that are there keep
 * their names, see capture_rename(), but no rule of the old naming: it may be freed then, unless
 * somebody still reads the rules of a snapshot.
 */
void store_set_naming(struct store *store, struct naming *naming);

/*
 * Finds or creates the series of raw name and tags bytes as they were sent (tags: the
 * text after "|#", len 0 for none; neither is NUL-terminated). The store owns the result;
 * it stays valid while a window holds something of it; fold into it at once. NULL and errno: ENOSPC, the limit
 * is reached; ENAMETOOLONG; ENOMEM.
 */
struct series *store_series(struct store *store, enum metric_type type, const void *name, size_t name_len,
			    const void *tags, size_t tags_len);

/*
 * The same for a series that the kernel has a slot for: no limit but the kernel's own, and
 * it stays valid until as many series_release() as there were holds.
 */
struct series *store_hold_series(struct store *store, enum metric_type type, const void *name,
				 size_t name_len, const void *tags, size_t tags_len);
void series_release(struct series *series);
/*
 * Releases `from`, which is called `to` from now on, NULL: nothing. A gauge goes on from its value,
 * unless there is one of that name. If nobody else holds it, the old name is forgotten.
 */
void series_rename(struct series *from, struct series *to);
/* Does the kernel know it under several spellings, in several cells? */
bool series_is_shared(const struct series *series);

/*
 * Exact sums from the kernel's cells. Micros; squares in micros squared. Where timers are
 * weighted, a sample is in `sum` and `squares`, and in the buckets, as often as it weighs.
 */
struct timer_sums {
	enum timer_unit unit;
	uint64_t count;	 /* samples */
	uint64_t weight; /* sum of 1/rate */
	__int128 sum;
	unsigned __int128 squares;
	int64_t min, max;
};

/* `window` is 0 or 1. Each is to be called on a series of the matching type. */
void series_fold_counter(struct series *series, unsigned int window, __int128 micros);
void series_fold_timer(struct series *series, unsigned int window, const struct timer_sums *sums);
/*
 * How many samples of the sums above fell into a bucket (bucket.h index of their unit). -ENOMEM.
 *
 * A timer has one unit, that of its first observation since it was made or forgotten. What is observed
 * in another one is the same number of that unit; a bucket of it goes where its middle does.
 */
int series_fold_bucket(struct series *series, unsigned int window, enum timer_unit unit, int16_t index,
		       uint64_t count);
/* One raw sample, timers.mode: exact; counts towards count, sum, everything. -ENOMEM. */
int series_fold_sample(struct series *series, unsigned int window, enum timer_unit unit, int64_t micros,
		       uint64_t weight);
/* set: `micros` replaces what the gauge was when the window opened; else it is added to it.
 * Whenever it is called, it comes before the series_*_gauge() calls of the same window. */
void series_fold_gauge(struct series *series, unsigned int window, bool set, int64_t micros);
/* A distinct value of a set by its keyed hash. -ENOMEM. */
int series_fold_member(struct series *series, unsigned int window, const uint64_t hash[2]);
/* Merges a sketch of HLL_REGISTERS bytes: the set's count becomes an estimate. -ENOMEM. */
int series_fold_sketch(struct series *series, unsigned int window, const uint8_t *registers);

/* One observation of the slow path, in the order it was sent. Finite values only. -ENOMEM. */
void series_add_counter(struct series *series, unsigned int window, double value, double weight);
int series_add_timer(struct series *series, unsigned int window, enum timer_unit unit, double value,
		     double weight);
int series_set_gauge(struct series *series, unsigned int window, double value);
int series_adjust_gauge(struct series *series, unsigned int window, double delta);

/*
 * What bytes of a line name, for those who ask more than once: making a name of 8 kB and hundreds
 * of tags takes long. -ENAMETOOLONG.
 */
int store_name(struct store *store, enum metric_type type, const void *name, size_t name_len,
	       const void *tags, size_t tags_len, struct canonical_name *canonical);
/* store_series() of what store_name() made for the same type. */
struct series *store_named_series(struct store *store, enum metric_type type,
				  const struct canonical_name *name);

/* Can bytes of a line be the name of a series? 0, or -ENAMETOOLONG. Creates and counts nothing. */
int store_check_name(struct store *store, enum metric_type type, const void *name, size_t name_len,
		     const void *tags, size_t tags_len);

/*
 * A counter's or a gauge's value that came with its time (Unix seconds): kept as it is, for a
 * metric of its own in the snapshot of the window. -ENOSPC, there are as many as may be; -ENOMEM.
 */
int store_add_stamped(struct store *store, unsigned int window, enum metric_type type,
		      const struct canonical_name *name, double value, int64_t time);

struct event;
/* Keeps a copy for the window's snapshot; a timestamp of 0 becomes the snapshot's. -ENOSPC, -ENOMEM. */
int store_add_event(struct store *store, unsigned int window, const struct event *event);

/* Adds to a counter of the daemon's own, say "kstatsd.lines.seen". -ENOMEM. */
int store_count_self(struct store *store, unsigned int window, const char *name, uint64_t value);

/*
 * What the mapping makes store_close() leave out of `window`: series that hold something, and
 * values with a time of their own.
 */
uint64_t store_dropped(const struct store *store, unsigned int window);

/* Sets a gauge of the daemon's own. -ENOMEM. */
int store_set_self(struct store *store, unsigned int window, const char *name, double value);

struct snapshot;
/*
 * Ends `window`: computes a snapshot of every series touched in it (the caller frees it
 * with snapshot_free()) and empties the window. `seconds` is the time that really passed.
 * Gauges keep their value for later deltas. Series that the mapping drops are left out. NULL when out of memory (nothing is lost then:
 * the window stays as it was).
 */
struct snapshot *store_close(struct store *store, unsigned int window, int64_t timestamp, double seconds);

size_t store_series_count(const struct store *store);
/* Of these, the daemon's own of store_count_self(). */
size_t store_own_count(const struct store *store);

/*
 * Moves what window `from` holds into window `to`, as if it had been observed at the start of
 * that one: writes to gauges come before those that `to` holds. -ENOMEM: what could not be
 * moved stays in `from`, and goes with the next closing of it.
 */
int store_carry(struct store *store, unsigned int from, unsigned int to);

/* An observation of a timer; the weight is 1 unless timers are weighted. */
struct sample {
	double value, weight;
};

/* What a window holds of one series, while it is open. Valid during the call. */
struct window_view {
	/*
	 * As a snapshot would have it, without percentiles and bins. idle: the window holds nothing
	 * of the series; it would be sent again, or it is a gauge whose value is remembered.
	 */
	const struct metric *metric;
	/* Timers that are kept exactly, in the order of arrival or, of many, a part of them. NULL: a histogram. */
	const struct sample *samples;
	size_t sample_count;
	double scale; /* what the mapping wants the samples times; those of `metric` are */
};

/* What somebody wants to see of a window; the rest costs nothing. */
struct visit_filter {
	unsigned int types; /* 1U << enum metric_type, ... */
	bool idle;	    /* series that are remembered, too */
};
#define VISIT_ALL_TYPES ((1U << METRIC_TYPES) - 1)

/* Shows the series that have something in `window` or are remembered, sorted as in a snapshot. -ENOMEM. */
int store_visit_window(const struct store *store, unsigned int window, const struct visit_filter *filter,
		       void (*visit)(void *context, const struct window_view *view), void *context);

/*
 * Forgets series of a type as if they had never been observed: what `window` holds of them,
 * the value of a gauge, and that an idle one would be sent again. Each pattern is a key, "name"
 * or "name;k=v;k2=v2", or "folder.*" for all keys that begin with "folder.", as in statsd's
 * console. All series are looked at once, however many patterns there are. Calls `forgotten` for
 * each key with the number of the first pattern that matches it, in the order of the patterns and
 * for each in that of the keys, if it is not NULL. How many there were, or -ENOMEM.
 */
int store_delete(struct store *store, unsigned int window, enum metric_type type, const char *const *patterns,
		 size_t count, void (*forgotten)(void *context, size_t pattern, const char *key),
		 void *context);

#endif /* CORE_STORE_H */
