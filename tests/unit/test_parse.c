// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The statsd parser as the daemon compiles it, on the shared table of lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "parse_cases.h"

static struct scratch scratch;

static void check_text(const struct text *text, const char *expected)
{
	assert_int_equal(text->len, strlen(expected));
	if (text->len)
		assert_memory_equal(scratch.payload + text->at, expected, text->len);
}

static void check_case(const struct parse_case *want)
{
	const struct statsd_line *line = &scratch.line;

	scratch_fill(&scratch, want->line, (unsigned int)strlen(want->line));
	assert_int_equal(parse_line(&scratch), want->result);
	assert_int_equal(scratch.pos, strlen(want->line) + 1);
	if (want->result == PARSE_REJECT)
		assert_int_equal(line->reason, want->reason);
	if (want->result != PARSE_OK)
		return;
	assert_int_equal(line->type, want->type);
	assert_int_equal(line->wide, want->wide);
	assert_int_equal(line->unit, strstr(want->line, "ms") ? UNIT_MILLISECONDS : UNIT_NONE);
	if (!want->wide) {
		assert_int_equal(line->value, want->value);
		assert_int_equal(line->weight, want->weight);
	}
	check_text(&line->name, want->name);
	check_text(&line->tags, want->tags);
}

static void test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < PARSE_CASES; i++)
		check_case(&parse_cases[i]);
}

/* Each line of a payload leaves the cursor at the next, whatever became of it. */
static void test_neighbours(void **state)
{
	static const char payload[] = "a:1|c\nbad\n\nb:2|g\n:|\nc:3|ms|@0.5|#x:y\n\n";
	static const int results[] = { PARSE_OK,     PARSE_REJECT, PARSE_EMPTY, PARSE_OK,
				       PARSE_REJECT, PARSE_OK,	   PARSE_EMPTY };
	size_t i;

	(void)state;
	scratch_fill(&scratch, payload, sizeof(payload) - 1);
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		assert_int_equal(parse_line(&scratch), results[i]);
	assert_int_equal(scratch.pos, sizeof(payload) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
