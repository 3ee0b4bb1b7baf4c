// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What tail and top are made of: patterns, rates, escapes, containers, the busiest rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cli/busiest.h"
#include "cli/container.h"
#include "cli/escape.h"
#include "cli/tail_filter.h"
#include "lib/clock.h"

static const struct pattern_case {
	const char *pattern, *line;
	bool matches;
} pattern_cases[] = {
	{ "api.*", "api.hits:1|c", true },
	{ "api.*", "api:1|c", false },
	{ "api.*", "my.api.hits:1|c", false },
	{ "*hits", "api.hits:1|c", true },
	{ "*", "no colon", true },
	{ "no*", "no colon", true },
	{ "a?c", "abc:1|c", true },
	{ "a?c", "ac:1|c", false },
	{ "a[bc]d", "acd:1|c", true },
	{ "a[!bc]d", "acd:1|c", false },
	{ "a/*", "a/b/c:1|c", true },
	{ "*c", "a:1|c", false }, /* the name only */
	{ "/c$/", "a:1|c", true },
	{ "/^a:/", "a:1|c", true },
	{ "/A/", "a:1|c", false },
	{ "/(?i)A/", "a:1|c", true },
	{ "/", "/:1|c", true }, /* one slash is a glob */
	{ "[/]a", "/a:1|c", true },
	{ "api.get", "api.get,env=p:1|c", true },
	{ "api.get", "api.get;env=p:1|c", true },
	{ "api.get", "api.get#env=p:1|c", true },
	{ "api.get", "api.get[env=p]:1|c", true },
	{ "api.get,env=p", "api.get,env=p:1|c", true },
	{ "*env=p", "api.get,env=p:1|c", true },
	{ "api.get", "api.getter,env=p:1|c", false },
	{ "api", "api.get,env=p:1|c", false },
	{ "/api.get$/", "api.get,env=p:1|c", false },
	{ "//", "anything", true },
};

static void test_patterns(void **state)
{
	struct tail_pattern *pattern;
	struct error error = {};

	(void)state;
	for (size_t i = 0; i < sizeof(pattern_cases) / sizeof(pattern_cases[0]); i++) {
		const struct pattern_case *row = &pattern_cases[i];

		pattern = tail_pattern_new(row->pattern, &error);
		assert_non_null(pattern);
		if (tail_pattern_matches(pattern, row->line, strlen(row->line)) != (int)row->matches)
			fail_msg("%s on %s", row->pattern, row->line);
		tail_pattern_free(pattern);
	}
	pattern = tail_pattern_new("a*b", &error);
	assert_non_null(pattern);
	assert_true(1 == tail_pattern_matches(pattern, "a\0\xff\nb:1", 7));
	tail_pattern_free(pattern);
}

static void test_bad_patterns(void **state)
{
	static const char *const bad[] = { "/(/", "/[/", "/a{2,1}/", "[", "a[b", "/api" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error error = {};

		assert_null(tail_pattern_new(bad[i], &error));
		assert_non_null(strstr(error.text, bad[i]));
	}
}

/* Expressions and globs made to take forever on a line made for them. */
static void test_expensive_patterns(void **state)
{
	static const char *const expensive[] = { "/(a+)+$/", "/(a|aa)+$/", "*a*a*a*a*a*a*a*a*a*a*b" };
	char line[4096];
	struct error error = {};

	(void)state;
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = 'c';
	for (size_t i = 0; i < sizeof(expensive) / sizeof(expensive[0]); i++) {
		struct tail_pattern *pattern = tail_pattern_new(expensive[i], &error);
		int64_t began = clock_read(CLOCK_PROCESS_CPUTIME_ID);

		assert_non_null(pattern);
		if (tail_pattern_matches(pattern, line, sizeof(line)) > 0)
			fail_msg("%s matches", expensive[i]);
		assert_true(clock_read(CLOCK_PROCESS_CPUTIME_ID) - began < NS_PER_SECOND / 4);
		tail_pattern_free(pattern);
	}
}

static unsigned int taken(struct tail_rate *rate, int64_t now, unsigned int asked)
{
	unsigned int count = 0;

	while (asked--)
		count += tail_rate_take(rate, now);
	return count;
}

static void test_rate(void **state)
{
	int64_t start = 77 * NS_PER_SECOND;
	struct tail_rate rate;

	(void)state;
	tail_rate_init(&rate, 100, start);
	assert_int_equal(taken(&rate, start, 500), 100);
	assert_int_equal(taken(&rate, start + NS_PER_SECOND / 2, 500), 50);
	assert_int_equal(taken(&rate, start + 30 * NS_PER_SECOND, 500), 100);
	/* A clock that stands still gives nothing, and one that went back takes nothing. */
	assert_int_equal(taken(&rate, start + 30 * NS_PER_SECOND, 1), 0);
	assert_int_equal(taken(&rate, start, 1), 0);
	tail_rate_init(&rate, 0, start);
	assert_int_equal(taken(&rate, start, 100000), 100000);
	tail_rate_init(&rate, UINT64_MAX, start);
	assert_int_equal(taken(&rate, start, 100000), 100000);
	/* Credit grows from the small. */
	tail_rate_init(&rate, 3, start);
	assert_int_equal(taken(&rate, start, 10), 3);
	for (int i = 1; i <= 1000; i++)
		assert_int_equal(taken(&rate, start + i * (NS_PER_SECOND / 3 + 1) / 1000, 10), i == 1000);
}

static void test_escape(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(escape("a:1|c", 5, text, sizeof(text)), 5);
	assert_string_equal(text, "a:1|c");
	assert_int_equal(escape("\x1b[2J\0\x7f\x80\xff", 8, text, sizeof(text)), 23);
	assert_string_equal(text, "\\x1b[2J\\x00\\x7f\\x80\\xff");
	escape("a\tb\r\n\\", 6, text, sizeof(text));
	assert_string_equal(text, "a\\tb\\r\\n\\\\");
	/* What does not fit is left out whole. */
	assert_int_equal(escape("ab\xff", 3, text, 6), 2);
	assert_string_equal(text, "ab");
	assert_int_equal(escape("", 0, text, 1), 0);
	assert_string_equal(text, "");
}

#define ID "4f2a9c0b1d3e5f60718293a4b5c6d7e8f9012345abcdef6789abcdef01234567"

static void test_container(void **state)
{
	static const char *const with[] = {
		"0::/system.slice/docker-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-pod1b2c.slice/cri-containerd-" ID ".scope",
		"12:memory:/docker/" ID "\n11:cpu:/docker/" ID "\n",
		"0::/machine.slice/libpod-" ID ".scope/container\n",
	};
	static const char *const without[] = { "", "0::/\n",
					       "0::/user.slice/user-1000.slice/session-3.scope\n",
					       "0::/x-" ID "0\n", "0::/x-4f2a9c0b1d3e\n" };
	char id[CONTAINER_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		assert_true(container_find(with[i], id));
		assert_string_equal(id, "4f2a9c0b1d3e");
	}
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(container_find(without[i], id));
}

static void look_add(struct busy_look *look, enum metric_type type, const char *name, const char *tags,
		     double count)
{
	struct metric metric = { .type = type, .name = name, .tags = tags };

	if (type == METRIC_COUNTER)
		metric.counter = count;
	else if (type == METRIC_TIMER)
		metric.timer = (struct timer_stats){ .samples = (uint64_t)count, .mean = 7, .upper = 9 };
	else
		metric.gauge = count;
	assert_int_equal(busy_look_add(look, &metric), 0);
}

static void test_rates(void **state)
{
	struct busy_look before = {}, now = {};

	(void)state;
	look_add(&before, METRIC_COUNTER, "a", "", 10);
	look_add(&before, METRIC_COUNTER, "gone", "", 99);
	look_add(&before, METRIC_TIMER, "a", "", 4);
	look_add(&now, METRIC_COUNTER, "a", "", 30);
	look_add(&now, METRIC_COUNTER, "a", "k=v", 8);
	look_add(&now, METRIC_TIMER, "a", "", 5);
	look_add(&now, METRIC_GAUGE, "g", "", 17);
	busy_look_rate(&now, &before, 2);
	assert_true(now.rows[0].rate == 10 && now.rows[1].rate == 4 && now.rows[2].rate == 0.5);
	assert_true(now.rows[2].value == 7 && now.rows[3].value == 17 && now.rows[3].rate == 0);
	busy_look_rate(&now, NULL, 2);
	assert_true(now.rows[0].rate == 15);
	busy_look_release(&before);
	busy_look_release(&now);
}

/* Many rows: the arrays grow, and each finds itself. */
static void test_many_rates(void **state)
{
	struct busy_look before = {}, now = {};
	char name[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "name.%06d", i);
		look_add(&before, METRIC_COUNTER, name, "", i);
		look_add(&now, METRIC_COUNTER, name, "", 3 * i);
	}
	busy_look_rate(&now, &before, 1);
	for (int i = 0; i < 5000; i++)
		assert_true(now.rows[i].rate == 2 * i);
	busy_look_release(&before);
	busy_look_release(&now);
}

static double pick_key(const void *rows, size_t row, size_t key)
{
	return ((const double(*)[2])rows)[row][key];
}

static void test_busiest(void **state)
{
	static const double rows[][2] = {
		{ 1, 9 }, { 5, 0 }, { 3, 0 }, { 5, 0 }, { 0, 8 }, { 4, 0 }, { 2, 7 }
	};
	static const size_t expected[] = { 0, 1, 3, 4, 5, 6 };
	size_t picked[16];

	(void)state;
	assert_int_equal(busiest_pick(rows, 7, 2, pick_key, 3, picked), 6);
	assert_memory_equal(picked, expected, sizeof(expected));
	assert_int_equal(busiest_pick(rows, 7, 1, pick_key, 100, picked), 7);
	assert_int_equal(busiest_pick(rows, 7, 1, pick_key, 1, picked), 1);
	assert_int_equal(picked[0], 1);
	assert_int_equal(busiest_pick(rows, 0, 2, pick_key, 3, picked), 0);
}

/* What is no number leads nothing and harms nothing, wherever it stands; infinity leads. */
static void test_busiest_not_finite(void **state)
{
	static const double rows[][2] = {
		{ NAN, 0 }, { 1, 0 }, { NAN, 0 }, { 2, 0 }, { INFINITY, 0 }, { NAN, 0 }, { 3, 0 }, { NAN, 0 },
	};
	static const size_t expected[] = { 3, 4, 6 };
	size_t picked[8];

	(void)state;
	assert_int_equal(busiest_pick(rows, 8, 1, pick_key, 3, picked), 3);
	assert_memory_equal(picked, expected, sizeof(expected));
	assert_int_equal(busiest_pick(rows, 3, 1, pick_key, 1, picked), 1);
	assert_int_equal(picked[0], 1);
	assert_int_equal(busiest_pick(rows, 8, 1, pick_key, 7, picked), 7);
}

/* A hundred thousand rows, each ahead of the one before: the most work there is. */
static void test_busiest_of_many(void **state)
{
	enum { MANY = 100000, MOST = 1000 };
	double(*rows)[2] = calloc(MANY, sizeof(*rows));
	size_t *picked = calloc(2 * MOST, sizeof(*picked));
	int64_t began = clock_read(CLOCK_PROCESS_CPUTIME_ID);

	(void)state;
	assert_true(rows && picked);
	for (size_t i = 0; i < MANY; i++) {
		rows[i][0] = (double)i;
		rows[i][1] = (double)(i * 7919 % MANY); /* each number once */
	}
	assert_int_equal(busiest_pick(rows, MANY, 1, pick_key, MOST, picked), MOST);
	for (size_t i = 0; i < MOST; i++)
		assert_int_equal(picked[i], MANY - MOST + i);
	assert_true(clock_read(CLOCK_PROCESS_CPUTIME_ID) - began < NS_PER_SECOND / 10);
	assert_int_equal(busiest_pick(&rows[0][1], MANY - 1, 1, pick_key, MOST, picked), MOST);
	for (size_t i = 0; i < MOST; i++)
		assert_true(rows[picked[i]][1] >= MANY - MOST - 1);
	free(rows);
	free(picked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_bad_patterns),
		cmocka_unit_test(test_expensive_patterns),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_many_rates),
		cmocka_unit_test(test_busiest),
		cmocka_unit_test(test_busiest_not_finite),
		cmocka_unit_test(test_busiest_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
