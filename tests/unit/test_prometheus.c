// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Totals and what a scrape gets of them: exact texts, names, conflicts, limits, the choice of a format,
 * native histograms taken apart again, and the file that totals outlive the daemon in.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "prometheus.pb-c.h"
#include "core/histogram.h"
#include "core/snapshot.h"
#include "sink/prometheus/prometheus_exposition.h"
#include "sink/prometheus/prometheus_file.h"
#include "sink/prometheus/prometheus_names.h"
#include "sink/prometheus/prometheus_totals.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND 1000000000ll
#define MESSAGE(name) Io__Prometheus__Client__##name

static const double bounds[] = { 0.005, 0.1, 1 };
static const double quantiles[] = { 0.5, 0.99 };
static const struct totals_options defaults = {
	.shape = { .bounds = bounds,
		   .bound_count = COUNT(bounds),
		   .quantiles = quantiles,
		   .quantile_count = COUNT(quantiles),
		   .max_age = 10 * SECOND,
		   .ages = 5 },
	.series_max = 1000,
};

static struct metric counter(const char *name, const char *tags, double value)
{
	return (struct metric){ .type = METRIC_COUNTER, .name = name, .tags = tags, .counter = value };
}

static struct metric gauge(const char *name, const char *tags, double value)
{
	return (struct metric){ .type = METRIC_GAUGE, .name = name, .tags = tags, .gauge = value };
}

/* A timer of one value, of which there are `count`. */
static struct metric timer(const char *name, enum timer_unit unit, double value, double count)
{
	static struct bucket buckets[64];
	static size_t used;
	struct bucket *bucket = &buckets[used++ % COUNT(buckets)];

	*bucket = (struct bucket){ histogram_index(unit, value), count };
	return (struct metric){ .type = METRIC_TIMER,
				.unit = unit,
				.name = name,
				.tags = "",
				.timer = { .sum = value * count, .count = count },
				.buckets = bucket,
				.bucket_count = 1 };
}

static void add(struct totals *totals, struct metric metric)
{
	totals_add(totals, &metric, NULL);
}

static char *rendered(struct totals *totals, enum exposition exposition)
{
	struct text text = {};

	exposition_render(totals, exposition, true, &text);
	text_add(&text, "", 1);
	assert_false(text.failed);
	return text.data;
}

static void assert_shows(struct totals *totals, enum exposition exposition, const char *wanted)
{
	char *text = rendered(totals, exposition);

	assert_string_equal(text, wanted);
	free(text);
}

#define HELP(name) "# HELP " name " Sent by statsd clients.\n"

static void test_names(void **state)
{
	static const struct {
		const char *name, *safe;
	} rows[] = {
		{ "a.b-c_d", "a_b_c_d" },
		{ "a--b---c", "a_b_c" },
		{ "9lives", "_9lives" },
		{ "", "_" },
		{ "--", "_" },
		{ "a.-.b", "a___b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text text = {};

		prometheus_name_add(&text, rows[i].name, strlen(rows[i].name));
		text_add(&text, "", 1);
		assert_string_equal(text.data, rows[i].safe);
		text_release(&text);
	}
}

static void test_labels(void **state)
{
	static const struct {
		const char *tags;
		bool timer;
		const char *labels; /* with '|' for NUL */
	} rows[] = {
		{ "", false, "" },
		{ "b=2;a=1", false, "a|1|b|2|" },
		{ "a-b=1;a.b=2", false, "a_b|2|" },
		{ "a.b=2;a-b=1", false, "a_b|1|" },
		{ "le=1;quantile=2", false, "le|1|quantile|2|" },
		{ "le=1;quantile=2", true, "exported_le|1|exported_quantile|2|" },
		{ "__name__=x;_a=y", false, "_a|y|exported___name__|x|" },
		{ "1st=x", false, "_1st|x|" },
		{ "k=a=b", false, "k|a=b|" },
		{ "k=;x=1;", false, "x|1|" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text text = {}, work = {};

		prometheus_labels_add(&text, rows[i].tags, rows[i].timer, &work);
		for (size_t at = 0; at < text.len; at++)
			text.data[at] = text.data[at] ? text.data[at] : '|';
		text_add(&text, "", 1);
		assert_string_equal(text.data, rows[i].labels);
		text_release(&text);
		text_release(&work);
	}
}

static void add_everything(struct totals *totals)
{
	totals_begin(totals, SECOND);
	add(totals, counter("hits", "env=prod", 2));
	add(totals, counter("hits", "env=prod", 3));
	add(totals, counter("hits", "", 0.5));
	add(totals, counter("req_total", "", 7));
	add(totals, gauge("depth", "q=a\"b\\c\nd", -1.5));
	add(totals, timer("lat", UNIT_MILLISECONDS, 5, 2));
	add(totals, timer("lat", UNIT_MILLISECONDS, 250, 1));
	add(totals, (struct metric){ .type = METRIC_SET, .name = "users", .tags = "", .set.count = 3 });
}

static void test_text(void **state)
{
	struct totals *totals = totals_new(&defaults);

	(void)state;
	add_everything(totals);
	assert_shows(
		totals, EXPOSITION_TEXT,
		HELP("depth") "# TYPE depth gauge\ndepth{q=\"a\\\"b\\\\c\\nd\"} -1.5\n" HELP("hits") "# TYPE hits counter\nhits 0.5\nhits{env=\"prod\"} 5\n" HELP(
			"lat") "# TYPE lat histogram\nlat_bucket{le=\"0.005\"} 2\nlat_bucket{le=\"0.1\"} 2\n"
			       "lat_bucket{le=\"1\"} 3\nlat_bucket{le=\"+Inf\"} 3\nlat_sum 0.26\nlat_count 3\n" HELP(
				       "req_total") "# TYPE req_total counter\nreq_total 7\n" HELP("users") "# TYPE users gauge\nusers 3\n");
	/* Of a window that had none of the set, there were none. */
	totals_begin(totals, 2 * SECOND);
	char *text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(strstr(text, "\nusers 0\n"));
	assert_non_null(strstr(text, "\nhits 0.5\n"));
	free(text);
	totals_free(totals);
}

static void test_openmetrics(void **state)
{
	struct totals *totals = totals_new(&defaults);

	(void)state;
	assert_shows(totals, EXPOSITION_TEXT, "");
	assert_shows(totals, EXPOSITION_OPENMETRICS, "# EOF\n");
	add_everything(totals);
	add(totals, counter("both", "", 1));
	add(totals, counter("both_total", "", 2));
	assert_shows(
		totals, EXPOSITION_OPENMETRICS,
		HELP("both") "# TYPE both unknown\nboth 1\n" HELP("both_total") "# TYPE both_total unknown\nboth_total 2\n" HELP("depth") "# TYPE depth gauge\ndepth{q=\"a\\\"b\\\\c\\nd\"} -1.5\n" HELP("hits") "# TYPE hits unknown\nhits 0.5\nhits{env=\"prod\"} 5\n" HELP(
			"lat") "# TYPE lat histogram\nlat_bucket{le=\"0.005\"} 2\nlat_bucket{le=\"0.1\"} 2\n"
			       "lat_bucket{le=\"1.0\"} 3\nlat_bucket{le=\"+Inf\"} 3\nlat_sum 0.26\nlat_count 3\n" HELP(
				       "req") "# TYPE req counter\nreq_total 7\n" HELP("users") "# TYPE users gauge\nusers 3\n# EOF\n");
	totals_free(totals);
}

static void test_total_suffix(void **state)
{
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);

	(void)state;
	options.total_suffix = true;
	totals_begin(totals, SECOND);
	add(totals, counter("a", "", 1));
	add(totals, counter("a_total", "", 2));
	add(totals, counter("b.total", "", 4));
	assert_shows(totals, EXPOSITION_TEXT,
		     HELP("a_total") "# TYPE a_total counter\na_total 3\n" HELP(
			     "b_total") "# TYPE b_total counter\nb_total 4\n");
	options.total_suffix = false;
	totals_rename(totals);
	assert_shows(
		totals, EXPOSITION_TEXT,
		HELP("a") "# TYPE a counter\na 3\n" HELP("b_total") "# TYPE b_total counter\nb_total 4\n");
	totals_free(totals);
}

static void test_summary(void **state)
{
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);
	char *text;

	(void)state;
	options.shape.summary = true;
	totals_begin(totals, SECOND);
	add(totals, timer("t", UNIT_NONE, 0, 98));
	add(totals, timer("t", UNIT_NONE, 4, 2));
	text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(strstr(text, "# TYPE t summary\nt{quantile=\"0.5\"} 0\nt{quantile=\"0.99\"} 3.97"));
	assert_non_null(strstr(text, "\nt_sum 8\nt_count 100\n"));
	free(text);
	/* 10 s later nothing is recent any more, but all is counted. */
	totals_begin(totals, 12 * SECOND);
	text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(
		strstr(text, "t{quantile=\"0.5\"} NaN\nt{quantile=\"0.99\"} NaN\nt_sum 8\nt_count 100\n"));
	free(text);
	add(totals, timer("t", UNIT_NONE, 0, 1));
	totals_begin(totals, 15 * SECOND);
	add(totals, timer("t", UNIT_NONE, 0, 1));
	text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(
		strstr(text, "t{quantile=\"0.5\"} 0\nt{quantile=\"0.99\"} 0\nt_sum 8\nt_count 102\n"));
	free(text);
	totals_free(totals);
}

static void assert_quantile(struct totals *totals, double wanted)
{
	char *text = rendered(totals, EXPOSITION_TEXT);
	const char *found = strstr(text, "{quantile=\"0.99\"} ");
	double got;

	assert_non_null(found);
	got = strtod(found + strlen("{quantile=\"0.99\"} "), NULL);
	if (isnan(wanted) ? !isnan(got) : fabs(got / wanted - 1) > 0.006)
		fail_msg("%g, not %g", got, wanted);
	free(text);
}

/*
 * Ages of 2 s: each value is recent for as many of them as there are, also when the ring has gone round.
 * 1000 at 1 s, 900 at 3 s, ... 100 at 19 s: the greatest is the oldest that is recent; then they go one by one.
 */
static void assert_ages(uint32_t ages)
{
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);
	int oldest;

	options.shape.summary = true;
	options.shape.ages = ages;
	options.shape.max_age = 2 * SECOND * ages;
	for (int i = 0; i < 10 + (int)ages; i++) {
		totals_begin(totals, (1 + 2 * i) * SECOND);
		if (i < 10)
			add(totals, timer("t", UNIT_NONE, 1000 - 100 * i, 1));
		oldest = i < (int)ages ? 0 : i - (int)ages + 1;
		assert_quantile(totals, oldest < 10 ? 1000 - 100 * oldest : NAN);
	}
	totals_free(totals);
}

static void test_summary_ages(void **state)
{
	(void)state;
	for (uint32_t ages = 1; ages <= 6; ages++)
		assert_ages(ages);
}

static void test_rule(void **state)
{
	const double rule_bounds[] = { 2, 1, NAN, 2 };
	const struct prometheus_rule like = {
		.shaped = true,
		.shape = { .bounds = rule_bounds, .bound_count = 4, .max_age = SECOND },
		.help = "How\\long\nit \"took\"",
	};
	struct prometheus_rule *rule = prometheus_rule_new(&like);
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);
	struct metric metric = timer("t", UNIT_NONE, 1.5, 1);

	(void)state;
	options.shape.summary = true;
	totals_begin(totals, SECOND);
	totals_add(totals, &metric, rule);
	prometheus_rule_free(rule);
	assert_shows(totals, EXPOSITION_TEXT,
		     "# HELP t How\\\\long\\nit \"took\"\n# TYPE t histogram\nt_bucket{le=\"1\"} 0\n"
		     "t_bucket{le=\"2\"} 1\nt_bucket{le=\"+Inf\"} 1\nt_sum 1.5\nt_count 1\n");
	/* The next flush has another one, or none, after a reload. */
	totals_begin(totals, 2 * SECOND);
	add(totals, metric);
	char *text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(strstr(text, "# TYPE t summary\n"));
	assert_non_null(strstr(text, "t_count 2\n"));
	free(text);
	totals_free(totals);
}

static void test_conflicts(void **state)
{
	struct totals *totals = totals_new(&defaults);
	struct totals_counts counts;

	(void)state;
	totals_begin(totals, SECOND);
	add(totals, timer("foo", UNIT_NONE, 1, 1));
	for (size_t i = 0; i < 3; i++) {
		add(totals, counter("foo.count", "", 1));
		add(totals, counter("foo.bucket", "", 1));
		add(totals, gauge("foo.sum", "", 1));
		add(totals, gauge("foo", "", 1));
	}
	add(totals, counter("bar.sum", "", 1));
	add(totals, timer("bar", UNIT_NONE, 1, 1));
	add(totals, counter("bar", "", 1));
	totals_counts(totals, &counts);
	assert_int_equal(counts.conflicts, 13);
	assert_int_equal(counts.series, 3);
	const struct text *notices = totals_notices(totals);
	size_t lines = 0;
	for (size_t i = 0; i < notices->len; i++)
		lines += notices->data[i] == '\n';
	assert_int_equal(lines, 5);
	assert_non_null(memmem(notices->data, notices->len, "foo.count", 9));
	assert_non_null(memmem(notices->data, notices->len, "timer foo", 9));
	totals_free(totals);
}

static void test_refused(void **state)
{
	struct totals *totals = totals_new(&defaults);
	struct totals_counts counts;
	struct metric stamped = gauge("g", "", 7);

	(void)state;
	totals_begin(totals, SECOND);
	add(totals, counter("c", "", -1));
	add(totals, counter("c", "", NAN));
	add(totals, gauge("g", "", INFINITY));
	totals_counts(totals, &counts);
	assert_int_equal(counts.negative, 1);
	assert_int_equal(counts.not_finite, 2);
	assert_int_equal(counts.series, 0);
	/* A value with a time of its own is not newer than one without. */
	stamped.timestamp = 5;
	add(totals, gauge("g", "", 1));
	add(totals, stamped);
	assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 1\n");
	totals_begin(totals, 2 * SECOND);
	add(totals, stamped);
	assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 7\n");
	totals_free(totals);
}

static void test_limits(void **state)
{
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);
	struct totals_counts counts;
	char name[32];

	(void)state;
	options.series_max = 3;
	options.ttl = 5 * SECOND;
	totals_begin(totals, SECOND);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		add(totals, counter(name, "", 1));
	}
	add(totals, counter("c0", "", 1));
	add(totals, counter("c3", "", 1));
	totals_counts(totals, &counts);
	assert_int_equal(counts.evicted, 1);
	assert_shows(totals, EXPOSITION_TEXT,
		     HELP("c0") "# TYPE c0 counter\nc0 2\n" HELP("c2") "# TYPE c2 counter\nc2 1\n" HELP(
			     "c3") "# TYPE c3 counter\nc3 1\n");
	totals_begin(totals, 4 * SECOND);
	add(totals, counter("c2", "", 1));
	totals_begin(totals, 6 * SECOND);
	totals_counts(totals, &counts);
	assert_int_equal(counts.expired, 2);
	assert_shows(totals, EXPOSITION_TEXT, HELP("c2") "# TYPE c2 counter\nc2 2\n");
	totals_free(totals);
}

/* A total that became infinite would stay so. */
static void test_too_large(void **state)
{
	struct totals *totals = totals_new(&defaults);
	struct totals_counts counts;

	(void)state;
	for (int flush = 1; flush <= 3; flush++) {
		totals_begin(totals, flush * SECOND);
		add(totals, counter("c", "", flush == 2 ? 1.7e308 : 1));
		add(totals, counter("d", "", 1.7e308));
		add(totals, timer("t", UNIT_NONE, 1.7e308, 1));
	}
	totals_counts(totals, &counts);
	assert_int_equal(counts.not_finite, 4);
	assert_int_equal(counts.no_memory, 0);
	assert_shows(
		totals, EXPOSITION_TEXT,
		HELP("c") "# TYPE c counter\nc 1.7e+308\n" HELP("d") "# TYPE d counter\nd 1.7e+308\n" HELP(
			"t") "# TYPE t histogram\nt_bucket{le=\"0.005\"} 0\nt_bucket{le=\"0.1\"} 0\n"
			     "t_bucket{le=\"1\"} 0\nt_bucket{le=\"+Inf\"} 1\nt_sum 1.7e+308\nt_count 1\n");
	totals_free(totals);
}

/* The daemon sends a gauge again that nobody sent: that is no observation. */
static void test_idle_gauge(void **state)
{
	struct totals_options options = defaults;
	struct totals *totals = totals_new(&options);
	struct metric idle = gauge("g", "", 7);

	(void)state;
	idle.idle = true;
	options.ttl = 5 * SECOND;
	totals_begin(totals, SECOND);
	add(totals, idle);
	assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 7\n");
	for (int second = 2; second <= 5; second++) {
		totals_begin(totals, second * SECOND);
		add(totals, idle);
		assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 7\n");
	}
	for (int second = 6; second <= 20; second++) {
		totals_begin(totals, second * SECOND);
		add(totals, idle);
		assert_shows(totals, EXPOSITION_TEXT, "");
	}
	add(totals, gauge("g", "", 8));
	assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 8\n");
	/* Without a ttl it is as it was, also one that was pushed out. */
	options.ttl = 0;
	options.series_max = 1;
	totals_begin(totals, 21 * SECOND);
	add(totals, counter("c", "", 1));
	add(totals, idle);
	assert_shows(totals, EXPOSITION_TEXT, HELP("g") "# TYPE g gauge\ng 7\n");
	totals_free(totals);
}

static void test_choice(void **state)
{
	static const struct {
		const char *accept;
		enum exposition exposition;
	} rows[] = {
		{ NULL, EXPOSITION_TEXT },
		{ "", EXPOSITION_TEXT },
		{ "*/*", EXPOSITION_TEXT },
		{ "text/html", EXPOSITION_TEXT },
		{ "text/plain;version=0.0.4", EXPOSITION_TEXT },
		{ "application/openmetrics-text", EXPOSITION_OPENMETRICS },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8", EXPOSITION_OPENMETRICS },
		{ "application/openmetrics-text;version=0.0.1", EXPOSITION_OPENMETRICS_OLD },
		{ "application/openmetrics-text;version=2.0.0", EXPOSITION_TEXT },
		{ "application/openmetrics-text;q=0", EXPOSITION_TEXT },
		{ "Application/OpenMetrics-Text ; Version=\"1.0.0\"", EXPOSITION_OPENMETRICS },
		/* Prometheus 2.42 without and with native histograms, and 3.x. */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  EXPOSITION_OPENMETRICS },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
		  "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q="
		  "0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  EXPOSITION_PROTOBUF },
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		  "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q="
		  "0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		  EXPOSITION_OPENMETRICS },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
		  EXPOSITION_TEXT },
		{ "application/vnd.google.protobuf", EXPOSITION_TEXT },
		{ "text/plain;q=0.5,application/openmetrics-text;q=0.4", EXPOSITION_TEXT },
		{ "text/plain;q=0.5,application/openmetrics-text;q=0.6", EXPOSITION_OPENMETRICS },
		{ "text/plain;q=many,application/openmetrics-text;q=0.1", EXPOSITION_OPENMETRICS },
		{ ",,;;q=;=,", EXPOSITION_TEXT },
	};
	static const struct {
		const char *accept;
		bool gzip;
	} zips[] = {
		{ NULL, false },       { "gzip", true },	 { "deflate, GZIP;q=0.5", true },
		{ "gzip;q=0", false }, { "identity", false },	 { "*", true },
		{ "*;q=0", false },    { "gzip;q=0, *", false }, { "gzipped", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(exposition_choose(rows[i].accept), rows[i].exposition);
	for (size_t i = 0; i < COUNT(zips); i++)
		assert_int_equal(exposition_takes_gzip(zips[i].accept), zips[i].gzip);
}

/* The specification: index i at a schema is (base^(i-1), base^i], base 2^(2^-schema). Ours is the same. */
static void test_bounds(void **state)
{
	const long double base = exp2l(1 / 64.0L);

	(void)state;
	for (int i = -6000; i <= 6000; i++) {
		int16_t index = (int16_t)i;
		double upper = (double)powl(base, i), lower = (double)powl(base, i - 1);

		assert_true(fabs(histogram_upper(UNIT_NONE, index) / upper - 1) < 1e-14);
		assert_true(fabs(histogram_lower(UNIT_NONE, index) / lower - 1) < 1e-14);
		assert_int_equal(histogram_index(UNIT_NONE, upper * (1 - 1e-9)), i);
		assert_int_equal(histogram_index(UNIT_NONE, upper * (1 + 1e-9)), i + 1);
	}
	/* A bound that is exact belongs to the bucket below it. */
	for (int octave = -60; octave <= 60; octave++)
		assert_int_equal(histogram_index(UNIT_NONE, exp2(octave)), 64 * octave);
}

/* The first family of the message, which is the only one. */
static MESSAGE(MetricFamily) * unpacked(struct totals *totals, bool native)
{
	struct text text = {};
	MESSAGE(MetricFamily) * family;
	size_t len = 0, at = 0;

	exposition_protobuf(totals, native, &text);
	assert_false(text.failed);
	for (unsigned int shift = 0; at < text.len; shift += 7) {
		len |= (size_t)(text.data[at] & 0x7f) << shift;
		if (!(text.data[at++] & 0x80))
			break;
	}
	assert_int_equal(at + len, text.len);
	family = io__prometheus__client__metric_family__unpack(NULL, len, (uint8_t *)text.data + at);
	assert_non_null(family);
	text_release(&text);
	return family;
}

/* Spans and differences back to (exponent, count), in `got` from `at` on. */
static size_t unfold(MESSAGE(BucketSpan) * *spans, size_t span_count, const int64_t *deltas,
		     const double *counts, int base, struct bucket *got, size_t at)
{
	int exponent = 0;
	int64_t count = 0;
	size_t i = 0;

	for (size_t span = 0; span < span_count; span++) {
		exponent += spans[span]->offset;
		for (uint32_t j = 0; j < spans[span]->length; j++, i++, exponent++) {
			count += deltas ? deltas[i] : 0;
			got[at++] = (struct bucket){ (int16_t)(exponent + base),
						     deltas ? (double)count : counts[i] };
		}
	}
	return at;
}

/* Only the first begins somewhere: the others lie farther from zero than the one before. */
static void assert_spans(MESSAGE(BucketSpan) * *spans, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(spans[i]->length > 0);
		assert_true(!i || spans[i]->offset > 0);
	}
}

static void assert_native(const double *values, const double *counts, size_t count, bool whole)
{
	struct totals *totals = totals_new(&defaults);
	MESSAGE(MetricFamily) * family;
	const MESSAGE(Histogram) * histogram;
	struct bucket got[64];
	size_t used = 0;
	double zeros = 0, found = 0, total = 0;

	totals_begin(totals, SECOND);
	for (size_t i = 0; i < count; i++)
		add(totals, timer("t", UNIT_NONE, values[i], counts[i]));
	family = unpacked(totals, true);
	assert_int_equal(family->type, IO__PROMETHEUS__CLIENT__METRIC_TYPE__HISTOGRAM);
	histogram = family->metric[0]->histogram;
	assert_int_equal(histogram->schema, 6);
	assert_int_equal(histogram->n_bucket, COUNT(bounds) + 1);
	assert_spans(histogram->negative_span, histogram->n_negative_span);
	assert_spans(histogram->positive_span, histogram->n_positive_span);
	used = unfold(histogram->negative_span, histogram->n_negative_span,
		      whole ? histogram->negative_delta : NULL, histogram->negative_count,
		      BUCKET_NEGATIVE_BASE, got, used);
	used = unfold(histogram->positive_span, histogram->n_positive_span,
		      whole ? histogram->positive_delta : NULL, histogram->positive_count, 0, got, used);
	assert_int_equal(!whole, histogram->has_sample_count_float);
	for (size_t i = 0; i < count; i++) {
		int16_t index = histogram_index(UNIT_NONE, values[i]);

		total += counts[i];
		if (index == BUCKET_ZERO)
			zeros += counts[i];
		for (size_t j = 0; j < used; j++)
			if (got[j].index == index && got[j].count == counts[i])
				found++;
	}
	assert_true(found + (zeros > 0) == (double)count);
	assert_int_equal(used + (zeros > 0), count);
	assert_true(whole ? histogram->zero_count == zeros : histogram->zero_count_float == zeros);
	assert_true(whole ? histogram->sample_count == total : histogram->sample_count_float == total);
	io__prometheus__client__metric_family__free_unpacked(family, NULL);
	totals_free(totals);
}

static void test_native(void **state)
{
	static const double values[] = { -5, -0.3, 0, 1e-6, 1, 1.0105, 1.02, 4, 1e9 };
	static const double whole[] = { 2, 3, 4, 5, 1, 7, 2, 900000, 1 },
			    parts[] = { 2, 3, 4, 5, 1, 7, 2.5, 9, 1 };

	(void)state;
	assert_native(values, whole, COUNT(values), true);
	assert_native(values, parts, COUNT(values), false);
	assert_native(values + 2, whole, 1, true);
	assert_native(values, whole, 1, true);
	assert_native(values + 4, whole, 3, true);
}

static void test_classic_only(void **state)
{
	struct totals *totals = totals_new(&defaults);
	MESSAGE(MetricFamily) * family;

	(void)state;
	totals_begin(totals, SECOND);
	add(totals, timer("t", UNIT_NONE, 0.05, 4));
	family = unpacked(totals, false);
	assert_int_equal(family->metric[0]->histogram->n_positive_span, 0);
	assert_false(family->metric[0]->histogram->has_schema);
	assert_int_equal(family->metric[0]->histogram->bucket[1]->cumulative_count, 4);
	assert_int_equal(family->metric[0]->histogram->bucket[0]->cumulative_count, 0);
	io__prometheus__client__metric_family__free_unpacked(family, NULL);
	totals_free(totals);
}

/* Whole milliseconds up to 90 on a bound belong below it, as they do when they are counted one by one. */
static void test_milliseconds_on_bounds(void **state)
{
	(void)state;
	for (int bound = 1; bound <= 90; bound++) {
		double seconds = bound / 1000.0;
		struct totals_options options = defaults;
		struct totals *totals = totals_new(&options);
		char *text, wanted[64];

		options.shape.bounds = &seconds;
		options.shape.bound_count = 1;
		totals_begin(totals, SECOND);
		add(totals, timer("t", UNIT_MILLISECONDS, bound - 1, 1));
		add(totals, timer("t", UNIT_MILLISECONDS, bound, 1));
		add(totals, timer("t", UNIT_MILLISECONDS, bound + 1, 1));
		text = rendered(totals, EXPOSITION_TEXT);
		snprintf(wanted, sizeof(wanted), "t_bucket{le=\"%g\"} 2\n", seconds);
		assert_non_null(strstr(text, wanted));
		free(text);
		totals_free(totals);
	}
}

static struct totals *opened(const char *directory, const struct totals_options *options,
			     struct prometheus_file **file)
{
	struct totals *totals = totals_new(options);
	struct error error = {};

	*file = prometheus_file_open(directory, &error);
	if (!*file)
		fail_msg("%s", error.text);
	assert_int_equal(prometheus_file_load(*file, totals, 100 * SECOND, 1000 * SECOND, &error), 0);
	return totals;
}

static void save(struct prometheus_file *file, struct totals *totals)
{
	struct error error = {};

	if (prometheus_file_save(file, totals, 101 * SECOND, 1001 * SECOND, &error))
		fail_msg("%s", error.text);
}

static void folder_remove(const char *folder)
{
	static const char *const names[] = { "", "-wal", "-shm", "-journal", ".lock" };
	char path[128];

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/prometheus.db%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void test_file(void **state)
{
	char folder[] = "/tmp/test_prometheus.XXXXXX";
	const struct prometheus_rule like = { .shaped = true,
					      .shape = { .summary = true,
							 .quantiles = quantiles,
							 .quantile_count = 1,
							 .max_age = SECOND,
							 .ages = 2 },
					      .help = "helpful" };
	struct prometheus_rule *rule = prometheus_rule_new(&like);
	struct metric summed = timer("s", UNIT_NONE, 2, 3);
	struct prometheus_file *file;
	struct totals *totals;

	(void)state;
	assert_non_null(mkdtemp(folder));
	totals = opened(folder, &defaults, &file);
	totals_begin(totals, 101 * SECOND);
	add(totals, counter("c", "k=v", 1.5));
	add(totals, counter("gone", "", 1));
	add(totals, gauge("g", "", 1));
	add(totals, timer("t", UNIT_MILLISECONDS, 50, 3));
	totals_add(totals, &summed, rule);
	prometheus_rule_free(rule);
	save(file, totals);
	assert_true(TAILQ_EMPTY(totals_changed(totals)));
	add(totals, counter("c", "k=v", 2));
	save(file, totals);
	/* What is not saved is not there. */
	add(totals, counter("c", "k=v", 100));
	prometheus_file_close(file);
	totals_free(totals);

	struct totals_options few = defaults;
	few.ttl = 10 * SECOND;
	totals = opened(folder, &few, &file);
	assert_shows(
		totals, EXPOSITION_TEXT,
		HELP("c") "# TYPE c counter\nc{k=\"v\"} 3.5\n" HELP(
			"gone") "# TYPE gone counter\ngone 1\n"
				"# HELP s helpful\n# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum 6\ns_count 3\n" HELP(
					"t") "# TYPE t histogram\nt_bucket{le=\"0.005\"} 0\nt_bucket{le=\"0.1\"} 3\n"
					     "t_bucket{le=\"1\"} 3\nt_bucket{le=\"+Inf\"} 3\nt_sum 0.15\nt_count 3\n");
	totals_begin(totals, 105 * SECOND);
	add(totals, counter("c", "k=v", 1));
	totals_begin(totals, 112 * SECOND);
	save(file, totals);
	prometheus_file_close(file);
	totals_free(totals);

	totals = opened(folder, &defaults, &file);
	assert_shows(totals, EXPOSITION_TEXT, HELP("c") "# TYPE c counter\nc{k=\"v\"} 4.5\n");
	prometheus_file_close(file);
	totals_free(totals);
	folder_remove(folder);
}

static struct totals *saved_and_opened(const char *folder, struct totals *totals,
				       struct prometheus_file **file)
{
	save(*file, totals);
	prometheus_file_close(*file);
	totals_free(totals);
	return opened(folder, &defaults, file);
}

/* Types that changed: what only the file knows makes room for what is sent. */
static void test_file_gives_way(void **state)
{
	char folder[] = "/tmp/test_prometheus.XXXXXX";
	struct prometheus_file *file;
	struct totals_counts counts;
	struct totals *totals;

	(void)state;
	assert_non_null(mkdtemp(folder));
	totals = opened(folder, &defaults, &file);
	totals_begin(totals, 101 * SECOND);
	add(totals, counter("x", "", 1));
	add(totals, counter("x", "k=v", 1));
	add(totals, counter("stays", "", 2));
	add(totals, timer("lat", UNIT_NONE, 1, 1));
	add(totals, counter("t.sum", "", 3));
	add(totals, counter("t.count", "", 3));
	add(totals, gauge("x", "", 5));
	totals_counts(totals, &counts);
	assert_int_equal(counts.conflicts, 1);
	assert_non_null(memmem(totals_notices(totals)->data, totals_notices(totals)->len, "restart", 7));
	totals = saved_and_opened(folder, totals, &file);
	/* Who is slower than a restart keeps its name. */
	totals_begin(totals, 101 * SECOND);
	add(totals, gauge("x", "", 5));
	totals_counts(totals, &counts);
	assert_int_equal(counts.conflicts, 1);
	assert_int_equal(counts.expired, 0);
	totals_begin(totals, 401 * SECOND);
	add(totals, gauge("x", "", 5));
	add(totals, gauge("lat.sum", "", 6));
	add(totals, timer("t", UNIT_NONE, 1, 1));
	add(totals, counter("stays", "", 2));
	add(totals, gauge("stays", "", 7));
	totals_counts(totals, &counts);
	assert_int_equal(counts.conflicts, 2);
	assert_int_equal(counts.expired, 5);
	assert_non_null(memmem(totals_notices(totals)->data, totals_notices(totals)->len, "no more", 7));
	char *text = rendered(totals, EXPOSITION_TEXT);
	assert_non_null(strstr(text, "# TYPE x gauge\nx 5\n"));
	assert_non_null(strstr(text, "# TYPE lat_sum gauge\nlat_sum 6\n"));
	assert_non_null(strstr(text, "# TYPE t histogram\n"));
	assert_non_null(strstr(text, "# TYPE stays counter\nstays 4\n"));
	free(text);
	totals = saved_and_opened(folder, totals, &file);
	assert_shows(totals, EXPOSITION_TEXT,
		     HELP("stays") "# TYPE stays counter\nstays 4\n" HELP(
			     "t") "# TYPE t histogram\nt_bucket{le=\"0.005\"} 0\nt_bucket{le=\"0.1\"} 0\n"
				  "t_bucket{le=\"1\"} 1\nt_bucket{le=\"+Inf\"} 1\nt_sum 1\nt_count 1\n");
	prometheus_file_close(file);
	totals_free(totals);
	folder_remove(folder);
}

/* A file of a clock that was ahead: what it holds was updated now, and not in the future. */
static void test_file_of_the_future(void **state)
{
	char folder[] = "/tmp/test_prometheus.XXXXXX";
	struct totals_options brief = defaults;
	struct prometheus_file *file;
	struct error error = {};
	struct totals *totals;

	(void)state;
	brief.ttl = 10 * SECOND;
	assert_non_null(mkdtemp(folder));
	totals = opened(folder, &brief, &file);
	totals_begin(totals, 101 * SECOND);
	add(totals, counter("c", "", 1));
	assert_int_equal(prometheus_file_save(file, totals, 101 * SECOND, 9999 * SECOND, &error), 0);
	prometheus_file_close(file);
	totals_free(totals);

	totals = opened(folder, &brief, &file);
	totals_begin(totals, 109 * SECOND);
	assert_shows(totals, EXPOSITION_TEXT, HELP("c") "# TYPE c counter\nc 1\n");
	totals_begin(totals, 110 * SECOND);
	assert_shows(totals, EXPOSITION_TEXT, "");
	prometheus_file_close(file);
	totals_free(totals);
	folder_remove(folder);
}

/* The file could be had only later: what was begun anew stays, what is not there comes back, older than all. */
static void test_file_later(void **state)
{
	char folder[] = "/tmp/test_prometheus.XXXXXX";
	struct totals_options two = defaults;
	struct prometheus_file *file;
	struct error error = {};
	struct totals *totals;

	(void)state;
	assert_non_null(mkdtemp(folder));
	totals = opened(folder, &defaults, &file);
	totals_begin(totals, 101 * SECOND);
	add(totals, counter("c", "", 5));
	add(totals, counter("c", "k=v", 7));
	add(totals, counter("old", "", 9));
	save(file, totals);
	prometheus_file_close(file);
	totals_free(totals);

	totals = totals_new(&two);
	totals_begin(totals, 101 * SECOND);
	add(totals, counter("c", "", 1));
	file = prometheus_file_open(folder, &error);
	assert_non_null(file);
	assert_int_equal(prometheus_file_load(file, totals, 102 * SECOND, 1002 * SECOND, &error), 0);
	assert_shows(
		totals, EXPOSITION_TEXT,
		HELP("c") "# TYPE c counter\nc 1\nc{k=\"v\"} 7\n" HELP("old") "# TYPE old counter\nold 9\n");
	/* Too many: those that came back go first. */
	two.series_max = 2;
	totals_begin(totals, 103 * SECOND);
	add(totals, counter("new", "", 1));
	assert_shows(totals, EXPOSITION_TEXT,
		     HELP("c") "# TYPE c counter\nc 1\n" HELP("new") "# TYPE new counter\nnew 1\n");
	save(file, totals);
	prometheus_file_close(file);
	totals_free(totals);

	totals = opened(folder, &defaults, &file);
	assert_shows(totals, EXPOSITION_TEXT,
		     HELP("c") "# TYPE c counter\nc 1\n" HELP("new") "# TYPE new counter\nnew 1\n");
	prometheus_file_close(file);
	totals_free(totals);
	folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	     cmocka_unit_test(test_labels),
		cmocka_unit_test(test_text),	     cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_total_suffix), cmocka_unit_test(test_summary),
		cmocka_unit_test(test_rule),	     cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_limits),
		cmocka_unit_test(test_idle_gauge),   cmocka_unit_test(test_choice),
		cmocka_unit_test(test_bounds),	     cmocka_unit_test(test_native),
		cmocka_unit_test(test_classic_only), cmocka_unit_test(test_milliseconds_on_bounds),
		cmocka_unit_test(test_too_large),    cmocka_unit_test(test_file_gives_way),
		cmocka_unit_test(test_summary_ages), cmocka_unit_test(test_file_of_the_future),
		cmocka_unit_test(test_file),	     cmocka_unit_test(test_file_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
