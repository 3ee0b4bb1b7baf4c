// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Jobs are done in order, outside of the loop, and told inside of it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "sink/delivery/worker.h"

#define JOBS 100

struct numbered {
	struct job job;
	int number;
	int again; /* how many more times it submits itself */
	bool blocks_signals;
	atomic_bool dropped;
};

static struct event_base *base;
static struct worker *worker;
static pthread_t loop;

/* What was done, and what was told. */
static int done[JOBS], told[JOBS];
static size_t done_count, told_count;

/* The thread waits here until it is let through. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool working;

static void work(struct job *job)
{
	struct numbered *numbered = (struct numbered *)job;
	sigset_t blocked;

	working = true;
	pthread_mutex_lock(&gate);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	numbered->blocks_signals = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
	if (!pthread_equal(pthread_self(), loop))
		done[done_count++ % JOBS] = numbered->number;
	pthread_mutex_unlock(&gate);
}

static void tell(struct job *job)
{
	struct numbered *numbered = (struct numbered *)job;

	if (pthread_equal(pthread_self(), loop))
		told[told_count++ % JOBS] = numbered->number;
	if (numbered->again-- > 0)
		worker_submit(worker, job);
}

static void submit(struct numbered *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		jobs[i] = (struct numbered){ .job = { .work = work, .done = tell }, .number = (int)i };
		worker_submit(worker, &jobs[i].job);
	}
}

static void expect_all(size_t count)
{
	assert_int_equal(done_count, count);
	assert_int_equal(told_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(done[i], i);
		assert_int_equal(told[i], i);
	}
}

static int worker_open(void **state)
{
	struct error error;

	(void)state;
	loop = pthread_self();
	done_count = told_count = 0;
	working = false;
	base = event_base_new();
	worker = base ? worker_new(base, &error) : NULL;
	return worker ? 0 : -1;
}

static int worker_close(void **state)
{
	(void)state;
	worker_free(worker);
	event_base_free(base);
	return 0;
}

static void test_order(void **state)
{
	struct numbered jobs[JOBS];

	(void)state;
	submit(jobs, JOBS);
	while (told_count < JOBS)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	expect_all(JOBS);
	assert_true(jobs[0].blocks_signals);
}

static void test_submitting_does_not_wait(void **state)
{
	struct numbered jobs[10];

	(void)state;
	pthread_mutex_lock(&gate);
	submit(jobs, 10);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(told_count, 0);
	pthread_mutex_unlock(&gate);
	worker_finish(worker);
	expect_all(10);
	/* The loop is not told again. */
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(told_count, 10);
}

static void test_finish_waits_for_what_ends_lead_to(void **state)
{
	struct numbered job = { .job = { .work = work, .done = tell }, .again = 5 };

	(void)state;
	worker_finish(worker);
	worker_submit(worker, &job.job);
	worker_finish(worker);
	assert_int_equal(done_count, 6);
	assert_int_equal(told_count, 6);
}

static void test_free_does_what_is_left(void **state)
{
	struct numbered jobs[10];
	struct error error;

	(void)state;
	submit(jobs, 10);
	worker_free(worker);
	expect_all(10);
	worker = worker_new(base, &error);
	assert_non_null(worker);
}

static void drop(struct job *job)
{
	((struct numbered *)job)->dropped = true;
}

/* What hangs is left behind, and is the thread's; what was not begun never is. */
static void test_dismissed_without_waiting(void **state)
{
	static struct numbered jobs[2];
	struct error error;

	(void)state;
	for (int i = 0; i < 2; i++)
		jobs[i] =
			(struct numbered){ .job = { .work = work, .done = tell, .drop = drop }, .number = i };
	pthread_mutex_lock(&gate);
	worker_submit(worker, &jobs[0].job);
	while (!working)
		sched_yield();
	worker_submit(worker, &jobs[1].job);
	assert_false(worker_finish_until(worker, clock_read(CLOCK_MONOTONIC) + NS_PER_SECOND / 100));
	assert_false(worker_free_until(worker, 0));
	assert_true(jobs[1].dropped);
	assert_false(jobs[0].dropped);
	pthread_mutex_unlock(&gate);
	while (!jobs[0].dropped)
		sched_yield();
	assert_int_equal(done_count, 1);
	assert_int_equal(told_count, 0);
	worker = worker_new(base, &error);
	assert_non_null(worker);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, worker_open, worker_close)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_submitting_does_not_wait),
		TEST(test_finish_waits_for_what_ends_lead_to),
		TEST(test_free_does_what_is_left),
		TEST(test_dismissed_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
