// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What raw names and tags become, and that nothing unsafe ever comes out, whatever goes in. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/name.h"
#include "core/naming.h"

static const struct {
	const char *name, *tags;
	const char *want_name, *want_tags;
} cases[] = {
	{ "hits", "", "hits", "" },
	/* statsd's sanitising */
	{ "fo/o", "", "fo-o", "" },
	{ "b ar", "", "b_ar", "" },
	{ "foo+bar", "", "foobar", "" },
	{ "a \t\r b", "", "a_b", "" },
	{ "a\x01\x7f\nb", "", "a_b", "" },
	{ "caf\xc3\xa9", "", "caf", "" },
	{ "A-Z_0.9", "", "A-Z_0.9", "" },
	{ "a@b|c*d:e~f!g^h", "", "abcdefgh", "" },
	/* path components */
	{ "a..b", "", "a.b", "" },
	{ ".a.b.", "", "a.b", "" },
	{ "...", "", "_", "" },
	/* only the daemon counts in the ledger */
	{ "kstatsd.lines.seen", "", "_kstatsd.lines.seen", "" },
	{ ".k*statsd..x", "", "_kstatsd.x", "" },
	{ "kstatsd", "", "_kstatsd", "" },
	{ "kstatsd_lines.seen", "", "_kstatsd_lines.seen", "" },
	{ "kstatsd-lines", "", "_kstatsd-lines", "" },
	{ "kstatsd lines", "", "_kstatsd_lines", "" },
	{ "kstatsd/lines", "", "_kstatsd-lines", "" },
	{ "kstatsd--lines", "", "_kstatsd--lines", "" },
	{ "_kstatsd.lines", "", "_kstatsd.lines", "" },
	{ "kstatsds.lines", "", "kstatsds.lines", "" },
	{ "kstats.d", "", "kstats.d", "" },
	{ "../../etc/passwd", "", "-.-etc-passwd", "" },
	{ "a.\xc3\xa9.b", "", "a.b", "" },
	{ "\xff\xfe", "", "_", "" },
	{ "=", "", "_", "" },
	{ " ", "", "_", "" },
	{ "a=b", "", "ab", "" },
	/* tags in Graphite's way */
	{ "name;k=v", "", "name", "k=v" },
	{ "name;b=2;a=1", "", "name", "a=1;b=2" },
	{ ";k=v", "", "_", "k=v" },
	{ "name;", "", "name", "" },
	{ "name;;;", "", "name", "" },
	{ "name;bare", "", "name", "bare=true" },
	{ "name;=v", "", "name", "" },
	{ "name;k=", "", "name", "k=true" },
	{ "b ar;tag one=val 1", "", "b_ar", "tag_one=val_1" },
	/* tags in DogStatsD's way */
	{ "hits", "env:prod,bare,a:b:c", "hits", "a=bc;bare=true;env=prod" },
	{ "hits", "k:val;1", "hits", "k=val_1" },
	{ "hits", "k:v;injected=1", "hits", "k=v_injected=1" },
	{ "hits", "k;x:v", "hits", "k_x=v" },
	{ "hits", ",,a:1,,", "hits", "a=1" },
	{ "hits", ":v", "hits", "" },
	{ "hits", "zone=eu/1", "hits", "zone=eu-1" },
	{ "hits", "q:a=b", "hits", "q=a=b" },
	{ "hits", "url:http://x y", "hits", "url=http--x_y" },
	{ "hits", "v:~tilde", "hits", "v=tilde" },
	{ "hits", "name:x", "hits", "_name=x" },
	{ "hits", "na+me:x", "hits", "_name=x" },
	{ "hits", "k=v:w", "hits", "k=v=w" },
	{ "hits", "k=v:w:x", "hits", "k=v=wx" },
	{ "hits", "a;b;c:d;e", "hits", "a_b_c=d_e" },
	{ "hits", "#a:b,#c:d", "hits", "a=b;c=d" },
	/* tags in InfluxDB's and Librato's way */
	{ "name,k=v,b=2", "", "name", "b=2;k=v" },
	{ "name#k=v,b=2", "", "name", "b=2;k=v" },
	{ "name,bare", "", "name", "bare=true" },
	{ "name,,k=v,", "", "name", "k=v" },
	{ "name#", "", "name", "" },
	{ "name,=v,k=", "", "name", "k=true" },
	{ ",k=v", "", "_", "k=v" },
	/* the first separator decides */
	{ "name,k=v#w", "", "name", "k=vw" },
	{ "name#k=v;w=x", "", "name", "k=v_w=x" },
	{ "name;k=v,w", "", "name", "k=vw" },
	/* in SignalFx's, cut out wherever it stands; beside it, only Graphite's */
	{ "name[k=v,b=2]", "", "name", "b=2;k=v" },
	{ "na[k=v]me", "", "name", "k=v" },
	{ "[k=v]", "", "_", "k=v" },
	{ "name[]", "", "name", "" },
	{ "a.[k=v].b", "", "a.b", "k=v" },
	{ "name[k=v],b=2", "", "nameb2", "k=v" },
	{ "name[k=v];b=2", "", "name", "b=2;k=v" },
	{ "name[k=[v]]", "", "name", "k=v" },
	/* brackets that are no pair, which end statsd_exporter: no tags but Graphite's */
	{ "na]me[k=v", "", "namekv", "" },
	{ "name[k=v,b=2", "", "namekvb2", "" },
	{ "name]#k=v", "", "namekv", "" },
	/* of several styles, what statsd_exporter rejects, all are taken */
	{ "name,k=v,x=1", "k:w", "name", "k=w;x=1" },
	{ "name[k=v]", "b:2", "name", "b=2;k=v" },
	/* the last of equal keys stays, whichever way it came */
	{ "hits", "k:1,k:2", "hits", "k=2" },
	{ "hits;k=0", "k:1", "hits", "k=1" },
	{ "hits;k=0;k=3", "", "hits", "k=3" },
	{ "hits", "a:1,ab:2,a.b:3", "hits", "a=1;a.b=3;ab=2" },
};

static void test_cases(void **state)
{
	struct canonical_name *name = calloc(1, sizeof(*name));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(canonical_name_make(name, cases[i].name, strlen(cases[i].name),
						     cases[i].tags, strlen(cases[i].tags)),
				 0);
		assert_string_equal(name->text, cases[i].want_name);
		assert_string_equal(canonical_name_tags(name), cases[i].want_tags);
		assert_int_equal(name->name_len, strlen(name->text));
		assert_int_equal(name->tags_len, strlen(canonical_name_tags(name)));
	}
	free(name);
}

/* Tags for all: what was sent wins, the daemon's own names have them, too. */
static void test_global_tags(void **state)
{
	static const struct {
		const char *name, *tags, *want_tags;
	} rows[] = {
		{ "hits", "", "env=prod;zone=eu" },
		{ "hits", "env:test", "env=test;zone=eu" },
		{ "hits;zone=us", "a:1", "a=1;env=prod;zone=us" },
		{ "hits", "env", "env=true;zone=eu" },
	};
	const struct naming_tags all = { true, true, true, true, true };
	struct canonical_name *name = calloc(1, sizeof(*name));
	struct naming *naming = naming_new(&all, NULL, NULL);

	(void)state;
	assert_int_equal(naming_set_tags(naming, "env=prod;zone=eu"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(naming_make(naming, METRIC_COUNTER, name, rows[i].name, strlen(rows[i].name),
					     rows[i].tags, strlen(rows[i].tags)),
				 0);
		assert_string_equal(name->text, "hits");
		assert_string_equal(canonical_name_tags(name), rows[i].want_tags);
	}
	assert_int_equal(naming_make_own(naming, name, "kstatsd.lines.seen"), 0);
	assert_string_equal(name->text, "kstatsd.lines.seen");
	assert_string_equal(canonical_name_tags(name), "env=prod;zone=eu");
	assert_int_equal(naming_add_tags(naming, name, "env=test;x=y=z"), 0);
	assert_string_equal(canonical_name_tags(name), "env=test;x=y=z;zone=eu");
	assert_int_equal(naming_set_tags(naming, ""), 0);
	assert_int_equal(naming_make_own(naming, name, "kstatsd.lines.seen"), 0);
	assert_string_equal(canonical_name_tags(name), "");
	assert_int_equal(naming_make_own(NULL, name, "kstatsd.lines.seen"), 0);
	assert_int_equal(name->tags_len, 0);
	naming_free(naming);
	free(name);
}

/* What is switched off is part of the name, as to statsd. */
static void test_switched_off(void **state)
{
	static const struct {
		struct naming_tags tags;
		const char *name, *want_name, *want_tags;
	} off[] = {
		{ { false, true, true, true, true }, "a,b=1", "a", "b=1" },
		{ { true, false, true, true, true }, "a,b=1#c=2", "ab1", "c=2;t=true" },
		{ { true, true, false, true, true }, "a#b=1,c=2", "ab1", "c=2;t=true" },
		{ { true, true, true, false, true }, "a[b=1]", "ab1", "t=true" },
		{ { true, true, true, false, true }, "a[b=1,c=2]", "ab1", "c=2;t=true" },
		{ { true, true, true, true, false }, "a;b=1", "ab1", "t=true" },
		{ { false, false, false, false, false }, "a;b=1,c#d[e]", "ab1cde", "" },
	};
	struct canonical_name *name = calloc(1, sizeof(*name));
	struct naming *naming;

	(void)state;
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++) {
		naming = naming_new(&off[i].tags, NULL, NULL);
		assert_int_equal(naming_make(naming, METRIC_COUNTER, name, off[i].name, strlen(off[i].name),
					     "t", 1),
				 0);
		assert_string_equal(name->text, off[i].want_name);
		assert_string_equal(canonical_name_tags(name), off[i].want_tags);
		assert_true(name->scale == 1 && !name->dropped && !name->ttl);
		naming_free(naming);
	}
	free(name);
}

static bool only(const char *text, const char *also)
{
	return !text[strspn(text, also)];
}

/* Carbon's rules: no empty component in a path, every tag "key=value" with neither empty. */
static void assert_safe(const struct canonical_name *name)
{
	static const char path_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	static const char tags_bytes[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.=;";
	const char *tags = canonical_name_tags(name), *equals, *end;

	assert_true(name->name_len > 0 && only(name->text, path_bytes) && only(tags, tags_bytes));
	assert_null(strstr(name->text, ".."));
	assert_true(name->text[0] != '.' && name->text[name->name_len - 1] != '.');
	for (; *tags; tags = *end ? end + 1 : end) {
		end = tags + strcspn(tags, ";");
		equals = tags + strcspn(tags, "=");
		assert_true(equals > tags && equals + 1 < end);
		assert_true(!*end || end[1]);
	}
}

static void test_any_bytes(void **state)
{
	/* Mostly the bytes that mean something. */
	static const char alphabet[] = "ab. ;=:,/|#@~\n\t\xff\x00-_[]";
	struct canonical_name *name = calloc(1, sizeof(*name)), *again = calloc(1, sizeof(*again));
	char raw[64];
	size_t split;

	(void)state;
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		size_t len = (size_t)random() % sizeof(raw);

		for (size_t j = 0; j < len; j++)
			raw[j] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		split = len ? (size_t)random() % len : 0;
		assert_int_equal(canonical_name_make(name, raw, split, raw + split, len - split), 0);
		assert_safe(name);
		/* What is canonical stays as it is. */
		assert_int_equal(canonical_name_make(again, name->text, name->name_len, NULL, 0), 0);
		assert_string_equal(name->text, again->text);
	}
	free(name);
	free(again);
}

static void test_too_long(void **state)
{
	struct canonical_name *name = calloc(1, sizeof(*name));
	char *raw = malloc(3 * NAME_BYTES);

	(void)state;
	memset(raw, 'a', 3 * NAME_BYTES);
	assert_int_equal(canonical_name_make(name, raw, NAME_BYTES - 3, NULL, 0), 0);
	assert_int_equal(name->name_len, NAME_BYTES - 3);
	assert_int_equal(canonical_name_make(name, raw, NAME_BYTES - 2, NULL, 0), -ENAMETOOLONG);
	/* name, NUL, room for ';', "aaa...=true", NUL */
	assert_int_equal(canonical_name_make(name, "n", 1, raw, NAME_BYTES - 9), 0);
	assert_int_equal(name->tags_len, NAME_BYTES - 9 + strlen("=true"));
	assert_int_equal(canonical_name_make(name, "n", 1, raw, NAME_BYTES - 8), -ENAMETOOLONG);
	assert_int_equal(canonical_name_make(name, "n", 1, raw, 3 * NAME_BYTES), -ENAMETOOLONG);
	/* many short tags: each grows */
	for (size_t i = 0; i < 3 * NAME_BYTES; i += 2)
		raw[i] = ',';
	assert_int_equal(canonical_name_make(name, "n", 1, raw, 2 * NAME_TAGS_MAX), 0);
	assert_string_equal(canonical_name_tags(name), "a=true");
	assert_int_equal(canonical_name_make(name, "n", 1, raw, 2 * NAME_TAGS_MAX + 2), -ENAMETOOLONG);
	free(raw);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	    cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_global_tags), cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
