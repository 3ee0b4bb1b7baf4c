// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What is carried from window to window comes out as if it had been observed there: the same
 * observations go once into one window and once through carries at random places, and both
 * stores must send the same. Then what is seen of an open window, and deleted from it.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bucket.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "lib/clock.h"

#define NAMES 5
#define STEPS 4000

static const double percentiles[] = { 50, 90, 99, -10 };

static struct store *new_store(bool exact, bool weighted)
{
	const struct store_options options = {
		.series_max = 1000,
		.exact_timers = exact,
		.weighted_timers = weighted,
		.set_exact_max = 60,
		.percentiles = percentiles,
		.percentile_count = 4,
	};
	struct store *store = store_new(&options);

	assert_non_null(store);
	return store;
}

static struct series *series_of(struct store *store, enum metric_type type, const char *name)
{
	struct series *series = store_series(store, type, name, strlen(name), NULL, 0);

	assert_non_null(series);
	return series;
}

/* One observation by chance, as the kernel's drain or the slow path would make it. */
struct step {
	unsigned int kind, name;
	int64_t value;
	unsigned int weight;
};

static struct step step_random(void)
{
	return (struct step){ .kind = (unsigned int)random() % 9,
			      .name = (unsigned int)random() % NAMES,
			      .value = random() % 2000 - 1000,
			      .weight = 1 + (unsigned int)random() % 3 };
}

static void fold_summary(struct series *series, unsigned int window, const struct step *step)
{
	const int64_t micros = step->value * MICROS;
	const struct timer_sums sums = { .count = 1,
					 .weight = 1,
					 .sum = micros,
					 .squares = (unsigned __int128)((__int128)micros * micros),
					 .min = micros,
					 .max = micros };

	assert_int_equal(series_fold_bucket(series, window, UNIT_NONE, bucket_index(UNIT_NONE, micros), 1),
			 0);
	series_fold_timer(series, window, &sums);
}

static void step_take(struct store *store, unsigned int window, const struct step *step, bool exact)
{
	static const enum metric_type types[] = { METRIC_COUNTER, METRIC_COUNTER, METRIC_TIMER,
						  METRIC_TIMER,	  METRIC_GAUGE,	  METRIC_GAUGE,
						  METRIC_GAUGE,	  METRIC_SET,	  METRIC_SET };
	const uint64_t hash[2] = { (uint64_t)(step->value % 30) * 77777777777u,
				   (uint64_t)(step->value % 30) };
	double value = (double)step->value;
	char name[8];
	struct series *series;

	snprintf(name, sizeof(name), "n%u", step->name);
	series = series_of(store, types[step->kind], name);
	switch (step->kind) {
	case 0:
		series_fold_counter(series, window, (__int128)step->value * MICROS);
		break;
	case 1:
		series_add_counter(series, window, value / 1024, step->weight);
		break;
	case 2:
		assert_int_equal(series_add_timer(series, window, UNIT_NONE, value / 8, step->weight), 0);
		break;
	case 3:
		if (exact)
			assert_int_equal(
				series_fold_sample(series, window, UNIT_NONE, step->value * MICROS, 1), 0);
		else
			fold_summary(series, window, step);
		break;
	case 4:
		series_set_gauge(series, window, value);
		break;
	case 5:
	case 6:
		series_adjust_gauge(series, window, value);
		break;
	default:
		assert_int_equal(series_fold_member(series, window, hash), 0);
		break;
	}
}

static void assert_same(const struct snapshot *one, const struct snapshot *other)
{
	assert_int_equal(one->count, other->count);
	for (size_t i = 0; i < one->count; i++) {
		const struct metric *a = &one->metrics[i], *b = &other->metrics[i];

		assert_int_equal(a->type, b->type);
		assert_string_equal(a->name, b->name);
		assert_int_equal(a->idle, b->idle);
		if (a->type == METRIC_TIMER) {
			assert_memory_equal(&a->timer, &b->timer, sizeof(a->timer));
			assert_memory_equal(a->percentiles, b->percentiles, 4 * sizeof(*a->percentiles));
		} else if (a->type == METRIC_SET) {
			assert_true(a->set.count == b->set.count && a->set.estimated == b->set.estimated);
		} else if (a->counter != b->counter) {
			fail_msg("%s is %.17g, not %.17g", a->name, b->counter, a->counter);
		}
	}
}

static void check_carries(bool exact, bool weighted, unsigned int seed)
{
	struct store *plain = new_store(exact, weighted), *carried = new_store(exact, weighted);
	struct snapshot *one, *other;
	unsigned int window = 0;
	struct step step;

	srandom(seed);
	for (unsigned int i = 0; i < STEPS; i++) {
		step = step_random();
		step_take(plain, 0, &step, exact);
		step_take(carried, window, &step, exact);
		if (random() % 50 == 0) {
			assert_int_equal(store_carry(carried, window, 1 - window), 0);
			window = 1 - window;
		}
		if (random() % 300)
			continue;
		one = store_close(plain, 0, 1, 10);
		other = store_close(carried, window, 1, 10);
		assert_same(one, other);
		snapshot_free(one);
		snapshot_free(other);
		window = 1 - window;
	}
	/* Nothing is left behind in either window. */
	snapshot_free(store_close(carried, window, 1, 10));
	other = store_close(carried, 1 - window, 1, 10);
	assert_int_equal(other->count, 0);
	snapshot_free(other);
	store_free(plain);
	store_free(carried);
}

static void test_carries(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 8; seed++)
		check_carries(seed & 1, seed & 2, seed);
}

static double gauge_of(struct store *store, unsigned int window)
{
	struct snapshot *snapshot = store_close(store, window, 1, 10);
	double value;

	assert_int_equal(snapshot->count, 1);
	value = snapshot->metrics[0].gauge;
	snapshot_free(snapshot);
	return value;
}

/* What is carried comes first, also before what the kernel tells later of the window that stays open. */
static const struct {
	const char *from, *to; /* k, s: by the kernel, by the slow path; = or + and a digit */
	const char *late;      /* of `to`, after the carry */
	double value;	       /* it was 100 */
} gauges[] = {
	{ "k=1", "", "", 1 },	       { "k+1", "", "", 101 },
	{ "k=1s+2", "", "", 3 },       { "k+1s+2", "", "", 103 },
	{ "k+1s=2", "", "", 2 },       { "k=1", "s+2", "", 3 },
	{ "k=1", "s=2", "", 2 },       { "k=1", "", "k+5", 6 },
	{ "k=1", "", "k=5", 5 },       { "s=1", "", "k+5", 6 },
	{ "s=1", "", "k=5", 5 },       { "s+1", "", "k+5", 106 },
	{ "s=1", "s+2", "k+5", 8 },    { "s=1", "s=2", "k+5", 2 },
	{ "s=1", "s+2", "k=5", 7 },    { "k=1s+3", "k+2s+4", "k+5", 15 },
	{ "k=1s=3", "k=2s+4", "", 6 }, { "", "k=1", "", 1 },
};

static void gauge_write(struct store *store, unsigned int window, const char *text)
{
	struct series *depth = series_of(store, METRIC_GAUGE, "depth");

	for (; *text; text += 3) {
		if (text[0] == 'k')
			series_fold_gauge(depth, window, text[1] == '=', (text[2] - '0') * MICROS);
		else if (text[1] == '=')
			series_set_gauge(depth, window, text[2] - '0');
		else
			series_adjust_gauge(depth, window, text[2] - '0');
	}
}

static void test_gauges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		struct store *store = new_store(false, false);
		double value;

		series_set_gauge(series_of(store, METRIC_GAUGE, "depth"), 1, 100);
		assert_true(gauge_of(store, 1) == 100);
		gauge_write(store, 0, gauges[i].from);
		gauge_write(store, 1, gauges[i].to);
		assert_int_equal(store_carry(store, 0, 1), 0);
		gauge_write(store, 1, gauges[i].late);
		value = gauge_of(store, 1);
		if (value != gauges[i].value)
			fail_msg("%s, %s, %s: %g, not %g", gauges[i].from, gauges[i].to, gauges[i].late,
				 value, gauges[i].value);
		store_free(store);
	}
}

struct text {
	char text[1024];
	size_t used;
};

static void view_print(void *context, const struct window_view *view)
{
	const struct metric *metric = view->metric;
	const double values[] = { metric->counter, metric->timer.sum, metric->gauge, metric->set.count };
	struct text *text = context;

	text->used +=
		(size_t)snprintf(text->text + text->used, sizeof(text->text) - text->used, "%s%c.%s;%s %g%s",
				 text->used ? ", " : "", "ctgs"[metric->type], metric -> name, metric -> tags,
				 values[metric->type], metric -> idle ? " idle" : "");
	for (size_t i = 0; i < view->sample_count; i++)
		text->used += (size_t)snprintf(text->text + text->used, sizeof(text->text) - text->used,
					       " %g", view->samples[i].value);
}

static void assert_filtered(struct store *store, unsigned int window, unsigned int types, bool idle,
			    const char *wanted)
{
	const struct visit_filter filter = { .types = types, .idle = idle };
	struct text text = {};

	assert_int_equal(store_visit_window(store, window, &filter, view_print, &text), 0);
	assert_string_equal(text.text, wanted);
}

static void assert_window(struct store *store, unsigned int window, const char *wanted)
{
	assert_filtered(store, window, VISIT_ALL_TYPES, true, wanted);
}

static void fill(struct store *store, unsigned int window)
{
	const uint64_t hash[2] = { 1, 2 };
	struct series *tagged = store_series(store, METRIC_COUNTER, "b", 1, "k:v", 3);

	series_add_counter(series_of(store, METRIC_COUNTER, "b"), window, 2, 1);
	series_add_counter(series_of(store, METRIC_COUNTER, "a.x"), window, 1, 1);
	series_add_counter(tagged, window, 3, 1);
	series_add_counter(series_of(store, METRIC_COUNTER, "a.y.z"), window, 4, 1);
	assert_int_equal(series_add_timer(series_of(store, METRIC_TIMER, "t"), window, UNIT_NONE, 9, 1), 0);
	assert_int_equal(series_add_timer(series_of(store, METRIC_TIMER, "t"), window, UNIT_NONE, 5, 1), 0);
	series_set_gauge(series_of(store, METRIC_GAUGE, "g"), window, 7);
	assert_int_equal(series_fold_member(series_of(store, METRIC_SET, "s"), window, hash), 0);
}

static void test_visit(void **state)
{
	struct store *store = new_store(true, false);

	(void)state;
	assert_window(store, 0, "");
	fill(store, 0);
	assert_window(store, 1, "");
	for (int i = 0; i < 2; i++) /* looking changes nothing */
		assert_window(store, 0,
			      "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1");
	snapshot_free(store_close(store, 0, 1, 10));
	assert_window(store, 1, "g.g; 7 idle");
	series_adjust_gauge(series_of(store, METRIC_GAUGE, "g"), 1, 1);
	assert_window(store, 1, "g.g; 8");
	store_set_idle(store, &(struct idle_options){ .sent = { true } });
	assert_window(store, 1, "c.a.x; 0 idle, c.a.y.z; 0 idle, c.b; 0 idle, c.b;k=v 0 idle, g.g; 8");
	assert_filtered(store, 1, 1U << METRIC_GAUGE, true, "g.g; 8");
	assert_filtered(store, 1, VISIT_ALL_TYPES, false, "g.g; 8");
	assert_filtered(store, 1, 1U << METRIC_COUNTER | 1U << METRIC_TIMER, false, "");
	store_free(store);
}

static void key_print(void *context, size_t pattern, const char *key)
{
	struct text *text = context;

	(void)pattern;
	text->used += (size_t)snprintf(text->text + text->used, sizeof(text->text) - text->used, "%s ", key);
}

static const struct {
	enum metric_type type;
	const char *pattern, *keys, *left;
} deletions[] = {
	{ METRIC_COUNTER, "b", "b ", "c.a.x; 1, c.a.y.z; 4, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_COUNTER, "b;k=v", "b;k=v ", "c.a.x; 1, c.a.y.z; 4, c.b; 2, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_COUNTER, "a.*", "a.x a.y.z ", "c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_COUNTER, "a.y.*", "a.y.z ", "c.a.x; 1, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_TIMER, "t", "t ", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, g.g; 7, s.s; 1" },
	{ METRIC_GAUGE, "g", "g ", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, s.s; 1" },
	{ METRIC_SET, "s", "s ", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7" },
	{ METRIC_COUNTER, "a", "", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_COUNTER, "*", "", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
	{ METRIC_SET, "b", "", "c.a.x; 1, c.a.y.z; 4, c.b; 2, c.b;k=v 3, t.t; 14 9 5, g.g; 7, s.s; 1" },
};

static void test_delete(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(deletions) / sizeof(deletions[0]); i++) {
		struct store *store = new_store(true, false);
		struct snapshot *snapshot;
		struct text keys = {};
		int count = 0;

		fill(store, 0);
		for (const char *key = deletions[i].keys; *key; key++)
			count += *key == ' ';
		assert_int_equal(store_delete(store, 0, deletions[i].type, &deletions[i].pattern, 1,
					      key_print, &keys),
				 count);
		assert_string_equal(keys.text, deletions[i].keys);
		assert_window(store, 0, deletions[i].left);
		/* what comes after it is there again, once */
		fill(store, 0);
		snapshot = store_close(store, 0, 1, 10);
		assert_int_equal(snapshot->count, 7);
		assert_true(snapshot->metrics[2].counter == (i == 0 ? 2 : 4));
		snapshot_free(snapshot);
		store_free(store);
	}
}

static void pattern_print(void *context, size_t pattern, const char *key)
{
	struct text *text = context;

	text->used += (size_t)snprintf(text->text + text->used, sizeof(text->text) - text->used, "%zu %s, ",
				       pattern, key);
}

/* Each key is the first pattern's that matches it, in the order of the patterns. */
static void test_delete_several(void **state)
{
	static const char *const patterns[] = { "b;*", "b", "nope", "a.y.*", "a.*",
						"a.x", "b", "",	    ".*",    "b;k=v" };
	struct store *store = new_store(true, false);
	struct text keys = {};

	(void)state;
	fill(store, 0);
	assert_int_equal(store_delete(store, 0, METRIC_COUNTER, patterns,
				      sizeof(patterns) / sizeof(patterns[0]), pattern_print, &keys),
			 4);
	assert_string_equal(keys.text, "1 b, 3 a.y.z, 4 a.x, 9 b;k=v, ");
	assert_int_equal(store_delete(store, 0, METRIC_TIMER, NULL, 0, pattern_print, &keys), 0);
	assert_window(store, 0, "t.t; 14 9 5, g.g; 7, s.s; 1");
	store_free(store);
}

/* What fits into one line of the console, over as many series as there may be: no pause that a sender feels. */
static void test_delete_is_quick(void **state)
{
	enum { SERIES = 100000, PATTERNS = 2000 };
	struct store_options options = { .series_max = SERIES, .set_exact_max = 10 };
	struct store *store = store_new(&options);
	static char names[PATTERNS][24];
	const char *patterns[PATTERNS];
	int64_t began;
	char name[24];

	(void)state;
	for (int i = 0; i < SERIES; i++) {
		snprintf(name, sizeof(name), "folder.%d.x", i);
		series_add_counter(series_of(store, METRIC_COUNTER, name), 0, 1, 1);
	}
	for (int i = 0; i < PATTERNS; i++) {
		snprintf(names[i], sizeof(names[i]), i % 2 ? "folder.%d.*" : "folder.%d.x", i * 60);
		patterns[i] = names[i];
	}
	began = clock_read(CLOCK_PROCESS_CPUTIME_ID);
	assert_int_equal(store_delete(store, 0, METRIC_COUNTER, patterns, PATTERNS, NULL, NULL),
			 (SERIES + 59) / 60);
	assert_true(clock_read(CLOCK_PROCESS_CPUTIME_ID) - began < NS_PER_SECOND / 2);
	store_free(store);
}

static int delete_one(struct store *store, enum metric_type type, const char *pattern)
{
	return store_delete(store, 1, type, &pattern, 1, NULL, NULL);
}

/* Forgotten is also what was closed before: a gauge's value, and that an idle one is sent again. */
static void test_delete_known(void **state)
{
	struct store *store = new_store(true, false);
	struct snapshot *snapshot;

	(void)state;
	store_set_idle(store, &(struct idle_options){ .sent = { true, true, true, true } });
	fill(store, 0);
	snapshot_free(store_close(store, 0, 1, 10));
	assert_int_equal(delete_one(store, METRIC_COUNTER, "a.*"), 2);
	assert_int_equal(delete_one(store, METRIC_GAUGE, "g"), 1);
	assert_int_equal(delete_one(store, METRIC_GAUGE, "g"), 0);
	assert_window(store, 1, "c.b; 0 idle, c.b;k=v 0 idle, t.t; 0 idle, s.s; 0 idle");
	snapshot = store_close(store, 1, 1, 10);
	assert_int_equal(snapshot->count, 4);
	snapshot_free(snapshot);
	assert_int_equal(store_series_count(store), 4);
	series_adjust_gauge(series_of(store, METRIC_GAUGE, "g"), 0, 1);
	assert_window(store, 0, "c.b; 0 idle, c.b;k=v 0 idle, t.t; 0 idle, g.g; 1, s.s; 0 idle");
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carries),	       cmocka_unit_test(test_gauges),
		cmocka_unit_test(test_visit),	       cmocka_unit_test(test_delete),
		cmocka_unit_test(test_delete_several), cmocka_unit_test(test_delete_is_quick),
		cmocka_unit_test(test_delete_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
