// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* An outbox keeps whole batches in order, within its limits, and counts what it drops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include "lib/log.h"
#include "sink/outbox.h"

#define NS_PER_MS 1000000ll

static struct event_base *base;

static struct outbox *outbox_of(struct queue_options limits)
{
	const struct outbox_options options = { .what = "nobody", .destination = "test", .limits = limits };
	struct error error;
	struct outbox *outbox = outbox_new(base, &options, &error);

	assert_non_null(outbox);
	return outbox;
}

/* `len` times the letter, as many points. */
static void add(struct outbox *outbox, char letter, size_t len)
{
	char data[1000];

	memset(data, letter, len);
	outbox_add(outbox, 1, len, data, len, false);
}

static void expect(struct outbox *outbox, char letter, size_t len)
{
	const struct batch *batch = outbox_take(outbox);

	assert_non_null(batch);
	assert_int_equal(batch->len, len);
	assert_int_equal(batch->points, len);
	assert_int_equal(batch->kind, 1);
	assert_int_equal(batch->data[0], letter);
	assert_int_equal(batch->data[len - 1], letter);
}

static struct outbox_stats stats_of(const struct outbox *outbox)
{
	struct outbox_stats stats;

	outbox_stats(outbox, &stats);
	return stats;
}

static void test_order(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 1000 });

	(void)state;
	assert_true(outbox_is_empty(outbox));
	assert_true(outbox_is_safe(outbox));
	assert_null(outbox_take(outbox));
	add(outbox, 'a', 10);
	add(outbox, 'b', 20);
	assert_false(outbox_is_empty(outbox));
	assert_false(outbox_is_safe(outbox));
	expect(outbox, 'a', 10);
	outbox_put_back(outbox);
	expect(outbox, 'a', 10);
	outbox_delivered(outbox);
	expect(outbox, 'b', 20);
	assert_int_equal(stats_of(outbox).batches_queued, 1);
	assert_int_equal(stats_of(outbox).bytes_queued, 20);
	assert_int_equal(stats_of(outbox).points_queued, 20);
	assert_int_equal(stats_of(outbox).bytes_memory, 20);
	outbox_rejected(outbox);
	assert_null(outbox_take(outbox));
	assert_true(outbox_is_empty(outbox));
	assert_int_equal(stats_of(outbox).batches_rejected, 1);
	assert_int_equal(stats_of(outbox).points_rejected, 20);
	assert_int_equal(stats_of(outbox).batches_dropped, 0);
	outbox_free(outbox);
}

static void test_oldest_goes(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 400 });

	(void)state;
	for (char letter = 'a'; letter <= 'f'; letter++)
		add(outbox, letter, 100);
	assert_int_equal(stats_of(outbox).batches_queued, 4);
	assert_int_equal(stats_of(outbox).bytes_memory, 400);
	assert_int_equal(stats_of(outbox).batches_dropped, 2);
	assert_int_equal(stats_of(outbox).points_dropped, 200);
	expect(outbox, 'c', 100);
	outbox_free(outbox);
}

static void test_what_was_taken_stays(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 400 });

	(void)state;
	for (char letter = 'a'; letter <= 'd'; letter++)
		add(outbox, letter, 100);
	expect(outbox, 'a', 100);
	add(outbox, 'e', 100);
	outbox_delivered(outbox);
	expect(outbox, 'c', 100);
	assert_int_equal(stats_of(outbox).points_dropped, 100);
	outbox_free(outbox);
}

static void test_larger_than_all(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 400 });

	(void)state;
	add(outbox, 'a', 10);
	/* Nothing else has to go for what never fits. */
	add(outbox, 'b', 500);
	assert_int_equal(stats_of(outbox).batches_queued, 1);
	assert_int_equal(stats_of(outbox).batches_dropped, 1);
	assert_int_equal(stats_of(outbox).points_dropped, 500);
	outbox_free(outbox);
}

static void test_age(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 400, .max_age = 20 * NS_PER_MS });

	(void)state;
	add(outbox, 'a', 100);
	add(outbox, 'b', 10);
	expect(outbox, 'a', 100);
	usleep(30000);
	/* What is being sent is nobody's to drop, what is behind it is. */
	add(outbox, 'c', 10);
	assert_int_equal(stats_of(outbox).points_dropped, 10);
	outbox_put_back(outbox);
	expect(outbox, 'c', 10);
	assert_int_equal(stats_of(outbox).points_dropped, 110);
	outbox_free(outbox);
}

static int base_open(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	base = event_base_new();
	return base ? 0 : -1;
}

static int base_close(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_oldest_goes),
		cmocka_unit_test(test_what_was_taken_stays),
		cmocka_unit_test(test_larger_than_all),
		cmocka_unit_test(test_age),
	};

	return cmocka_run_group_tests(tests, base_open, base_close);
}
