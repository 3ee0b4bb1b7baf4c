// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A list of sinks, each beside the options it was made from: equal options, same sink. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/outputs_internal.h"
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/spool.h"
#include "sink/delivery/worker.h"

static const struct output_kind kinds[] = {
	{ offsetof(struct config, table), sizeof(struct stdout_options), 0,
	  offsetof(struct config, table_enabled), sink_stdout_new, false,
	  offsetof(struct stdout_options, view), STORAGE_NONE },
	{ offsetof(struct config, file), sizeof(struct file_options), offsetof(struct config, file_count), 0,
	  sink_file_new, false, offsetof(struct file_options, view), STORAGE_NONE },
	{ offsetof(struct config, prometheus), sizeof(struct prometheus_options), 0,
	  offsetof(struct config, prometheus_enabled), sink_prometheus_new, true,
	  offsetof(struct prometheus_options, view), STORAGE_NONE },
	{ offsetof(struct config, graphite), sizeof(struct graphite_options),
	  offsetof(struct config, graphite_count), 0, sink_graphite_new, false,
	  offsetof(struct graphite_options, push.view), STORAGE_SPOOL },
	{ offsetof(struct config, otlp), sizeof(struct otlp_options), offsetof(struct config, otlp_count), 0,
	  sink_otlp_new, true, offsetof(struct otlp_options, push.view), STORAGE_SPOOL },
	{ offsetof(struct config, relays), sizeof(struct relay_options), offsetof(struct config, relay_count),
	  0, sink_relay_new, false, 0, STORAGE_NONE },
	{ offsetof(struct config, wavefront), sizeof(struct wavefront_options),
	  offsetof(struct config, wavefront_count), 0, sink_wavefront_new, true,
	  offsetof(struct wavefront_options, push.view), STORAGE_SPOOL },
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

/*
 * One that can become what the plan wants, as there is one of its kind at most; NULL: none. One that
 * retired comes back: what it has open nobody else could open.
 */
static struct output *output_find_updatable(const struct outputs *outputs, const struct output_plan *plan)
{
	struct output *output = outputs->first;

	while (output &&
	       (output->plan.kind != plan->kind || plan->kind->count || !sink_can_update(output->sink)))
		output = output->next;
	return output;
}

/* The last step of all or nothing: there is no second one that might fail. */
static int outputs_update_one(struct outputs *outputs, const struct output_plan *plans, size_t count,
			      struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct output *output = output_find_updatable(outputs, &plans[i]);
		int err;

		if (!output || (!output->retired && plans_equal(&output->plan, &plans[i])))
			continue;
		err = sink_update(output->sink, plans[i].options, error);
		if (err)
			return err;
		memcpy((void *)output->plan.options, plans[i].options, plans[i].kind->size);
		output->retired = 0;
	}
	return 0;
}

static void output_free(struct output *output)
{
	sink_free(output->sink);
	free((void *)output->plan.options);
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

static bool plan_wants_spool(const struct output_plan *plan)
{
	const struct push_options *push = plan->options;

	return plan->kind->storage == STORAGE_SPOOL && push->queue.disk;
}

/* The thread and the database that the plans need and that are not there yet. */
static int storage_open(struct outputs *outputs, const struct output_plan *plans, size_t count,
			struct error *error)
{
	struct error problem = {};
	bool spool = false;

	for (size_t i = 0; i < count; i++)
		spool |= plan_wants_spool(&plans[i]);
	if (!spool || outputs->spool || !*outputs->state_dir)
		return 0;
	if (!outputs->worker)
		outputs->worker = worker_new(outputs->base, error);
	if (!outputs->worker)
		return -EIO;
	outputs->spool = spool_new(outputs->worker, outputs->state_dir, &problem);
	if (!outputs->spool)
		log_warning("%s; what cannot be sent waits in memory only", problem.text);
	return 0;
}

void outputs_init(struct outputs *outputs, struct event_base *base, const char *state_dir)
{
	*outputs = (struct outputs){ .base = base, .state_dir = state_dir };
}

static void outputs_free(struct output *output)
{
	while (output) {
		struct output *next = output->next;

		output_free(output);
		output = next;
	}
}

int outputs_update(struct outputs *outputs, const struct config *config, struct error *error)
{
	/* All share one set of names, which a reload changes under them: connections and queues stay. */
	struct sink_environment environment = {
		.base = outputs->base,
		.names = &outputs->names,
		.state_dir = outputs->state_dir,
		.relays = &outputs->relays,
	};
	struct output_plan plans[PLANS_MAX];
	size_t count = plans_make(config, plans);
	struct output *fresh = NULL, **end = &fresh;

	if (storage_open(outputs, plans, count, error))
		return -EIO;
	environment.spool = outputs->spool;
	for (size_t i = 0; i < count; i++) {
		if (output_find(outputs, &plans[i]) || output_find_updatable(outputs, &plans[i]))
			continue;
		*end = output_new(&plans[i], &environment, error);
		if (!*end) {
			outputs_free(fresh);
			return -EIO;
		}
		end = &(*end)->next;
	}
	if (outputs_update_one(outputs, plans, count, error)) {
		outputs_free(fresh);
		return -EIO;
	}
	outputs_retire(outputs, plans, count);
	*end = outputs->first;
	outputs->first = fresh;
	if (outputs->spool)
		spool_settle(outputs->spool, config->queue.max_age);
	outputs->names = config->names;
	return 0;
}

void outputs_release(struct outputs *outputs, int64_t until)
{
	outputs_free(outputs->first);
	outputs->first = NULL;
	/* Whose last jobs are done by then. */
	spool_free_until(outputs->spool, until);
	worker_free_until(outputs->worker, until);
	outputs->spool = NULL;
	outputs->worker = NULL;
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
			output_lose(outputs, output);
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

bool outputs_safe(const struct outputs *outputs)
{
	for (const struct output *output = outputs->first; output; output = output->next)
		if (!sink_safe(output->sink))
			return false;
	return true;
}

bool outputs_saved(const struct outputs *outputs)
{
	return !outputs->spool || spool_is_idle(outputs->spool);
}

void outputs_hurry(struct outputs *outputs)
{
	for (struct output *output = outputs->first; output; output = output->next)
		sink_hurry(output->sink);
}

uint64_t outputs_queued(const struct outputs *outputs, uint64_t *spooled)
{
	uint64_t bytes = 0;

	*spooled = 0;
	for (const struct output *output = outputs->first; output; output = output->next) {
		struct sink_stats stats;

		sink_stats(output->sink, &stats);
		bytes += stats.bytes_queued;
		*spooled += stats.bytes_spooled;
	}
	return bytes;
}

size_t outputs_percentiles(const struct config *config, double percentiles[PERCENTILES_MAX])
{
	struct output_plan plans[PLANS_MAX];
	size_t plan_count = plans_make(config, plans), count = 0;

	for (size_t i = 0; i < plan_count; i++) {
		const struct view_options *view =
			(const void *)((const char *)plans[i].options + plans[i].kind->view);

		for (size_t j = 0; plans[i].kind->view && j < view->percentile_count; j++) {
			size_t k = 0;

			while (k < count && percentiles[k] != view->percentiles[j])
				k++;
			if (k == count && count < PERCENTILES_MAX)
				percentiles[count++] = view->percentiles[j];
		}
	}
	return count;
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
