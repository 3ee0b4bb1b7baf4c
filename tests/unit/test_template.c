// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Templates: what Telegraf makes of a name, by the rules of its template language. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/naming.h"
#include "core/template.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char texts[TEMPLATES_MAX][TEMPLATE_BYTES];

static struct naming *naming_of(const char *const *templates, const char *separator)
{
	static const struct naming_tags all = { true, true, true, true, true };
	struct template_list *list;
	struct error error = {};
	size_t count = 0, bad;

	for (; templates[count]; count++)
		snprintf(texts[count], sizeof(texts[count]), "%s", templates[count]);
	list = template_list_new(texts, count, separator, &bad, &error);
	assert_non_null(list);
	return naming_new(&all, NULL, list);
}

static const struct {
	const char *templates[4];
	const char *separator;
	const char *name, *tags;
	const char *want;
} cases[] = {
	/* names.metric_separator alone */
	{ { NULL }, "_", "a.b.c", "", "a_b_c" },
	{ { NULL }, "", "a.b", "", "ab" },
	{ { NULL }, "_", "a..b.", "", "a__b_" },
	{ { NULL }, "_", "plain", "k:v", "plain;k=v" },
	{ { NULL }, "-", "a.b,k=v.w", "", "a-b;k=v.w" },
	/* parts */
	{ { "measurement.measurement.region" }, "_", "cpu.load.us-west", "", "cpu_load;region=us-west" },
	{ { "measurement.measurement.region" }, ".", "cpu.load.us-west.more", "", "cpu.load;region=us-west" },
	{ { "measurement.region" }, ".", "cpu", "", "cpu" },
	{ { "measurement.region" }, ".", "cpu.", "", "cpu" },
	{ { ".host.measurement*" }, ".", "servers.web1.cpu.load", "", "cpu.load;host=web1" },
	{ { "..measurement" }, ".", "a.b", "", "a.b" },
	{ { "host.measurement.field" }, "_", "web1.cpu.idle", "", "cpu.idle;host=web1" },
	{ { "host.measurement.field*" }, "_", "web1.cpu.idle.max", "", "cpu.idle_max;host=web1" },
	{ { "field.measurement.measurement" }, "_", "x.a.b", "", "a_b.x" },
	{ { "region.measurement.region" }, "_", "eu.cpu.west", "", "cpu;region=eu_west" },
	{ { "measurement*.host" }, ".", "a.b.c", "", "a.b.c;host=b" },
	/* filters */
	{ { "cpu.* measurement.measurement.region", "mem.* measurement.measurement.host" },
	  "_",
	  "mem.cached.localhost",
	  "",
	  "mem_cached;host=localhost" },
	{ { "cpu.* measurement.host" }, "_", "disk.sda", "", "disk_sda" },
	{ { "cpu measurement.host" }, ".", "cpu.web1.x", "", "cpu;host=web1" },
	{ { "*.load a.measurement", "cpu.* b.measurement" }, ".", "cpu.load", "", "load;b=cpu" },
	{ { "*.load a.measurement", "cpu.idle b.measurement" }, ".", "cpu.load", "", "load;a=cpu" },
	{ { "measurement.x", "cpu.* measurement.host" }, ".", "disk.sda", "", "disk;x=sda" },
	{ { "cpu.* measurement.first", "cpu.* measurement.second" }, ".", "cpu.a", "", "cpu;second=a" },
	{ { "*.*.c d.e.measurement" }, ".", "a.b.x", "", "a.b.x" },
	/* tags of the template, and a separator */
	{ { "cpu.* measurement.host region=eu,rack=1" }, ".", "cpu.w", "", "cpu;host=w;rack=1;region=eu" },
	{ { "measurement.host host=all" }, "_", "cpu.w", "", "cpu;host=all_w" },
	{ { "measurement.host region=eu" }, ".", "cpu", "", "cpu;region=eu" },
	{ { "- *-* host-measurement" }, ".", "w-cpu", "", "cpu;host=w" },
	{ { "_ *_* host_measurement*" }, ".", "w_cpu_load", "", "cpu.load;host=w" },
	{ { "_ *_* host_measurement rack=1" }, ".", "w_cpu", "", "cpu;host=w;rack=1" },
	/* tags in the name yield to the template's, those behind "|#" do not */
	{ { "measurement.host" }, ".", "cpu.w,host=mine", "", "cpu;host=w" },
	{ { "measurement.host" }, ".", "cpu.w", "host:mine", "cpu;host=mine" },
	/* and all is made safe */
	{ { "measurement.host" }, ".", "c p/u.w*1", "", "c_p-u;host=w1" },
	{ { "measurement.name" }, ".", "kstatsd.w", "", "_kstatsd;_name=w" },
	{ { "x.measurement*" }, ".", "x.kstatsd.lines", "", "_kstatsd.lines;x=x" },
	{ { "x.measurement*" }, "_", "x.kstatsd.lines", "", "_kstatsd_lines;x=x" },
	{ { "measurement*" }, "-", "kstatsd.lines", "", "_kstatsd-lines" },
};

static void test_cases(void **state)
{
	struct canonical_name name;
	struct naming *naming;
	char got[2 * NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		naming = naming_of(cases[i].templates, cases[i].separator);
		assert_int_equal(naming_make(naming, METRIC_GAUGE, &name, cases[i].name,
					     strlen(cases[i].name), cases[i].tags, strlen(cases[i].tags)),
				 0);
		snprintf(got, sizeof(got), "%s%s%s", name.text, name.tags_len ? ";" : "",
			 canonical_name_tags(&name));
		assert_string_equal(got, cases[i].want);
		naming_free(naming);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} refused[] = {
		{ "", "0 words" },
		{ "a b c d=1 e", "5 words" },
		{ "host.region", "'measurement'" },
		{ "cpu.* host", "'measurement'" },
		{ "measurement*.field*", "exclude" },
		{ "measurement host=", "tag=value" },
		{ "measurement =eu", "tag=value" },
		{ "- cpu-* measurement-host region", "tag=value" },
	};
	struct error error;
	size_t bad;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		error.text[0] = '\0';
		snprintf(texts[0], sizeof(texts[0]), "measurement");
		snprintf(texts[1], sizeof(texts[1]), "%s", refused[i].text);
		assert_null(template_list_new(texts, 2, ".", &bad, &error));
		assert_int_equal(bad, 1);
		assert_non_null(strstr(error.text, refused[i].reason));
	}
}

static void test_too_long(void **state)
{
	static const char *const templates[] = { "a.measurement*", NULL };
	struct naming *naming = naming_of(templates, "_______");
	static char dots[NAME_BYTES];
	struct canonical_name name;

	(void)state;
	memset(dots, '.', sizeof(dots));
	/* Each dot becomes seven bytes. */
	assert_int_equal(naming_make(naming, METRIC_GAUGE, &name, dots, 1000, "", 0), 0);
	assert_int_equal(name.name_len, 7 * (1000 - 1));
	assert_int_equal(naming_make(naming, METRIC_GAUGE, &name, dots, 2000, "", 0), -ENAMETOOLONG);
	naming_free(naming);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
