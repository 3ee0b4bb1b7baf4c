// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What one output gets of a snapshot: filters and percentiles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/snapshot.h"
#include "sink/view.h"

static const struct {
	const char *glob, *name;
	bool matches;
} globs[] = {
	{ "", "", true },	  { "", "a", false },		{ "*", "", true },
	{ "*", "a.b", true },	  { "a.*", "a.b.c", true },	{ "a.*", "a", false },
	{ "a.*", "ba.c", false }, { "*.c", "a.b.c", true },	{ "a?c", "abc", true },
	{ "a?c", "ac", false },	  { "*a*b*", "xxaxxbx", true }, { "*a*b*", "xxbxxa", false },
	{ "a*b", "aab", true },	  { "a*b*c", "abbbcbc", true }, { "???", "ab", false },
	{ "abc", "abcd", false }, { "a**b", "ab", true },
};

static void test_globs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++)
		if (glob_matches(globs[i].glob, globs[i].name) != globs[i].matches)
			fail_msg("'%s' and '%s'", globs[i].glob, globs[i].name);
}

/* Stars that could be tried in every way take no long time. */
static void test_glob_is_bounded(void **state)
{
	char name[8192], glob[GLOB_BYTES];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i + 2 < sizeof(glob); i += 2)
		memcpy(glob + i, "*a", 2);
	snprintf(glob + sizeof(glob) - 4, 4, "*b");
	for (int i = 0; i < 100; i++)
		assert_false(glob_matches(glob, name));
}

static const double percentiles[] = { 50, 90, 99 };
static const struct percentile_stats entries[] = { { .count = 5, .boundary = 50 },
						   { .count = 9, .boundary = 90 },
						   { .count = 10, .boundary = 99 } };
static const struct metric metrics[] = {
	{ .type = METRIC_COUNTER, .name = "shop.hits", .tags = "" },
	{ .type = METRIC_TIMER, .name = "shop.checkout", .tags = "", .percentiles = entries },
	{ .type = METRIC_GAUGE, .name = "node.load", .tags = "" },
};

static struct snapshot *snapshot_make(void)
{
	void *room;
	struct snapshot *snapshot = snapshot_derive(NULL, 0, &room);

	assert_non_null(snapshot);
	snapshot->timestamp = 1700000000;
	snapshot->percentiles = percentiles;
	snapshot->percentile_count = 3;
	snapshot->metrics = metrics;
	snapshot->count = 3;
	return snapshot;
}

static void test_nothing_to_change(void **state)
{
	const struct view_options options = { .percentiles = { 50, 90, 99 }, .percentile_count = 3 };
	struct snapshot *snapshot = snapshot_make(), *view;

	(void)state;
	assert_false(view_changes(snapshot, &options));
	view = view_make(snapshot, &options);
	assert_ptr_equal(view, snapshot);
	snapshot_free(snapshot);
	assert_int_equal(view->count, 3);
	snapshot_free(view);
}

static void test_filters(void **state)
{
	const struct view_options options = { .include = { "shop.*", "node.*" },
					      .exclude = { "*.hits" },
					      .percentiles = { 50, 90, 99 },
					      .percentile_count = 3 };
	struct snapshot *snapshot = snapshot_make(), *view;

	(void)state;
	assert_true(view_changes(snapshot, &options));
	view = view_make(snapshot, &options);
	/* The view keeps what it points into. */
	snapshot_free(snapshot);
	assert_int_equal(view->timestamp, 1700000000);
	assert_int_equal(view->count, 2);
	assert_string_equal(view->metrics[0].name, "shop.checkout");
	assert_ptr_equal(view->metrics[0].percentiles, entries);
	assert_string_equal(view->metrics[1].name, "node.load");
	snapshot_free(view);
}

/* In the order that is asked for; one that the snapshot has not is not there. */
static void test_percentiles(void **state)
{
	const struct view_options options = { .percentiles = { 99, 75, 50 }, .percentile_count = 3 };
	struct snapshot *snapshot = snapshot_make(), *view = view_make(snapshot, &options);

	(void)state;
	assert_int_equal(view->percentile_count, 2);
	assert_true(view->percentiles[0] > 98 && view->percentiles[1] < 51);
	assert_int_equal(view->count, 3);
	assert_int_equal(view->metrics[1].percentiles[0].count, 10);
	assert_int_equal(view->metrics[1].percentiles[1].count, 5);
	assert_int_equal(snapshot->metrics[1].percentiles[0].count, 5);
	snapshot_free(view);
	snapshot_free(snapshot);
}

static void test_no_percentiles(void **state)
{
	const struct view_options options = {};
	struct snapshot *snapshot = snapshot_make(), *view = view_make(snapshot, &options);

	(void)state;
	assert_int_equal(view->percentile_count, 0);
	snapshot_free(view);
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_glob_is_bounded),
		cmocka_unit_test(test_nothing_to_change),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_no_percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
