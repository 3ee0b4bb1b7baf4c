/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* An encoder and transports for tests of push.h that do as the test says. After cmocka's header. */
#ifndef PUSH_FAKES_H
#define PUSH_FAKES_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "core/snapshot.h"
#include "sink/delivery/batch.h"
#include "sink/delivery/push.h"

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

static struct sink_stats stats_of(const struct sink *sink)
{
	struct sink_stats stats;

	sink_stats(sink, &stats);
	return stats;
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

#endif /* PUSH_FAKES_H */
