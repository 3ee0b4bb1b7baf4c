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
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/batch.h"
#include "sink/push.h"
#include "sink/ring.h"
#include "sink/spool.h"
#include "sink/worker.h"

#define FAKES_MAX 4

/* Lines "name\n" of kind 0; a name that begins with 'k' is of kind 1, one with 'x' cannot be encoded. */
struct fake_encoder {
	struct encoder encoder;
	struct sink_count counts[1];
	bool *freed;
};

static int fake_metric(struct encoder *encoder, const struct snapshot *snapshot, const struct metric *metric,
		       struct records *records)
{
	unsigned int kind = metric->name[0] == 'k';

	(void)snapshot;
	text_add_string(&records->text[kind], metric->name);
	text_add(&records->text[kind], "\n", 1);
	records->points[kind]++;
	((struct fake_encoder *)encoder)->counts[0].value++;
	return metric->name[0] == 'x' ? -ENOMEM : 0;
}

static int fake_frame(struct encoder *encoder, unsigned int kind, const char *data, size_t len, size_t points,
		      struct text *batch)
{
	char head[32];

	(void)encoder;
	snprintf(head, sizeof(head), "[%u:%zu]", kind, points);
	text_add_string(batch, head);
	text_add(batch, data, len);
	return 0;
}

static int fake_end(struct encoder *encoder, const struct snapshot *snapshot,
		    const struct delivery_report *report, struct records *records)
{
	(void)encoder;
	(void)snapshot;
	assert_true(report->calculation_ms >= 0 && report->last_flush);
	text_add_string(&records->text[0], "end\n");
	records->points[0]++;
	return 0;
}

static const struct sink_count *fake_counts(const struct encoder *encoder, size_t *count)
{
	*count = 1;
	return ((const struct fake_encoder *)encoder)->counts;
}

static void fake_free(struct encoder *encoder)
{
	*((struct fake_encoder *)encoder)->freed = true;
	free(encoder);
}

static const struct encoder_operations plain_operations = { .metric = fake_metric,
							    .counts = fake_counts,
							    .free = fake_free };
static const struct encoder_operations framed_operations = {
	.metric = fake_metric, .frame = fake_frame, .end = fake_end, .counts = fake_counts, .free = fake_free
};

/* A transport that sends nothing until the test says what became of it. */
struct fake {
	struct transport transport;
	struct transport_events events;
	bool ready, up;
	const struct batch *batch;
	struct text taken; /* all batches that were sent, '|' behind each */
	size_t batches;
	struct sink_count counts[1];
};

static struct fake *fakes[FAKES_MAX];
static size_t fake_count;

static struct fake *fake_of(const struct transport *transport)
{
	return (struct fake *)transport;
}

static void transport_fake_send(struct transport *transport, const struct batch *batch)
{
	struct fake *fake = fake_of(transport);

	assert_true(fake->ready);
	assert_null(fake->batch);
	fake->ready = false;
	fake->batch = batch;
}

static bool transport_fake_ready(const struct transport *transport)
{
	return fake_of(transport)->ready;
}

static bool transport_fake_up(const struct transport *transport)
{
	return fake_of(transport)->up;
}

static uint64_t transport_fake_connections(const struct transport *transport)
{
	(void)transport;
	return 3;
}

static const char *transport_fake_error(const struct transport *transport)
{
	return fake_of(transport)->up ? "" : "down";
}

static const struct sink_count *transport_fake_counts(const struct transport *transport, size_t *count)
{
	*count = 1;
	return fake_of(transport)->counts;
}

static void transport_fake_free(struct transport *transport)
{
	struct fake *fake = fake_of(transport);

	text_release(&fake->taken);
	free(fake);
}

static const struct transport_operations fake_operations = {
	.send = transport_fake_send,
	.is_ready = transport_fake_ready,
	.is_up = transport_fake_up,
	.connections = transport_fake_connections,
	.error = transport_fake_error,
	.counts = transport_fake_counts,
	.free = transport_fake_free,
};

static struct transport *fake_connect(const void *context, struct event_base *base, const char *address,
				      const struct transport_events *events, struct error *error)
{
	struct fake *fake;

	(void)context;
	(void)base;
	if (!strcmp(address, "bad")) {
		error_set(error, -EINVAL, "bad is no address");
		return NULL;
	}
	fake = calloc(1, sizeof(*fake));
	assert_non_null(fake);
	fake->transport.operations = &fake_operations;
	fake->events = *events;
	fake->ready = fake->up = true;
	fake->counts[0] = (struct sink_count){ "bumps", 5 };
	fakes[fake_count++] = fake;
	return &fake->transport;
}

static void fake_sent(struct fake *fake)
{
	const struct batch *batch = fake->batch;

	assert_non_null(batch);
	text_add(&fake->taken, batch->data, batch->len);
	text_add(&fake->taken, "|", 1);
	fake->batches++;
	fake->batch = NULL;
	fake->ready = true;
	fake->events.sent(fake->events.context);
	if (fake->ready)
		fake->events.ready(fake->events.context);
}

/* Delivers all that waits; what was taken, NUL-terminated. */
static const char *fake_drain(struct fake *fake)
{
	while (fake->batch)
		fake_sent(fake);
	text_add(&fake->taken, "", 1);
	fake->taken.len--;
	return fake->taken.data;
}

struct setting {
	struct event_base *base;
	struct push_plan plan;
	struct sink_environment environment;
	bool freed;
};

static int setup(void **state)
{
	struct setting *setting = calloc(1, sizeof(*setting));
	struct fake_encoder *encoder = calloc(1, sizeof(*encoder));

	assert_true(setting && encoder);
	fake_count = 0;
	encoder->encoder.operations = &plain_operations;
	encoder->counts[0].name = "seen";
	encoder->freed = &setting->freed;
	setting->base = event_base_new();
	setting->environment = (struct sink_environment){ .base = setting->base, .state_dir = "" };
	setting->plan = (struct push_plan){
		.kind = "fake",
		.protocol = "lines",
		.options = { .destinations = { "one" },
			     .destination_count = 1,
			     .queue.memory = 1 << 20,
			     .batch_bytes = 100,
			     .batch_points = 1000 },
		.encoder = &encoder->encoder,
		.connect = fake_connect,
	};
	*state = setting;
	return 0;
}

static int teardown(void **state)
{
	struct setting *setting = *state;

	assert_true(setting->freed);
	event_base_free(setting->base);
	free(setting);
	return 0;
}

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

static struct sink_stats stats_of(const struct sink *sink)
{
	struct sink_stats stats;

	sink_stats(sink, &stats);
	return stats;
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

static void on_time(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	event_base_loopbreak(context);
}

static void run_for(struct event_base *base, int msec)
{
	const struct timeval time = { .tv_usec = msec * 1000 };
	struct event *event = evtimer_new(base, on_time, base);

	event_add(event, &time);
	event_base_dispatch(base);
	event_free(event);
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
