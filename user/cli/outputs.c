// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A list of sinks, each beside the options it was made from: equal options, same sink. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/outputs.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/encoder.h"

/* A kind of outputs: where its options lie in the configuration, and who makes the sink. */
static const struct output_kind {
	size_t list, size; /* of options in struct config */
	size_t count;	   /* where the size_t lies that says how many; 0: `enabled` */
	size_t enabled;	   /* where the bool lies */
	struct sink *(*create)(const struct sink_environment *environment, const void *options,
			       struct error *error);
	bool wants_buckets; /* of timers, in snapshots */
} kinds[] = {
	{ offsetof(struct config, table), sizeof(struct stdout_options), 0,
	  offsetof(struct config, table_enabled), sink_stdout_new, false },
	{ offsetof(struct config, graphite), sizeof(struct graphite_options),
	  offsetof(struct config, graphite_count), 0, sink_graphite_new, false },
	{ offsetof(struct config, relays), sizeof(struct relay_options), offsetof(struct config, relay_count),
	  0, sink_relay_new, false },
};

/* What an output is made from. The options are compared as bytes. */
struct output_plan {
	const struct output_kind *kind;
	const void *options;
};

struct output {
	struct output *next;
	struct output_plan plan; /* with a copy of the options */
	struct sink *sink;
	struct sink_stats counted; /* what outputs_count_self() has exported */
	uint64_t *own_counted;	   /* the same of the sink's own counters */
	int64_t retired;	   /* CLOCK_MONOTONIC; 0: in use */
};

static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in struct sink_stats that only grows */
} counters[] = {
	{ "lines_sent", offsetof(struct sink_stats, lines_sent) },
	{ "bytes_sent", offsetof(struct sink_stats, bytes_sent) },
	{ "batches_sent", offsetof(struct sink_stats, batches_sent) },
	{ "batches_dropped", offsetof(struct sink_stats, batches_dropped) },
	{ "lines_dropped", offsetof(struct sink_stats, lines_dropped) },
	{ "reconnects", offsetof(struct sink_stats, reconnects) },
	{ "events_without_place", offsetof(struct sink_stats, events_without_place) },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PLANS_MAX (COUNT(kinds) * OUTPUTS_MAX)

static size_t plans_make(const struct config *config, struct output_plan *plans)
{
	const char *base = (const void *)config;
	size_t made = 0;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t count = kinds[i].count ? *(const size_t *)(base + kinds[i].count)
					      : *(const bool *)(base + kinds[i].enabled);

		for (size_t j = 0; j < count; j++)
			plans[made++] =
				(struct output_plan){ &kinds[i], base + kinds[i].list + j * kinds[i].size };
	}
	return made;
}

static bool plans_equal(const struct output_plan *one, const struct output_plan *other)
{
	return one->kind == other->kind && !memcmp(one->options, other->options, one->kind->size);
}

static struct output *output_find(const struct outputs *outputs, const struct output_plan *plan)
{
	struct output *output = outputs->first;

	while (output && (output->retired || !plans_equal(&output->plan, plan)))
		output = output->next;
	return output;
}

static void output_free(struct output *output)
{
	sink_free(output->sink);
	free((void *)output->plan.options);
	free(output->own_counted);
	free(output);
}

static struct output *output_new(const struct output_plan *plan, const struct sink_environment *environment,
				 struct error *error)
{
	struct output *output = calloc(1, sizeof(*output));
	void *options = malloc(plan->kind->size);

	if (!output || !options) {
		free(output);
		free(options);
		error_set(error, -ENOMEM, "cannot create an output: out of memory");
		return NULL;
	}
	output->plan = (struct output_plan){ plan->kind, memcpy(options, plan->options, plan->kind->size) };
	output->sink = plan->kind->create(environment, options, error);
	if (!output->sink) {
		output_free(output);
		return NULL;
	}
	return output;
}

/* Those that no plan wants get nothing any more. */
static void outputs_retire(struct outputs *outputs, const struct output_plan *plans, size_t count)
{
	for (struct output *output = outputs->first; output; output = output->next) {
		bool wanted = false;

		for (size_t i = 0; i < count; i++)
			wanted |= plans_equal(&output->plan, &plans[i]);
		if (wanted || output->retired)
			continue;
		output->retired = clock_read(CLOCK_MONOTONIC);
		sink_retire(output->sink);
	}
}

int outputs_update(struct outputs *outputs, const struct config *config, struct event_base *base,
		   struct error *error)
{
	/* All share one set of names, which a reload changes under them: connections and queues stay. */
	const struct sink_environment environment = {
		.base = base,
		.names = &outputs->names,
		.state_dir = "",
		.relays = &outputs->relays,
	};
	struct output_plan plans[PLANS_MAX];
	size_t count = plans_make(config, plans);
	struct outputs fresh = {};
	struct output **end = &fresh.first;

	for (size_t i = 0; i < count; i++) {
		if (output_find(outputs, &plans[i]))
			continue;
		*end = output_new(&plans[i], &environment, error);
		if (!*end) {
			outputs_release(&fresh);
			return -EIO;
		}
		end = &(*end)->next;
	}
	outputs_retire(outputs, plans, count);
	*end = outputs->first;
	outputs->first = fresh.first;
	outputs->names = config->names;
	return 0;
}

void outputs_release(struct outputs *outputs)
{
	while (outputs->first) {
		struct output *output = outputs->first;

		outputs->first = output->next;
		output_free(output);
	}
}

static bool output_is_over(const struct output *output, int64_t patience)
{
	return output->retired &&
	       (sink_idle(output->sink) || clock_read(CLOCK_MONOTONIC) - output->retired > patience);
}

void outputs_deliver(struct outputs *outputs, struct snapshot *snapshot, int64_t patience)
{
	struct output **link = &outputs->first;

	while (*link) {
		struct output *output = *link;

		if (output_is_over(output, patience)) {
			*link = output->next;
			output_free(output);
			continue;
		}
		if (!output->retired)
			sink_deliver(output->sink, snapshot);
		link = &output->next;
	}
}

bool outputs_want_buckets(const struct config *config)
{
	struct output_plan plans[PLANS_MAX];
	size_t count = plans_make(config, plans);

	for (size_t i = 0; i < count; i++)
		if (plans[i].kind->wants_buckets)
			return true;
	return false;
}

bool outputs_idle(const struct outputs *outputs)
{
	for (const struct output *output = outputs->first; output; output = output->next)
		if (!sink_idle(output->sink))
			return false;
	return true;
}

bool outputs_gone(const struct outputs *outputs)
{
	size_t left = 0;

	for (const struct output *output = outputs->first; output; output = output->next) {
		struct sink_stats stats = {};

		sink_stats(output->sink, &stats);
		left += !stats.gone;
	}
	return outputs->first && !left;
}

/* The same for the counters that only this kind of sinks has. */
static int output_count_own(struct output *output, const struct sink_stats *now, struct store *store,
			    unsigned int window, bool tell)
{
	int err = 0;

	if (!output->own_counted)
		output->own_counted = calloc(now->count_count + 1, sizeof(*output->own_counted));
	if (!output->own_counted)
		return -ENOMEM;
	for (size_t i = 0; !err && i < now->count_count; i++) {
		const struct sink_count *count = &now->counts[i];
		char name[128];

		snprintf(name, sizeof(name), "kstatsd.sinks.%s.%s", now->kind, count->name);
		if (tell)
			err = store_count_self(store, window, name, count->value - output->own_counted[i]);
		if (!err)
			output->own_counted[i] = count->value;
	}
	return err;
}

int outputs_count_self(struct outputs *outputs, struct store *store, unsigned int window, bool tell)
{
	int err = 0;

	for (struct output *output = outputs->first; output; output = output->next) {
		struct sink_stats now = {};

		sink_stats(output->sink, &now);
		for (size_t i = 0; !err && i < COUNT(counters); i++) {
			uint64_t *counted = (void *)((char *)&output->counted + counters[i].offset);
			uint64_t total = *(uint64_t *)((char *)&now + counters[i].offset);
			char name[128];

			snprintf(name, sizeof(name), "kstatsd.sinks.%s.%s", now.kind, counters[i].name);
			if (tell)
				err = store_count_self(store, window, name, total - *counted);
			if (!err)
				*counted = total;
		}
		err = err ?: output_count_own(output, &now, store, window, tell);
	}
	return err;
}

void outputs_visit(const struct outputs *outputs,
		   void (*visit)(void *context, const struct sink_stats *stats), void *context)
{
	for (const struct output *output = outputs->first; output; output = output->next) {
		struct sink_stats stats = {};

		if (output->retired)
			continue;
		sink_stats(output->sink, &stats);
		visit(context, &stats);
	}
}
