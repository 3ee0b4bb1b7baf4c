// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Series, windows and snapshots: what is folded into a window is what its snapshot says. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bucket.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "hash.h"

static const double percentiles[] = { 90 };

static struct store *new_store(size_t series_max, bool exact)
{
	const struct store_options options = {
		.series_max = series_max,
		.exact_timers = exact,
		.set_exact_max = 100,
		.percentiles = percentiles,
		.percentile_count = 1,
	};
	struct store *store = store_new(&options);

	assert_non_null(store);
	return store;
}

static int setup(void **state)
{
	*state = new_store(1000, false);
	return 0;
}

static int teardown(void **state)
{
	store_free(*state);
	return 0;
}

static struct series *series_of(struct store *store, enum metric_type type, const char *name)
{
	return store_series(store, type, name, strlen(name), NULL, 0);
}

static struct series *hold(struct store *store, const char *name)
{
	return store_hold_series(store, METRIC_COUNTER, name, strlen(name), NULL, 0);
}

static struct snapshot *close_window(struct store *store, unsigned int window)
{
	struct snapshot *snapshot = store_close(store, window, 1700000000, 10);

	assert_non_null(snapshot);
	return snapshot;
}

static const struct metric *find(const struct snapshot *snapshot, enum metric_type type, const char *name)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->metrics[i].type == type && !strcmp(snapshot->metrics[i].name, name))
			return &snapshot->metrics[i];
	return NULL;
}

static void assert_double(double got, double want)
{
	if (got != want)
		fail_msg("%.17g is not %.17g", got, want);
}

static void test_counter(void **state)
{
	struct series *hits = series_of(*state, METRIC_COUNTER, "hits");
	struct snapshot *snapshot;

	series_fold_counter(hits, 0, 3 * MICROS);
	series_fold_counter(hits, 0, -MICROS / 2);
	series_add_counter(hits, 0, 0.1, 1);
	series_add_counter(hits, 0, 0.2, 10);
	series_add_counter(hits, 0, 1, 1 / 0.3);
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->count, 1);
	assert_string_equal(snapshot->metrics[0].name, "hits");
	assert_string_equal(snapshot->metrics[0].tags, "");
	assert_double(snapshot->metrics[0].counter, 4.6 + 1 / 0.3);
	assert_double(snapshot->seconds, 10);
	assert_int_equal(snapshot->timestamp, 1700000000);
	snapshot_free(snapshot);

	/* Nothing came: nothing is sent. */
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->count, 0);
	snapshot_free(snapshot);
}

static void test_same_name(void **state)
{
	struct series *one = series_of(*state, METRIC_COUNTER, "a b"), *other;

	assert_ptr_equal(one, series_of(*state, METRIC_COUNTER, "a_b"));
	assert_ptr_not_equal(one, series_of(*state, METRIC_TIMER, "a_b"));
	one = store_series(*state, METRIC_COUNTER, "n", 1, "b:2,a:1", 7);
	other = store_series(*state, METRIC_COUNTER, "n;a=1;b=2", 9, "", 0);
	assert_ptr_equal(one, other);
	assert_ptr_not_equal(one, series_of(*state, METRIC_COUNTER, "n"));
	assert_ptr_not_equal(one, store_series(*state, METRIC_COUNTER, "n", 1, "a:1", 3));
	assert_int_equal(store_series_count(*state), 5);
}

static void test_order(void **state)
{
	static const char *const wanted[] = { "a", "b", "b", "c", "a" };
	static const char *const wanted_tags[] = { "", "", "k=v", "", "" };
	struct snapshot *snapshot;

	series_set_gauge(series_of(*state, METRIC_GAUGE, "a"), 0, 1);
	series_fold_counter(series_of(*state, METRIC_COUNTER, "c"), 0, 1);
	series_fold_counter(series_of(*state, METRIC_COUNTER, "b;k=v"), 0, 1);
	series_fold_counter(series_of(*state, METRIC_COUNTER, "b"), 0, 1);
	series_fold_counter(series_of(*state, METRIC_COUNTER, "a"), 0, 1);
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(snapshot->metrics[i].name, wanted[i]);
		assert_string_equal(snapshot->metrics[i].tags, wanted_tags[i]);
	}
	snapshot_free(snapshot);
}

static void test_windows_are_apart(void **state)
{
	struct series *hits = series_of(*state, METRIC_COUNTER, "hits");
	struct series *load = series_of(*state, METRIC_TIMER, "load");
	struct snapshot *snapshot;

	series_fold_counter(hits, 0, 1 * MICROS);
	series_fold_counter(hits, 1, 2 * MICROS);
	assert_int_equal(series_add_timer(load, 1, UNIT_NONE, 5, 1), 0);
	series_fold_counter(hits, 0, 4 * MICROS);
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->count, 1);
	assert_double(snapshot->metrics[0].counter, 5);
	snapshot_free(snapshot);
	snapshot = close_window(*state, 1);
	assert_int_equal(snapshot->count, 2);
	assert_double(find(snapshot, METRIC_COUNTER, "hits")->counter, 2);
	assert_double(find(snapshot, METRIC_TIMER, "load")->timer.sum, 5);
	snapshot_free(snapshot);
}

static void test_timer(void **state)
{
	struct series *load = series_of(*state, METRIC_TIMER, "load");
	struct timer_sums sums = {
		.count = 2,
		.weight = 11,
		.sum = 3 * MICROS,
		.squares = (unsigned __int128)5 * MICROS * MICROS,
		.min = 1 * MICROS,
		.max = 2 * MICROS,
	};
	struct snapshot *snapshot;
	const struct metric *metric;

	series_fold_timer(load, 0, &sums);
	assert_int_equal(series_fold_bucket(load, 0, UNIT_NONE, bucket_index(UNIT_NONE, 1 * MICROS), 1), 0);
	assert_int_equal(series_fold_bucket(load, 0, UNIT_NONE, bucket_index(UNIT_NONE, 2 * MICROS), 1), 0);
	assert_int_equal(series_add_timer(load, 0, UNIT_NONE, 3, 0.5), 0);
	snapshot = close_window(*state, 0);
	metric = find(snapshot, METRIC_TIMER, "load");
	assert_non_null(metric);
	assert_int_equal(metric->timer.samples, 3);
	assert_double(metric->timer.count, 11.5);
	assert_double(metric->timer.sum, 6);
	assert_double(metric->timer.sum_squares, 14);
	assert_double(metric->timer.mean, 2);
	assert_double(metric->timer.lower, 1);
	assert_double(metric->timer.upper, 3);
	assert_int_equal(metric->percentiles[0].count, 3);
	assert_double(metric->percentiles[0].boundary, 3);
	snapshot_free(snapshot);
}

static void test_exact_timer(void **state)
{
	struct store *store = new_store(10, true);
	struct series *load = series_of(store, METRIC_TIMER, "load");
	struct snapshot *snapshot;

	(void)state;
	for (int i = 100; i > 0; i--)
		assert_int_equal(series_fold_sample(load, 0, UNIT_NONE, i * 1234567ll, 2), 0);
	assert_int_equal(series_add_timer(load, 0, UNIT_NONE, 1e-9, 1), 0);
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->metrics[0].timer.samples, 101);
	assert_double(snapshot->metrics[0].timer.count, 201);
	assert_double(snapshot->metrics[0].timer.median, 50 * 1.234567);
	assert_int_equal(snapshot->metrics[0].percentiles[0].count, 91);
	assert_double(snapshot->metrics[0].percentiles[0].boundary, 111.11103);
	assert_double(snapshot->metrics[0].percentiles[0].sum, 1e-9 + 45 * 91 * 1.234567);
	snapshot_free(snapshot);
	store_free(store);
}

/* statsd's own cases timers_sampled_times and timers_histogram. */
static void test_sampled_times(void **state)
{
	static const double wanted[] = { 90, 80 };
	struct store *store = new_store(10, true);
	struct series *a = series_of(store, METRIC_TIMER, "a");
	struct snapshot *snapshot;
	const struct metric *metric;

	(void)state;
	assert_int_equal(store_set_percentiles(store, wanted, 2), 0);
	assert_int_equal(series_add_timer(a, 0, UNIT_NONE, 100, 20), 0);
	assert_int_equal(series_fold_sample(a, 0, UNIT_NONE, 200 * MICROS, 20), 0);
	assert_int_equal(series_add_timer(a, 0, UNIT_NONE, 300, 10), 0);
	snapshot = close_window(store, 0);
	metric = snapshot->metrics;
	assert_double(metric->timer.count, 50);
	assert_int_equal(metric->timer.samples, 3);
	assert_double(metric->percentiles[0].mean, 200);
	assert_double(metric->percentiles[0].boundary, 300);
	assert_double(metric->percentiles[0].sum, 600);
	assert_double(metric->percentiles[1].mean, 150);
	assert_double(metric->percentiles[1].boundary, 200);
	assert_double(metric->percentiles[1].sum, 300);
	snapshot_free(snapshot);
	store_free(store);
}

static const struct bin_rule rules[] = {
	{ "foo", {}, 0 },
	{ "abcd", { 1, 5, INFINITY }, 3 },
	{ "abc", { 1, 2.21, INFINITY }, 3 },
	{ "a", { 1, 2 }, 2 },
	{ "x;k=", { 3 }, 1 },
};

static const struct {
	const char *name;
	double values[10];
	size_t count, bin_count;
	double bins[3];
} binned[] = {
	{ "a", { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10, 2, { 0, 1 } },
	{ "abc", { 0.1234, 2.89, 4, 6, 8 }, 5, 3, { 1, 0, 4 } },
	{ "foo", { 0, 2, 4, 6, 8 }, 5, 0, {} },
	{ "barbazfoobar", { 0, 2, 4, 6, 8 }, 5, 0, {} },
	{ "bar.bazfoobar.abc", { 0, 2, 4, 6, 8 }, 5, 0, {} },
	{ "xyz", { 0, 2, 4, 6, 8 }, 5, 0, {} },
	{ "x;k=v", { 0, 2, 4 }, 3, 1, { 2 } },
};
#define BINNED (sizeof(binned) / sizeof(binned[0]))

static void check_bins(bool exact)
{
	struct store *store = new_store(20, exact);
	struct snapshot *snapshot;

	assert_int_equal(store_set_bins(store, rules, sizeof(rules) / sizeof(rules[0])), 0);
	for (size_t i = 0; i < BINNED; i++)
		for (size_t j = 0; j < binned[i].count; j++)
			assert_int_equal(series_add_timer(series_of(store, METRIC_TIMER, binned[i].name), 0,
							  UNIT_NONE, binned[i].values[j], 10),
					 0);
	snapshot = close_window(store, 0);
	for (size_t i = 0; i < BINNED; i++) {
		const struct metric *metric = find(snapshot, METRIC_TIMER, i == 6 ? "x" : binned[i].name);

		assert_non_null(metric);
		assert_int_equal(metric->bin_count, binned[i].bin_count);
		for (size_t j = 0; j < metric->bin_count; j++)
			assert_double(metric->bins[j].count, binned[i].bins[j]);
	}
	assert_double(find(snapshot, METRIC_TIMER, "abc")->bins[1].limit, 2.21);
	assert_true(isinf(find(snapshot, METRIC_TIMER, "abc")->bins[2].limit));
	assert_double(snapshot->percentiles[0], 90);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_bins(void **state)
{
	(void)state;
	check_bins(true);
	check_bins(false);
}

/* The kernel's cells and the slow path, together, as if each sample had come as often as it weighs. */
static void test_weighted(void **state)
{
	for (int exact = 0; exact < 2; exact++) {
		const struct store_options options = { .series_max = 9,
						       .exact_timers = exact,
						       .weighted_timers = true,
						       .percentiles = percentiles,
						       .percentile_count = 1 };
		const struct timer_sums sums = { .count = 2,
						 .weight = 7,
						 .sum = (2 * 10 + 5 * 30) * MICROS,
						 .squares = (2 * 100 + 5 * 900) * (unsigned __int128)MICROS *
							    MICROS,
						 .min = 10 * MICROS,
						 .max = 30 * MICROS };
		struct store *store = store_new(&options);
		struct series *load = series_of(store, METRIC_TIMER, "load");
		struct snapshot *snapshot;
		const struct metric *metric;

		if (exact) {
			assert_int_equal(series_fold_sample(load, 0, UNIT_NONE, 10 * MICROS, 2), 0);
			assert_int_equal(series_fold_sample(load, 0, UNIT_NONE, 30 * MICROS, 5), 0);
		} else {
			series_fold_timer(load, 0, &sums);
			assert_int_equal(series_fold_bucket(load, 0, UNIT_NONE,
							    bucket_index(UNIT_NONE, 10 * MICROS), 2),
					 0);
			assert_int_equal(series_fold_bucket(load, 0, UNIT_NONE,
							    bucket_index(UNIT_NONE, 30 * MICROS), 5),
					 0);
		}
		assert_int_equal(series_add_timer(load, 0, UNIT_NONE, 50, 3), 0);
		snapshot = close_window(store, 0);
		metric = snapshot->metrics;
		assert_double(metric->timer.count, 10);
		assert_int_equal(metric->timer.samples, 3);
		assert_double(metric->timer.sum, 320);
		assert_double(metric->timer.sum_squares, 200 + 4500 + 7500);
		assert_double(metric->timer.mean, 32);
		assert_double(metric->timer.std, 14);
		assert_double(metric->timer.lower, 10);
		assert_double(metric->timer.upper, 50);
		assert_true(fabs(metric->timer.median - 30) < 30 * 0.006);
		assert_int_equal(metric->percentiles[0].count, 9);
		assert_true(fabs(metric->percentiles[0].sum - 270) < 270 * 0.006);
		snapshot_free(snapshot);
		store_free(store);
	}
	(void)state;
}

static void test_percentile_limit(void **state)
{
	const struct store_options options = { .series_max = 9,
					       .exact_timers = true,
					       .percentile_limit = 1000,
					       .percentiles = percentiles,
					       .percentile_count = 1,
					       .seed = 1 };
	struct store *store = store_new(&options);
	struct series *load = series_of(store, METRIC_TIMER, "load");
	struct snapshot *snapshot;
	const struct metric *metric;

	(void)state;
	for (int i = 10000; i > 0; i--)
		assert_int_equal(i % 2 ? series_add_timer(load, 0, UNIT_NONE, i, 1)
				       : series_fold_sample(load, 0, UNIT_NONE, (int64_t)i * MICROS, 1),
				 0);
	snapshot = close_window(store, 0);
	metric = snapshot->metrics;
	assert_double(metric->timer.count, 10000);
	assert_double(metric->timer.sum, 50005000);
	assert_double(metric->timer.upper, 10000);
	assert_double(metric->timer.lower, 1);
	assert_int_equal(metric->percentiles[0].count, 9000);
	/* the standard error of the rank is 0.95 % of all: six of them */
	assert_true(fabs(metric->percentiles[0].boundary - 9000) < 570);
	assert_true(metric->percentiles[0].boundary != 9000);
	snapshot_free(snapshot);
	store_free(store);
}

static double gauge_after(struct store *store, unsigned int window)
{
	struct snapshot *snapshot = close_window(store, window);
	const struct metric *metric = find(snapshot, METRIC_GAUGE, "depth");
	double value = metric ? metric->gauge : NAN;

	snapshot_free(snapshot);
	return value;
}

static void test_gauge(void **state)
{
	struct series *depth = series_of(*state, METRIC_GAUGE, "depth");

	/* a first delta counts from 0 */
	series_adjust_gauge(depth, 0, -3);
	assert_double(gauge_after(*state, 0), -3);
	series_set_gauge(depth, 1, 50);
	series_adjust_gauge(depth, 1, -3);
	assert_double(gauge_after(*state, 1), 47);
	/* untouched: not sent, but kept */
	assert_true(isnan(gauge_after(*state, 0)));
	series_fold_gauge(depth, 1, false, 3 * MICROS);
	assert_double(gauge_after(*state, 1), 50);
	/* set by the kernel, then adjusted by the slow path, in whichever order the two are heard of */
	series_adjust_gauge(depth, 0, 0.1);
	series_fold_gauge(depth, 0, true, 10 * MICROS);
	series_adjust_gauge(depth, 0, 0.2);
	assert_double(gauge_after(*state, 0), 10.3);
	/* adjusted by the kernel, then set by the slow path */
	series_set_gauge(depth, 0, 8);
	series_fold_gauge(depth, 0, false, 10 * MICROS);
	assert_double(gauge_after(*state, 0), 8);
	/* a delta that is already in the next window counts from what this one ends with */
	series_adjust_gauge(depth, 0, 5);
	series_set_gauge(depth, 1, 100);
	assert_double(gauge_after(*state, 1), 100);
	assert_double(gauge_after(*state, 0), 105);
}

static void set_member(struct series *series, unsigned int window, uint64_t member)
{
	static const __u64 key[2] = { 1, 2 };
	__u64 hash[2];
	__u8 bytes[16] = {};
	uint64_t words[2];

	memcpy(bytes, &member, sizeof(member));
	hash_value(key, bytes, sizeof(member), hash);
	words[0] = hash[0];
	words[1] = hash[1];
	assert_int_equal(series_fold_member(series, window, words), 0);
}

static void test_set(void **state)
{
	struct series *users = series_of(*state, METRIC_SET, "users");
	const uint64_t zero[2] = {};
	struct snapshot *snapshot;

	for (uint64_t i = 0; i < 1000; i++)
		set_member(users, 0, i % 99);
	assert_int_equal(series_fold_member(users, 0, zero), 0);
	assert_int_equal(series_fold_member(users, 0, zero), 0);
	snapshot = close_window(*state, 0);
	assert_double(snapshot->metrics[0].set.count, 100);
	assert_false(snapshot->metrics[0].set.estimated);
	snapshot_free(snapshot);

	for (uint64_t i = 0; i < 101; i++)
		set_member(users, 0, i);
	snapshot = close_window(*state, 0);
	assert_true(fabs(snapshot->metrics[0].set.count - 101) <= 5);
	assert_true(snapshot->metrics[0].set.estimated);
	snapshot_free(snapshot);

	/* the next window starts exact again */
	set_member(users, 0, 7);
	snapshot = close_window(*state, 0);
	assert_double(snapshot->metrics[0].set.count, 1);
	assert_false(snapshot->metrics[0].set.estimated);
	snapshot_free(snapshot);
}

/* The error of an estimate is 1.04/sqrt(4096) = 1.6 % in the mean of squares; six times that never happens. */
static void test_estimates(void **state)
{
	static const uint64_t counts[] = { 200, 1000, 5000, 10000, 20000, 100000, 1000000 };
	struct series *users = series_of(*state, METRIC_SET, "users");
	struct snapshot *snapshot;
	double squares = 0, error;

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (uint64_t j = 0; j < counts[i]; j++)
			set_member(users, 0, j + (i << 32));
		snapshot = close_window(*state, 0);
		assert_true(snapshot->metrics[0].set.estimated);
		error = snapshot->metrics[0].set.count / (double)counts[i] - 1;
		assert_true(fabs(error) < 6 * 0.01625);
		squares += error * error;
		snapshot_free(snapshot);
	}
	assert_true(sqrt(squares / 7) < 0.03);
}

static void test_sketch_and_members(void **state)
{
	struct series *users = series_of(*state, METRIC_SET, "users");
	static const __u64 key[2] = { 1, 2 };
	uint8_t registers[HLL_REGISTERS] = {};
	struct snapshot *snapshot;
	double both, alone;

	/* 50 members, then a sketch of 3000 others, as the kernel hands them over */
	for (uint64_t i = 0; i < 50; i++)
		set_member(users, 0, i);
	for (uint64_t i = 50; i < 3050; i++) {
		__u8 bytes[16] = {}, rank;
		__u64 hash[2];

		memcpy(bytes, &i, sizeof(i));
		hash_value(key, bytes, sizeof(i), hash);
		rank = sketch_rank(hash);
		if (registers[sketch_register(hash)] < rank)
			registers[sketch_register(hash)] = rank;
	}
	assert_int_equal(series_fold_sketch(users, 0, registers), 0);
	snapshot = close_window(*state, 0);
	both = snapshot->metrics[0].set.count;
	assert_true(snapshot->metrics[0].set.estimated);
	snapshot_free(snapshot);

	/* the same values one by one make the same sketch */
	for (uint64_t i = 0; i < 3050; i++)
		set_member(users, 1, i);
	snapshot = close_window(*state, 1);
	alone = snapshot->metrics[0].set.count;
	snapshot_free(snapshot);
	assert_double(both, alone);
	assert_true(fabs(both - 3050) < 3050 * 0.06);
}

static void test_limit(void **state)
{
	struct store *store = new_store(2, false);
	struct snapshot *snapshot;

	(void)state;
	series_fold_counter(series_of(store, METRIC_COUNTER, "a"), 0, 1);
	series_fold_counter(series_of(store, METRIC_COUNTER, "b"), 0, 1);
	errno = 0;
	assert_null(series_of(store, METRIC_COUNTER, "c"));
	assert_int_equal(errno, ENOSPC);
	assert_non_null(series_of(store, METRIC_COUNTER, "a"));
	/* what the kernel holds is limited there */
	assert_non_null(hold(store, "c"));
	/* the daemon's own counters have no limit */
	assert_int_equal(store_count_self(store, 0, "kstatsd.lines.seen", 7), 0);
	assert_int_equal(store_count_self(store, 0, "kstatsd.lines.seen", 2), 0);
	assert_int_equal(store_count_self(store, 0, "kstatsd.lines.rejected", 0), 0);
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->count, 4);
	assert_double(find(snapshot, METRIC_COUNTER, "kstatsd.lines.seen")->counter, 9);
	assert_double(find(snapshot, METRIC_COUNTER, "kstatsd.lines.rejected")->counter, 0);
	snapshot_free(snapshot);
	/* once nobody is in a window, the longest idle one makes room */
	assert_non_null(series_of(store, METRIC_COUNTER, "d"));
	store_free(store);
}

static void test_too_long(void **state)
{
	char name[20000];

	memset(name, 'n', sizeof(name));
	errno = 0;
	assert_null(store_series(*state, METRIC_COUNTER, name, sizeof(name), NULL, 0));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_non_null(store_series(*state, METRIC_COUNTER, name, 8000, NULL, 0));
}

static void close_often(struct store *store, int times)
{
	for (int i = 0; i < times; i++)
		snapshot_free(close_window(store, (unsigned int)i % 2));
}

static void test_idle(void **state)
{
	struct series *held = hold(*state, "held");

	assert_ptr_equal(hold(*state, "held"), held);
	series_fold_counter(series_of(*state, METRIC_COUNTER, "gone"), 0, 1);
	series_set_gauge(series_of(*state, METRIC_GAUGE, "level"), 0, 5);
	assert_int_equal(store_series_count(*state), 3);
	close_often(*state, 60);
	assert_int_equal(store_series_count(*state), 3);
	close_often(*state, 2);
	assert_int_equal(store_series_count(*state), 2);
	series_release(held);
	close_often(*state, 100);
	assert_int_equal(store_series_count(*state), 2);
	series_release(held);
	close_often(*state, 62);
	assert_int_equal(store_series_count(*state), 1);

	/* the gauge was kept: a delta counts from what it was */
	series_adjust_gauge(series_of(*state, METRIC_GAUGE, "level"), 0, 1);
	{
		struct snapshot *snapshot = close_window(*state, 0);

		assert_double(find(snapshot, METRIC_GAUGE, "level")->gauge, 6);
		snapshot_free(snapshot);
	}
	close_often(*state, 8639);
	assert_int_equal(store_series_count(*state), 1);
	close_often(*state, 2);
	assert_int_equal(store_series_count(*state), 0);
}

static void test_idle_but_waiting(void **state)
{
	struct snapshot *snapshot;

	/* what a window that is not closed yet holds is never dropped */
	series_fold_counter(series_of(*state, METRIC_COUNTER, "late"), 1, MICROS);
	for (int i = 0; i < 200; i++)
		snapshot_free(close_window(*state, 0));
	snapshot = close_window(*state, 1);
	assert_int_equal(snapshot->count, 1);
	assert_double(snapshot->metrics[0].counter, 1);
	snapshot_free(snapshot);
}

/* Insertion, growth and removal in the table, against a plain array of what must be there. */
static void test_many_series(void **state)
{
	enum { NAMES = 3000 };
	struct store *store = new_store(NAMES, false);
	struct series *known[NAMES] = {};
	struct snapshot *snapshot;
	char name[32];

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "series.%d", i);
		known[i] = i % 3 ? series_of(store, METRIC_COUNTER, name) : hold(store, name);
		assert_non_null(known[i]);
	}
	close_often(store, 62);
	assert_int_equal(store_series_count(store), NAMES / 3);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "series.%d", i);
		if (i % 3 == 0)
			assert_ptr_equal(series_of(store, METRIC_COUNTER, name), known[i]);
		series_fold_counter(series_of(store, METRIC_COUNTER, name), 0, (__int128)i * MICROS);
	}
	assert_int_equal(store_series_count(store), NAMES);
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->count, NAMES);
	for (int i = 0; i < NAMES; i += 100) {
		snprintf(name, sizeof(name), "series.%d", i);
		assert_double(find(snapshot, METRIC_COUNTER, name)->counter, i);
	}
	snapshot_free(snapshot);
	store_free(store);
}

static void test_snapshot_outlives(void **state)
{
	struct store *store = new_store(10, false);
	struct snapshot *snapshot, *other;

	(void)state;
	assert_int_equal(series_add_timer(store_series(store, METRIC_TIMER, "load", 4, "k:v", 3), 0,
					  UNIT_NONE, 5, 1),
			 0);
	snapshot = close_window(store, 0);
	other = snapshot_ref(snapshot);
	store_free(store);
	snapshot_free(snapshot);
	assert_string_equal(other->metrics[0].name, "load");
	assert_string_equal(other->metrics[0].tags, "k=v");
	assert_double(other->percentiles[0], 90);
	assert_double(other->metrics[0].percentiles[0].boundary, 5);
	snapshot_free(other);
	snapshot_free(NULL);
}

static void test_percentiles_change(void **state)
{
	static const double others[] = { 50, -10, 99.9 };
	struct snapshot *snapshot;

	assert_int_equal(series_add_timer(series_of(*state, METRIC_TIMER, "load"), 0, UNIT_NONE, 5, 1), 0);
	assert_int_equal(store_set_percentiles(*state, others, 3), 0);
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->percentile_count, 3);
	assert_double(snapshot->percentiles[2], 99.9);
	assert_double(snapshot->metrics[0].percentiles[2].boundary, 5);
	snapshot_free(snapshot);
	assert_int_equal(store_set_percentiles(*state, NULL, 0), 0);
	assert_int_equal(series_add_timer(series_of(*state, METRIC_TIMER, "load"), 0, UNIT_NONE, 5, 1), 0);
	snapshot = close_window(*state, 0);
	assert_int_equal(snapshot->percentile_count, 0);
	assert_double(snapshot->metrics[0].timer.sum, 5);
	snapshot_free(snapshot);
}

#define store_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_counter),
		store_test(test_same_name),
		store_test(test_order),
		store_test(test_windows_are_apart),
		store_test(test_timer),
		cmocka_unit_test(test_exact_timer),
		cmocka_unit_test(test_sampled_times),
		cmocka_unit_test(test_bins),
		cmocka_unit_test(test_weighted),
		cmocka_unit_test(test_percentile_limit),
		store_test(test_gauge),
		store_test(test_set),
		store_test(test_estimates),
		store_test(test_sketch_and_members),
		cmocka_unit_test(test_limit),
		store_test(test_too_long),
		store_test(test_idle),
		store_test(test_idle_but_waiting),
		cmocka_unit_test(test_many_series),
		cmocka_unit_test(test_snapshot_outlives),
		store_test(test_percentiles_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
