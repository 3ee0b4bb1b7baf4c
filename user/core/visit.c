// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What people ask an open window: what it holds, and to forget some of it. A few hundred
 * times a day at most, so all series are looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/scale.h"
#include "core/series.h"
#include "core/snapshot.h"

/* Does the window hold something of it, or is it remembered? */
static bool series_is_shown(const struct series *series, unsigned int window)
{
	if (series->touched[window] && !series->dropped)
		return true;
	return series->known && !series->dropped &&
	       (series->type == METRIC_GAUGE || series->store->options.idle.sent[series->type]);
}

/* "folder.*" is all that begins with "folder.". */
static bool pattern_matches(const char *pattern, const char *key)
{
	size_t length = strlen(pattern);

	if (length >= 2 && !strcmp(pattern + length - 2, ".*"))
		return !strncmp(pattern, key, length - 1);
	return !strcmp(pattern, key);
}

static int pointer_compare(const void *a, const void *b)
{
	return series_compare(*(struct series *const *)a, *(struct series *const *)b);
}

/* Those that a predicate picks, sorted; the caller frees. NULL: out of memory. */
static struct series **store_pick(const struct store *store,
				  bool (*is_picked)(const struct series *series, const void *context),
				  const void *context, size_t *count)
{
	struct series **picked = calloc(store->count + 1, sizeof(struct series *));

	*count = 0;
	if (!picked)
		return NULL;
	for (size_t i = 0; i < store->table_size; i++)
		if (store->table[i] && is_picked(store->table[i], context))
			picked[(*count)++] = store->table[i];
	qsort(picked, *count, sizeof(struct series *), pointer_compare);
	return picked;
}

/* The timer's statistics; its samples stay as they are, unsorted. */
static int timer_look(const struct timer_window *timer, struct timer_stats *stats)
{
	struct timer_window copy = *timer;
	size_t bytes = timer->samples.used * sizeof(*copy.samples.list);

	if (bytes) {
		copy.samples.list = malloc(bytes);
		if (!copy.samples.list)
			return -ENOMEM;
		memcpy(copy.samples.list, timer->samples.list, bytes);
	}
	statistics_compute(&copy, NULL, 0, stats, NULL);
	if (bytes)
		free(copy.samples.list);
	return 0;
}

static int series_look(const struct series *series, unsigned int window, struct metric *metric,
		       struct window_view *view)
{
	const union series_state *state = &series->state;
	struct sum gauge;

	*metric = (struct metric){ .type = series->type,
				   .name = series->name,
				   .tags = series->tags,
				   .idle = !series->touched[window] };
	*view = (struct window_view){ .metric = metric, .scale = series->scale };
	switch (series->type) {
	case METRIC_COUNTER:
		metric->counter = sum_value(&state->counter[window]);
		return 0;
	case METRIC_TIMER:
		view->samples = state->timer[window].samples.list;
		view->sample_count = state->timer[window].samples.used;
		return timer_look(&state->timer[window], &metric->timer);
	case METRIC_GAUGE:
		gauge = series_gauge_sum(series, window);
		metric->gauge = sum_value(&gauge);
		return 0;
	default:
		metric->set.count = distinct_count(&state->set[window], &metric->set.estimated);
		return 0;
	}
}

struct visit {
	unsigned int window;
	struct visit_filter filter;
};

static bool is_visited(const struct series *series, const void *context)
{
	const struct visit *visit = context;

	return visit->filter.types & 1U << series->type &&
	       (visit->filter.idle || series->touched[visit->window]) &&
	       series_is_shown(series, visit->window);
}

int store_visit_window(const struct store *store, unsigned int window, const struct visit_filter *filter,
		       void (*visit)(void *context, const struct window_view *view), void *context)
{
	const struct visit wanted = { .window = window, .filter = *filter };
	struct window_view view;
	struct metric metric;
	struct series **shown;
	size_t count;
	int err = 0;

	shown = store_pick(store, is_visited, &wanted, &count);
	if (!shown)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		err = series_look(shown[i], window, &metric, &view);
		if (err)
			break;
		metric_scale(&metric, shown[i]->scale, NULL, 0);
		visit(context, &view);
	}
	free(shown);
	return err;
}

struct deletion {
	unsigned int window;
	enum metric_type type;
	const char *pattern;
};

static bool is_deleted(const struct series *series, const void *context)
{
	const struct deletion *deletion = context;
	char key[NAME_BYTES];

	if (series->type != deletion->type || !series_is_shown(series, deletion->window))
		return false;
	series_key(series, key);
	return pattern_matches(deletion->pattern, key);
}

/* Takes those out of the list of a window that are no longer touched there. */
static void touched_filter(struct store *store, unsigned int window)
{
	struct series **link = &store->touched[window];

	while (*link) {
		if ((*link)->touched[window])
			link = &(*link)->touched_next[window];
		else
			*link = (*link)->touched_next[window];
	}
}

int store_delete(struct store *store, unsigned int window, enum metric_type type, const char *pattern,
		 void (*forgotten)(void *context, const char *key), void *context)
{
	const struct deletion deletion = { .window = window, .type = type, .pattern = pattern };
	char key[NAME_BYTES];
	struct series **deleted;
	size_t count;

	deleted = store_pick(store, is_deleted, &deletion, &count);
	if (!deleted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		series_reset(deleted[i], window);
		series_forget(deleted[i]);
		series_key(deleted[i], key);
		if (forgotten)
			forgotten(context, key);
	}
	touched_filter(store, window);
	free(deleted);
	return (int)count;
}
