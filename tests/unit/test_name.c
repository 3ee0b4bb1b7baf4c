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
	{ "kstatsd", "", "kstatsd", "" },
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
	{ "hits", "k:val;1", "hits", "k=val1" },
	{ "hits", "k:v;injected=1", "hits", "k=vinjected=1" },
	{ "hits", "k;x:v", "hits", "kx=v" },
	{ "hits", ",,a:1,,", "hits", "a=1" },
	{ "hits", ":v", "hits", "" },
	{ "hits", "zone=eu/1", "hits", "zone=eu-1" },
	{ "hits", "q:a=b", "hits", "q=a=b" },
	{ "hits", "url:http://x y", "hits", "url=http--x_y" },
	{ "hits", "v:~tilde", "hits", "v=tilde" },
	{ "hits", "name:x", "hits", "_name=x" },
	{ "hits", "na+me:x", "hits", "_name=x" },
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
	static const char alphabet[] = "ab. ;=:,/|#@~\n\t\xff\x00-_";
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
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
