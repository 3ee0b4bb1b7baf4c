// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The sink around its parts: what it selects of a snapshot, when batches may leave, what it tells.
 * How a snapshot becomes batches is in push_flush.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <event2/event.h>
#include <event2/util.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/push_internal.h"
#include "sink/view.h"

static void push_hold(struct push *push, bool hold)
{
	for (size_t i = 0; i < destination_count(push); i++)
		destination_hold(push->destinations[i], hold);
}

static void on_release(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	push_hold(context, false);
}

/* Begins the part of flush.jitter that this flush waits. One that already runs is kept: it holds the same batches. */
static void push_jitter(struct push *push)
{
	int64_t jitter = push->plan.options.jitter;
	struct timeval delay;
	uint32_t chance;

	if (!push->release || push->hurried || event_pending(push->release, EV_TIMEOUT, NULL))
		return;
	evutil_secure_rng_get_bytes(&chance, sizeof(chance));
	jitter = (int64_t)((double)jitter * chance / UINT32_MAX);
	delay.tv_sec = jitter / NS_PER_SECOND;
	delay.tv_usec = jitter % NS_PER_SECOND / 1000;
	if (!event_add(push->release, &delay))
		push_hold(push, true);
}

static void push_deliver(struct sink *sink, struct snapshot *snapshot)
{
	struct push *push = (struct push *)sink;
	const struct view_options *options = &push->plan.options.view;
	struct snapshot *view = NULL;

	if (view_changes(snapshot, options)) {
		view = view_make(snapshot, options);
		if (!view) {
			push->batches_failed++;
			push->metrics_failed += snapshot->count;
			log_error(
				"cannot select among %zu metrics for %s at %s: out of memory; they are dropped",
				snapshot->count, push->plan.kind, push->address);
			return;
		}
	}
	push_jitter(push);
	push_flush(push, view ? view : snapshot);
	snapshot_free(view);
}

static bool push_idle(const struct sink *sink)
{
	const struct push *push = (const struct push *)sink;

	if (push->flush_count)
		return false;
	for (size_t i = 0; i < destination_count(push); i++)
		if (!destination_is_idle(push->destinations[i]))
			return false;
	return true;
}

static bool push_safe(const struct sink *sink)
{
	const struct push *push = (const struct push *)sink;

	if (push->flush_count)
		return false;
	for (size_t i = 0; i < destination_count(push); i++)
		if (!destination_is_safe(push->destinations[i]))
			return false;
	return true;
}

static void push_hurry(struct sink *sink)
{
	struct push *push = (struct push *)sink;

	push->hurried = true;
	if (push->release)
		event_del(push->release);
	for (size_t i = 0; i < destination_count(push); i++)
		destination_hurry(push->destinations[i]);
	push_wake(push);
}

/* The encoder's counters, then those of the transports, which have the same names. Returns how many. */
static size_t counts_fill(const struct push *push, struct sink_count *counts)
{
	const struct encoder_operations *operations = push->plan.encoder->operations;
	size_t first = 0, count = 0;
	const struct sink_count *own =
		operations->counts ? operations->counts(push->plan.encoder, &first) : NULL;

	for (size_t i = 0; counts && i < first; i++)
		counts[i] = own[i];
	for (size_t i = 0; i < destination_count(push); i++) {
		own = destination_counts(push->destinations[i], &count);
		for (size_t j = 0; counts && j < count; j++) {
			counts[first + j].name = own[j].name;
			counts[first + j].value = own[j].value + (i ? counts[first + j].value : 0);
		}
	}
	return first + count;
}

static void push_stats(const struct sink *sink, struct sink_stats *stats)
{
	const struct push *push = (const struct push *)sink;

	*stats = (struct sink_stats){
		.kind = push->plan.kind,
		.address = push->address,
		.connected = true,
		.batches_dropped = push->batches_failed,
		.lines_dropped = push->metrics_failed,
		.metrics_waiting = push_waiting(push),
		.events_without_place = push->events_without_place,
		.report = push->report,
		.counts = push->counts,
		.count_count = counts_fill(push, push->counts),
	};
	for (size_t i = 0; i < destination_count(push); i++)
		destination_add_stats(push->destinations[i], stats);
}

static void push_free(struct sink *sink)
{
	struct push *push = (struct push *)sink;

	push_abandon(push);
	if (push->slice)
		event_free(push->slice);
	push->slice = NULL;
	for (size_t i = 0; i < destination_count(push); i++)
		destination_free(push->destinations[i]);
	if (push->release)
		event_free(push->release);
	ring_free(push->ring);
	push->plan.encoder->operations->free(push->plan.encoder);
	if (push->plan.free_context)
		push->plan.free_context((void *)push->plan.context);
	free(push->counts);
	free(push);
}

static const struct sink_operations push_operations = {
	.deliver = push_deliver,
	.idle = push_idle,
	.safe = push_safe,
	.hurry = push_hurry,
	.stats = push_stats,
	.free = push_free,
};

static void on_changed(void *context)
{
	push_wake(context);
}

static int destinations_open(struct push *push, const struct sink_environment *environment,
			     struct error *error)
{
	const struct push_options *options = &push->plan.options;
	const struct destination_owner owner = { &push->report, on_changed, push };
	size_t used = 0;

	for (size_t i = 0; i < options->destination_count; i++) {
		const char *address = options->destinations[i];

		used += (size_t)snprintf(push->address + used, sizeof(push->address) - used, "%s%s",
					 i ? ", " : "", address);
		push->destinations[i] = destination_new(environment, &push->plan, address, &owner, error);
		if (!push->destinations[i])
			return -EINVAL;
	}
	return 0;
}

/* What costs memory, once there are destinations. */
static int push_open(struct push *push, struct event_base *base)
{
	const struct push_options *options = &push->plan.options;
	size_t count = counts_fill(push, NULL);

	push->counts = calloc(count ? count : 1, sizeof(*push->counts));
	if (options->distribution == DISTRIBUTION_HASH)
		push->ring = ring_new(options->destinations, options->destination_count);
	if (options->jitter)
		push->release = evtimer_new(base, on_release, push);
	push->slice = evtimer_new(base, push_on_slice, push);
	push_init_lanes(push);
	return push->counts && push->slice && (options->distribution != DISTRIBUTION_HASH || push->ring) &&
			       (!options->jitter || push->release)
		       ? 0
		       : -ENOMEM;
}

struct sink *push_new(const struct sink_environment *environment, const struct push_plan *plan,
		      struct error *error)
{
	struct push *push = calloc(1, sizeof(*push));

	if (!push) {
		error_set(error, -ENOMEM, "cannot create an output for %s: out of memory", plan->kind);
		plan->encoder->operations->free(plan->encoder);
		if (plan->free_context)
			plan->free_context((void *)plan->context);
		return NULL;
	}
	push->sink.operations = &push_operations;
	push->plan = *plan;
	push->report.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	if (destinations_open(push, environment, error))
		goto out_free;
	if (push_open(push, environment->base)) {
		error_set(error, -ENOMEM, "cannot create an output for %s: out of memory", plan->kind);
		goto out_free;
	}
	return &push->sink;

out_free:
	push_free(&push->sink);
	return NULL;
}
