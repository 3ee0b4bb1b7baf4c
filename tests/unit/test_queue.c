// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The queue keeps whole lines in order, within its limit, and counts what it drops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sink/queue.h"
#include "sink/text.h"

static void add_lines(struct queue *queue, char letter, size_t lines, size_t line_len)
{
	struct text text = {};

	for (size_t i = 0; i < lines; i++) {
		for (size_t j = 0; j + 1 < line_len; j++)
			text_add(&text, &letter, 1);
		text_add(&text, "\n", 1);
	}
	queue_add(queue, text.data, text.len);
	text_release(&text);
}

static void test_order(void **state)
{
	struct queue queue;

	(void)state;
	queue_init(&queue, 1000);
	assert_null(queue_first(&queue));
	queue_add(&queue, "", 0);
	assert_null(queue_first(&queue));
	queue_add(&queue, "a\nb\n", 4);
	queue_add(&queue, "c\n", 2);
	assert_int_equal(queue.count, 2);
	assert_int_equal(queue.bytes, 6);
	assert_int_equal(queue_first(&queue)->lines, 2);
	assert_memory_equal(queue_first(&queue)->data, "a\nb\n", 4);
	queue_pop(&queue);
	assert_memory_equal(queue_first(&queue)->data, "c\n", 2);
	queue_pop(&queue);
	assert_null(queue_first(&queue));
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(queue.batches_dropped, 0);
	queue_release(&queue);
}

static void test_batches_are_whole_lines(void **state)
{
	struct queue queue;
	size_t lines = 0;

	(void)state;
	queue_init(&queue, 100 << 20);
	add_lines(&queue, 'x', 10000, 101);
	assert_true(queue.count >= 4);
	for (struct batch *batch; (batch = queue_first(&queue)); queue_pop(&queue)) {
		assert_true(batch->len <= 256 << 10);
		assert_int_equal(batch->len, batch->lines * 101);
		assert_int_equal(batch->data[batch->len - 1], '\n');
		lines += batch->lines;
	}
	assert_int_equal(lines, 10000);
	queue_release(&queue);
}

static void test_oldest_goes(void **state)
{
	struct queue queue;

	(void)state;
	queue_init(&queue, 400);
	for (char letter = 'a'; letter <= 'f'; letter++)
		add_lines(&queue, letter, 10, 10);
	assert_int_equal(queue.count, 4);
	assert_int_equal(queue.bytes, 400);
	assert_int_equal(queue_first(&queue)->data[0], 'c');
	assert_int_equal(queue.batches_dropped, 2);
	assert_int_equal(queue.lines_dropped, 20);
	queue_release(&queue);
}

static void test_what_is_being_sent_stays(void **state)
{
	struct queue queue;

	(void)state;
	queue_init(&queue, 400);
	for (char letter = 'a'; letter <= 'd'; letter++)
		add_lines(&queue, letter, 10, 10);
	queue_first(&queue)->sending = true;
	add_lines(&queue, 'e', 10, 10);
	assert_int_equal(queue_first(&queue)->data[0], 'a');
	queue_pop(&queue);
	assert_int_equal(queue_first(&queue)->data[0], 'c');
	assert_int_equal(queue.batches_dropped, 1);
	queue_release(&queue);
}

static void test_larger_than_the_queue(void **state)
{
	struct queue queue;

	(void)state;
	queue_init(&queue, 400);
	add_lines(&queue, 'a', 1, 10);
	/* one line that never fits: nothing else has to go for it */
	add_lines(&queue, 'b', 1, 500);
	assert_int_equal(queue.count, 1);
	assert_int_equal(queue.lines_dropped, 1);
	/* many lines: the last ones stay */
	add_lines(&queue, 'c', 100, 10);
	assert_int_equal(queue.bytes, 400);
	assert_int_equal(queue.lines_dropped, 1 + 1 + 60);
	/* a line longer than a batch is not cut */
	add_lines(&queue, 'd', 1, 300);
	assert_int_equal(queue.count, 2);
	queue_pop(&queue);
	assert_int_equal(queue_first(&queue)->len, 300);
	queue_release(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_batches_are_whole_lines),
		cmocka_unit_test(test_oldest_goes),
		cmocka_unit_test(test_what_is_being_sent_stays),
		cmocka_unit_test(test_larger_than_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
