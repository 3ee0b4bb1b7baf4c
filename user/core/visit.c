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
				   .unit = series->unit,
				   .rule = series->rule,
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

size_t store_own_count(const struct store *store)
{
	return store->own_count;
}

/* What is to be deleted: patterns in the order of their texts, so that each series asks few of them. */
struct pattern {
	const char *text;
	size_t number;
};

struct patterns {
	struct pattern *sorted;
	size_t count;
};

/* A series that is deleted, for the first pattern that matches it. */
struct deleted {
	struct series *series;
	size_t pattern;
};

static int pattern_compare(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static int deleted_compare(const void *a, const void *b)
{
	const struct deleted *x = a, *y = b;
	int order = (x->pattern > y->pattern) - (x->pattern < y->pattern);

	return order ? order : series_compare(x->series, y->series);
}

/* Makes *first the number of the first pattern that is `text`, if that comes before it. */
static void patterns_look(const struct patterns *patterns, const char *text, size_t *first)
{
	size_t low = 0, high = patterns->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(patterns->sorted[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < patterns->count && patterns->sorted[low].number < *first &&
	    !strcmp(patterns->sorted[low].text, text))
		*first = patterns->sorted[low].number;
}

/*
 * The number of the first pattern that matches the key, or patterns->count. "a.b.c" is looked for
 * as it is, and as what stands for all that begins as it does: "a.*", "a.b.*".
 */
static size_t patterns_match(const struct patterns *patterns, char key[NAME_BYTES + 1])
{
	size_t first = patterns->count;

	patterns_look(patterns, key, &first);
	for (char *dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
		const char behind[2] = { dot[1], dot[1] ? dot[2] : '\0' };

		memcpy(dot + 1, "*", 2);
		patterns_look(patterns, key, &first);
		memcpy(dot + 1, behind, sizeof(behind));
	}
	return first;
}

/* Fills `deleted`, which has room for all series. Returns how many there are, in the order in which they are told. */
static size_t store_match(const struct store *store, unsigned int window, enum metric_type type,
			  const struct patterns *patterns, struct deleted *deleted)
{
	char key[NAME_BYTES + 1];
	size_t count = 0;

	for (size_t i = 0; i < store->table_size; i++) {
		struct series *series = store->table[i];

		if (!series || series->type != type || !series_is_shown(series, window))
			continue;
		series_key(series, key);
		deleted[count].series = series;
		deleted[count].pattern = patterns_match(patterns, key);
		count += deleted[count].pattern < patterns->count;
	}
	qsort(deleted, count, sizeof(*deleted), deleted_compare);
	return count;
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

int store_delete(struct store *store, unsigned int window, enum metric_type type, const char *const *texts,
		 size_t count, void (*forgotten)(void *context, size_t pattern, const char *key),
		 void *context)
{
	struct patterns patterns = { .sorted = calloc(count + 1, sizeof(struct pattern)), .count = count };
	struct deleted *deleted = calloc(store->count + 1, sizeof(*deleted));
	int result = -ENOMEM;
	char key[NAME_BYTES];

	if (!patterns.sorted || !deleted)
		goto out;
	for (size_t i = 0; i < count; i++)
		patterns.sorted[i] = (struct pattern){ .text = texts[i], .number = i };
	qsort(patterns.sorted, count, sizeof(*patterns.sorted), pattern_compare);
	result = (int)store_match(store, window, type, &patterns, deleted);
	for (int i = 0; i < result; i++) {
		series_reset(deleted[i].series, window);
		series_forget(deleted[i].series);
		series_key(deleted[i].series, key);
		if (forgotten)
			forgotten(context, deleted[i].pattern, key);
	}
	touched_filter(store, window);
out:
	free(patterns.sorted);
	free(deleted);
	return result;
}
