// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Flushes larger than what a destination may take at once: push.h goes on when there is room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "directory.h"
#include "push_fakes.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/spool.h"
#include "sink/delivery/worker.h"

#define MANY 100000
#define NAME_BYTES 24
#define MEMORY (256 << 10)
static size_t memory = MEMORY; /* for the next sink */

/* A flush of `count` gauges: "f.0000000" and so on, with the letter of the flush. */
static struct snapshot *snapshot_new(char letter, size_t count)
{
	void *room;
	struct snapshot *snapshot =
		snapshot_derive(NULL, count * (sizeof(struct metric) + NAME_BYTES), &room);
	struct metric *metrics = room;
	char *name = (char *)(metrics + count);

	assert_non_null(snapshot);
	for (size_t i = 0; i < count; i++, name += NAME_BYTES) {
		snprintf(name, NAME_BYTES, "%c.%07zu.of.some", letter, i);
		metrics[i] = (struct metric){ .type = METRIC_GAUGE, .name = name, .tags = "" };
	}
	snapshot->timestamp = 17000000000;
	snapshot->metrics = metrics;
	snapshot->count = count;
	return snapshot;
}

static void deliver(struct sink *sink, char letter, size_t count)
{
	struct snapshot *snapshot = snapshot_new(letter, count);

	sink_deliver(sink, snapshot);
	snapshot_free(snapshot);
}

static struct sink *sink_of(struct setting *setting, size_t destinations)
{
	struct error error = {};
	struct sink *sink;

	setting->plan.options.destination_count = destinations;
	for (size_t i = 1; i < destinations; i++)
		snprintf(setting->plan.options.destinations[i], ADDRESS_BYTES, "other%zu", i);
	setting->plan.options.queue.memory = memory;
	memory = MEMORY;
	setting->plan.options.batch_bytes = 10000;
	sink = push_new(&setting->environment, &setting->plan, &error);
	if (!sink)
		fail_msg("%s", error.text);
	return sink;
}

/* One turn of the loop, at most so long. */
static void turn(struct setting *setting)
{
	run_for(setting->base, 1);
}

/* How many lines arrived that begin with the letter; they must be in order, from `first` on. */
static size_t lines_of(const struct fake *fake, char letter, size_t first)
{
	const char *end = fake->taken.data + fake->taken.len;
	size_t lines = 0;
	char wanted[NAME_BYTES];

	for (const char *at = fake->taken.data; at && at < end; at++) {
		snprintf(wanted, sizeof(wanted), "%c.%07zu.of.some\n", letter, first + lines);
		if (*at == letter) {
			assert_memory_equal(at, wanted, strlen(wanted));
			lines++;
		}
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			break;
		at += at[1] == '|';
	}
	return lines;
}

/* A receiver that takes what comes gets all, in bounded memory, what stands last at the end; the loop turns meanwhile. */
static void test_waits_for_a_receiver(void **state)
{
	struct setting *setting = *state;
	struct sink *sink;
	size_t turns = 0;

	setting->plan.encoder->operations = &framed_operations;
	sink = sink_of(setting, 1);
	deliver(sink, 'a', MANY);
	assert_true(stats_of(sink).metrics_waiting > MANY / 2);
	while (!sink_idle(sink)) {
		assert_true(stats_of(sink).bytes_queued <= MEMORY);
		assert_false(sink_safe(sink));
		while (fakes[0]->batch)
			fake_sent(fakes[0]);
		turn(setting);
		turns++;
	}
	assert_true(turns > 5);
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	assert_int_equal(stats_of(sink).lines_sent, MANY + 1);
	assert_int_equal(stats_of(sink).metrics_waiting, 0);
	assert_memory_equal(fakes[0]->taken.data + fakes[0]->taken.len - 5, "end\n|", 5);
	sink_free(sink);
}

/* The loop serves others between two slices also where nothing has to be waited for. */
static void test_slices(void **state)
{
	struct setting *setting = *state;
	struct sink *sink;
	uint64_t before, waiting;

	memory = 64 << 20;
	sink = sink_of(setting, 1);
	deliver(sink, 'a', MANY);
	for (before = MANY; (waiting = stats_of(sink).metrics_waiting); before = waiting) {
		assert_true(waiting < before && before - waiting < MANY / 5);
		event_base_loop(setting->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	fake_drain(fakes[0]);
	assert_int_equal(lines_of(fakes[0], 'a', 0), MANY);
	sink_free(sink);
}

/* Nobody is there and there is no disk: the flush is encoded to the end, and its beginning goes, counted. */
static void test_nobody_is_there(void **state)
{
	struct setting *setting = *state;
	struct sink *sink = sink_of(setting, 1);
	size_t dropped;

	fakes[0]->ready = fakes[0]->up = false;
	deliver(sink, 'a', MANY);
	while (stats_of(sink).metrics_waiting)
		turn(setting);
	dropped = stats_of(sink).lines_dropped;
	assert_true(dropped > MANY / 2 && dropped < MANY);
	fakes[0]->ready = fakes[0]->up = true;
	fakes[0]->events.ready(fakes[0]->events.context);
	fake_drain(fakes[0]);
	assert_int_equal(lines_of(fakes[0], 'a', dropped), MANY - dropped);
	sink_free(sink);
}

/* It was there, and is lost while a flush waits for it. */
static void test_goes_away(void **state)
{
	struct setting *setting = *state;
	struct sink *sink = sink_of(setting, 1);

	deliver(sink, 'a', MANY);
	for (int i = 0; i < 5; i++)
		turn(setting);
	assert_true(stats_of(sink).metrics_waiting);
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	fakes[0]->up = false;
	fakes[0]->batch = NULL;
	fakes[0]->events.lost(fakes[0]->events.context);
	while (stats_of(sink).metrics_waiting)
		turn(setting);
	assert_true(stats_of(sink).lines_dropped > MANY / 2);
	sink_free(sink);
}

/* Two flushes wait behind the one that is being encoded; of more, the oldest goes. */
static void test_flushes_wait(void **state)
{
	struct setting *setting = *state;
	struct sink *sink = sink_of(setting, 1);

	for (char letter = 'a'; letter <= 'd'; letter++)
		deliver(sink, letter, letter == 'b' ? 7 : MANY);
	assert_int_equal(stats_of(sink).lines_dropped, 7);
	assert_int_equal(stats_of(sink).batches_dropped, 1);
	assert_true(stats_of(sink).metrics_waiting > 2 * MANY);
	while (!sink_idle(sink)) {
		while (fakes[0]->batch)
			fake_sent(fakes[0]);
		turn(setting);
	}
	assert_int_equal(stats_of(sink).lines_sent, 3 * MANY);
	assert_int_equal(stats_of(sink).lines_dropped, 7);
	assert_int_equal(lines_of(fakes[0], 'b', 0), 0);
	assert_int_equal(lines_of(fakes[0], 'd', 0), MANY);
	sink_free(sink);
}

/* One of two that takes nothing delays the other until the next flush, not longer. */
static void test_one_is_slow(void **state)
{
	struct setting *setting = *state;
	struct sink *sink = sink_of(setting, 2);

	deliver(sink, 'a', MANY);
	deliver(sink, 'b', 1);
	while (stats_of(sink).metrics_waiting > 1) {
		while (fakes[1]->batch)
			fake_sent(fakes[1]);
		turn(setting);
	}
	while (fakes[1]->batch)
		fake_sent(fakes[1]);
	assert_int_equal(lines_of(fakes[1], 'a', 0), MANY);
	assert_true(stats_of(sink).lines_dropped > MANY / 2);
	sink_free(sink);
}

/* Hash: all of them share the flush, and none loses a part of it. */
static void test_hash(void **state)
{
	struct setting *setting = *state;
	struct sink *sink;

	setting->plan.options.distribution = DISTRIBUTION_HASH;
	sink = sink_of(setting, 3);
	deliver(sink, 'a', 4 * MANY);
	while (!sink_idle(sink)) {
		for (size_t i = 0; i < 3; i++)
			while (fakes[i]->batch)
				fake_sent(fakes[i]);
		turn(setting);
	}
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	assert_int_equal(stats_of(sink).lines_sent, 4 * MANY);
	sink_free(sink);
}

/* Nobody is there, but there is a disk: all is written there, and memory stays what it was. */
static void test_spool(void **state)
{
	struct setting *setting = *state;
	struct error error = {};
	struct worker *worker = worker_new(setting->base, &error);
	struct sink *sink;

	assert_int_equal(directory_make_one(), 0);
	setting->environment.spool = spool_new(worker, directory, &error);
	assert_non_null(setting->environment.spool);
	setting->plan.options.queue.disk = 256 << 20;
	sink = sink_of(setting, 1);
	fakes[0]->ready = fakes[0]->up = false;
	deliver(sink, 'a', 20 * MANY);
	while (!sink_safe(sink)) {
		assert_true(stats_of(sink).bytes_queued - stats_of(sink).bytes_spooled < (20 << 20));
		turn(setting);
	}
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	assert_int_equal(stats_of(sink).bytes_spooled, 20 * MANY * strlen("a.0000000.of.some\n"));
	sink_free(sink);
	spool_free(setting->environment.spool);
	worker_free(worker);
	assert_int_equal(directory_remove(), 0);
}

/* Leaving: what was never encoded is gone with the sink, which must free it. */
static void test_leaves(void **state)
{
	struct setting *setting = *state;
	struct sink *sink = sink_of(setting, 1);

	deliver(sink, 'a', MANY);
	deliver(sink, 'b', MANY);
	sink_hurry(sink);
	turn(setting);
	assert_false(sink_idle(sink) || sink_safe(sink));
	sink_free(sink);
	assert_true(setting->freed);
}

#define flush_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flush_test(test_waits_for_a_receiver),
		flush_test(test_slices),
		flush_test(test_nobody_is_there),
		flush_test(test_goes_away),
		flush_test(test_flushes_wait),
		flush_test(test_one_is_slow),
		flush_test(test_hash),
		flush_test(test_spool),
		flush_test(test_leaves),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
