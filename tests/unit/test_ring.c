// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Which destination a series goes to: shares, what moves, and that nothing else does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sink/delivery/ring.h"

#define NAMES 20000
#define NODES 5

static const char addresses[][ADDRESS_BYTES] = { "10.0.0.1:2003", "10.0.0.2:2003", "10.0.0.3:2003",
						 "10.0.0.4:2003", "carbon.example:2003" };

static const char *name_of(int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "shop.node%d.orders.%d", i % 97, i);
	return name;
}

static void test_shares(void **state)
{
	struct ring *ring = ring_new(addresses, NODES);
	size_t got[NODES] = {};

	(void)state;
	for (int i = 0; i < NAMES; i++)
		got[ring_find(ring, name_of(i), "")]++;
	for (size_t i = 0; i < NODES; i++)
		assert_in_range(got[i], NAMES / NODES * 85 / 100, NAMES / NODES * 115 / 100);
	ring_free(ring);
}

/* Without the last one, only its own series move; with it, only to it. */
static void test_one_more_or_less(void **state)
{
	struct ring *few = ring_new(addresses, NODES - 1), *all = ring_new(addresses, NODES);
	size_t moved = 0;

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		size_t before = ring_find(few, name_of(i), ""), after = ring_find(all, name_of(i), "");

		if (before == after)
			continue;
		assert_int_equal(after, NODES - 1);
		moved++;
	}
	assert_in_range(moved, NAMES / NODES * 85 / 100, NAMES / NODES * 115 / 100);
	ring_free(few);
	ring_free(all);
}

static void test_order_says_nothing(void **state)
{
	char turned[NODES][ADDRESS_BYTES];
	struct ring *ring = ring_new(addresses, NODES), *other;

	(void)state;
	for (size_t i = 0; i < NODES; i++)
		memcpy(turned[i], addresses[NODES - 1 - i], ADDRESS_BYTES);
	other = ring_new((const char(*)[ADDRESS_BYTES])turned, NODES);
	for (int i = 0; i < NAMES; i++)
		assert_int_equal(ring_find(ring, name_of(i), "env=prod"),
				 NODES - 1 - ring_find(other, name_of(i), "env=prod"));
	ring_free(ring);
	ring_free(other);
}

/* The same in every version of the daemon, as what was stored stays where it is. */
static void test_stays(void **state)
{
	static const struct {
		const char *name, *tags;
		size_t index;
	} cases[] = {
		{ "hits", "", 2 },
		{ "hits", "env=prod", 4 },
		{ "shop.orders", "", 1 },
		{ "shop.checkout", "service=shop;zone=eu", 1 },
	};
	struct ring *ring = ring_new(addresses, NODES);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ring_find(ring, cases[i].name, cases[i].tags), cases[i].index);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_one_more_or_less),
		cmocka_unit_test(test_order_says_nothing),
		cmocka_unit_test(test_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
