// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* An outbox keeps whole batches in order, within its limits, in memory and on disk, and counts what it drops. */
#include <pthread.h>
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
#include <sqlite3.h>
#include <sys/resource.h>
#include "directory.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/outbox_internal.h"
#include "sink/delivery/spool.h"
#include "sink/delivery/worker.h"

#define NS_PER_MS 1000000ll

#define PLENTY (1 << 20)

static struct event_base *base;
static struct worker *worker;
static struct spool *spool;
static unsigned int available;

/* The linker puts this before calloc(): entries for which there is memory; -1: any number. */
static int entries_left = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (size == sizeof(struct entry) && !entries_left)
		return NULL;
	if (size == sizeof(struct entry) && entries_left > 0)
		entries_left--;
	return __real_calloc(count, size);
}

static void on_available(void *context)
{
	(void)context;
	available++;
}

static struct outbox *outbox_of(struct queue_options limits)
{
	const struct outbox_options options = {
		.what = "nobody",
		.destination = "test",
		.limits = limits,
		.spool = spool,
		.available = on_available,
	};
	struct error error;
	struct outbox *outbox = outbox_new(base, &options, &error);

	assert_non_null(outbox);
	return outbox;
}

/* `len` times the letter, as many points. */
static void add_as(struct outbox *outbox, char letter, size_t len, bool urgent)
{
	char data[1000];

	memset(data, letter, len);
	outbox_add(outbox, 1, len, data, len, urgent);
}

static void add(struct outbox *outbox, char letter, size_t len)
{
	add_as(outbox, letter, len, false);
}

static void add_urgent(struct outbox *outbox, char letter, size_t len)
{
	add_as(outbox, letter, len, true);
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

static void spool_start(void)
{
	struct error error = {};

	worker = worker_new(base, &error);
	assert_non_null(worker);
	spool = spool_new(worker, directory, &error);
	if (!spool)
		fail_msg("%s", error.text);
}

static void spool_stop(void)
{
	spool_free(spool);
	worker_free(worker);
	spool = NULL;
	worker = NULL;
}

/* The same outbox in the next daemon. */
static struct outbox *outbox_again(struct outbox *outbox, struct queue_options limits)
{
	outbox_free(outbox);
	spool_stop();
	spool_start();
	outbox = outbox_of(limits);
	assert_null(outbox_take(outbox));
	assert_false(outbox_is_empty(outbox));
	worker_finish(worker);
	return outbox;
}

static void settle(void)
{
	worker_finish(worker);
}

/* Runs the loop for so long. */
static void pass(unsigned int ms)
{
	const struct timeval time = { .tv_usec = ms * 1000 };

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
	settle();
}

/* Takes and delivers batches of 100 bytes, of the letters from `first` on. */
static void expect_letters(struct outbox *outbox, char first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!outbox_take(outbox))
			settle();
		expect(outbox, (char)('a' + (first - 'a' + i) % 26), 100);
		outbox_delivered(outbox);
	}
	settle();
	assert_true(outbox_is_empty(outbox));
}

static void test_what_waits_is_written(void **state)
{
	const struct queue_options limits = { .memory = 1000, .disk = PLENTY };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	add(outbox, 'a', 100);
	add(outbox, 'b', 100);
	pass(50);
	assert_false(outbox_is_safe(outbox));
	assert_int_equal(stats_of(outbox).batches_spooled, 0);
	pass(250);
	assert_true(outbox_is_safe(outbox));
	assert_int_equal(stats_of(outbox).batches_spooled, 2);
	assert_int_equal(stats_of(outbox).bytes_spooled, 200);
	/* Behind what waits nothing need be waited for. */
	add(outbox, 'c', 100);
	settle();
	assert_true(outbox_is_safe(outbox));
	expect_letters(outbox, 'a', 3);
	assert_int_equal(stats_of(outbox).bytes_memory, 0);
	assert_int_equal(stats_of(outbox).bytes_spooled, 0);
	/* What leaves in time is not written; what cannot be sent is, at once. */
	add(outbox, 'a', 100);
	expect_letters(outbox, 'a', 1);
	add_urgent(outbox, 'a', 100);
	settle();
	assert_true(outbox_is_safe(outbox));
	expect_letters(outbox, 'a', 1);
	add(outbox, 'a', 100);
	outbox_save(outbox);
	settle();
	assert_true(outbox_is_safe(outbox));
	outbox_free(outbox);
}

static void test_restart(void **state)
{
	const struct queue_options limits = { .memory = 1000, .disk = PLENTY };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	for (char letter = 'a'; letter <= 'e'; letter++)
		add_as(outbox, letter, 100, letter < 'd');
	/* What was delivered does not come back; what was neither delivered nor written is written now. */
	expect(outbox, 'a', 100);
	outbox_delivered(outbox);
	available = 0;
	outbox = outbox_again(outbox, limits);
	assert_int_equal(available, 1);
	assert_int_equal(stats_of(outbox).batches_queued, 4);
	assert_int_equal(stats_of(outbox).points_queued, 400);
	assert_true(outbox_is_safe(outbox));
	add(outbox, 'f', 100);
	expect_letters(outbox, 'b', 5);
	assert_int_equal(stats_of(outbox).points_dropped, 0);
	outbox_free(outbox);
}

/* A backlog fifty times as large as what memory may hold, read back while more comes. */
static void test_memory_is_a_cache(void **state)
{
	const struct queue_options limits = { .memory = 1000, .disk = PLENTY };
	struct outbox *outbox = outbox_of(limits);
	uint64_t most = 0;

	(void)state;
	settle();
	for (int i = 0; i < 400; i++) {
		add_urgent(outbox, (char)('a' + i % 26), 100);
		if (i % 10 == 9)
			settle();
	}
	assert_int_equal(stats_of(outbox).bytes_memory, 1000);
	assert_int_equal(stats_of(outbox).bytes_spooled, 40000);
	for (int i = 0; i < 400; i++) {
		if (!outbox_take(outbox))
			settle();
		expect(outbox, (char)('a' + i % 26), 100);
		if (i < 130)
			add(outbox, (char)('a' + (400 + i) % 26), 100);
		outbox_delivered(outbox);
		if (i % 7 == 0)
			settle();
		if (i % 7 == 0 && stats_of(outbox).bytes_memory > most)
			most = stats_of(outbox).bytes_memory;
	}
	assert_true(most <= 1000);
	expect_letters(outbox, 'a' + 400 % 26, 130);
	outbox_free(outbox);
}

static void test_one_is_more_than_memory(void **state)
{
	const struct queue_options limits = { .memory = 150, .disk = 450 };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	for (char letter = 'a'; letter <= 'c'; letter++)
		add(outbox, letter, 100);
	settle();
	/* The oldest stays in memory, though nothing says that it is to be written. */
	assert_int_equal(stats_of(outbox).bytes_memory, 100);
	assert_int_equal(stats_of(outbox).batches_spooled, 2);
	/* Larger than memory, but not than the disk, and the other way round. */
	add(outbox, 'd', 240);
	settle();
	assert_int_equal(stats_of(outbox).batches_spooled, 3);
	assert_int_equal(stats_of(outbox).batches_dropped, 0);
	add(outbox, 'e', 500);
	assert_int_equal(stats_of(outbox).batches_dropped, 1);
	assert_int_equal(stats_of(outbox).points_dropped, 500);
	expect(outbox, 'a', 100);
	outbox_delivered(outbox);
	for (char letter = 'b'; letter <= 'd'; letter++) {
		if (!outbox_take(outbox))
			settle();
		expect(outbox, letter, letter == 'd' ? 240 : 100);
		outbox_delivered(outbox);
	}
	assert_true(outbox_is_empty(outbox));
	outbox_free(outbox);
}

static void test_oldest_goes_from_disk(void **state)
{
	const struct queue_options limits = { .memory = 200, .disk = 500 };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	add_urgent(outbox, 'a', 100);
	expect(outbox, 'a', 100);
	for (char letter = 'b'; letter <= 'h'; letter++) {
		add(outbox, letter, 100);
		settle();
	}
	assert_int_equal(stats_of(outbox).bytes_spooled, 500);
	assert_int_equal(stats_of(outbox).points_dropped, 300);
	outbox_put_back(outbox);
	/* What was dropped is not found by the next one either. */
	outbox = outbox_again(outbox, limits);
	expect(outbox, 'a', 100);
	outbox_delivered(outbox);
	expect_letters(outbox, 'e', 4);
	outbox_free(outbox);
}

static void execute(const char *sql)
{
	char path[96];
	sqlite3 *handle;

	snprintf(path, sizeof(path), "%s/spool.db", directory);
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

/* Hours by which the wall clock differs from what it was when batches a to d were made. */
static void expect_after_hours(const int *hours, const char *expected)
{
	const struct queue_options limits = { .memory = 1000,
					      .disk = PLENTY,
					      .max_age = 2 * 3600 * NS_PER_SECOND };
	struct outbox *outbox;
	char sql[160];

	assert_int_equal(directory_remove(), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	spool_start();
	outbox = outbox_of(limits);
	settle();
	for (char letter = 'a'; letter <= 'd'; letter++)
		add_urgent(outbox, letter, 100);
	outbox_free(outbox);
	spool_stop();
	for (int i = 0; i < 4; i++) {
		snprintf(sql, sizeof(sql),
			 "UPDATE batches SET created = created - %d * 3600000000000"
			 " WHERE row = %d + (SELECT min(row) FROM batches)",
			 hours[i], i);
		execute(sql);
	}
	spool_start();
	outbox = outbox_of(limits);
	settle();
	assert_int_equal(stats_of(outbox).points_dropped, (4 - strlen(expected)) * 100);
	if (*expected)
		expect_letters(outbox, *expected, strlen(expected));
	outbox_free(outbox);
	spool_stop();
}

static void test_clocks(void **state)
{
	(void)state;
	spool_stop();
	expect_after_hours((const int[]){ 3, 1, 1, 0 }, "bcd");
	expect_after_hours((const int[]){ 1, 1, 1, 1 }, "abcd");
	expect_after_hours((const int[]){ 5, 4, 3, 3 }, "");
	/* Set back by an hour, so all are from the future: new. */
	expect_after_hours((const int[]){ -1, -1, -1, -1 }, "abcd");
	/* Set back by an hour between a and b: still in their order. */
	expect_after_hours((const int[]){ 0, 1, 1, 1 }, "abcd");
	/* One of long ago, and one from the future that was made before it, and so is older. */
	expect_after_hours((const int[]){ -1, 3, 0, 0 }, "cd");
	/* Nonsense. */
	expect_after_hours((const int[]){ 2000000, 2000000, -700000, -700000 }, "cd");
	spool_start();
}

/* A disk that refuses: memory is what there is. Then it does not. */
static void test_disk_refuses(void **state)
{
	const struct queue_options limits = { .memory = 400, .disk = PLENTY };
	struct outbox *outbox = outbox_of(limits);
	struct rlimit before, none = {};

	(void)state;
	settle();
	add_urgent(outbox, 'a', 100);
	settle();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	for (char letter = 'b'; letter <= 'd'; letter++)
		add_urgent(outbox, letter, 100);
	settle();
	assert_false(outbox_is_safe(outbox));
	assert_int_equal(stats_of(outbox).spool_errors, 3);
	assert_int_equal(stats_of(outbox).batches_spooled, 1);
	assert_int_equal(stats_of(outbox).points_dropped, 0);
	/* Nothing is tried for a while; what is on disk makes room, then what is oldest in memory. */
	add_urgent(outbox, 'e', 100);
	add_urgent(outbox, 'f', 100);
	assert_int_equal(stats_of(outbox).spool_errors, 3);
	assert_int_equal(stats_of(outbox).points_dropped, 200);
	assert_int_equal(stats_of(outbox).bytes_memory, 400);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	outbox_save(outbox);
	settle();
	assert_true(outbox_is_safe(outbox));
	assert_int_equal(stats_of(outbox).batches_spooled, 4);
	expect(outbox, 'a', 100);
	outbox_delivered(outbox);
	expect_letters(outbox, 'd', 3);
	outbox_free(outbox);
}

/* A job that holds the worker up for as long as `gate` is locked. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void gate_pass(struct job *job)
{
	(void)job;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void gate_done(struct job *job)
{
	(void)job;
}

/* What is waited for grows too old while the disk is slow: what is behind it is offered. */
static void test_age_while_it_is_read(void **state)
{
	const struct queue_options limits = { .memory = 100, .disk = PLENTY, .max_age = 200 * NS_PER_MS };
	struct job job = { .work = gate_pass, .done = gate_done };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	for (char letter = 'a'; letter <= 'c'; letter++)
		add_urgent(outbox, letter, 90);
	settle();
	usleep(100000);
	for (char letter = 'u'; letter <= 'w'; letter++)
		add_urgent(outbox, letter, 90);
	settle();
	expect(outbox, 'a', 90);
	outbox_delivered(outbox);
	pthread_mutex_lock(&gate);
	worker_submit(worker, &job);
	assert_null(outbox_take(outbox));
	usleep(120000);
	available = 0;
	/* The old ones go, though one is being read. */
	outbox_expire(outbox);
	assert_int_equal(stats_of(outbox).batches_dropped, 2);
	pthread_mutex_unlock(&gate);
	settle();
	assert_int_equal(available, 1);
	expect(outbox, 'u', 90);
	outbox_free(outbox);
}

/* Rows that no memory can be had for stay on disk, and are counted. */
static void test_no_memory_to_list(void **state)
{
	const struct queue_options limits = { .memory = 1000, .disk = PLENTY };
	struct outbox *outbox = outbox_of(limits);

	(void)state;
	settle();
	for (char letter = 'a'; letter <= 'f'; letter++)
		add_urgent(outbox, letter, 100);
	outbox_free(outbox);
	spool_stop();
	spool_start();
	outbox = outbox_of(limits);
	entries_left = 2;
	settle();
	entries_left = -1;
	assert_int_equal(stats_of(outbox).batches_queued, 2);
	assert_int_equal(stats_of(outbox).spool_errors, 4);
	expect(outbox, 'e', 100);
	outbox = outbox_again(outbox, limits);
	assert_int_equal(stats_of(outbox).batches_queued, 6);
	outbox_free(outbox);
}

static void test_what_cannot_be_kept_is_counted(void **state)
{
	struct outbox *outbox = outbox_of((struct queue_options){ .memory = 400, .disk = 50 });
	struct rlimit before, none = {};
	struct spool_stats lost;

	(void)state;
	settle();
	/* Larger than what disk may hold. */
	add_urgent(outbox, 'a', 100);
	outbox_free(outbox);
	spool_stats(spool, &lost);
	assert_int_equal(lost.batches_dropped, 1);
	assert_int_equal(lost.points_dropped, 100);
	/* Not written, and nobody is there any more to have it back. */
	outbox = outbox_of((struct queue_options){ .memory = 400, .disk = PLENTY });
	settle();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	add(outbox, 'b', 30);
	outbox_free(outbox);
	settle();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	spool_stats(spool, &lost);
	assert_int_equal(lost.batches_dropped, 2);
	assert_int_equal(lost.points_dropped, 130);
}

/* What memory has of a file that was set aside is written to the new one; the rest is counted. */
static void test_spool_is_lost(void **state)
{
	const struct queue_options limits = { .memory = 4000, .disk = 8 * PLENTY };
	struct outbox *outbox = outbox_of(limits);
	char path[96];

	(void)state;
	settle();
	/* More than SQLite keeps in its memory. */
	for (int i = 0; i < 5200; i++) {
		add_urgent(outbox, (char)('a' + i % 26), 900);
		if (i % 100 == 99)
			settle();
	}
	outbox = outbox_again(outbox, limits);
	assert_int_equal(stats_of(outbox).batches_queued, 5200);
	snprintf(path, sizeof(path), "%s/spool.db", directory);
	for (int i = 0; i < 16; i++)
		assert_int_equal(file_spoil(path, i * 65536, 65536), 0);
	for (int i = 0; i < 5200 && !stats_of(outbox).spool_errors; i++) {
		if (outbox_take(outbox))
			outbox_delivered(outbox);
		settle();
	}
	assert_true(stats_of(outbox).spool_errors > 0);
	assert_true(stats_of(outbox).batches_dropped > 0);
	assert_true(outbox_is_safe(outbox));
	add(outbox, 'z', 100);
	settle();
	assert_true(outbox_is_safe(outbox));
	outbox = outbox_again(outbox, limits);
	assert_true(stats_of(outbox).batches_queued >= 1);
	outbox_free(outbox);
}

/* The same numbers in each run. */
static unsigned int chance(unsigned int below)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % below;
}

static void add_number(struct outbox *outbox, unsigned int number)
{
	char data[300] = "";

	memcpy(data, &number, sizeof(number));
	outbox_add(outbox, 0, 1, data, sizeof(number) + chance(290), chance(2));
}

/* Whatever happens to it, in any order: every batch leaves once, and in its turn. */
static void test_nothing_is_lost(void **state)
{
	const struct queue_options limits = { .memory = 2000, .disk = 64 * PLENTY };
	struct outbox *outbox = outbox_of(limits);
	unsigned int added = 0, delivered = 0, number;

	(void)state;
	settle();
	for (int step = 0; step < 20000 || delivered < added; step++) {
		const struct batch *batch;

		for (unsigned int i = chance(4); step < 20000 && i; i--)
			add_number(outbox, added++);
		for (unsigned int i = chance(step / 1000 % 2 ? 8 : 2); i; i--) {
			batch = outbox_take(outbox);
			if (!batch)
				break;
			memcpy(&number, batch->data, sizeof(number));
			assert_int_equal(number, delivered);
			if (!chance(10)) {
				outbox_put_back(outbox);
				break;
			}
			outbox_delivered(outbox);
			delivered++;
		}
		if (!chance(5))
			event_base_loop(base, EVLOOP_NONBLOCK);
		if (!chance(100) || step > 20000)
			settle();
		if (!chance(2000)) {
			outbox_free(outbox);
			spool_stop();
			spool_start();
			outbox = outbox_of(limits);
		}
	}
	assert_true(outbox_is_empty(outbox));
	assert_int_equal(stats_of(outbox).batches_dropped, 0);
	assert_int_equal(stats_of(outbox).bytes_memory, 0);
	assert_int_equal(stats_of(outbox).batches_spooled, 0);
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

static int files_open(void **state)
{
	(void)state;
	if (directory_make_one())
		return -1;
	spool_start();
	return 0;
}

static int files_close(void **state)
{
	(void)state;
	spool_stop();
	return directory_remove();
}

int main(void)
{
#define SPOOLED(function) cmocka_unit_test_setup_teardown(function, files_open, files_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_oldest_goes),
		cmocka_unit_test(test_what_was_taken_stays),
		cmocka_unit_test(test_larger_than_all),
		cmocka_unit_test(test_age),
		SPOOLED(test_what_waits_is_written),
		SPOOLED(test_restart),
		SPOOLED(test_memory_is_a_cache),
		SPOOLED(test_one_is_more_than_memory),
		SPOOLED(test_oldest_goes_from_disk),
		SPOOLED(test_clocks),
		SPOOLED(test_disk_refuses),
		SPOOLED(test_age_while_it_is_read),
		SPOOLED(test_no_memory_to_list),
		SPOOLED(test_what_cannot_be_kept_is_counted),
		SPOOLED(test_spool_is_lost),
		SPOOLED(test_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, base_open, base_close);
}
