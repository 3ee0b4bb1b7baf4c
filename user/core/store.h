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

struct store_options {
	size_t series_max; /* series that are not held: over it the longest idle goes, or store_series() returns NULL */
	bool exact_timers;	   /* keep raw samples, statistics to the last digit */
	size_t set_exact_max;	   /* distinct values a set counts exactly */
	const double *percentiles; /* as in store_set_percentiles() */
	size_t percentile_count;
};

/* NULL when out of memory. The caller frees with store_free(). */
struct store *store_new(const struct store_options *options);
void store_free(struct store *store);

/*
 * The percentiles that snapshots compute for timers: 90, 99.9, -10 (statsd's lower_top10).
 * The array is copied. -ENOMEM leaves the old ones.
 */
int store_set_percentiles(struct store *store, const double *percentiles, size_t count);

/*
 * How series are named from now on (core/naming.h); it must outlive the store or the next
 * call. NULL, as at the start: without mapping and templates. Series that are there keep
 * their names; see capture_rename().
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
/* One gauge under a new name: `to` goes on from the value of `from`, unless it has one itself. */
void series_inherit(struct series *to, const struct series *from);
/* Does the kernel know it under several spellings, in several cells? */
bool series_is_shared(const struct series *series);

/* Exact sums from the kernel's cells. Micros; squares in micros squared. */
struct timer_sums {
	uint64_t count;	 /* samples */
	uint64_t weight; /* sum of 1/rate */
	__int128 sum;
	unsigned __int128 squares;
	int64_t min, max;
};

/* `window` is 0 or 1. Each is to be called on a series of the matching type. */
void series_fold_counter(struct series *series, unsigned int window, __int128 micros);
void series_fold_timer(struct series *series, unsigned int window, const struct timer_sums *sums);
/* How many samples of the sums above fell into a bucket (bucket.h index). -ENOMEM. */
int series_fold_bucket(struct series *series, unsigned int window, int16_t index, uint64_t count);
/* One raw sample, timers.mode: exact; counts towards count, sum, everything. -ENOMEM. */
int series_fold_sample(struct series *series, unsigned int window, int64_t micros, uint64_t weight);
/* set: `micros` replaces what the gauge was when the window opened; else it is added to it.
 * Whenever it is called, it comes before the series_*_gauge() calls of the same window. */
void series_fold_gauge(struct series *series, unsigned int window, bool set, int64_t micros);
/* A distinct value of a set by its keyed hash. -ENOMEM. */
int series_fold_member(struct series *series, unsigned int window, const uint64_t hash[2]);
/* Merges a sketch of HLL_REGISTERS bytes: the set's count becomes an estimate. -ENOMEM. */
int series_fold_sketch(struct series *series, unsigned int window, const uint8_t *registers);

/* One observation of the slow path, in the order it was sent. Finite values only. -ENOMEM. */
void series_add_counter(struct series *series, unsigned int window, double value, double weight);
int series_add_timer(struct series *series, unsigned int window, double value, double weight);
int series_set_gauge(struct series *series, unsigned int window, double value);
int series_adjust_gauge(struct series *series, unsigned int window, double delta);

/* Adds to a counter of the daemon's own, say "kstatsd.lines.seen". -ENOMEM. */
int store_count_self(struct store *store, unsigned int window, const char *name, uint64_t value);

struct snapshot;
/*
 * Ends `window`: computes a snapshot of every series touched in it (the caller frees it
 * with snapshot_free()) and empties the window. `seconds` is the time that really passed.
 * Gauges keep their value for later deltas. Series that the mapping drops are left out and
 * counted as "kstatsd.mapping.dropped". NULL when out of memory (nothing is lost then:
 * the window stays as it was).
 */
struct snapshot *store_close(struct store *store, unsigned int window, int64_t timestamp, double seconds);

size_t store_series_count(const struct store *store);

#endif /* CORE_STORE_H */
