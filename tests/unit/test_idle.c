// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Series of which nothing was observed: sent again or not, forgotten, removed, as statsd's stats.js has it. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/snapshot.h"
#include "core/store.h"

#define SECOND 1000000000ll

static const double percentiles[] = { 90, -10 };

static struct store *new_store(const char *sent, int64_t ttl, uint64_t gauge_closings, size_t series_max)
{
	struct store_options options = {
		.series_max = series_max,
		.set_exact_max = 100,
		.percentiles = percentiles,
		.percentile_count = 2,
		.idle = { .ttl = ttl, .gauge_closings = gauge_closings },
	};
	struct store *store;

	for (size_t type = 0; type < METRIC_TYPES; type++)
		options.idle.sent[type] = strchr(sent, "ctgs"[type]);
	store = store_new(&options);
	assert_non_null(store);
	return store;
}

static struct series *series_of(struct store *store, enum metric_type type, const char *name)
{
	struct series *series = store_series(store, type, name, strlen(name), NULL, 0);

	assert_non_null(series);
	return series;
}

static void observe(struct store *store, unsigned int window, enum metric_type type, const char *name)
{
	struct series *series = series_of(store, type, name);
	const uint64_t hash[2] = { 1, 2 };

	switch (type) {
	case METRIC_COUNTER:
		series_add_counter(series, window, 5, 1);
		break;
	case METRIC_TIMER:
		assert_int_equal(series_add_timer(series, window, UNIT_NONE, 320, 10), 0);
		break;
	case METRIC_GAUGE:
		series_adjust_gauge(series, window, 5);
		break;
	default:
		assert_int_equal(series_fold_member(series, window, hash), 0);
		break;
	}
}

/* What a closing sends, as "c.name 5", idle ones as "c.name 0 idle", one after the other. */
static const char *sent(struct store *store, unsigned int window, double seconds)
{
	struct snapshot *snapshot = store_close(store, window, 1700000000, seconds);
	static char text[1024];
	size_t used = 0;

	assert_non_null(snapshot);
	text[0] = '\0';
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct metric *metric = &snapshot->metrics[i];
		const double values[] = { metric->counter, metric->timer.count, metric->gauge,
					  metric->set.count };

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c.%s %g%s", used ? ", " : "",
					 "ctgs"[metric->type], metric -> name, values[metric->type],
					 metric -> idle ? " idle" : "");
	}
	snapshot_free(snapshot);
	return text;
}

static void observe_all(struct store *store, unsigned int window)
{
	observe(store, window, METRIC_COUNTER, "a");
	observe(store, window, METRIC_TIMER, "a");
	observe(store, window, METRIC_GAUGE, "a");
	observe(store, window, METRIC_SET, "a");
}

static const struct {
	const char *types, *first, *second;
} types[] = {
	{ "", "c.a 5, t.a 10, g.a 5, s.a 1", "" },
	{ "ctgs", "c.a 5, t.a 10, g.a 5, s.a 1", "c.a 0 idle, t.a 0 idle, g.a 5 idle, s.a 0 idle" },
	{ "c", "c.a 5, t.a 10, g.a 5, s.a 1", "c.a 0 idle" },
	{ "t", "c.a 5, t.a 10, g.a 5, s.a 1", "t.a 0 idle" },
	{ "g", "c.a 5, t.a 10, g.a 5, s.a 1", "g.a 5 idle" },
	{ "s", "c.a 5, t.a 10, g.a 5, s.a 1", "s.a 0 idle" },
};

static void test_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct store *store = new_store(types[i].types, 0, 0, 100);

		assert_string_equal(sent(store, 0, 10), "");
		observe_all(store, 1);
		/* in a window that is open still: not known yet */
		assert_string_equal(sent(store, 0, 10), "");
		assert_string_equal(sent(store, 1, 10), types[i].first);
		for (unsigned int j = 0; j < 200; j++)
			assert_string_equal(sent(store, j % 2, 10), types[i].second);
		observe_all(store, 0);
		assert_string_equal(sent(store, 0, 10), "c.a 5, t.a 10, g.a 10, s.a 1");
		store_free(store);
	}
}

/* Only what statsd has of an empty timer. */
static void test_timer_of_nothing(void **state)
{
	struct store *store = new_store("t", 0, 0, 100);
	struct snapshot *snapshot;
	const struct metric *metric;

	(void)state;
	observe(store, 0, METRIC_TIMER, "load");
	observe(store, 0, METRIC_TIMER, "other");
	sent(store, 0, 10);
	observe(store, 0, METRIC_TIMER, "other");
	snapshot = store_close(store, 0, 1, 10);
	assert_int_equal(snapshot->count, 2);
	metric = &snapshot->metrics[0];
	assert_string_equal(metric->name, "load");
	assert_true(metric->idle);
	assert_true(metric->timer.count == 0);
	assert_int_equal(metric->timer.samples, 0);
	assert_int_equal(metric->bin_count, 0);
	assert_non_null(metric->percentiles);
	assert_int_equal(metric->percentiles[0].count, 0);
	assert_int_equal(metric->percentiles[1].count, 0);
	assert_false(snapshot->metrics[1].idle);
	assert_int_equal(snapshot->metrics[1].percentiles[0].count, 1);
	snapshot_free(snapshot);
	store_free(store);
}

/* N closings in all since the last write, then a delta starts from nothing. */
static void test_gauge_closings(void **state)
{
	struct store *store;

	(void)state;
	for (uint64_t closings = 1; closings < 5; closings++) {
		store = new_store("c", 0, closings, 100);
		observe(store, 0, METRIC_GAUGE, "depth");
		assert_string_equal(sent(store, 0, 10), "g.depth 5");
		for (uint64_t i = 1; i < closings; i++)
			assert_string_equal(sent(store, i % 2, 10), "g.depth 5 idle");
		assert_string_equal(sent(store, 0, 10), "");
		assert_int_equal(store_series_count(store), 0);
		observe(store, 0, METRIC_GAUGE, "depth");
		assert_string_equal(sent(store, 0, 10), "g.depth 5");
		/* a write in time counts from what it was, and its time begins anew */
		if (closings == 1) {
			observe(store, 0, METRIC_GAUGE, "depth");
			assert_string_equal(sent(store, 0, 10), "g.depth 5");
		} else {
			observe(store, 0, METRIC_GAUGE, "depth");
			assert_string_equal(sent(store, 0, 10), "g.depth 10");
			assert_string_equal(sent(store, 0, 10), "g.depth 10 idle");
		}
		store_free(store);
	}
}

/* The value is not sent, but a delta counts from it. */
static void test_gauge_remembered(void **state)
{
	struct store *store = new_store("", 0, 0, 100);

	(void)state;
	observe(store, 0, METRIC_GAUGE, "depth");
	assert_string_equal(sent(store, 0, 10), "g.depth 5");
	for (unsigned int i = 0; i < 100; i++)
		assert_string_equal(sent(store, i % 2, 10), "");
	observe(store, 0, METRIC_GAUGE, "depth");
	assert_string_equal(sent(store, 0, 10), "g.depth 10");
	store_free(store);
}

static void test_ttl(void **state)
{
	struct store *store = new_store("ctgs", 30 * SECOND, 0, 100);

	(void)state;
	observe(store, 0, METRIC_COUNTER, "hits");
	observe(store, 0, METRIC_GAUGE, "depth");
	assert_string_equal(sent(store, 0, 10), "c.hits 5, g.depth 5");
	assert_string_equal(sent(store, 1, 10.001), "c.hits 0 idle, g.depth 5 idle");
	observe(store, 0, METRIC_COUNTER, "hits");
	assert_string_equal(sent(store, 0, 9.999), "c.hits 5, g.depth 5 idle");
	/* 30 seconds less a little: to the nearest window */
	assert_string_equal(sent(store, 1, 9.99), "c.hits 0 idle");
	assert_string_equal(sent(store, 0, 10), "c.hits 0 idle");
	/* a gauge that comes again knows nothing of what it was */
	observe(store, 1, METRIC_GAUGE, "depth");
	assert_string_equal(sent(store, 1, 10), "g.depth 5");
	assert_int_equal(store_series_count(store), 1);
	store_free(store);
}

/* The kernel gives a slot back after 60 closings; the series is sent all the same. */
static void test_slot_is_given_back(void **state)
{
	struct store *store = new_store("c", 0, 0, 2);
	struct series *held = store_hold_series(store, METRIC_COUNTER, "held", 4, NULL, 0);

	(void)state;
	series_add_counter(held, 0, 1, 1);
	assert_string_equal(sent(store, 0, 10), "c.held 1");
	for (unsigned int i = 0; i < 70; i++)
		assert_string_equal(sent(store, i % 2, 10), "c.held 0 idle");
	series_release(held);
	for (unsigned int i = 0; i < 200; i++)
		assert_string_equal(sent(store, i % 2, 10), "c.held 0 idle");
	/* limits.series: the longest idle goes */
	observe(store, 0, METRIC_COUNTER, "b");
	sent(store, 0, 10);
	observe(store, 0, METRIC_COUNTER, "c");
	assert_string_equal(sent(store, 0, 10), "c.b 0 idle, c.c 5");
	assert_int_equal(store_series_count(store), 2);
	store_free(store);
}

/* One that the kernel still has a slot for is forgotten, too, but stays. */
static void test_held_is_forgotten(void **state)
{
	struct store *store = new_store("g", 10 * SECOND, 0, 100);
	struct series *held = store_hold_series(store, METRIC_GAUGE, "held", 4, NULL, 0);

	(void)state;
	series_fold_gauge(held, 0, true, 7 * MICROS);
	assert_string_equal(sent(store, 0, 10), "g.held 7");
	assert_string_equal(sent(store, 1, 10), "");
	assert_int_equal(store_series_count(store), 1);
	series_fold_gauge(held, 0, false, 2 * MICROS);
	assert_string_equal(sent(store, 0, 10), "g.held 2");
	series_release(held);
	assert_string_equal(sent(store, 0, 10), "");
	assert_int_equal(store_series_count(store), 0);
	store_free(store);
}

/* A name that nobody has any more is not sent again, also if the window that is open holds the last of it. */
static void test_renamed(void **state)
{
	struct store *store = new_store("cg", 0, 0, 100);
	struct series *spellings[2], *gauge = store_hold_series(store, METRIC_GAUGE, "g", 1, NULL, 0);

	(void)state;
	for (int i = 0; i < 2; i++)
		spellings[i] = store_hold_series(store, METRIC_COUNTER, "c", 1, NULL, 0);
	series_fold_gauge(gauge, 0, true, 7000000);
	observe(store, 0, METRIC_COUNTER, "c");
	assert_string_equal(sent(store, 0, 10), "c.c 5, g.g 7");
	observe(store, 1, METRIC_COUNTER, "c");
	series_rename(spellings[0], store_hold_series(store, METRIC_COUNTER, "d", 1, NULL, 0));
	series_rename(gauge, store_hold_series(store, METRIC_GAUGE, "h", 1, NULL, 0));
	/* One spelling of the counter still has the old name; then it has none. */
	assert_string_equal(sent(store, 1, 10), "c.c 5");
	assert_string_equal(sent(store, 0, 10), "c.c 0 idle");
	observe(store, 1, METRIC_COUNTER, "c");
	observe(store, 1, METRIC_COUNTER, "d");
	observe(store, 1, METRIC_GAUGE, "h");
	series_rename(spellings[1], NULL);
	assert_string_equal(sent(store, 1, 10), "c.c 5, c.d 5, g.h 12");
	assert_string_equal(sent(store, 0, 10), "c.d 0 idle, g.h 12 idle");
	/* Whoever uses the name again has it again. */
	observe(store, 1, METRIC_COUNTER, "c");
	assert_string_equal(sent(store, 1, 10), "c.c 5, c.d 0 idle, g.h 12 idle");
	assert_string_equal(sent(store, 0, 10), "c.c 0 idle, c.d 0 idle, g.h 12 idle");
	store_free(store);
}

static void test_changed_while_running(void **state)
{
	const struct idle_options all = { .sent = { true, true, true, true } }, none = {},
				  once = { .gauge_closings = 1 };
	struct store *store = new_store("", 0, 0, 100);

	(void)state;
	observe_all(store, 0);
	sent(store, 0, 10);
	assert_string_equal(sent(store, 1, 10), "");
	store_set_idle(store, &all);
	assert_string_equal(sent(store, 0, 10), "c.a 0 idle, t.a 0 idle, g.a 5 idle, s.a 0 idle");
	store_set_idle(store, &none);
	assert_string_equal(sent(store, 1, 10), "");
	store_set_idle(store, &once);
	assert_string_equal(sent(store, 1, 10), "");
	observe(store, 0, METRIC_GAUGE, "a");
	assert_string_equal(sent(store, 0, 10), "g.a 5");
	store_free(store);
}

/* Removal while the table is walked misses nobody. */
static void test_many(void **state)
{
	enum { NAMES = 2000 };
	struct store *store = new_store("c", 20 * SECOND, 0, NAMES);
	struct snapshot *snapshot;
	char name[32];

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		observe(store, 0, METRIC_COUNTER, name);
	}
	snapshot_free(store_close(store, 0, 1, 10));
	for (int i = 0; i < NAMES; i += 3) {
		snprintf(name, sizeof(name), "n%d", i);
		observe(store, 0, METRIC_COUNTER, name);
	}
	snapshot = store_close(store, 0, 1, 10);
	assert_int_equal(snapshot->count, NAMES);
	snapshot_free(snapshot);
	snapshot = store_close(store, 0, 1, 10);
	assert_int_equal(snapshot->count, (NAMES + 2) / 3);
	snapshot_free(snapshot);
	assert_int_equal(store_series_count(store), (NAMES + 2) / 3);
	snapshot_free(store_close(store, 0, 1, 10));
	assert_int_equal(store_series_count(store), 0);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_timer_of_nothing),
		cmocka_unit_test(test_gauge_closings),
		cmocka_unit_test(test_gauge_remembered),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_slot_is_given_back),
		cmocka_unit_test(test_held_is_forgotten),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_changed_while_running),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
