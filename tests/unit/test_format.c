// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Snapshots as text: Graphite lines to the letter, JSON as a parser reads it, the table as a person does. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <jansson.h>
#include "core/snapshot.h"
#include "sink/format.h"

static const double percentiles[] = { 90, 99.9, -10 };

static const struct percentile_stats load_percentiles[] = {
	{ .count = 9, .boundary = 900, .sum = 4500, .sum_squares = 2850000, .mean = 500 },
	{ .count = 10, .boundary = 1000.5, .sum = 5500.5, .sum_squares = 3851000.25, .mean = 550.05 },
	{ .count = 0 },
};

static const struct metric metrics[] = {
	{ .type = METRIC_COUNTER, .name = "hits", .tags = "", .counter = 25 },
	{ .type = METRIC_COUNTER, .name = "hits", .tags = "env=prod;zone=eu-1", .counter = 0.1 },
	{ .type = METRIC_COUNTER, .name = "kstatsd.lines.lost", .tags = "", .counter = 0 },
	{ .type = METRIC_COUNTER, .name = "kstatsd.lines.seen", .tags = "", .counter = 42 },
	{ .type = METRIC_COUNTER, .name = "kstatsd.sinks.stdout.lines_sent", .tags = "", .counter = 7 },
	{ .type = METRIC_TIMER,
	  .name = "page.load",
	  .tags = "env=prod",
	  .timer = { .count = 100,
		     .sum = 5500.5,
		     .sum_squares = 3851000.25,
		     .mean = 550.05,
		     .median = 550,
		     .std = 287.5,
		     .upper = 1000.5,
		     .lower = 100,
		     .samples = 10 },
	  .percentiles = load_percentiles },
	{ .type = METRIC_GAUGE, .name = "depth", .tags = "", .gauge = -3.25 },
	{ .type = METRIC_GAUGE, .name = "tagged", .tags = "k=v", .gauge = 1e21 },
	{ .type = METRIC_SET, .name = "users", .tags = "", .set = { .count = 17 } },
	{ .type = METRIC_SET,
	  .name = "visitors",
	  .tags = "k=v",
	  .set = { .count = 4012, .estimated = true } },
};

static const struct snapshot snapshot = {
	.timestamp = 1700000000,
	.seconds = 10,
	.percentiles = percentiles,
	.percentile_count = 3,
	.metrics = metrics,
	.count = sizeof(metrics) / sizeof(*metrics),
};

static const char graphite[] = "stats.counters.hits.rate 2.5 1700000000\n"
			       "stats.counters.hits.count 25 1700000000\n"
			       "stats.counters.hits.rate;env=prod;zone=eu-1 0.01 1700000000\n"
			       "stats.counters.hits.count;env=prod;zone=eu-1 0.1 1700000000\n"
			       "stats.counters.kstatsd.lines.lost.rate 0 1700000000\n"
			       "stats.counters.kstatsd.lines.lost.count 0 1700000000\n"
			       "stats.counters.kstatsd.lines.seen.rate 4.2 1700000000\n"
			       "stats.counters.kstatsd.lines.seen.count 42 1700000000\n"
			       "stats.counters.kstatsd.sinks.stdout.lines_sent.rate 0.7 1700000000\n"
			       "stats.counters.kstatsd.sinks.stdout.lines_sent.count 7 1700000000\n"
			       "stats.timers.page.load.count_90;env=prod 9 1700000000\n"
			       "stats.timers.page.load.mean_90;env=prod 500 1700000000\n"
			       "stats.timers.page.load.upper_90;env=prod 900 1700000000\n"
			       "stats.timers.page.load.sum_90;env=prod 4500 1700000000\n"
			       "stats.timers.page.load.sum_squares_90;env=prod 2850000 1700000000\n"
			       "stats.timers.page.load.count_99_9;env=prod 10 1700000000\n"
			       "stats.timers.page.load.mean_99_9;env=prod 550.05 1700000000\n"
			       "stats.timers.page.load.upper_99_9;env=prod 1000.5 1700000000\n"
			       "stats.timers.page.load.sum_99_9;env=prod 5500.5 1700000000\n"
			       "stats.timers.page.load.sum_squares_99_9;env=prod 3851000.25 1700000000\n"
			       "stats.timers.page.load.std;env=prod 287.5 1700000000\n"
			       "stats.timers.page.load.upper;env=prod 1000.5 1700000000\n"
			       "stats.timers.page.load.lower;env=prod 100 1700000000\n"
			       "stats.timers.page.load.count;env=prod 100 1700000000\n"
			       "stats.timers.page.load.count_ps;env=prod 10 1700000000\n"
			       "stats.timers.page.load.sum;env=prod 5500.5 1700000000\n"
			       "stats.timers.page.load.sum_squares;env=prod 3851000.25 1700000000\n"
			       "stats.timers.page.load.mean;env=prod 550.05 1700000000\n"
			       "stats.timers.page.load.median;env=prod 550 1700000000\n"
			       "stats.gauges.depth -3.25 1700000000\n"
			       "stats.gauges.tagged;k=v 1e+21 1700000000\n"
			       "stats.sets.users.count 17 1700000000\n"
			       "stats.sets.visitors.count;k=v 4012 1700000000\n"
			       "stats.sets.visitors.estimated;k=v 1 1700000000\n";

static void assert_text(struct text *text, const char *want)
{
	text_add(text, "", 1);
	assert_string_equal(text->data, want);
	text_release(text);
}

static void test_graphite(void **state)
{
	struct text text = {};

	(void)state;
	assert_int_equal(format_graphite(&snapshot, &format_defaults, &text), 0);
	assert_text(&text, graphite);
}

static const double top_percentiles[] = { -10, -99.5, 0.1 };
static const struct percentile_stats top[] = { { .count = 1 }, { .count = 2 }, { .count = 3 } };
static const struct metric top_metric = { .type = METRIC_TIMER, .name = "t", .tags = "", .percentiles = top };

static void test_percentile_names(void **state)
{
	static const char *const wanted[] = { "t.count_top10 1 ", "t.lower_top10 ", "t.count_top99_5 2 ",
					      "t.lower_top99_5 ", "t.count_0_1 3 ", "t.upper_0_1 " };
	const struct snapshot one = { .timestamp = 1,
				      .seconds = 1,
				      .metrics = &top_metric,
				      .count = 1,
				      .percentiles = top_percentiles,
				      .percentile_count = 3 };
	struct text text = {};

	(void)state;
	assert_int_equal(format_graphite(&one, &format_defaults, &text), 0);
	text_add(&text, "", 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		assert_non_null(strstr(text.data, wanted[i]));
	assert_null(strstr(text.data, "upper_top"));
	text_release(&text);
}

/* Values with a time of their own say which. */
static void test_table_timestamp(void **state)
{
	const struct metric rows[] = {
		{ .type = METRIC_COUNTER, .name = "a", .tags = "", .counter = 3 },
		{ .type = METRIC_COUNTER, .name = "a", .tags = "", .counter = 4, .timestamp = 1600000000 },
	};
	const struct snapshot one = { .timestamp = 1, .seconds = 1, .metrics = rows, .count = 2 };
	struct text text = {};

	(void)state;
	assert_int_equal(format_table(&one, false, &text), 0);
	text_add(&text, "", 1);
	assert_non_null(strstr(text.data, "\na       counter                  3     3\n"));
	assert_non_null(strstr(text.data, "\na       counter T1600000000      4\n"));
	text_release(&text);
}

static const struct metric strange[] = {
	{ .type = METRIC_COUNTER, .name = "huge", .tags = "", .counter = INFINITY },
	{ .type = METRIC_GAUGE, .name = "none", .tags = "", .gauge = NAN },
	{ .type = METRIC_GAUGE, .name = "minus", .tags = "", .gauge = -INFINITY },
	{ .type = METRIC_COUNTER, .name = "good", .tags = "", .counter = 1 },
};

static void test_not_finite(void **state)
{
	const struct snapshot one = { .timestamp = 1, .seconds = 1, .metrics = strange, .count = 4 };
	/* no time passed: no rate, but a count */
	const struct snapshot instant = { .timestamp = 1, .seconds = 0, .metrics = &strange[3], .count = 1 };
	struct text text = {};
	json_t *json;
	char *line;

	(void)state;
	assert_int_equal(format_graphite(&one, &format_defaults, &text), 0);
	assert_text(&text, "stats.counters.good.rate 1 1\nstats.counters.good.count 1 1\n");
	assert_int_equal(format_graphite(&instant, &format_defaults, &text), 0);
	assert_text(&text, "stats.counters.good.count 1 1\n");

	assert_int_equal(format_json(&one, &format_defaults, &text), 0);
	line = memchr(text.data, '\n', text.len);
	assert_non_null(line);
	json = json_loadb(text.data, (size_t)(line - text.data), 0, NULL);
	assert_non_null(json);
	assert_true(json_is_null(json_object_get(json, "count")));
	json_decref(json);
	text_release(&text);
}

static void test_line_limit(void **state)
{
	static char name[GRAPHITE_LINE_MAX];
	struct metric long_metric = { .type = METRIC_GAUGE, .name = name, .tags = "", .gauge = 1 };
	const struct snapshot one = { .timestamp = 1, .seconds = 1, .metrics = &long_metric, .count = 1 };
	struct text text = {};
	/* "stats.gauges.NAME 1 1\n" */
	const size_t fits = GRAPHITE_LINE_MAX - strlen("stats.gauges. 1 1\n");

	(void)state;
	memset(name, 'n', fits);
	assert_int_equal(format_graphite(&one, &format_defaults, &text), 0);
	assert_int_equal(text.len, GRAPHITE_LINE_MAX);
	text.len = 0;
	name[fits] = 'n';
	assert_int_equal(format_graphite(&one, &format_defaults, &text), 0);
	assert_int_equal(text.len, 0);
	text_release(&text);
}

static double number_of(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_number(value))
		fail_msg("%s is no number", key);
	return json_number_value(value);
}

static void test_json(void **state)
{
	struct text text = {};
	json_t *lines[sizeof(metrics) / sizeof(*metrics)];
	size_t count = 0;

	(void)state;
	assert_int_equal(format_json(&snapshot, &format_defaults, &text), 0);
	for (char *line = text.data, *end; line < text.data + text.len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text.data + text.len - line));
		assert_non_null(end);
		assert_true(count < snapshot.count);
		lines[count] = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(lines[count]);
		assert_string_equal(json_string_value(json_object_get(lines[count], "name")),
				    metrics[count].name);
		assert_string_equal(json_string_value(json_object_get(lines[count], "tags")),
				    metrics[count].tags);
		assert_true(number_of(lines[count], "timestamp") == 1700000000);
		assert_true(number_of(lines[count], "seconds") == 10);
		count++;
	}
	assert_int_equal(count, snapshot.count);
	assert_string_equal(json_string_value(json_object_get(lines[1], "type")), "counter");
	assert_true(number_of(lines[1], "count") == 0.1);
	assert_true(number_of(lines[1], "rate") == 0.01);
	assert_string_equal(json_string_value(json_object_get(lines[5], "type")), "timer");
	assert_true(number_of(lines[5], "samples") == 10);
	assert_true(number_of(lines[5], "upper_99_9") == 1000.5);
	assert_null(json_object_get(lines[5], "count_top10"));
	assert_string_equal(json_string_value(json_object_get(lines[6], "type")), "gauge");
	assert_true(number_of(lines[6], "value") == -3.25);
	assert_string_equal(json_string_value(json_object_get(lines[8], "type")), "set");
	assert_true(json_is_false(json_object_get(lines[8], "estimated")));
	assert_true(json_is_true(json_object_get(lines[9], "estimated")));
	while (count)
		json_decref(lines[--count]);
	text_release(&text);
}

static const char table[] =
	"2023-11-14 22:13:20   10 s   7 series\n"
	"series                   type     count  rate    mean  median  upper_90  upper_99_9  lower_top10  value\n"
	"hits                     counter     25   2.5\n"
	"hits;env=prod;zone=eu-1  counter    0.1  0.01\n"
	"page.load;env=prod       timer      100    10  550.05     550       900      1000.5\n"
	"depth                    gauge                                                                    -3.25\n"
	"tagged;k=v               gauge                                                                    1e+21\n"
	"users                    set         17\n"
	"visitors;k=v             set      ~4012\n"
	"kstatsd: lines.seen 42\n"
	"\n";

static void test_table(void **state)
{
	struct text text = {};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(format_table(&snapshot, false, &text), 0);
	assert_text(&text, table);
	assert_int_equal(format_table(&snapshot, true, &text), 0);
	text_add(&text, "", 1);
	assert_non_null(strstr(text.data, "\033[1mseries "));
	assert_non_null(strstr(text.data, "value\n\033[0mhits "));
	text_release(&text);
}

static void test_table_of_nothing(void **state)
{
	const struct snapshot nothing = { .timestamp = 1700000000, .seconds = 0.0503 };
	struct text text = {};

	(void)state;
	assert_int_equal(format_table(&nothing, false, &text), 0);
	assert_text(&text, "2023-11-14 22:13:20   0.0503 s   0 series\n\n");
}

static void test_table_shortens(void **state)
{
	char name[300], tags[300], *line;
	const struct metric long_metric = { .type = METRIC_GAUGE, .name = name, .tags = tags, .gauge = 7 };
	const struct snapshot one = { .timestamp = 1, .seconds = 1, .metrics = &long_metric, .count = 1 };
	struct text text = {};

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	tags[0] = '\0';
	memcpy(tags, "tag=end", sizeof("tag=end"));
	assert_int_equal(format_table(&one, false, &text), 0);
	text_add(&text, "", 1);
	line = strstr(text.data, "\nnnn");
	assert_non_null(line);
	assert_int_equal(strcspn(line + 1, " "), 56);
	assert_non_null(strstr(line, "nn..nn"));
	assert_non_null(strstr(line, "n;tag=end  gauge"));
	text_release(&text);

	/* as long as fits: whole */
	name[56] = '\0';
	tags[0] = '\0';
	assert_int_equal(format_table(&one, false, &text), 0);
	text_add(&text, "", 1);
	assert_null(strstr(text.data, ".."));
	text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graphite),
		cmocka_unit_test(test_table_timestamp),
		cmocka_unit_test(test_percentile_names),
		cmocka_unit_test(test_not_finite),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_of_nothing),
		cmocka_unit_test(test_table_shortens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
