// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A part of the samples is a fair one: each comes with the same probability, also after two parts became one. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/samples.h"

#define SEEN 40
#define KEPT 10
#define ROUNDS 20000

static void add(struct samples *samples, int first, int count, size_t limit, uint64_t *chance)
{
	for (int i = first; i < first + count; i++)
		assert_int_equal(samples_add(samples, (struct sample){ i, 1 }, limit, chance), 0);
}

static void test_all_are_kept_in_order(void **state)
{
	struct samples samples = {}, later = {};
	uint64_t chance = 1;

	(void)state;
	add(&later, 300, 200, 500, &chance);
	add(&samples, 0, 300, 500, &chance);
	assert_int_equal(samples_move(&later, &samples, 500, &chance), 0);
	assert_int_equal(samples.used, 0);
	assert_int_equal(samples.seen, 0);
	assert_int_equal(later.used, 500);
	assert_int_equal(later.seen, 500);
	for (int i = 0; i < 500; i++)
		assert_true(later.list[i].value == i);
	/* nothing into something, and something into nothing */
	assert_int_equal(samples_move(&later, &samples, 0, &chance), 0);
	assert_int_equal(later.used, 500);
	assert_int_equal(samples_move(&samples, &later, 0, &chance), 0);
	assert_int_equal(samples.used, 500);
	assert_int_equal(later.used, 0);
	samples_release(&samples);
}

/* Each of SEEN values must have come in KEPT/SEEN of the rounds, within six standard errors. */
static void assert_fair(const unsigned int counts[SEEN])
{
	const double p = (double)KEPT / SEEN, error = sqrt(ROUNDS * p * (1 - p));

	for (int i = 0; i < SEEN; i++)
		if (fabs(counts[i] - ROUNDS * p) > 6 * error)
			fail_msg("value %d came %u times of %d, not about %g", i, counts[i], ROUNDS,
				 ROUNDS * p);
}

static void count_values(const struct samples *samples, unsigned int counts[SEEN])
{
	bool seen[SEEN] = {};
	int value;

	assert_int_equal(samples->used, KEPT);
	assert_int_equal(samples->seen, SEEN);
	for (size_t i = 0; i < samples->used; i++) {
		value = (int)samples->list[i].value;
		assert_false(seen[value]);
		seen[value] = true;
		counts[value]++;
	}
}

static void test_fair(void **state)
{
	unsigned int counts[SEEN] = {};
	uint64_t chance = 42;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct samples samples = {};

		add(&samples, 0, SEEN, KEPT, &chance);
		count_values(&samples, counts);
		samples_release(&samples);
	}
	assert_fair(counts);
}

/* How many came before a carry; then the rest may go on coming, too. */
static void check_fair_together(int before, int after)
{
	unsigned int counts[SEEN] = {};
	uint64_t chance = 7;

	for (int round = 0; round < ROUNDS; round++) {
		struct samples from = {}, to = {};

		add(&from, 0, before, KEPT, &chance);
		add(&to, before, after, KEPT, &chance);
		assert_int_equal(samples_move(&to, &from, KEPT, &chance), 0);
		add(&to, before + after, SEEN - before - after, KEPT, &chance);
		count_values(&to, counts);
		samples_release(&to);
	}
	assert_fair(counts);
}

static void test_fair_together(void **state)
{
	(void)state;
	check_fair_together(30, 10);
	check_fair_together(5, 35);
	check_fair_together(20, 20);
	check_fair_together(36, 2);
	check_fair_together(20, 5);
	check_fair_together(8, 8);
	check_fair_together(40, 0);
}

/* A limit that changes in the middle of a window. */
static void test_limit_changes(void **state)
{
	struct samples samples = {}, other = {};
	uint64_t chance = 3;

	(void)state;
	add(&samples, 0, 20, KEPT, &chance);
	add(&samples, 20, 20, 100, &chance);
	assert_int_equal(samples.used, KEPT);
	assert_int_equal(samples.seen, 40);
	add(&other, 0, 20, 100, &chance);
	add(&other, 20, 20, KEPT, &chance);
	assert_int_equal(other.used, 20);
	assert_int_equal(other.seen, 40);
	assert_int_equal(samples_move(&other, &samples, 0, &chance), 0);
	assert_int_equal(other.used, KEPT);
	assert_int_equal(other.seen, 80);
	samples_release(&other);
}

static void test_seed(void **state)
{
	struct samples one = {}, other = {};
	uint64_t chance_one = 9, chance_other = 9;

	(void)state;
	add(&one, 0, 1000, KEPT, &chance_one);
	add(&other, 0, 1000, KEPT, &chance_other);
	assert_memory_equal(one.list, other.list, KEPT * sizeof(*one.list));
	samples_release(&one);
	samples_release(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_kept_in_order),
		cmocka_unit_test(test_fair),
		cmocka_unit_test(test_fair_together),
		cmocka_unit_test(test_limit_changes),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
