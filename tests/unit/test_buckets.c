// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What a snapshot says of how a timer's values are distributed, and in which unit they are: from
 * buckets, from samples, from a part of the samples; and of a timer that is sent in two units.
 */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/histogram.h"
#include "core/ingest.h"
#include "core/snapshot.h"
#include "core/store.h"

static const double percentiles[] = { 50, 90 };

static struct store_options options_of(bool exact)
{
	return (struct store_options){ .series_max = 100,
				       .exact_timers = exact,
				       .keep_buckets = true,
				       .percentiles = percentiles,
				       .percentile_count = 2,
				       .seed = 1 };
}

static struct store *store_of(const struct store_options *options)
{
	struct store *store = store_new(options);

	assert_non_null(store);
	return store;
}

static struct series *timer_of(struct store *store, const char *name)
{
	return store_series(store, METRIC_TIMER, name, strlen(name), NULL, 0);
}

static struct snapshot *close_window(struct store *store, unsigned int window)
{
	struct snapshot *snapshot = store_close(store, window, 1700000000, 10);

	assert_non_null(snapshot);
	return snapshot;
}

/* They are ascending, none is empty; the sum of their counts. */
static double buckets_sum(const struct metric *metric)
{
	double sum = 0;

	for (size_t i = 0; i < metric->bucket_count; i++) {
		assert_true(metric->buckets[i].count > 0);
		if (i)
			assert_true(histogram_order(metric->buckets[i - 1].index, metric->buckets[i].index) <
				    0);
		sum += metric->buckets[i].count;
	}
	return sum;
}

static void assert_bucket(const struct metric *metric, size_t i, int16_t index, double count)
{
	assert_true(i < metric->bucket_count);
	if (metric->buckets[i].index != index || metric->buckets[i].count != count)
		fail_msg("bucket %zu is %d: %g, not %d: %g", i, metric->buckets[i].index,
			 metric->buckets[i].count, index, count);
}

static void assert_near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("%.17g is not %.17g", got, want);
}

static void ingest(struct store *store, const char *lines)
{
	struct ingest *ingest = ingest_new(store);
	struct ledger ledger = {};

	ingest_lines(ingest, 0, lines, strlen(lines), &ledger);
	assert_int_equal(ledger.n[LEDGER_LINES_ACCEPTED], ledger.n[LEDGER_LINES_SEEN]);
	ingest_free(ingest);
}

/* Lines of each type, as they are sent: only "ms" is put into buckets of seconds. */
static void check_lines(bool exact)
{
	const struct store_options options = options_of(exact);
	struct store *store = store_of(&options);
	struct snapshot *snapshot;
	const struct metric *metric;

	ingest(store, "a:2000:2000:500|ms\nb:2000:-3|h\nc:0.5|d\nd:1|c\ne:0:1000|ms|@0.1");
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->count, 5);
	metric = snapshot->metrics;
	assert_int_equal(metric->type, METRIC_COUNTER);
	assert_int_equal(metric->unit, UNIT_NONE);
	assert_int_equal(metric->bucket_count, 0);
	metric++;
	assert_int_equal(metric->unit, UNIT_MILLISECONDS);
	assert_int_equal(metric->bucket_count, 2);
	assert_bucket(metric, 0, -64, 1);
	assert_bucket(metric, 1, 64, 2);
	assert_true(metric->timer.sum == 4500);
	metric++;
	assert_int_equal(metric->unit, UNIT_NONE);
	assert_int_equal(metric->bucket_count, 2);
	assert_bucket(metric, 0, 102 + BUCKET_NEGATIVE_BASE, 1);
	assert_bucket(metric, 1, 702, 1);
	metric++;
	assert_int_equal(metric->unit, UNIT_NONE);
	assert_bucket(metric, 0, -64, 1);
	metric++;
	assert_int_equal(metric->unit, UNIT_MILLISECONDS);
	assert_bucket(metric, 0, BUCKET_ZERO, 1);
	assert_bucket(metric, 1, 0, 1);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_lines(void **state)
{
	(void)state;
	check_lines(false);
	check_lines(true);
}

/* Samples are put into the buckets that they would have been counted in. */
static void test_exact_is_histogram(void **state)
{
	const struct store_options one = options_of(false), other = options_of(true);
	struct store *histogram = store_of(&one), *exact = store_of(&other);
	struct snapshot *a, *b;

	(void)state;
	srandom(3);
	for (int i = 0; i < 5000; i++) {
		double value = (double)(random() % 1000000) / 997 - 100;
		enum timer_unit unit = i % 2 ? UNIT_MILLISECONDS : UNIT_NONE;
		const char *name = i % 2 ? "ms" : "h";

		assert_int_equal(series_add_timer(timer_of(histogram, name), 0, unit, value, 1), 0);
		assert_int_equal(series_add_timer(timer_of(exact, name), 0, unit, value, 1), 0);
	}
	a = close_window(histogram, 0);
	b = close_window(exact, 0);
	for (size_t i = 0; i < 2; i++) {
		const struct metric *x = &a->metrics[i], *y = &b->metrics[i];

		assert_int_equal(x->bucket_count, y->bucket_count);
		for (size_t j = 0; j < x->bucket_count; j++)
			assert_bucket(y, j, x->buckets[j].index, x->buckets[j].count);
		assert_true(buckets_sum(x) == 2500);
	}
	snapshot_free(a);
	snapshot_free(b);
	store_free(histogram);
	store_free(exact);
}

/* Values weigh as much in the buckets as in the statistics. */
static void check_weighted(bool exact)
{
	struct store_options options = options_of(exact);
	struct snapshot *snapshot;
	struct store *store;

	options.weighted_timers = true;
	store = store_of(&options);
	ingest(store, "a:10|h|@0.1\na:20|h|@0.3\na:10|h");
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->metrics->bucket_count, 2);
	assert_bucket(snapshot->metrics, 0, histogram_index(UNIT_NONE, 10), 11);
	assert_near(snapshot->metrics->buckets[1].count, 1 / 0.3, 1e-15);
	assert_near(buckets_sum(snapshot->metrics), snapshot->metrics->timer.count, 1e-15);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_weighted(void **state)
{
	(void)state;
	check_weighted(false);
	check_weighted(true);
}

/* Those that were kept stand for all: whole numbers whose sum is that of all, unless they weigh something. */
static void check_limit(bool weighted)
{
	struct store_options options = options_of(true);
	struct snapshot *snapshot;
	struct store *store;
	double weight = 0;

	options.percentile_limit = 300;
	options.weighted_timers = weighted;
	store = store_of(&options);
	for (int i = 0; i < 10007; i++) {
		double one = weighted ? 1 + i % 3 / 3.0 : 1;

		weight += one;
		assert_int_equal(
			series_add_timer(timer_of(store, "a"), 0, UNIT_MILLISECONDS, 1 + i % 100, one), 0);
	}
	snapshot = close_window(store, 0);
	assert_near(buckets_sum(snapshot->metrics), weight, weighted ? 1e-12 : 0);
	assert_in_range(snapshot->metrics->bucket_count, 50, 100);
	for (size_t i = 0; !weighted && i < snapshot->metrics->bucket_count; i++)
		assert_true(floor(snapshot->metrics->buckets[i].count) ==
			    snapshot->metrics->buckets[i].count);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_limit(void **state)
{
	(void)state;
	check_limit(false);
	check_limit(true);
}

static void test_only_if_wanted(void **state)
{
	struct store_options options = options_of(false);
	struct snapshot *snapshot;
	struct store *store;

	(void)state;
	options.keep_buckets = false;
	store = store_of(&options);
	for (int turn = 0; turn < 3; turn++) {
		ingest(store, "a:1|ms");
		snapshot = close_window(store, 0);
		assert_int_equal(snapshot->metrics->unit, UNIT_MILLISECONDS);
		assert_int_equal(snapshot->metrics->bucket_count, turn == 1);
		assert_true(snapshot->metrics->buckets || turn != 1);
		snapshot_free(snapshot);
		store_set_buckets(store, !turn);
	}
	store_free(store);
}

/* As the kernel's cells bring it: sums, and buckets of the unit of the cell. */
static void fold(struct series *series, unsigned int window, enum timer_unit unit, int64_t micros)
{
	const struct timer_sums sums = { .unit = unit,
					 .count = 1,
					 .weight = 1,
					 .sum = micros,
					 .squares = (unsigned __int128)((__int128)micros * micros),
					 .min = micros,
					 .max = micros };

	series_fold_timer(series, window, &sums);
	assert_int_equal(series_fold_bucket(series, window, unit, bucket_index(unit, micros), 1), 0);
}

/* The unit of a series is that of its first observation; each value of another is within 1.1 %. */
static void check_mixed(enum timer_unit first, enum timer_unit second)
{
	const struct store_options options = options_of(false);
	struct store *store = store_of(&options);
	struct series *series = timer_of(store, "a");
	struct snapshot *snapshot;
	const struct metric *metric;

	fold(series, 0, first, 1000000000);
	for (int i = 1; i < 100; i++)
		fold(series, 0, second, i * 7000000);
	assert_int_equal(series_add_timer(series, 0, second, 7.1, 1), 0);
	snapshot = close_window(store, 0);
	metric = snapshot->metrics;
	assert_int_equal(snapshot->count, 1);
	assert_int_equal(metric->unit, first);
	assert_true(buckets_sum(metric) == 101);
	assert_true(metric->timer.sum == 1000 + 7 * 4950 + 7.1);
	assert_true(metric->timer.upper == 1000);
	assert_near(metric->timer.median, 350, 0.011);
	assert_near(metric->percentiles[1].boundary, 630, 0.011);
	assert_near(metric->percentiles[1].sum, 7 * 4095 + 7.1, 0.011);
	snapshot_free(snapshot);
	/* and it stays so, also where only the other one is observed */
	fold(series, 1, second, 5000000);
	snapshot = close_window(store, 1);
	assert_int_equal(snapshot->metrics->unit, first);
	assert_bucket(snapshot->metrics, 0, histogram_index(first, 5), 1);
	assert_true(snapshot->metrics->timer.median == 5);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_mixed(void **state)
{
	(void)state;
	check_mixed(UNIT_MILLISECONDS, UNIT_NONE);
	check_mixed(UNIT_NONE, UNIT_MILLISECONDS);
}

/* A name that was forgotten may come again with another unit. */
static void test_forgotten(void **state)
{
	const struct store_options options = options_of(false);
	const char *const names[] = { "a" };
	struct store *store = store_of(&options);
	struct snapshot *snapshot;

	(void)state;
	ingest(store, "a:1|ms");
	assert_int_equal(store_delete(store, 0, METRIC_TIMER, names, 1, NULL, NULL), 1);
	ingest(store, "a:1|h");
	snapshot = close_window(store, 0);
	assert_int_equal(snapshot->metrics->unit, UNIT_NONE);
	assert_bucket(snapshot->metrics, 0, 0, 1);
	snapshot_free(snapshot);
	store_free(store);
}

static void note_unit(void *context, const struct window_view *view)
{
	*(enum timer_unit *)context = view->metric->unit;
}

/* From one window into the other, seen on the way, and sent again when nothing came. */
static void check_carried(bool exact)
{
	const struct visit_filter all = { .types = VISIT_ALL_TYPES };
	struct store_options options = options_of(exact);
	enum timer_unit unit = UNIT_NONE;
	struct snapshot *snapshot;
	struct store *store;

	options.idle.sent[METRIC_TIMER] = true;
	store = store_of(&options);
	ingest(store, "a:1000:4000|ms");
	assert_int_equal(store_carry(store, 0, 1), 0);
	assert_int_equal(store_visit_window(store, 1, &all, note_unit, &unit), 0);
	assert_int_equal(unit, UNIT_MILLISECONDS);
	assert_int_equal(series_add_timer(timer_of(store, "a"), 1, UNIT_MILLISECONDS, 1000, 1), 0);
	snapshot = close_window(store, 1);
	assert_bucket(snapshot->metrics, 0, 0, 2);
	assert_bucket(snapshot->metrics, 1, 128, 1);
	assert_true(snapshot->metrics->timer.median == 1000 || !exact);
	assert_near(snapshot->metrics->timer.median, 1000, 0.006);
	snapshot_free(snapshot);
	snapshot = close_window(store, 0);
	assert_true(snapshot->metrics->idle);
	assert_int_equal(snapshot->metrics->unit, UNIT_MILLISECONDS);
	assert_int_equal(snapshot->metrics->bucket_count, 0);
	snapshot_free(snapshot);
	store_free(store);
}

static void test_carried(void **state)
{
	(void)state;
	check_carried(false);
	check_carried(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	 cmocka_unit_test(test_exact_is_histogram),
		cmocka_unit_test(test_weighted), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_mixed),	 cmocka_unit_test(test_only_if_wanted),
		cmocka_unit_test(test_carried),	 cmocka_unit_test(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
