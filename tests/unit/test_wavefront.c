// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Wavefront's lines: exact text, each limit from both sides, and what anybody may have put into names and tags. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/histogram.h"
#include "core/snapshot.h"
#include "sink/format.h"
#include "sink/wavefront/wavefront.h"

#define NOW 1700000000
#define TAIL " 1 1700000000 source=\"h\""

static const double percentiles[] = { 90 };

static struct {
	struct wavefront_options options;
	struct format_options names;
	struct snapshot snapshot;
	struct encoder *encoder;
	struct records records;
	unsigned int told;
	enum wavefront_refusal refusal; /* told last */
} it;

static int setup(void **state)
{
	(void)state;
	memset(&it, 0, sizeof(it));
	wavefront_options_init(&it.options);
	snprintf(it.options.source, sizeof(it.options.source), "h");
	it.names = format_defaults;
	it.names.field_names = FIELD_NAMES_TELEGRAF;
	it.snapshot = (struct snapshot){
		.timestamp = NOW, .seconds = 10, .percentiles = percentiles, .percentile_count = 1
	};
	return 0;
}

/* For the oracle, which judges every line that any test makes: tests/oracle/test_wavefront_validator.py. */
static void record(const struct text *text)
{
	const char *path = getenv("KSTATSD_WAVEFRONT_LINES");
	FILE *file;

	if (!path || !text->len)
		return;
	file = fopen(path, "a");
	assert_non_null(file);
	/* check() has ended it. */
	fwrite(text->data, 1, strnlen(text->data, text->len), file);
	assert_int_equal(fclose(file), 0);
}

static void clear(void)
{
	for (size_t kind = 0; kind < RECORD_KINDS; kind++) {
		record(&it.records.text[kind]);
		text_release(&it.records.text[kind]);
	}
	it.records = (struct records){};
}

static int teardown(void **state)
{
	(void)state;
	clear();
	if (it.encoder)
		it.encoder->operations->free(it.encoder);
	it.encoder = NULL;
	return 0;
}

static void on_refused(void *context, enum wavefront_refusal refusal, const char *name)
{
	(void)context;
	assert_non_null(name);
	it.told++;
	it.refusal = refusal;
}

static void encode(const struct metric *metric)
{
	if (!it.encoder)
		it.encoder = wavefront_encoder_new(&it.options, &it.names, on_refused, NULL);
	assert_non_null(it.encoder);
	assert_int_equal(it.encoder->operations->begin(it.encoder, &it.snapshot), 0);
	assert_int_equal(it.encoder->operations->metric(it.encoder, &it.snapshot, metric, &it.records), 0);
}

static void restart(void)
{
	if (it.encoder)
		it.encoder->operations->free(it.encoder);
	it.encoder = NULL;
	clear();
}

static void check(enum wavefront_kind kind, const char *wanted)
{
	struct text *text = &it.records.text[kind];
	size_t lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	assert_int_equal(lines, it.records.points[kind]);
	text_add(text, "", 1);
	assert_string_equal(text->data, wanted);
	clear();
}

/* Lines of points, encoded of one metric. */
static void must_be(const struct metric *metric, const char *wanted)
{
	encode(metric);
	check(WAVEFRONT_POINTS, wanted);
}

static uint64_t counted(const char *name)
{
	size_t count;
	const struct sink_count *counts = it.encoder->operations->counts(it.encoder, &count);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(counts[i].name, name))
			return counts[i].value;
	fail_msg("there is no counter %s", name);
	return 0;
}

static void must_pass(const struct metric *metric)
{
	encode(metric);
	assert_int_equal(it.records.points[0], 1);
	clear();
}

/* Nothing of the metric is sent, and that is counted. */
static void must_refuse(const struct metric *metric, const char *code)
{
	uint64_t before;

	if (!it.encoder)
		it.encoder = wavefront_encoder_new(&it.options, &it.names, on_refused, NULL);
	before = counted(code);
	encode(metric);
	assert_int_equal(it.records.points[0] + it.records.points[1], 0);
	assert_int_equal(it.records.text[0].len + it.records.text[1].len, 0);
	assert_true(counted(code) > before);
	clear();
}

static struct metric gauge(const char *name, const char *tags)
{
	return (struct metric){ .type = METRIC_GAUGE, .name = name, .tags = tags, .gauge = 1 };
}

static void test_types(void **state)
{
	const struct percentile_stats upper = { .count = 9, .boundary = 30 };
	const struct metric timer = {
		.type = METRIC_TIMER,
		.name = "t",
		.tags = "",
		.timer = { .count = 2,
			   .sum = 40,
			   .mean = 20,
			   .median = 20,
			   .std = 10,
			   .upper = 30,
			   .lower = 10 },
		.percentiles = &upper,
	};
	struct metric counter = { .type = METRIC_COUNTER, .name = "c", .tags = "a=1;b=2=3", .counter = 20 };
	const struct metric set = {
		.type = METRIC_SET, .name = "s", .tags = "", .set = { .count = 3, .estimated = true }
	};
	struct metric one = gauge("g", "");

	(void)state;
	it.options.histograms = 0;
	must_be(&counter, "\"c\" 20 1700000000 source=\"h\" \"a\"=\"1\" \"b\"=\"2=3\"\n");
	must_be(&timer, "\"t.90.percentile\" 30 1700000000 source=\"h\"\n"
			"\"t.stddev\" 10 1700000000 source=\"h\"\n\"t.upper\" 30 1700000000 source=\"h\"\n"
			"\"t.lower\" 10 1700000000 source=\"h\"\n\"t.count\" 2 1700000000 source=\"h\"\n"
			"\"t.sum\" 40 1700000000 source=\"h\"\n\"t.mean\" 20 1700000000 source=\"h\"\n"
			"\"t.median\" 20 1700000000 source=\"h\"\n");
	must_be(&set, "\"s\" 3 1700000000 source=\"h\"\n\"s.estimated\"" TAIL "\n");
	one.timestamp = NOW - 5;
	one.gauge = -1.5e-9;
	must_be(&one, "\"g\" -1.5e-9 1699999995 source=\"h\"\n");
	restart();
	it.names.field_names = FIELD_NAMES_STATSD;
	must_be(&counter, "\"c.rate\" 2 1700000000 source=\"h\" \"a\"=\"1\" \"b\"=\"2=3\"\n"
			  "\"c.count\" 20 1700000000 source=\"h\" \"a\"=\"1\" \"b\"=\"2=3\"\n");
}

static void test_names(void **state)
{
	/* Of options: keep paths, regex, strict, simple fields. */
	static const struct {
		const char *prefix, *separator, *name, *wanted, *options;
	} cases[] = {
		{ "", ".", "a_b.c-d", "a.b.c-d", "" },
		{ "", ".", "a_b", "a_b", "k" },
		{ "", "_", "a_b", "a_b", "" },
		{ "", "-", "a_b", "a-b", "" },
		{ "", "--", "a_b_", "a--b--", "" },
		{ "p_q.", ".", "a", "p.q.a", "" },
		{ "", ".", "a", "a.value", "f" },
		{ "~p/", ".", "a,b c", "~p-a-b-c", "" },
		{ "~p/", ".", "a,b c", "~p/a,b-c", "s" },
		{ "~p/", ".", "a,b c", "-p-a-b-c", "r" },
		{ "~p/", ".", "a,b c", "-p-a-b-c", "rs" },
		{ "\xe2\x88\x86", ".", "\xff\xc3\xbc~", "----", "" },
		{ "", ".", "~\xf0\x9f\x98\x80\"\n", "~---", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metric metric = gauge(cases[i].name, "");
		char line[128];

		restart();
		snprintf(it.options.prefix, sizeof(it.options.prefix), "%s", cases[i].prefix);
		snprintf(it.options.metric_separator, sizeof(it.options.metric_separator), "%s",
			 cases[i].separator);
		it.options.convert_paths = !strchr(cases[i].options, 'k');
		it.options.use_regex = strchr(cases[i].options, 'r') != NULL;
		it.options.use_strict = strchr(cases[i].options, 's') != NULL;
		it.options.simple_fields = strchr(cases[i].options, 'f') != NULL;
		snprintf(line, sizeof(line), "\"%s\"" TAIL "\n", cases[i].wanted);
		must_be(&metric, line);
	}
}

static void test_sources(void **state)
{
	static const struct {
		const char *tags, *overrides[2], *wanted;
	} cases[] = {
		{ "", { "" }, "source=\"h\"" },
		{ "a=1;host=web", { "" }, "source=\"web\" \"a\"=\"1\"" },
		{ "host=web;source=s*", { "" }, "source=\"s-\" \"_host\"=\"web\"" },
		{ "a=1;b=2;host=web", { "x", "b" }, "source=\"2\" \"a\"=\"1\" \"telegraf_host\"=\"web\"" },
		{ "a=1;b=2", { "b", "a" }, "source=\"2\" \"a\"=\"1\"" },
		{ "a=1;source=s", { "a" }, "source=\"s\" \"a\"=\"1\"" },
		{ "_host=old;host=web;source=s", { "" }, "source=\"s\" \"_host\"=\"old\"" },
		{ "a=;b=*", { "" }, "source=\"h\" \"b\"=\"-\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metric metric = gauge("m", cases[i].tags);
		char line[128];

		restart();
		memset(it.options.source_override, 0, sizeof(it.options.source_override));
		for (size_t j = 0; j < 2 && cases[i].overrides[j]; j++)
			snprintf(it.options.source_override[j], WAVEFRONT_TEXT_BYTES, "%s",
				 cases[i].overrides[j]);
		snprintf(line, sizeof(line), "\"m\" 1 1700000000 %s\n", cases[i].wanted);
		must_be(&metric, line);
	}
}

static void test_escapes(void **state)
{
	struct metric metric =
		gauge("m", "k=\"quoted\";l=line\nbreak;o= b ;w=C:\\new\\;x=caf\xc3\xa9\x01\xff");

	(void)state;
	snprintf(it.options.source, sizeof(it.options.source), " a \"b\" ");
	must_be(&metric, "\"m\" 1 1700000000 source=\"a \\\"b\\\"\" \"k\"=\"\\\"quoted\\\"\" "
			 "\"l\"=\"line\\nbreak\" \"o\"=\"b\" \"w\"=\"C:-new-\" \"x\"=\"caf\xc3\xa9--\"\n");
}

static void test_deltas(void **state)
{
	struct metric metric = { .type = METRIC_COUNTER, .name = "c", .tags = "", .counter = 2 };
	const struct metric one = gauge("g", "");

	(void)state;
	it.options.delta_counters = true;
	must_be(&metric, "\"\xe2\x88\x86"
			 "c\" 2 1700000000 source=\"h\"\n");
	must_be(&one, "\"g\"" TAIL "\n");
	for (int i = 0; i < 2; i++) {
		metric.counter = -1;
		must_refuse(&metric, "refused.WF-404");
	}
	/* Told once, counted each time; a counter of nothing is no refusal. */
	assert_int_equal(it.told, 1);
	assert_int_equal(it.refusal, WAVEFRONT_DELTA_ILLEGAL);
	for (int idle = 0; idle <= 1; idle++) {
		metric.idle = idle;
		metric.counter = 0;
		must_be(&metric, "");
	}
	assert_int_equal(counted("refused.WF-404"), 2);
	restart();
	it.names.field_names = FIELD_NAMES_STATSD;
	metric.idle = false;
	metric.counter = 1;
	must_be(&metric, "\"\xe2\x88\x86"
			 "c.count\"" TAIL "\n");
}

/* A text of one letter, in room of its own. */
static const char *letters(char *room, char letter, size_t count)
{
	memset(room, letter, count);
	room[count] = '\0';
	return room;
}

static void tag_make(char *tags, size_t key, size_t value)
{
	letters(tags, 'k', key);
	tags[key] = '=';
	letters(tags + key + 1, 'v', value);
}

/* The last that passes, and the first that does not, of each limit. */
static void limits_check(const struct wavefront_limit *limit)
{
	char name[12000], tags[4096];
	struct metric metric = gauge(name, tags);
	size_t len = 0;

	tags[0] = '\0';
	letters(name, 'n', limit->name);
	must_pass(&metric);
	letters(name, 'n', limit->name + 1);
	must_refuse(&metric, "refused.WF-408");
	letters(name, 'n', 10240);
	must_refuse(&metric, "refused.WF-408");
	letters(name, 'n', 1);
	for (size_t i = 0; i <= limit->tags; i++)
		len += (size_t)snprintf(tags + len, sizeof(tags) - len, "k%zu=v;", i);
	must_refuse(&metric, "refused.WF-410");
	*strchr(tags, ';') = '_';
	*strchr(tags + 2, '=') = '_';
	must_pass(&metric);
	tag_make(tags, limit->key, 254 - limit->key);
	must_pass(&metric);
	tag_make(tags, limit->key, 255 - limit->key);
	must_refuse(&metric, "refused.WF-411");
	tag_make(tags, limit->key + 1, 253 - limit->key);
	if (limit->key < 253)
		must_refuse(&metric, "refused.WF-412");
	tag_make(tags, 1, 10240 / 8);
	must_refuse(&metric, "refused.WF-411");
	metric.tags = "k= ";
	must_refuse(&metric, "refused.WF-414");
	metric.tags = "";
	restart();
	letters(it.options.source, 's', WAVEFRONT_TEXT_BYTES - 1);
	if (limit->source < WAVEFRONT_TEXT_BYTES)
		must_refuse(&metric, "refused.WF-407");
	else
		must_pass(&metric);
	restart();
	it.options.source[0] = '\0';
	must_refuse(&metric, "refused.WF-406");
	metric.name = "";
	snprintf(it.options.source, sizeof(it.options.source), "h");
	restart();
	must_refuse(&metric, "refused.WF-400");
	metric.name = "n";
	metric.tags = "=v";
	must_refuse(&metric, "refused.WF-401");
}

static void test_limits_of_the_service(void **state)
{
	(void)state;
	limits_check(&wavefront_limits[WAVEFRONT_LIMITS_SERVICE]);
}

static void test_limits_of_the_proxy(void **state)
{
	(void)state;
	it.options.limits = WAVEFRONT_LIMITS_PROXY;
	limits_check(&wavefront_limits[WAVEFRONT_LIMITS_PROXY]);
}

/* A character counts once, whatever its bytes; but Java counts those beyond U+FFFF twice. */
static void test_lengths_are_characters(void **state)
{
	char tags[2048] = "k=";
	struct metric metric = gauge("m", tags);

	(void)state;
	for (size_t i = 0; i < 126; i++)
		snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "\xf0\x9f\x98\x80");
	snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "\xc3\xbc");
	encode(&metric);
	assert_int_equal(it.records.points[0], 1);
	clear();
	snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "\xc3\xbc");
	must_refuse(&metric, "refused.WF-411");
}

static void test_truncate_tags(void **state)
{
	char tags[2048], line[2048], value[512];
	struct metric metric = gauge("m", tags);

	(void)state;
	it.options.truncate_tags = true;
	tag_make(tags, 2, 300);
	snprintf(line, sizeof(line), "\"m\"" TAIL " \"kk\"=\"%s\"\n", letters(value, 'v', 252));
	must_be(&metric, line);
	tag_make(tags, 255, 1);
	must_be(&metric, "\"m\"" TAIL "\n");
	tag_make(tags, 254, 1);
	must_refuse(&metric, "refused.WF-412");
}

static void test_values(void **state)
{
	static const double bad[] = { NAN, INFINITY, -INFINITY };
	struct metric metric = gauge("m", "");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		metric.gauge = bad[i];
		must_refuse(&metric, "refused.not_finite");
	}
	metric.gauge = DBL_MAX;
	must_be(&metric, "\"m\" 1.7976931348623157e+308 1700000000 source=\"h\"\n");
}

static void test_times(void **state)
{
	static const struct {
		int64_t timestamp;
		bool refused;
	} cases[] = {
		{ NOW - 8760 * 3600, false }, { NOW - 8760 * 3600 - 1, true }, { NOW + 86400, false },
		{ NOW + 86401, true },	      { 1700000000000, true },	       { -1, true },
		{ INT64_MAX, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metric metric = gauge("m", "");

		metric.timestamp = cases[i].timestamp;
		if (cases[i].refused)
			must_refuse(&metric, "refused.WF-402");
		else
			must_pass(&metric);
	}
}

static void histogram_check(const struct bucket *buckets, size_t count, enum timer_unit unit,
			    const char *wanted)
{
	const struct metric metric = { .type = METRIC_TIMER,
				       .unit = unit,
				       .name = "t_t",
				       .tags = "a=b",
				       .buckets = buckets,
				       .bucket_count = count };

	encode(&metric);
	check(WAVEFRONT_HISTOGRAMS, wanted);
}

static void test_histograms(void **state)
{
	struct bucket buckets[] = { { 0, 3 }, { 64, 1 } };
	const struct bucket wide[] = { { histogram_index(UNIT_NONE, -5), 1 },
				       { BUCKET_ZERO, 2 },
				       { histogram_index(UNIT_NONE, 5), 4 } };
	struct bucket parts[] = { { 0, 10.0 / 3 }, { 64, 10.0 / 3 }, { 128, 10.0 / 3 } };

	(void)state;
	it.options.timer_points = false;
	histogram_check(buckets, 2, UNIT_NONE,
			"!M 1699999990 #3 0.994585 #1 1.98917 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	histogram_check(buckets, 2, UNIT_MILLISECONDS,
			"!M 1699999990 #3 994.585 #1 1989.17 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	histogram_check(wide, 3, UNIT_NONE,
			"!M 1699999990 #1 -4.99433 #2 0 #4 4.99433 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	histogram_check(parts, 3, UNIT_NONE,
			"!M 1699999990 #3 0.994585 #4 1.98917 #3 3.97834 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	buckets[0].count = 0.2;
	histogram_check(buckets, 1, UNIT_NONE,
			"!M 1699999990 #1 0.994585 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	buckets[0].count = 1e10;
	histogram_check(buckets, 1, UNIT_NONE,
			"!M 1699999990 #2147483647 0.994585 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
	assert_int_equal(counted("centroids_clamped"), 1);
	restart();
	it.options.histograms = WAVEFRONT_HOUR | WAVEFRONT_DAY;
	buckets[0].count = 1;
	histogram_check(buckets, 1, UNIT_NONE,
			"!H 1699999990 #1 0.994585 \"t.t\" source=\"h\" \"a\"=\"b\"\n"
			"!D 1699999990 #1 0.994585 \"t.t\" source=\"h\" \"a\"=\"b\"\n");
}

/* More centroids than a line may have go on in the next; nothing is lost. */
static void test_wide_histograms(void **state)
{
	struct bucket buckets[250];
	const struct metric metric = {
		.type = METRIC_TIMER, .name = "t", .tags = "", .buckets = buckets, .bucket_count = 250
	};
	size_t most = 0, all = 0, line = 0;
	struct text *text = &it.records.text[WAVEFRONT_HISTOGRAMS];

	(void)state;
	it.options.timer_points = false;
	for (int16_t i = 0; i < 250; i++)
		buckets[i] = (struct bucket){ i, 1 };
	encode(&metric);
	assert_int_equal(it.records.points[WAVEFRONT_HISTOGRAMS], 3);
	for (size_t i = 0; i < text->len; i++) {
		line = text->data[i] == '\n' ? 0 : line + (text->data[i] == '#');
		all += text->data[i] == '#';
		most = line > most ? line : most;
	}
	assert_int_equal(all, 250);
	assert_int_equal(most, WAVEFRONT_CENTROIDS_MAX);
	clear();
	buckets[0].count = 1;
	const struct metric full = {
		.type = METRIC_TIMER, .name = "t", .tags = "", .buckets = buckets, .bucket_count = 200
	};

	encode(&full);
	assert_int_equal(it.records.points[WAVEFRONT_HISTOGRAMS], 2);
}

static void test_refused_histograms(void **state)
{
	char name[512];
	const struct bucket bucket = { 0, 1 };
	struct metric metric = { .type = METRIC_TIMER, .name = "t", .tags = "" };

	(void)state;
	it.options.timer_points = false;
	must_refuse(&metric, "refused.WF-405");
	metric.buckets = &bucket;
	metric.bucket_count = 1;
	metric.name = letters(name, 'n', 257);
	must_refuse(&metric, "refused.WF-409");
	metric.name = "t";
	metric.idle = true;
	encode(&metric);
	assert_int_equal(it.records.points[WAVEFRONT_HISTOGRAMS], 0);
	assert_int_equal(counted("refused.WF-405"), 1);
}

static void end(int64_t timestamp)
{
	const struct delivery_report report = {};

	it.snapshot.timestamp = timestamp;
	assert_int_equal(it.encoder->operations->end(it.encoder, &it.snapshot, &report, &it.records), 0);
}

static void test_application(void **state)
{
	struct metric metric = gauge("m", "service=mine");

	(void)state;
	snprintf(it.options.prefix, sizeof(it.options.prefix), "p_");
	snprintf(it.options.application, sizeof(it.options.application), "shop");
	snprintf(it.options.service, sizeof(it.options.service), "web");
	it.options.simple_fields = true;
	must_be(&metric, "\"p.m.value\"" TAIL " \"service\"=\"mine\" \"application\"=\"shop\" "
			 "\"cluster\"=\"none\" \"shard\"=\"none\"\n");
	end(NOW);
	check(WAVEFRONT_POINTS,
	      "\"~component.heartbeat\"" TAIL " \"application\"=\"shop\" \"service\"=\"web\" "
	      "\"cluster\"=\"none\" \"shard\"=\"none\" \"component\"=\"kstatsd\"\n");
	end(NOW + 299);
	assert_int_equal(it.records.points[0], 0);
	end(NOW + 300);
	assert_int_equal(it.records.points[0], 1);
	clear();
	/* The clock was set back: better one too many. */
	end(NOW - 3600);
	assert_int_equal(it.records.points[0], 1);
	restart();
	it.options.heartbeat = false;
	encode(&metric);
	clear();
	end(NOW);
	assert_int_equal(it.records.points[0], 0);
}

static void test_counters_have_names(void **state)
{
	size_t count;
	const struct sink_count *counts;

	(void)state;
	it.encoder = wavefront_encoder_new(&it.options, &it.names, NULL, NULL);
	counts = it.encoder->operations->counts(it.encoder, &count);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(counts[i].name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(counts[i].name, counts[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deltas, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits_of_the_service, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits_of_the_proxy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths_are_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncate_tags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wide_histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_application, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters_have_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
