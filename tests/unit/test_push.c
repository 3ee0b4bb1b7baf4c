// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* push.h between an encoder and transports that do as the test says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <event2/event.h>
#include <cmocka.h>
#include "directory.h"
#include "push_fakes.h"
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/batch.h"
#include "sink/delivery/push.h"
#include "sink/delivery/ring.h"
#include "sink/delivery/spool.h"
#include "sink/delivery/worker.h"

static struct sink *sink_new(struct setting *setting)
{
	struct error error = {};
	struct sink *sink = push_new(&setting->environment, &setting->plan, &error);

	if (!sink)
		fail_msg("%s", error.text);
	return sink;
}

/* A flush of gauges with these names, separated by blanks. */
static void deliver(struct sink *sink, const char *names)
{
	struct metric metrics[64] = {};
	char *text = strdup(names), *rest = text, *name;
	struct snapshot snapshot = { .timestamp = 1700000000, .metrics = metrics };

	while ((name = strsep(&rest, " ")))
		metrics[snapshot.count++] = (struct metric){ .type = METRIC_GAUGE, .name = name, .tags = "" };
	sink_deliver(sink, &snapshot);
	free(text);
}

static void test_delivers(void **state)
{
	struct sink *sink = sink_new(*state);
	struct sink_stats stats;

	assert_true(sink_idle(sink));
	deliver(sink, "a b c");
	assert_false(sink_idle(sink));
	assert_string_equal(fake_drain(fakes[0]), "a\nb\nc\n|");
	assert_true(sink_idle(sink) && sink_safe(sink));
	stats = stats_of(sink);
	assert_string_equal(stats.kind, "fake");
	assert_string_equal(stats.address, "one");
	assert_int_equal(stats.lines_sent, 3);
	assert_int_equal(stats.bytes_sent, 6);
	assert_int_equal(stats.batches_sent, 1);
	assert_int_equal(stats.reconnects, 2);
	assert_int_equal(stats.report.flush_length, 6);
	assert_int_equal(stats.count_count, 2);
	assert_string_equal(stats.counts[0].name, "seen");
	assert_int_equal(stats.counts[0].value, 3);
	assert_string_equal(stats.counts[1].name, "bumps");
	assert_int_equal(stats.counts[1].value, 5);
	sink_free(sink);
}

/* By bytes and by points, between two metrics; kinds never share a batch; a large metric goes alone. */
static void test_batches(void **state)
{
	struct setting *setting = *state;
	struct sink *sink;
	char large[80];

	setting->plan.encoder->operations = &framed_operations;
	setting->plan.options.batch_bytes = 20;
	setting->plan.options.batch_points = 3;
	sink = sink_new(setting);
	memset(large, 'z', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	deliver(sink, "a k1 b c d k2");
	assert_string_equal(fake_drain(fakes[0]), "[0:3]a\nb\nc\n|[0:2]d\nend\n|[1:2]k1\nk2\n|");
	fakes[0]->taken.len = 0;
	deliver(sink, "aaaaaaaaaa bbbbbbbbbb c");
	assert_string_equal(fake_drain(fakes[0]), "[0:1]aaaaaaaaaa\n|[0:3]bbbbbbbbbb\nc\nend\n|");
	fakes[0]->taken.len = 0;
	deliver(sink, large);
	fake_drain(fakes[0]);
	assert_memory_equal(fakes[0]->taken.data, "[0:1]zzz", 8);
	assert_non_null(strstr(fakes[0]->taken.data, "z\n|[0:1]end\n|"));
	sink_free(sink);
}

/* What cannot be encoded leaves no trace in the batch, and is counted. */
static void test_fails_to_encode(void **state)
{
	struct sink *sink = sink_new(*state);

	deliver(sink, "a xbad b");
	assert_string_equal(fake_drain(fakes[0]), "a\nb\n|");
	assert_int_equal(stats_of(sink).lines_dropped, 1);
	sink_free(sink);
}

static void test_lost_then_rejected(void **state)
{
	struct setting *setting = *state;
	struct sink_stats stats;
	struct sink *sink;

	setting->plan.options.batch_points = 1;
	sink = sink_new(setting);
	deliver(sink, "a b c");
	/* Lost: the same again, before the others. */
	fakes[0]->batch = NULL;
	fakes[0]->up = false;
	fakes[0]->events.lost(fakes[0]->events.context);
	assert_null(fakes[0]->batch);
	assert_string_equal(stats_of(sink).last_error, "down");
	assert_false(stats_of(sink).connected);
	assert_true(stats_of(sink).report.last_exception > 0);
	fakes[0]->ready = fakes[0]->up = true;
	fakes[0]->events.ready(fakes[0]->events.context);
	fake_sent(fakes[0]);
	/* Rejected: it leaves, and the next is tried. */
	fakes[0]->batch = NULL;
	fakes[0]->events.rejected(fakes[0]->events.context, "400 no such thing");
	stats = stats_of(sink);
	assert_int_equal(stats.batches_rejected, 1);
	assert_int_equal(stats.lines_rejected, 1);
	assert_string_equal(stats.last_error, "400 no such thing");
	fakes[0]->ready = true;
	fakes[0]->events.ready(fakes[0]->events.context);
	assert_string_equal(fake_drain(fakes[0]), "a\n|c\n|");
	assert_string_equal(stats_of(sink).last_error, "");
	assert_int_equal(stats_of(sink).lines_sent, 2);
	sink_free(sink);
}

/* Each gets everything; one that is down keeps none from the other. */
static void test_several(void **state)
{
	struct setting *setting = *state;
	struct sink_stats stats;
	struct sink *sink;

	setting->plan.options.destination_count = 2;
	snprintf(setting->plan.options.destinations[1], ADDRESS_BYTES, "two");
	sink = sink_new(setting);
	fakes[0]->ready = fakes[0]->up = false;
	deliver(sink, "a b");
	assert_string_equal(fake_drain(fakes[1]), "a\nb\n|");
	stats = stats_of(sink);
	assert_string_equal(stats.address, "one, two");
	assert_false(stats.connected);
	assert_int_equal(stats.batches_queued, 1);
	assert_int_equal(stats.counts[1].value, 10);
	assert_false(sink_idle(sink));
	fakes[0]->ready = true;
	fakes[0]->events.ready(fakes[0]->events.context);
	assert_string_equal(fake_drain(fakes[0]), "a\nb\n|");
	assert_true(sink_idle(sink));
	sink_free(sink);
}

static void test_hash(void **state)
{
	static const char names[] = "a b c d e f g h i j k l m n o p q r s t";
	struct setting *setting = *state;
	struct sink *sink;
	struct ring *ring;
	size_t lines = 0;

	setting->plan.options.destination_count = 3;
	setting->plan.options.distribution = DISTRIBUTION_HASH;
	snprintf(setting->plan.options.destinations[1], ADDRESS_BYTES, "two");
	snprintf(setting->plan.options.destinations[2], ADDRESS_BYTES, "three");
	ring = ring_new((const char(*)[ADDRESS_BYTES])setting->plan.options.destinations, 3);
	sink = sink_new(setting);
	for (int flush = 0; flush < 2; flush++)
		deliver(sink, names);
	for (size_t i = 0; i < 3; i++) {
		for (const char *at = fake_drain(fakes[i]); *at; at++) {
			char name[] = { *at, '\0' };

			if (*at < 'a' || *at > 'z')
				continue;
			assert_int_equal(ring_find(ring, name, ""), i);
			lines++;
		}
	}
	assert_int_equal(lines, 2 * 20);
	ring_free(ring);
	sink_free(sink);
}

static void test_jitter(void **state)
{
	struct setting *setting = *state;
	int64_t began = clock_read(CLOCK_MONOTONIC);
	struct sink *sink;

	setting->plan.options.jitter = NS_PER_SECOND / 5;
	sink = sink_new(setting);
	deliver(sink, "a");
	assert_null(fakes[0]->batch);
	while (!fakes[0]->batch)
		run_for(setting->base, 5);
	assert_true(clock_read(CLOCK_MONOTONIC) - began < NS_PER_SECOND / 2);
	fake_drain(fakes[0]);
	/* The daemon leaves: nothing is held back, now or later. */
	deliver(sink, "b");
	assert_null(fakes[0]->batch);
	sink_hurry(sink);
	assert_string_equal(fake_drain(fakes[0]), "a\n|b\n|");
	deliver(sink, "c");
	assert_string_equal(fake_drain(fakes[0]), "a\n|b\n|c\n|");
	sink_free(sink);
}

static void test_bad_destination(void **state)
{
	struct setting *setting = *state;
	struct error error = {};

	setting->plan.options.destination_count = 2;
	snprintf(setting->plan.options.destinations[1], ADDRESS_BYTES, "bad");
	assert_null(push_new(&setting->environment, &setting->plan, &error));
	assert_string_equal(error.text, "bad is no address");
}

/* Events are counted where they have no place. */
static void test_events(void **state)
{
	struct sink *sink = sink_new(*state);
	const struct event events[2] = {};
	struct snapshot snapshot = { .events = events, .event_count = 2 };

	sink_deliver(sink, &snapshot);
	assert_int_equal(stats_of(sink).events_without_place, 2);
	assert_true(sink_idle(sink));
	sink_free(sink);
}

#define push_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* A destination that is only busy is waited for; what cannot be sent to an absent one is on disk at once. */
static void test_spool(void **state)
{
	struct setting *setting = *state;
	struct error error = {};
	struct worker *worker = worker_new(setting->base, &error);
	struct sink *sink;

	assert_int_equal(directory_make_one(), 0);
	setting->environment.spool = spool_new(worker, directory, &error);
	assert_non_null(setting->environment.spool);
	setting->plan.options.queue.disk = 1 << 20;
	setting->plan.options.batch_bytes = 10;
	sink = sink_new(setting);
	worker_finish(worker);
	deliver(sink, "aaaaaaaa bbbbbbbb cccccccc");
	worker_finish(worker);
	assert_int_equal(stats_of(sink).batches_queued, 3);
	assert_int_equal(stats_of(sink).bytes_spooled, 0);
	fake_drain(fakes[0]);
	fakes[0]->ready = fakes[0]->up = false;
	deliver(sink, "dddddddd eeeeeeee");
	worker_finish(worker);
	assert_int_equal(stats_of(sink).batches_queued, 2);
	assert_int_equal(stats_of(sink).bytes_spooled, 18);
	assert_true(sink_safe(sink));
	/* Back, it is worth waiting for; but not while it has asked to be left alone. */
	fakes[0]->ready = fakes[0]->up = true;
	assert_false(sink_safe(sink));
	fakes[0]->events.ready(fakes[0]->events.context);
	assert_non_null(fakes[0]->batch);
	assert_false(sink_safe(sink));
	fakes[0]->batch = NULL;
	fakes[0]->events.lost(fakes[0]->events.context);
	worker_finish(worker);
	assert_true(sink_safe(sink));
	sink_free(sink);
	spool_free(setting->environment.spool);
	worker_free(worker);
	assert_int_equal(directory_remove(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		push_test(test_delivers),	 push_test(test_batches),
		push_test(test_fails_to_encode), push_test(test_lost_then_rejected),
		push_test(test_several),	 push_test(test_hash),
		push_test(test_jitter),		 push_test(test_bad_destination),
		push_test(test_events),		 push_test(test_spool),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
