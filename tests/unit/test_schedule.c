// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The flush schedule on clocks of the test's own: one flush per boundary, whatever the
 * wall clock does, and a steady beat without alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cli/schedule.h"

#define MS 1000000ll
#define S 1000000000ll

static void test_aligned(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, 10 * S, true, 1003 * S, 0);
	assert_int_equal(schedule_delay(&schedule, 1003 * S, 0), 7 * S);
	assert_false(schedule_is_due(&schedule, 1009 * S, 6 * S));
	/* The timer fired early: wait for the rest, do not flush. */
	assert_false(schedule_is_due(&schedule, 1010 * S - 1, 7 * S));
	assert_int_equal(schedule_delay(&schedule, 1010 * S - 1, 7 * S), 1);
	assert_true(schedule_is_due(&schedule, 1010 * S, 7 * S));
	/* A little late: the boundary is what is written beside the values. */
	assert_int_equal(schedule_timestamp(&schedule, 1010 * S + 300 * MS), 1010);
	schedule_flushed(&schedule, 1010 * S + 300 * MS, 7 * S);
	assert_false(schedule_is_due(&schedule, 1010 * S + 301 * MS, 7 * S));
	assert_int_equal(schedule_delay(&schedule, 1010 * S + 300 * MS, 7 * S), 9700 * MS);
}

static void test_clock_set_back(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, 10 * S, true, 1000 * S, 0);
	schedule_flushed(&schedule, 1010 * S, 10 * S);
	/* Set back by less than the interval: the same boundary passes again, without a flush. */
	assert_false(schedule_is_due(&schedule, 1009 * S, 11 * S));
	assert_false(schedule_is_due(&schedule, 1010 * S, 12 * S));
	assert_true(schedule_is_due(&schedule, 1020 * S, 22 * S));
	/* Set back by an hour: another time, the beat goes on there. */
	schedule_flushed(&schedule, 1020 * S, 22 * S);
	assert_true(schedule_is_due(&schedule, 520 * S, 32 * S));
	schedule_flushed(&schedule, 520 * S, 32 * S);
	assert_false(schedule_is_due(&schedule, 529 * S, 41 * S));
	/* Set forward by an hour: one flush, not 360. */
	assert_true(schedule_is_due(&schedule, 4610 * S, 13 * S));
	schedule_flushed(&schedule, 4610 * S, 13 * S);
	assert_false(schedule_is_due(&schedule, 4611 * S, 14 * S));
}

static void test_by_hand(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, 10 * S, true, 1003 * S, 0);
	schedule_flushed(&schedule, 1006 * S, 3 * S);
	assert_true(schedule_is_due(&schedule, 1010 * S, 7 * S));
	/* By hand just behind the boundary, before the timer was served: that was the boundary's flush. */
	schedule_flushed(&schedule, 1010 * S + 1, 7 * S);
	assert_false(schedule_is_due(&schedule, 1010 * S + 2, 7 * S));
}

static void test_not_aligned(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, 50 * MS, false, 1003 * S, 100 * S);
	assert_int_equal(schedule_delay(&schedule, 0, 100 * S), 50 * MS);
	assert_false(schedule_is_due(&schedule, 2000 * S, 100 * S + 49 * MS));
	assert_true(schedule_is_due(&schedule, 0, 100 * S + 50 * MS));
	/* 5 ms late: the beat is kept. */
	schedule_flushed(&schedule, 0, 100 * S + 55 * MS);
	assert_int_equal(schedule_delay(&schedule, 0, 100 * S + 55 * MS), 45 * MS);
	/* Three intervals late: a new beat, no volley. */
	schedule_flushed(&schedule, 0, 100 * S + 260 * MS);
	assert_int_equal(schedule_delay(&schedule, 0, 100 * S + 260 * MS), 50 * MS);
	/* By hand: a whole interval from now. */
	schedule_flushed(&schedule, 0, 100 * S + 270 * MS);
	assert_int_equal(schedule_delay(&schedule, 0, 100 * S + 270 * MS), 50 * MS);
	assert_int_equal(schedule_timestamp(&schedule, 1234567 * MS), 1234);
	/* Overdue: at once, but never a delay of zero. */
	assert_int_equal(schedule_delay(&schedule, 0, 200 * S), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_not_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
