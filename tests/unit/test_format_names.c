// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the options change in a snapshot's text: namespaces, names of fields, chosen statistics,
 * statsd's own metrics; and what is not an ordinary metric: bins, idle ones, stamped ones, events.
 */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include "core/snapshot.h"
#include "sink/format.h"
#include "sink/sink.h"

static void assert_text(struct text *text, const char *want)
{
	text_add(text, "", 1);
	assert_string_equal(text->data, want);
	text_release(text);
}

/* One of each type, as its lines come out under several names. */
static const double one_percentile[] = { 99.9 };
static const struct percentile_stats few_percentiles[] = {
	{ .count = 2, .boundary = 30, .sum = 40, .mean = 20 }
};
static const struct bin_stats few_bins[] = { { 20.5, 1 }, { INFINITY, 3 } };
static const struct metric few[] = {
	{ .type = METRIC_COUNTER, .name = "c", .tags = "k=v", .counter = 4 },
	{ .type = METRIC_COUNTER, .name = "stamped", .tags = "", .counter = 5, .timestamp = 77 },
	{ .type = METRIC_TIMER,
	  .name = "t",
	  .tags = "",
	  .timer = { .count = 2, .samples = 2, .sum = 40, .mean = 20, .upper = 30 },
	  .percentiles = few_percentiles,
	  .bins = few_bins,
	  .bin_count = 2 },
	{ .type = METRIC_TIMER, .name = "quiet", .tags = "", .idle = true },
	{ .type = METRIC_GAUGE, .name = "g", .tags = "", .gauge = 7 },
	{ .type = METRIC_SET, .name = "s", .tags = "k=v", .set = { .count = 3, .estimated = true } },
};
static const struct snapshot few_snapshot = {
	.timestamp = 9,
	.seconds = 2,
	.metrics = few,
	.count = sizeof(few) / sizeof(*few),
	.percentiles = one_percentile,
	.percentile_count = 1,
};

#define LEGACY                                                                                        \
	{                                                                                             \
		.legacy_namespace = true, .global_prefix = "no", .prefix = { "no", "no", "no", "no" } \
	}
#define TIMER(prefix, suffix)                                                                              \
	prefix "t.count_99_9" suffix " 2 9\n" prefix "t.mean_99_9" suffix " 20 9\n" prefix                 \
	       "t.upper_99_9" suffix " 30 9\n" prefix "t.sum_99_9" suffix " 40 9\n" prefix                 \
	       "t.sum_squares_99_9" suffix " 0 9\n" prefix "t.std" suffix " 0 9\n" prefix "t.upper" suffix \
	       " 30 9\n" prefix "t.lower" suffix " 0 9\n" prefix "t.count" suffix " 2 9\n" prefix          \
	       "t.count_ps" suffix " 1 9\n" prefix "t.sum" suffix " 40 9\n" prefix "t.sum_squares" suffix  \
	       " 0 9\n" prefix "t.mean" suffix " 20 9\n" prefix "t.median" suffix " 0 9\n" prefix          \
	       "t.histogram.bin_20_5" suffix " 1 9\n" prefix "t.histogram.bin_inf" suffix " 3 9\n" prefix  \
	       "quiet.count_ps" suffix " 0 9\n" prefix "quiet.count" suffix " 0 9\n"

static const struct {
	struct format_options options;
	const char *lines;
} namings[] = {
	{ LEGACY,
	  "stats.c;k=v 2 9\nstats_counts.c;k=v 4 9\nstats_counts.stamped 5 77\n" TIMER(
		  "stats.timers.",
		  "") "stats.gauges.g 7 9\nstats.sets.s.count;k=v 3 9\nstats.sets.s.estimated;k=v 1 9\n" },
	{ { .legacy_namespace = true, .global_suffix = "x.y" },
	  "stats.c.x.y;k=v 2 9\nstats_counts.c.x.y;k=v 4 9\nstats_counts.stamped.x.y 5 77\n" TIMER(
		  "stats.timers.", ".x.y") "stats.gauges.g.x.y 7 9\nstats.sets.s.count.x.y;k=v 3 9\n"
					   "stats.sets.s.estimated.x.y;k=v 1 9\n" },
	{ { .global_prefix = "", .prefix = { "", "", "", "" } },
	  "c.rate;k=v 2 9\nc.count;k=v 4 9\nstamped.count 5 77\n" TIMER(
		  "", "") "g 7 9\ns.count;k=v 3 9\ns.estimated;k=v 1 9\n" },
	{ { .global_prefix = "a.b", .prefix = { "C", "T", "", "S" }, .global_suffix = "z" },
	  "a.b.C.c.rate.z;k=v 2 9\na.b.C.c.count.z;k=v 4 9\na.b.C.stamped.count.z 5 77\n" TIMER(
		  "a.b.T.", ".z") "a.b.g.z 7 9\na.b.S.s.count.z;k=v 3 9\na.b.S.s.estimated.z;k=v 1 9\n" },
	{ { .field_names = FIELD_NAMES_TELEGRAF },
	  "c;k=v 4 9\nstamped 5 77\nt.99.9_percentile 30 9\nt.stddev 0 9\nt.upper 30 9\nt.lower 0 9\n"
	  "t.count 2 9\nt.sum 40 9\nt.mean 20 9\nt.median 0 9\nt.histogram.bin_20_5 1 9\n"
	  "t.histogram.bin_inf 3 9\nquiet.count 0 9\ng 7 9\ns;k=v 3 9\ns.estimated;k=v 1 9\n" },
};

static void test_namings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(namings) / sizeof(*namings); i++) {
		struct text text = {};

		assert_int_equal(format_graphite(&few_snapshot, &namings[i].options, &text), 0);
		assert_text(&text, namings[i].lines);
	}
}

static uint32_t bit_of(const char *word)
{
	for (unsigned int i = 0; timer_metric_names[i]; i++)
		if (!strcmp(timer_metric_names[i], word))
			return 1u << i;
	fail_msg("%s is no statistic", word);
	return 0;
}

/* Which lines of the two timers remain. */
static void test_timer_metrics(void **state)
{
	static const struct {
		const char *words[3];
		const char *statsd, *telegraf;
	} rows[] = {
		{ { "mean_percent" }, "t.mean_99_9 20 9\n", "" },
		{ { "upper_percent" }, "t.upper_99_9 30 9\n", "t.99.9_percentile 30 9\n" },
		{ { "lower_percent" }, "", "" },
		{ { "histogram" },
		  "t.histogram.bin_20_5 1 9\nt.histogram.bin_inf 3 9\n",
		  "t.histogram.bin_20_5 1 9\nt.histogram.bin_inf 3 9\n" },
		{ { "count" }, "t.count 2 9\nquiet.count 0 9\n", "t.count 2 9\nquiet.count 0 9\n" },
		{ { "count_ps", "std" },
		  "t.std 0 9\nt.count_ps 1 9\nquiet.count_ps 0 9\n",
		  "t.stddev 0 9\n" },
		{ { "sum_squares_percent", "sum_squares" },
		  "t.sum_squares_99_9 0 9\nt.sum_squares 0 9\n",
		  "" },
	};
	struct snapshot timers = few_snapshot;

	(void)state;
	timers.metrics = few + 2;
	timers.count = 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct format_options options = {};
		struct text text = {};

		for (size_t j = 0; rows[i].words[j]; j++)
			options.timer_metrics |= bit_of(rows[i].words[j]);
		assert_int_equal(format_graphite(&timers, &options, &text), 0);
		assert_text(&text, rows[i].statsd);
		options.field_names = FIELD_NAMES_TELEGRAF;
		assert_int_equal(format_graphite(&timers, &options, &text), 0);
		assert_text(&text, rows[i].telegraf);
	}
}

static const struct delivery_report self = {
	.calculation_ms = 1.5, .last_flush = 7, .last_exception = 6, .flush_ms = 4, .flush_length = 123
};

static void test_statsd_tells(void **state)
{
	static const struct metric counted[] = {
		{ .type = METRIC_COUNTER, .name = "c", .tags = "" },
		{ .type = METRIC_COUNTER, .name = "c", .tags = "", .timestamp = 5 },
		{ .type = METRIC_COUNTER, .name = "c", .tags = "k=v" },
		{ .type = METRIC_COUNTER, .name = "kstatsd.lines.seen", .tags = "" },
		{ .type = METRIC_GAUGE, .name = "c", .tags = "" },
	};
	const struct snapshot one = { .timestamp = 9, .processing_ms = 2.5, .metrics = counted, .count = 5 };
	struct format_options options = format_defaults;
	struct text text = {};

	(void)state;
	assert_int_equal(format_graphite_self(&one, &options, &self, &text), 0);
	assert_text(&text, "");
	options.internal_metrics = INTERNAL_STATSD;
	assert_int_equal(format_graphite_self(&one, &options, &self, &text), 0);
	assert_text(&text, "stats.statsd.numStats 3 9\n"
			   "stats.statsd.graphiteStats.calculationtime 1.5 9\n"
			   "stats.statsd.processing_time 2.5 9\n"
			   "stats.statsd.graphiteStats.last_exception 6 9\n"
			   "stats.statsd.graphiteStats.last_flush 7 9\n"
			   "stats.statsd.graphiteStats.flush_time 4 9\n"
			   "stats.statsd.graphiteStats.flush_length 123 9\n");
	options.legacy_namespace = true;
	snprintf(options.global_prefix, sizeof(options.global_prefix), "ignored");
	snprintf(options.prefix_stats, sizeof(options.prefix_stats), "mine");
	snprintf(options.global_suffix, sizeof(options.global_suffix), "end");
	assert_int_equal(format_graphite_self(&one, &options, &self, &text), 0);
	assert_text(&text, "mine.numStats.end 3 9\n"
			   "stats.mine.graphiteStats.calculationtime.end 1.5 9\n"
			   "stats.mine.processing_time.end 2.5 9\n"
			   "stats.mine.graphiteStats.last_exception.end 6 9\n"
			   "stats.mine.graphiteStats.last_flush.end 7 9\n"
			   "stats.mine.graphiteStats.flush_time.end 4 9\n"
			   "stats.mine.graphiteStats.flush_length.end 123 9\n");
}

static void test_json_namings(void **state)
{
	struct format_options options = { .field_names = FIELD_NAMES_TELEGRAF };
	struct text text = {};

	(void)state;
	assert_int_equal(format_json(&few_snapshot, &options, &text), 0);
	text_add(&text, "", 1);
	assert_non_null(strstr(text.data,
			       "{\"timestamp\":9,\"seconds\":2,\"type\":\"counter\",\"name\":\"c\","
			       "\"tags\":\"k=v\",\"value\":4}\n"));
	/* its own time, and no window that it was gathered over */
	assert_non_null(strstr(text.data, "\n{\"timestamp\":77,\"type\":\"counter\",\"name\":\"stamped\","
					  "\"tags\":\"\",\"value\":5}\n"));
	assert_non_null(strstr(text.data, ",\"99.9_percentile\":30,\"stddev\":0,"));
	assert_non_null(
		strstr(text.data, ",\"histogram.bin_20_5\":1,\"histogram.bin_inf\":3,\"samples\":2}\n"));
	assert_non_null(strstr(text.data, "\"name\":\"quiet\",\"tags\":\"\",\"count\":0,\"samples\":0}\n"));
	assert_non_null(strstr(text.data, "\"value\":3,\"estimated\":true}\n"));
	text_release(&text);
	options.field_names = FIELD_NAMES_STATSD;
	assert_int_equal(format_json(&few_snapshot, &options, &text), 0);
	text_add(&text, "", 1);
	assert_non_null(strstr(text.data, "\"name\":\"stamped\",\"tags\":\"\",\"count\":5}\n"));
	assert_non_null(strstr(text.data, "\"count_ps\":0,\"count\":0,\"samples\":0}\n"));
	text_release(&text);
}

static const struct event events[] = {
	{ .kind = EVENT_EVENT,
	  .title = "a \"title\"\n",
	  .text = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\\",
	  .tags = "k=v",
	  .host = "h",
	  .aggregation_key = "key",
	  .priority = "low",
	  .source_type = "src",
	  .alert_type = "error",
	  .timestamp = 5 },
	{ .kind = EVENT_SERVICE_CHECK,
	  .title = "db.up",
	  .text = "",
	  .tags = "",
	  .host = "",
	  .aggregation_key = "",
	  .priority = "",
	  .source_type = "",
	  .alert_type = "",
	  .timestamp = 6,
	  .status = 2 },
};
static const struct snapshot event_snapshot = { .timestamp = 9, .events = events, .event_count = 2 };

static void test_events(void **state)
{
	struct text text = {};

	(void)state;
	assert_int_equal(format_json(&event_snapshot, &format_defaults, &text), 0);
	assert_text(&text, "{\"timestamp\":5,\"type\":\"event\",\"title\":\"a \\\"title\\\"\\n\","
			   "\"text\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\\\\\",\"tags\":\"k=v\","
			   "\"host\":\"h\",\"aggregation_key\":\"key\",\"priority\":\"low\","
			   "\"source_type\":\"src\",\"alert_type\":\"error\"}\n"
			   "{\"timestamp\":6,\"type\":\"service_check\",\"name\":\"db.up\",\"status\":2,"
			   "\"message\":\"\",\"tags\":\"\",\"host\":\"\"}\n");
	assert_int_equal(format_graphite(&event_snapshot, &format_defaults, &text), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(format_table(&event_snapshot, false, &text), 0);
	text_add(&text, "", 1);
	assert_non_null(strstr(text.data, " 0 series\n1 events, 1 service checks\n"));
	text_release(&text);
}

/* Every pair of bytes, some longer ones, whole and cut off: jansson, which refuses what is not UTF-8, reads it all. */
static void test_json_strings(void **state)
{
	static const struct {
		const char *bytes, *json;
	} rows[] = {
		{ "", "\"\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
		{ "\b\f\n\r\t/", "\"\\b\\f\\n\\r\\t/\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
		{ "\xed\x9f\xbf", "\"\xed\x9f\xbf\"" },
		{ "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" }, /* the last character */
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc3"
		  "a",
		  "\"\xef\xbf\xbd"
		  "a\"" },
	};
	struct text text = {};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_string_add(&text, rows[i].bytes);
		assert_text(&text, rows[i].json);
	}
	for (unsigned int pair = 0x101; pair < 0x10000; pair++) {
		const char bytes[] = { (char)(pair >> 8), (char)pair, '\0' };
		json_t *json;

		text.len = 0;
		json_string_add(&text, bytes);
		json = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
		if (!json)
			fail_msg("%02x %02x is not read back", pair >> 8, pair & 0xff);
		json_decref(json);
	}
	text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namings),	     cmocka_unit_test(test_timer_metrics),
		cmocka_unit_test(test_statsd_tells), cmocka_unit_test(test_json_namings),
		cmocka_unit_test(test_events),	     cmocka_unit_test(test_json_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
