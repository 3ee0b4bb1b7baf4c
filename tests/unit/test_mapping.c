// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Mapping files: what statsd_exporter's mapper makes of a name, what it refuses, and that a
 * thousand rules, or a regular expression that runs wild, cost little.
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
#include <time.h>
#include <cmocka.h>
#include "cli/mapping_file.h"
#include "core/histogram.h"
#include "core/ingest.h"
#include "core/mapping.h"
#include "core/naming.h"
#include "core/snapshot.h"
#include "core/store.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char warnings[4096];

static void note_warning(void *context, const char *text)
{
	size_t used = strlen(warnings);

	(void)context;
	snprintf(warnings + used, sizeof(warnings) - used, "%s\n", text);
}

static struct naming *naming_of(const char *file)
{
	static const struct naming_tags all = { true, true, true, true, true };
	struct error error = {};
	struct mapping *mapping;

	warnings[0] = '\0';
	mapping = mapping_file_parse("m.yml", file, note_warning, NULL, &error);
	assert_string_equal(error.text, "");
	assert_non_null(mapping);
	return naming_new(&all, mapping, NULL);
}

static void assert_named(struct naming *naming, enum metric_type type, const char *raw, const char *want)
{
	static struct canonical_name name;
	static char got[2 * NAME_BYTES];
	const char *tags = strstr(raw, "|#");
	size_t len = tags ? (size_t)(tags - raw) : strlen(raw);

	tags = tags ? tags + 2 : "";
	assert_int_equal(naming_make(naming, type, &name, raw, len, tags, strlen(tags)), 0);
	snprintf(got, sizeof(got), "%s%s%s%s", name.dropped ? "dropped:" : "", name.text,
		 name.tags_len ? ";" : "", canonical_name_tags(&name));
	assert_string_equal(got, want);
}

#define RULE(match, name) "- match: '" match "'\n  name: \"" name "\"\n"
#define LABEL(value) "  labels: {label: \"" value "\"}\n"
#define REGEX "  match_type: regex\n"
#define ORDER "defaults: {glob_disable_ordering: true}\n"
#define MAPPINGS "mappings:\n"

static const struct {
	const char *file;
	const char *names[8][2];
} cases[] = {
	/* globs */
	{ "", { { "a.b", "a.b" } } },
	{ "---\nmappings:\n", { { "a.b", "a.b" } } },
	{ MAPPINGS RULE("a.*.c", "x") LABEL("$1"),
	  { { "a.b.c", "x;label=b" },
	    { "a.b", "a.b" },
	    { "a.b.c.d", "a.b.c.d" },
	    { "z.a.b.c", "z.a.b.c" },
	    { "a..c", "x" },
	    { "a.b/1 2.c", "x;label=b-1_2" },
	    { "a.b.C", "a.b.C" } } },
	{ MAPPINGS RULE("*", "one") LABEL("$1") RULE("*.*", "two") LABEL("$2-$1"),
	  { { "a", "one;label=a" }, { "a.b", "two;label=b-a" }, { "a.b.c", "a.b.c" } } },
	{ MAPPINGS RULE("host-1.99.9x._", "x"), { { "host-1.99.9x._", "x" } } },
	{ MAPPINGS RULE("a--b.*", "ab_${1}"), { { "a--b.n", "ab_n" } } },
	/* references */
	{ MAPPINGS RULE("t.*.*", "${2}_$1"), { { "t.a.b", "b_a" } } },
	{ MAPPINGS RULE("t.*", "x") LABEL("$1_s"), { { "t.a", "x" } } },
	{ MAPPINGS RULE("t.*", "x") LABEL("${1}_s"), { { "t.a", "x;label=a_s" } } },
	{ MAPPINGS RULE("t.*", "x") LABEL("$0$2$x[$1]"), { { "t.a", "x;label=a" } } },
	{ MAPPINGS RULE("*.*.*.*.*.*.*.*.*.*.*", "x") LABEL("$1-${11}-$11"),
	  { { "a.b.c.d.e.f.g.h.i.j.k", "x;label=a-k-k" } } },
	{ MAPPINGS RULE("t.*.*", "x") LABEL("$1$2"), { { "t.a.b", "x;label=ab" } } },
	{ MAPPINGS RULE("t.*", "x") LABEL("100%s $1"), { { "t.a", "x;label=100s_a" } } },
	/* the first glob wins, or the most specific */
	{ MAPPINGS RULE("o.*.*", "one") RULE("o.*.b", "two"), { { "o.x.b", "one" } } },
	{ MAPPINGS RULE("o.*.b", "two") RULE("o.*.*", "one"), { { "o.x.b", "two" }, { "o.x.c", "one" } } },
	{ MAPPINGS RULE("*.m.*", "one") LABEL("$2") RULE("f.n.*", "two") LABEL("$1"),
	  { { "f.m.x", "one;label=x" }, { "f.n.x", "two;label=x" } } },
	{ MAPPINGS RULE("a.*", "one") RULE("*.b", "two") RULE("a.b", "three"), { { "a.b", "one" } } },
	{ ORDER MAPPINGS RULE("n.*.*", "one") LABEL("$1") RULE("n.*.b", "two") LABEL("$1")
		  RULE("n.c.b", "three"),
	  { { "n.x.b", "two;label=x" }, { "n.c.b", "three" }, { "n.c.x", "one;label=c" } } },
	{ ORDER MAPPINGS RULE("k.*.b", "b") LABEL("$1") RULE("k.just.a", "a") LABEL("${1}_"),
	  { { "k.good.b", "b;label=good" }, { "k.just.b", "b;label=just" }, { "k.just.a", "a;label=_" } } },
	{ ORDER MAPPINGS RULE("*.b", "one") RULE("a.*", "two"), { { "a.b", "two" }, { "c.b", "one" } } },
	/* a shorter rule behind a longer one, which statsd_exporter never matches */
	{ MAPPINGS RULE("a.b.c", "long") RULE("a.b", "short"), { { "a.b", "short" }, { "a.b.c", "long" } } },
	/* regular expressions, after all globs, anywhere in the name */
	{ MAPPINGS RULE("(\\w+)\\.c$", "re_$1") REGEX RULE("a.*", "glob"),
	  { { "a.c", "glob" }, { "b.c", "re_b" }, { "b.c.d", "b.c.d" }, { "x.b.c", "re_b" } } },
	{ MAPPINGS RULE("b", "first") REGEX RULE("a.b", "second") REGEX, { { "a.b", "first" } } },
	{ MAPPINGS RULE("(.*)\\.(.*)--(.*)\\.status\\.(.*)\\.count", "req") REGEX
	  "  labels: {hostname: $1, exec: $2, protocol: $3, code: $4}\n",
	  { { "h.app--http.status.200.count", "req;code=200;exec=app;hostname=h;protocol=http" } } },
	{ MAPPINGS RULE("(?P<verb>get|put)_(x)?", "${1}_total") REGEX LABEL("$verb-${verb}-$none-$2-$9"),
	  { { "get_y", "get_total;label=get-get---" }, { "put_x", "put_total;label=put-put--x-" } } },
	{ MAPPINGS RULE(".+", "$0") REGEX LABEL("$0_$$1"), { { "my.stat", "my.stat;label=1" } } },
	{ MAPPINGS RULE("^a?b", "x") REGEX, { { "b", "x" }, { "ab", "x" }, { "cb", "cb" } } },
	{ MAPPINGS RULE("^web\\.x|^w", "x") REGEX, { { "w1", "x" }, { "web.x", "x" }, { "e", "e" } } },
	{ MAPPINGS RULE("^ab{0}c", "x") REGEX, { { "ac", "x" }, { "abc", "abc" } } },
	{ MAPPINGS RULE("^gr\xc3\xb6", "x") REGEX, { { "gr\xc3\xb6\xc3\x9f", "x" }, { "gr\xff", "gr" } } },
	{ MAPPINGS RULE("^gr.$", "x") REGEX, { { "gr\xc3\xb6", "x" }, { "gr\xff", "gr" } } },
	{ "defaults: {match_type: regex}\nmappings:\n" RULE("^a", "x")
		  RULE("b.*", "y") "  match_type: glob\n",
	  { { "ab", "x" }, { "b.c", "y" } } },
	/* tags that were sent, and labels */
	{ MAPPINGS RULE("a.*", "x") LABEL("$1"),
	  { { "a.b|#label:sent,more:1", "x;label=b;more=1" },
	    { "a.b,label=sent", "x;label=b" },
	    { "a.b[z=1]", "x;label=b;z=1" },
	    { "a[z=1].b", "x;label=b;z=1" } } },
	{ MAPPINGS RULE("a.*", "x") LABEL("$1") "  honor_labels: true\n",
	  { { "a.b|#label:sent", "x;label=sent" },
	    { "a.b#label=sent", "x;label=sent" },
	    { "a.b", "x;label=b" } } },
	/* an empty label is none, and takes a tag away */
	{ MAPPINGS RULE("a.*", "x") LABEL("$9"), { { "a.b|#label:sent,k:v", "x;k=v" } } },
	{ MAPPINGS RULE("a.*", "x") "  labels: {one: , name: 1, n: ~}\n", { { "a.b", "x;_name=1" } } },
	/* drop */
	{ MAPPINGS RULE("web.*", "web") LABEL("$1") RULE(".", "dropped") REGEX "  action: drop\n",
	  { { "web.a", "web;label=a" }, { "a.b|#k:v", "dropped:a.b;k=v" } } },
	{ MAPPINGS RULE("a.*", "x") "  action: drop\n" RULE("a.b", "y") "  action: map\n",
	  { { "a.b", "dropped:a.b" }, { "b", "b" } } },
	/* a rule that makes nothing of a name leaves it alone */
	{ MAPPINGS RULE("a.*", "$1") LABEL("l"), { { "a.", "a" }, { "a.b", "b;label=l" } } },
	/* names are safe whatever is captured */
	{ MAPPINGS RULE("a.*", "kstatsd_$1"), { { "a.x", "_kstatsd_x" } } },
	{ MAPPINGS RULE("^(.*)$", "$1") REGEX LABEL("$1"),
	  { { "kstatsd.x", "_kstatsd.x;label=kstatsd.x" }, { "..a..", "a;label=..a.." } } },
	/* YAML's ways */
	{ "base: &b {name: x, match_type: regex}\nmappings:\n- {<<: *b, match: '^a'}\n- {<<: [*b, {name: y}], match: '^b', name: z}\n",
	  { { "ac", "x" }, { "bc", "z" } } },
	{ "{\"mappings\": [{\"match\": \"a.*\", \"name\": \"n${1}\"}]}", { { "a.b", "nb" } } },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct naming *naming = naming_of(cases[i].file);

		/* Twice: regular expressions are remembered. */
		for (size_t j = 0; j < 16; j++)
			if (cases[i].names[j % 8][0])
				assert_named(naming, METRIC_COUNTER, cases[i].names[j % 8][0],
					     cases[i].names[j % 8][1]);
		naming_free(naming);
	}
}

static void test_types(void **state)
{
	static const char file[] = MAPPINGS
		RULE("a.*", "c") "  match_metric_type: counter\n" RULE("a.*", "g") "  match_metric_type: gauge\n" RULE(
			"a.b",
			"o") "  match_metric_type: observer\n" RULE("a.*",
								    "t") "  match_metric_type: timer\n" RULE("^r",
													     "rg")
			REGEX "  match_metric_type: gauge\n" RULE("^r", "rall") REGEX;
	struct naming *naming = naming_of(file);

	(void)state;
	assert_named(naming, METRIC_COUNTER, "a.b", "c");
	assert_named(naming, METRIC_GAUGE, "a.b", "g");
	assert_named(naming, METRIC_TIMER, "a.b", "o");
	assert_named(naming, METRIC_TIMER, "a.c", "t");
	/* statsd_exporter has no sets: rules for all types are for them, too */
	assert_named(naming, METRIC_SET, "a.b", "a.b");
	assert_named(naming, METRIC_GAUGE, "r", "rg");
	assert_named(naming, METRIC_COUNTER, "r", "rall");
	assert_named(naming, METRIC_SET, "r", "rall");
	naming_free(naming);
}

/* What the daemon uses of a rule beyond the name. */
static void test_scale_and_ttl(void **state)
{
	struct naming *naming =
		naming_of("defaults: {ttl: 1m2s}\nmappings:\n" RULE("a.*", "a") "  scale: 1e-6\n" RULE(
			"b.*", "b") "  ttl: 1h0.5s\n  scale: -2\n" RULE("c.*", "c") "  ttl: 0\n");
	static const struct {
		const char *name;
		double scale;
		int64_t ttl;
	} want[] = {
		{ "a.x", 1e-6, 62000000000 },
		{ "b.x", -2, 3600500000000 },
		{ "c.x", 1, 62000000000 },
		{ "d", 1, 62000000000 },
	};
	static struct canonical_name name;

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(naming_make(naming, METRIC_TIMER, &name, want[i].name, strlen(want[i].name),
					     "", 0),
				 0);
		assert_true(name.scale == want[i].scale);
		assert_int_equal(name.ttl, want[i].ttl);
	}
	naming_free(naming);
}

/* What is kept for a sink that shows it to Prometheus. */
static void test_observers(void **state)
{
	static const char file[] =
		"defaults:\n  quantiles: [{quantile: 0.25, error: 0.1}]\n  buckets: [7]\n"
		"  summary_options: {max_age: 15m, age_buckets: 3, buf_cap: 100}\n"
		"  histogram_options: {buckets: [1, 2.5], native_histogram_max_buckets: 160}\n"
		"mappings:\n" RULE("a", "a") "  help: Some help\n  timer_type: summary\n" RULE("b", "b") "  observer_type: summary\n  timer_type: histogram\n  summary_options: {max_age: 5m}\n" RULE("c", "c") "  observer_type: summary\n  quantiles: [{quantile: 0.5, error: 0.05}]\n" RULE(
			"d",
			"d") "  observer_type: histogram\n" RULE("e",
								 "e") "  observer_type: histogram\n  histogram_options: {buckets: [.1, 1e3], native_histogram_bucket_factor: 1.005}\n" RULE("f",
																							    "f") "  buckets: [1]\n";
	struct error error = {};
	struct mapping *mapping = mapping_file_parse("m.yml", file, NULL, NULL, &error);
	const struct mapping_rule *rules;

	(void)state;
	assert_string_equal(error.text, "");
	rules = mapping->rules;
	assert_int_equal(mapping->count, 6);
	assert_string_equal(rules[0].help, "Some help");
	assert_int_equal(rules[0].observer, OBSERVER_SUMMARY);
	assert_int_equal(rules[0].summary.quantile_count, 1);
	assert_true(rules[0].summary.quantiles[0].quantile == 0.25 &&
		    rules[0].summary.quantiles[0].error == 0.1);
	assert_int_equal(rules[0].summary.max_age, 900000000000);
	assert_int_equal(rules[1].observer, OBSERVER_SUMMARY);
	assert_int_equal(rules[1].summary.max_age, 300000000000);
	assert_int_equal(rules[1].summary.age_buckets, 3);
	assert_int_equal(rules[1].summary.buf_cap, 100);
	assert_true(rules[2].summary.quantile_count == 1 && rules[2].summary.quantiles[0].quantile == 0.5);
	assert_int_equal(rules[3].observer, OBSERVER_HISTOGRAM);
	assert_true(rules[3].histogram.bucket_count == 2 && rules[3].histogram.buckets[1] == 2.5);
	assert_int_equal(rules[3].histogram.native_max, 160);
	assert_true(rules[3].histogram.native_factor == 1.1);
	assert_true(rules[4].histogram.bucket_count == 2 && rules[4].histogram.buckets[1] == 1000);
	assert_true(rules[4].histogram.native_factor == 1.005);
	assert_int_equal(rules[5].observer, OBSERVER_DEFAULT);
	mapping_free(mapping);

	mapping = mapping_file_parse("m.yml",
				     MAPPINGS RULE("a", "a") "  observer_type: summary\n" RULE(
					     "b", "b") "  observer_type: histogram\n",
				     NULL, NULL, &error);
	assert_int_equal(mapping->rules[0].summary.quantile_count, 3);
	assert_int_equal(mapping->rules[1].histogram.bucket_count, 11);
	mapping_free(mapping);
}

static const struct {
	const char *file, *reason;
} refused[] = {
	{ MAPPINGS "- match: a.*\n  labels: {k: v}\n", "m.yml:2: mappings[0].name: is missing" },
	{ MAPPINGS RULE("a", "x") "- match: a\n  name: ''\n", "m.yml:5: mappings[1].name: is missing" },
	{ MAPPINGS "- match: a\n  name: 0foo\n", "m.yml:3: mappings[0].name: '0foo' is not a name" },
	{ MAPPINGS RULE("a", "a.b"), "is not a name" },
	{ MAPPINGS RULE("a", "a-b"), "is not a name" },
	{ MAPPINGS RULE("a", "a${x}"), "is not a name" },
	{ MAPPINGS RULE("bad!!line.*", "x"), "m.yml:2: mappings[0].match: 'bad!!line.*' is not a glob" },
	{ MAPPINGS RULE("0a.b", "x"), "is not a glob" },
	{ MAPPINGS RULE("a.-b", "x"), "is not a glob" },
	{ MAPPINGS RULE("a.b*", "x"), "is not a glob" },
	{ MAPPINGS RULE("a..b", "x"), "is not a glob" },
	{ MAPPINGS RULE("a.b.", "x"), "is not a glob" },
	{ MAPPINGS RULE("", "x"), "is not a glob" },
	{ MAPPINGS "- {name: x}\n", "is not a glob" },
	{ MAPPINGS "- match: *.a\n  name: x\n", "m.yml:2: not valid YAML" },
	{ MAPPINGS "- match: \"a\\.(\\w+)\"\n  match_type: regex\n  name: x\n", "m.yml:2: not valid YAML" },
	{ MAPPINGS RULE("*\\.foo", "x") REGEX,
	  "m.yml:2: mappings[0].match: '*\\.foo' is not a regular expression: " },
	{ MAPPINGS RULE("(a", "x") REGEX, "is not a regular expression" },
	{ MAPPINGS RULE("a", "x") "  match_type: wild\n",
	  "m.yml:4: mappings[0].match_type: 'wild' is not one of: glob, regex" },
	{ MAPPINGS RULE("a", "x") "  match_metric_type: set\n", "counter, gauge, observer, timer" },
	{ MAPPINGS RULE("a", "x") "  match_metric_type: ''\n", "match_metric_type" },
	{ MAPPINGS RULE("a", "x") "  observer_type: wrong\n", "summary, histogram" },
	{ MAPPINGS RULE("a", "x") "  timer_type: wrong\n", "mappings[0].timer_type" },
	{ MAPPINGS RULE("a", "x") "  action: xyz\n", "mappings[0].action: 'xyz' is not one of: map, drop" },
	{ MAPPINGS RULE("a", "x") "  labels: {1a: x}\n",
	  "mappings[0].labels: '1a' is not the name of a label" },
	{ MAPPINGS RULE("a", "x") "  labels: {a-b: x}\n", "is not the name of a label" },
	{ MAPPINGS RULE("a", "x") "  labels: {a: [x]}\n", "mappings[0].labels.a: one value is expected" },
	{ MAPPINGS RULE("a", "x") "  labels: [x]\n", "labels are expected" },
	{ MAPPINGS RULE("a", "x") "  scale: much\n", "mappings[0].scale: 'much' is not a number" },
	{ MAPPINGS RULE("a", "x") "  scale: nan\n", "is not a number" },
	{ MAPPINGS RULE("a", "x") "  ttl: 1 day\n", "mappings[0].ttl: '1 day' is not a duration" },
	{ MAPPINGS RULE("a", "x") "  ttl: -1s\n", "is not a duration" },
	{ MAPPINGS RULE("a", "x") "  honor_labels: maybe\n", "is not true or false" },
	{ MAPPINGS RULE("a", "x") "  summary_options: {age_buckets: -1}\n", "summary_options.age_buckets" },
	{ MAPPINGS RULE(
		  "a", "x") "  quantiles: [{quantile: 1}]\n  summary_options: {quantiles: [{quantile: 1}]}\n",
	  "mappings[0].quantiles" },
	{ MAPPINGS RULE("a", "x") "  buckets: [1]\n  histogram_options: {buckets: [1]}\n",
	  "mappings[0].buckets" },
	{ MAPPINGS RULE("a", "x") "  observer_type: histogram\n  summary_options: {max_age: 1s}\n",
	  "mappings[0].summary_options" },
	{ "defaults: {observer_type: summary}\nmappings:\n" RULE("a",
								 "x") "  histogram_options: {buckets: [1]}\n",
	  "m.yml:5: mappings[0].histogram_options" },
	{ "mappings: {a: b}\n", "m.yml:1: mappings: a list of rules" },
	{ "mappings: [a]\n", "mappings[0]: keys are expected" },
	{ "- a\n", "defaults and mappings are expected" },
	{ "a: &a {<<: *a}\nmappings: [*a]\n", "too deep" },
	{ "defaults: {ttl: x}\n", "m.yml:1: defaults.ttl" },
	{ "a: b\n---\nc: d\n", "m.yml:3: a second YAML document" },
};

static void test_refused(void **state)
{
	struct error error;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		error.text[0] = '\0';
		assert_null(mapping_file_parse("m.yml", refused[i].file, NULL, NULL, &error));
		if (!strstr(error.text, refused[i].reason))
			fail_msg("%s\nis refused with: %s\nnot: %s", refused[i].file, error.text,
				 refused[i].reason);
	}
	assert_null(mapping_file_load("/nowhere/m.yml", NULL, NULL, &error));
	assert_non_null(strstr(error.text, "cannot read the mapping /nowhere/m.yml: No such file"));
}

static void test_warnings(void **state)
{
	static const struct {
		const char *file, *want;
	} warned[] = {
		{ MAPPINGS RULE("a", "x") "  matcher: b\n",
		  "m.yml:4: mappings[0].matcher: unknown key, not read\n" },
		{ "defaults: {match: a}\n", "m.yml:1: defaults.match: unknown key, not read\n" },
		{ MAPPINGS RULE("a", "x") "  ttl: 30\n",
		  "m.yml:4: mappings[0].ttl: 30 is 30 nanoseconds, as in statsd_exporter; for seconds write 30s\n" },
		{ MAPPINGS RULE("a", "x") RULE("b", "x") "  scale: 2\n" RULE("c", "y") "  scale: 2\n",
		  "m.yml:6: mappings[1].scale: mappings[0] has the name 'x' too, but another scale\n" },
		{ MAPPINGS RULE("a", "x") "  scale: 3\n" RULE("b", "x") "  scale: 2\n",
		  "m.yml:4: mappings[0].scale: mappings[1] has the name 'x' too, but another scale\n" },
		{ MAPPINGS RULE("a", "x") "  scale: 2\n" RULE("b", "x") "  scale: 2\n", "" },
		{ MAPPINGS RULE("a", "x") "  match_metric_type: gauge\n  scale: 2\n" RULE(
			  "b", "x") "  match_metric_type: counter\n",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(warned); i++) {
		naming_free(naming_of(warned[i].file));
		assert_string_equal(warnings, warned[i].want);
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A pattern that takes ages is given up, the name stays, and it is counted; the second time at once. */
static void test_runaway(void **state)
{
	struct naming *naming =
		naming_of(MAPPINGS RULE("^(a+)+(a+)+(a+)+$", "x") REGEX RULE("b$", "y") REGEX);
	const char *name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	double began = seconds(), first;
	static struct canonical_name looked;

	(void)state;
	assert_named(naming, METRIC_COUNTER, name, name);
	first = seconds() - began;
	assert_int_equal(naming_failures(naming), 1);
	assert_named(naming, METRIC_COUNTER, name, name);
	assert_int_equal(naming_failures(naming), 1);
	print_message("given up after %.2f ms\n", first * 1e3);
	assert_true(first < 0.5);
	assert_named(naming, METRIC_COUNTER, "cb", "y");
	/* Who looks first does not count, and does not keep the other from being counted. */
	naming_look(naming, METRIC_TIMER, &looked, name, strlen(name), "", 0);
	naming_look(naming, METRIC_TIMER, &looked, name, strlen(name), "", 0);
	assert_int_equal(naming_failures(naming), 1);
	assert_named(naming, METRIC_TIMER, name, name);
	assert_int_equal(naming_failures(naming), 2);
	assert_named(naming, METRIC_TIMER, name, name);
	assert_int_equal(naming_failures(naming), 2);
	/* So is a rule that makes nothing of a name. */
	naming_free(naming);
	naming = naming_of(MAPPINGS RULE("a.*", "$1"));
	assert_named(naming, METRIC_COUNTER, "a.", "a");
	assert_int_equal(naming_failures(naming), 1);
	naming_free(naming);
}

/* A line of 2000 values asks for its name once, not once for each of them. */
static void test_once_for_a_line(void **state)
{
	struct naming *naming = naming_of(MAPPINGS RULE("^a(x*)b$", "$1") REGEX);
	struct store_options options = { .series_max = 10, .set_exact_max = 10 };
	struct store *store = store_new(&options);
	struct ingest *ingest = ingest_new(store);
	struct ledger ledger = {};
	char line[5000] = "ab";
	size_t len = 2;

	(void)state;
	store_set_naming(store, naming);
	for (size_t i = 0; i < 1000; i++)
		len += (size_t)sprintf(line + len, "%s", ":1");
	len += (size_t)sprintf(line + len, "|c");
	for (size_t i = 0; i < 200; i++)
		len += (size_t)sprintf(line + len, ":1|ms:1|c");
	len += (size_t)sprintf(line + len, ":1:1|g|T1");
	ingest_explain(ingest, line, len, 1, NULL, 0);
	assert_int_equal(naming_failures(naming), 0); /* who looks on changes nothing */
	ingest_lines(ingest, 0, line, len, &ledger);
	assert_int_equal(ledger.n[LEDGER_LINES_ACCEPTED], 1402);
	assert_int_equal(naming_failures(naming), 3); /* of a counter, a timer, a gauge */
	ingest_lines(ingest, 0, line, len, &ledger);
	assert_int_equal(naming_failures(naming), 6);
	ingest_free(ingest);
	store_free(store);
	naming_free(naming);
}

static char *many_rules(size_t count)
{
	char *file = NULL;
	size_t size;
	FILE *out = open_memstream(&file, &size);

	assert_non_null(out);
	fputs(MAPPINGS, out);
	for (size_t i = 0; i < count; i++)
		fprintf(out,
			"- match: 'app%zu.*.region%zu.*.%s'\n  name: 'rule_%zu_${1}'\n  labels: {two: $2}\n",
			i % 50, i % 7, i % 3 ? "*" : "last", i);
	fclose(out);
	return file;
}

/* Far from what the aim needs, so that a slow machine does not fail. */
static void test_speed(void **state)
{
	char *file = many_rules(1000), name[64];
	static struct canonical_name canonical;
	struct naming *naming;
	double began = seconds(), read;
	size_t mapped = 0;
	int len;

	(void)state;
	naming = naming_of(file);
	read = seconds() - began;
	began = seconds();
	for (size_t i = 0; i < 100000; i++) {
		len = snprintf(name, sizeof(name), "app%zu.host%zu.region%zu.x.%s", i % 60, i, i % 7,
			       i % 2 ? "last" : "q");
		assert_int_equal(naming_make(naming, METRIC_COUNTER, &canonical, name, (size_t)len, "", 0),
				 0);
		mapped += !strncmp(canonical.text, "rule_", 5);
	}
	began = seconds() - began;
	print_message("1000 rules read in %.1f ms, 100000 names made in %.1f ms, %zu of them mapped\n",
		      read * 1e3, began * 1e3, mapped);
	/* app50 to app59 are nobody's: one name in six. */
	assert_true(mapped > 80000 && mapped < 84000);
	assert_true(began < 1);
	naming_free(naming);
	free(file);
}

static const struct metric *metric_find(const struct snapshot *snapshot, enum metric_type type,
					const char *name)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->metrics[i].type == type && !strcmp(snapshot->metrics[i].name, name))
			return &snapshot->metrics[i];
	return NULL;
}

static void assert_near(double got, double want)
{
	if (fabs(got - want) > 1e-12 * fabs(want))
		fail_msg("%.17g is not %.17g", got, want);
}

/* Of the values 1 to 10, scaled: one in each bucket, in order. */
static void assert_buckets(const struct metric *metric)
{
	double scale = metric->rule->scale, value;

	assert_int_equal(metric->unit, UNIT_MILLISECONDS);
	assert_int_equal(metric->bucket_count, 10);
	for (int i = 0; i < 10; i++) {
		value = scale * (scale < 0 ? 10 - i : i + 1);
		assert_true(metric->buckets[i].count == 1);
		assert_true(fabs(histogram_middle(metric->unit, metric->buckets[i].index) - value) <=
			    0.0111 * fabs(value));
	}
}

/* Through the store: values are scaled in the snapshot, what is dropped is counted and not there. */
static void test_store(void **state)
{
	static const double percentiles[] = { 90, -10 };
	const struct store_options options = {
		.series_max = 100,
		.exact_timers = true,
		.set_exact_max = 10,
		.percentiles = percentiles,
		.percentile_count = 2,
		.keep_buckets = true,
	};
	struct store *store = store_new(&options);
	struct naming *naming = naming_of(
		MAPPINGS RULE("t.*", "$1") "  scale: 0.001\n" RULE("n.*", "$1") "  scale: -2\n" RULE(
			"d.*", "d") "  action: drop\n" RULE("e.*", "d_${1}") "  scale: 0\n");
	const struct metric *metric;
	struct snapshot *snapshot;

	(void)state;
	store_set_naming(store, naming);
	for (int i = 1; i <= 10; i++) {
		series_add_timer(store_series(store, METRIC_TIMER, "t.time", 6, "", 0), 0, UNIT_MILLISECONDS,
				 i, 1);
		series_add_timer(store_series(store, METRIC_TIMER, "n.time", 6, "", 0), 0, UNIT_MILLISECONDS,
				 i, 1);
		series_add_counter(store_series(store, METRIC_COUNTER, "d.a", 3, "", 0), 0, i, 1);
	}
	series_add_counter(store_series(store, METRIC_COUNTER, "d.b", 3, "", 0), 0, 1, 1);
	series_add_counter(store_series(store, METRIC_COUNTER, "t.count", 7, "", 0), 0, 5, 2);
	series_add_counter(store_series(store, METRIC_COUNTER, "e.zero", 6, "", 0), 0, 5, 2);
	series_set_gauge(store_series(store, METRIC_GAUGE, "n.gauge", 7, "", 0), 0, 5);
	series_adjust_gauge(store_series(store, METRIC_GAUGE, "n.gauge", 7, "", 0), 0, 3);

	assert_int_equal(store_dropped(store, 0), 2);
	snapshot = store_close(store, 0, 1, 1);
	assert_int_equal(snapshot->count, 5);
	assert_near(metric_find(snapshot, METRIC_COUNTER, "count")->counter, 0.01);
	assert_near(metric_find(snapshot, METRIC_COUNTER, "d_zero")->counter, 0);
	assert_near(metric_find(snapshot, METRIC_GAUGE, "gauge")->gauge, -16);
	/* "time" is two series: their scale tells them apart. */
	for (size_t i = 0; i < 2; i++) {
		metric = metric_find(snapshot, METRIC_TIMER, "time") + i;
		assert_string_equal(metric->name, "time");
		assert_string_equal(metric->rule->name, "$1");
		assert_true(metric->rule->scale == (metric->timer.sum < 0 ? -2 : 0.001));
		assert_buckets(metric);
		if (metric->timer.sum < 0) {
			assert_near(metric->timer.sum, -110);
			assert_near(metric->timer.sum_squares, 4 * 385);
			assert_near(metric->timer.upper, -2);
			assert_near(metric->timer.lower, -20);
			assert_near(metric->timer.std, 2 * sqrt(8.25));
			/* the nine lowest of -20 to -2, and the highest */
			assert_near(metric->percentiles[0].sum, -108);
			assert_near(metric->percentiles[0].boundary, -4);
			assert_near(metric->percentiles[1].boundary, -2);
		} else {
			assert_near(metric->timer.sum, 0.055);
			assert_near(metric->timer.median, 0.0055);
			assert_near(metric->timer.mean, 0.0055);
			assert_near(metric->timer.upper, 0.01);
			assert_near(metric->timer.count, 10);
			assert_near(metric->percentiles[0].boundary, 0.009);
			assert_near(metric->percentiles[0].mean, 0.005);
			assert_int_equal(metric->percentiles[1].count, 1);
		}
	}
	snapshot_free(snapshot);
	/* The gauge goes on from what was sent, not from what was shown. */
	series_adjust_gauge(store_series(store, METRIC_GAUGE, "n.gauge", 7, "", 0), 1, 1);
	assert_int_equal(store_dropped(store, 1), 0);
	snapshot = store_close(store, 1, 2, 1);
	assert_near(metric_find(snapshot, METRIC_GAUGE, "gauge")->gauge, -18);
	snapshot_free(snapshot);
	store_free(store);
	naming_free(naming);
}

/* What a snapshot says of one name, and a value with a time of its own: NULL, or the name of the rule. */
static void assert_rules(struct store *store, unsigned int window, const char *want)
{
	struct snapshot *snapshot = store_close(store, window, 100, 1);

	assert_int_equal(snapshot->count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct mapping_rule *rule = snapshot->metrics[i].rule;

		assert_true(want ? rule && !strcmp(rule->name, want) : !rule);
	}
	snapshot_free(snapshot);
}

/* A metric has the rule of its name, until the naming that it is of goes. */
static void test_rules(void **state)
{
	struct naming *naming = naming_of(MAPPINGS RULE("a.*", "x")), *next;
	struct store_options options = { .series_max = 10, .set_exact_max = 10 };
	static const char lines[] = "a.b:1|c\na.b:2|c|T1", other[] = "n:1|c\nn:2|c|T1";
	struct store *store = store_new(&options);
	struct ingest *ingest = ingest_new(store);
	struct ledger ledger = {};

	(void)state;
	store_set_naming(store, naming);
	ingest_lines(ingest, 0, lines, sizeof(lines) - 1, &ledger);
	assert_rules(store, 0, "x");
	ingest_lines(ingest, 0, other, sizeof(other) - 1, &ledger);
	assert_rules(store, 0, NULL);
	/* what an open window holds of the old naming has no rule left */
	ingest_lines(ingest, 1, lines, sizeof(lines) - 1, &ledger);
	next = naming_of(MAPPINGS RULE("a.*", "${1}"));
	store_set_naming(store, next);
	naming_free(naming);
	assert_rules(store, 1, NULL);
	ingest_lines(ingest, 0, lines, sizeof(lines) - 1, &ledger);
	assert_rules(store, 0, "${1}");
	assert_int_equal(ledger.n[LEDGER_LINES_ACCEPTED], 8);
	ingest_free(ingest);
	store_free(store);
	naming_free(next);
}

/* What `defaults` say of how names are shown that no rule matches; an output reads nothing else of it. */
static void test_fallback(void **state)
{
	struct naming *naming = naming_of(
		"defaults:\n  timer_type: histogram\n  buckets: [1, 2.5]\n  ttl: 7s\n" MAPPINGS RULE("a.*",
												     "x"));
	struct canonical_name canonical;

	(void)state;
	assert_int_equal(naming_make(naming, METRIC_TIMER, &canonical, "n.o", 3, "", 0), 0);
	assert_string_equal(canonical.text, "n.o");
	assert_non_null(canonical.rule);
	assert_int_equal(canonical.rule->observer, OBSERVER_HISTOGRAM);
	assert_true(canonical.rule->histogram.bucket_count == 2 &&
		    canonical.rule->histogram.buckets[1] == 2.5);
	assert_true(canonical.rule->ttl == 7000000000ll && canonical.ttl == 7000000000ll);
	assert_true(canonical.scale == 1);
	assert_int_equal(naming_make(naming, METRIC_TIMER, &canonical, "a.b", 3, "", 0), 0);
	assert_string_equal(canonical.rule->name, "x");
	naming_free(naming);
	naming = naming_of("defaults:\n  buckets: [1]\n" MAPPINGS RULE("a.*", "x"));
	assert_int_equal(naming_make(naming, METRIC_TIMER, &canonical, "n.o", 3, "", 0), 0);
	assert_null(canonical.rule);
	naming_free(naming);
}

/* What is dropped goes on with the window. And what the daemon says of itself is not mapped. */
static void test_carried(void **state)
{
	struct naming *naming = naming_of(MAPPINGS RULE("*", "x") "  action: drop\n");
	struct store_options options = { .series_max = 1, .set_exact_max = 10 };
	struct store *store = store_new(&options);
	struct ingest *ingest = ingest_new(store);
	struct ledger ledger = {};
	struct snapshot *snapshot;

	(void)state;
	store_set_naming(store, naming);
	ingest_lines(ingest, 0, "a:1:2|c|T1", 10, &ledger);
	assert_int_equal(store_dropped(store, 0), 2);
	assert_int_equal(store_carry(store, 0, 1), 0);
	assert_int_equal(store_dropped(store, 0), 0);
	assert_int_equal(store_dropped(store, 1), 2);
	ingest_lines(ingest, 1, "b:1|g", 5, &ledger); /* now there are as many series as may be */
	assert_int_equal(store_set_self(store, 1, "own", 2.5), 0);
	assert_int_equal(store_set_self(store, 1, "own", 3.5), 0);
	snapshot = store_close(store, 1, 1, 1);
	assert_int_equal(snapshot->count, 1);
	assert_string_equal(snapshot->metrics[0].name, "own");
	assert_near(snapshot->metrics[0].gauge, 3.5);
	snapshot_free(snapshot);
	ingest_free(ingest);
	store_free(store);
	naming_free(naming);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_types),
		cmocka_unit_test(test_scale_and_ttl), cmocka_unit_test(test_observers),
		cmocka_unit_test(test_refused),	      cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_carried),	      cmocka_unit_test(test_once_for_a_line),
		cmocka_unit_test(test_runaway),	      cmocka_unit_test(test_speed),
		cmocka_unit_test(test_store),	      cmocka_unit_test(test_rules),
		cmocka_unit_test(test_fallback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
