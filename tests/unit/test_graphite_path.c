// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Tags folded into Graphite's paths, and points as Python's pickle reads them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "core/snapshot.h"
#include "sink/format.h"
#include "sink/graphite/graphite_path.h"
#include "sink/graphite/graphite_pickle.h"

static const struct {
	const char *template, *tags, *path;
	bool drop_tags;
} cases[] = {
	{ "", "", "NAME", false },
	{ "", "env=prod;zone=eu", "NAME;env=prod;zone=eu", false },
	{ "", "env=prod", "NAME", true },
	{ "{service}.{name}", "service=shop", "shop.NAME", false },
	{ "{service}.{name}", "env=prod;service=shop;zone=eu", "shop.NAME;env=prod;zone=eu", false },
	{ "{service}.{name}", "env=prod;service=shop", "shop.NAME", true },
	{ "{service}.{name}", "env=prod", "none.NAME;env=prod", false },
	{ "{service}.{name}", "", "none.NAME", false },
	{ "eu-1.{a}-{b}.{name}.{a}.x", "a=1;b=2.5;c=3", "eu-1.1-2_5.NAME.1.x;c=3", false },
	/* a key that is the beginning of another, and a value that a path should not have */
	{ "{ab}.{name}", "a=1;abc=2", "none.NAME;a=1;abc=2", false },
	{ "{k.x}.{name}", "k.x=a=b", "a_b.NAME", false },
	{ "{name}", "env=prod", "NAME;env=prod", false },
};

static void test_expands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graphite_template template;
		struct text before = {}, behind = {};
		char path[256];

		assert_null(
			graphite_template_parse(&template, cases[i].template, "none", cases[i].drop_tags));
		graphite_template_expand(&template, cases[i].tags, &before, &behind);
		snprintf(path, sizeof(path), "%.*sNAME%.*s", (int)before.len, before.len ? before.data : "",
			 (int)behind.len, behind.len ? behind.data : "");
		assert_string_equal(path, cases[i].path);
		text_release(&before);
		text_release(&behind);
	}
}

static void test_refuses(void **state)
{
	static const char *const bad[] = {
		"service",
		"{service}",
		"{name}.{name}",
		".{name}",
		"{name}.",
		"a..{name}",
		"{name",
		"{}.{name}",
		"{a b}.{name}",
		"a b.{name}",
		"{name};a=b",
		"name}",
		"{{name}}",
		"{na{me}.{name}",
		"\n{name}",
		"{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}{q}{r}{s}{t}{u}{v}{w}{x}{y}{z}"
		"{A}{B}{C}{D}{E}{F}{G}{H}{name}",
	};
	struct graphite_template template;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!graphite_template_parse(&template, bad[i], "none", false))
			fail_msg("'%s' was taken for a template", bad[i]);
}

#define MANY 1203

/* Gauges "many.0" ..., and what has to be spelled with care. */
static void points_make(struct text *points, struct graphite_format *format)
{
	const struct metric odd[] = {
		{ .type = METRIC_GAUGE, .name = "odd.small", .tags = "", .gauge = 5e-324 },
		{ .type = METRIC_GAUGE, .name = "odd.large", .tags = "env=prod", .gauge = -1.7e308 },
		{ .type = METRIC_GAUGE, .name = "odd.nan", .tags = "", .gauge = NAN },
		{ .type = METRIC_GAUGE, .name = "odd.inf", .tags = "", .gauge = INFINITY },
		{ .type = METRIC_COUNTER,
		  .name = "odd.late",
		  .tags = "",
		  .counter = 2,
		  .timestamp = 5000000000 },
	};
	struct snapshot snapshot = { .timestamp = 1700000000, .seconds = 10 };
	char name[32];

	graphite_format_begin(format, &snapshot, &format_defaults);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		graphite_format_metric(format, &snapshot, &odd[i], points);
	for (int i = 0; i < MANY - 3; i++) {
		struct metric metric = { .type = METRIC_GAUGE, .name = name, .tags = "", .gauge = i / 4.0 };

		snprintf(name, sizeof(name), "many.%d", i);
		graphite_format_metric(format, &snapshot, &metric, points);
	}
}

/* Reads pickles as carbon does, one behind the other; the number is the exit code of what is wrong. */
static const char reader[] =
	"import pickle, struct, sys\n"
	"data = open(sys.argv[1], 'rb').read()\n"
	"points, sizes = [], []\n"
	"while data:\n"
	"    size, = struct.unpack('!I', data[:4])\n"
	"    assert size < 1 << 20 and len(data) >= 4 + size\n"
	"    part = pickle.loads(data[4:4 + size])\n"
	"    assert isinstance(part, list)\n"
	"    points += part\n"
	"    sizes.append(len(part))\n"
	"    data = data[4 + size:]\n"
	"assert sizes == [500, 500, 203], sizes\n"
	"assert points[0] == ('stats.gauges.odd.small', (1700000000, 5e-324)), points[0]\n"
	"assert points[1] == ('stats.gauges.odd.large;env=prod', (1700000000, -1.7e308)), points[1]\n"
	"assert points[2] == ('stats.counters.odd.late.count', (5000000000, 2.0)), points[2]\n"
	"assert points[3:] == [('stats.gauges.many.%d' % i, (1700000000, i / 4)) for i in range(1200)]\n";

static int python_run(const char *path)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execl("/usr/bin/python3", "python3", "-c", reader, path, NULL);
		_exit(127);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_pickle(void **state)
{
	struct graphite_format format = { .pickle = true };
	struct text points = {}, batch = {};
	char path[] = "/tmp/kstatsd-pickle-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	points_make(&points, &format);
	assert_int_equal(format.points, MANY);
	assert_int_equal(format.not_finite, 2);
	pickle_frame(points.data, points.len, &batch);
	assert_int_equal(write(fd, batch.data, batch.len), batch.len);
	close(fd);
	assert_int_equal(python_run(path), 0);
	unlink(path);
	text_release(&points);
	text_release(&batch);
	graphite_format_release(&format);
}

/* Lines of up to 16 KiB, of which far fewer than 500 fit. */
static void test_large_pickles(void **state)
{
	struct text points = {}, batch = {};
	size_t at = 0, frames = 0;
	char path[16000];

	(void)state;
	memset(path, 'a', sizeof(path));
	for (int i = 0; i < 200; i++) {
		size_t begin = points.len;

		pickle_begin(&points);
		text_add(&points, path, sizeof(path));
		pickle_end(&points, begin, 1700000000, i);
	}
	pickle_frame(points.data, points.len, &batch);
	for (; at < batch.len; frames++) {
		const unsigned char *head = (const unsigned char *)batch.data + at;
		size_t len = (size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];

		assert_in_range(len, 1, PICKLE_BYTES_MAX + 6);
		at += 4 + len;
	}
	assert_int_equal(at, batch.len);
	assert_int_equal(frames, 7);
	text_release(&points);
	text_release(&batch);
}

/* What is longer than a line may be is left out whole, and counted. */
static void test_line_limit(void **state)
{
	struct graphite_format format = { .line_max = 64 };
	const struct metric metrics[] = {
		{ .type = METRIC_GAUGE, .name = "fits", .tags = "" },
		{ .type = METRIC_GAUGE,
		  .name = "fits.not.in.a.line.of.only.sixty.four.bytes.or.so",
		  .tags = "" },
		{ .type = METRIC_GAUGE, .name = "fits2", .tags = "" },
	};
	const struct snapshot snapshot = { .timestamp = 1700000000 };
	struct text text = {};

	(void)state;
	graphite_format_begin(&format, &snapshot, &format_defaults);
	for (size_t i = 0; i < 3; i++)
		graphite_format_metric(&format, &snapshot, &metrics[i], &text);
	text_add(&text, "", 1);
	assert_string_equal(text.data, "stats.gauges.fits 0 1700000000\nstats.gauges.fits2 0 1700000000\n");
	assert_int_equal(format.too_long, 1);
	assert_int_equal(format.points, 2);
	text_release(&text);
	graphite_format_release(&format);
}

/* What carbon has no file name for is left out, by text and by pickle; but by its tags it finds one. */
static void test_file_names(void **state)
{
	static const struct {
		size_t folder, folders, name; /* bytes of components, and how many of the first */
		const char *tags;
		bool is_storable;
	} paths[] = {
		{ 1, 1, 251, "", true },    { 1, 1, 252, "", false },	{ 255, 1, 1, "", true },
		{ 256, 1, 1, "", false },   { 1, 1, 252, "a=b", true }, { 256, 1, 1, "a=b", true },
		{ 99, 38, 99, "", true },   { 99, 40, 1, "", false },	{ 99, 40, 1, "a=b", true },
		{ 255, 10, 251, "", true },
	};
	const struct snapshot snapshot = { .timestamp = 1700000000 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(paths) / sizeof(*paths); i++) {
		struct graphite_format format = { .for_files = true, .pickle = i % 2 };
		struct metric metric = { .type = METRIC_GAUGE, .tags = paths[i / 2].tags };
		char name[8192], *at = name;
		struct text text = {};

		for (size_t j = 0; j < paths[i / 2].folders; j++) {
			memset(at, 'f', paths[i / 2].folder);
			at += paths[i / 2].folder;
			*at++ = '.';
		}
		memset(at, 'n', paths[i / 2].name);
		at[paths[i / 2].name] = '\0';
		metric.name = name;
		graphite_format_begin(&format, &snapshot, &format_defaults);
		graphite_format_metric(&format, &snapshot, &metric, &text);
		assert_int_equal(format.points, paths[i / 2].is_storable);
		assert_int_equal(format.no_file, !paths[i / 2].is_storable);
		assert_int_equal(text.len > 0, paths[i / 2].is_storable);
		text_release(&text);
		graphite_format_release(&format);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expands),	   cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_pickle),	   cmocka_unit_test(test_large_pickles),
		cmocka_unit_test(test_line_limit), cmocka_unit_test(test_file_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
