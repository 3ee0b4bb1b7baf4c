// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Closing a window. A snapshot is one allocation that holds all it points to, made before
 * anything is changed: without memory for it, the window stays as it was.
 *
 *     | refs | snapshot | metrics | percentile entries | percentiles | names and tags |
 */
#include <stdlib.h>
#include <string.h>
#include "core/scale.h"
#include "core/series.h"

struct block {
	unsigned int refs;
	struct snapshot snapshot;
	struct metric metrics[];
};

/* How large the parts are, then where the next one of each goes. */
struct layout {
	size_t metrics, timers, text_bytes;
	struct metric *metric;
	struct percentile_stats *percentiles;
	char *text;
};

static struct block *block_of(struct snapshot *snapshot)
{
	return (struct block *)((char *)snapshot - offsetof(struct block, snapshot));
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	block_of(snapshot)->refs++;
	return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (snapshot && !--block_of(snapshot)->refs)
		free(block_of(snapshot));
}

static void layout_measure(struct layout *layout, const struct store *store, unsigned int window)
{
	const struct series *series;

	for (series = store->touched[window]; series; series = series->touched_next[window]) {
		if (series->dropped)
			continue;
		layout->metrics++;
		layout->timers += series->type == METRIC_TIMER;
		layout->text_bytes += series->name_len + series->tags_len + 2;
	}
}

static struct snapshot *snapshot_new(const struct store *store, struct layout *layout)
{
	size_t wanted = store->options.percentile_count, entries = layout->timers * wanted;
	struct block *block;
	double *percentiles;

	block = malloc(sizeof(*block) + layout->metrics * sizeof(*layout->metric) +
		       entries * sizeof(*layout->percentiles) + wanted * sizeof(*percentiles) +
		       layout->text_bytes);
	if (!block)
		return NULL;
	layout->metric = block->metrics;
	layout->percentiles = (struct percentile_stats *)(block->metrics + layout->metrics);
	percentiles = (double *)(layout->percentiles + entries);
	layout->text = (char *)(percentiles + wanted);

	memcpy(percentiles, store->options.percentiles, wanted * sizeof(*percentiles));
	block->refs = 1;
	block->snapshot = (struct snapshot){
		.percentiles = percentiles,
		.percentile_count = wanted,
		.metrics = block->metrics,
		.count = layout->metrics,
	};
	return &block->snapshot;
}

static const char *layout_text(struct layout *layout, const char *text, size_t length)
{
	char *copy = memcpy(layout->text, text, length + 1);

	layout->text += length + 1;
	return copy;
}

/* What is to be scaled by a negative number has its lowest values where the highest are wanted. */
static void timer_fill(struct series *series, unsigned int window, struct timer_stats *stats,
		       struct percentile_stats *percentiles)
{
	const struct store_options *options = &series->store->options;
	struct timer_window *timer = &series->state.timer[window];
	double mirrored;

	statistics_compute(timer, options->percentiles, options->percentile_count, stats, percentiles);
	for (size_t i = 0; series->scale < 0 && i < options->percentile_count; i++) {
		mirrored = -options->percentiles[i];
		statistics_compute(timer, &mirrored, 1, stats, &percentiles[i]);
	}
}

static void metric_fill(struct layout *layout, struct series *series, unsigned int window)
{
	const struct store_options *options = &series->store->options;
	struct percentile_stats *percentiles = layout->percentiles;
	struct metric *metric = layout->metric++;
	struct sum gauge;

	*metric = (struct metric){ .type = series->type };
	metric->name = layout_text(layout, series->name, series->name_len);
	metric->tags = layout_text(layout, series->tags, series->tags_len);
	switch (series->type) {
	case METRIC_COUNTER:
		metric->counter = sum_value(&series->state.counter[window]);
		break;
	case METRIC_TIMER:
		timer_fill(series, window, &metric->timer, layout->percentiles);
		metric->percentiles = layout->percentiles;
		layout->percentiles += options->percentile_count;
		break;
	case METRIC_GAUGE:
		gauge = series_gauge_sum(series, window);
		metric->gauge = sum_value(&gauge);
		break;
	case METRIC_SET:
		metric->set.count = distinct_count(&series->state.set[window], &metric->set.estimated);
		break;
	case METRIC_TYPES:
		break;
	}
	if (!(series->scale == 1))
		metric_scale(metric, series->scale, percentiles, options->percentile_count);
}

static int metric_compare(const void *a, const void *b)
{
	const struct metric *one = a, *other = b;
	int order;

	if (one->type != other->type)
		return one->type < other->type ? -1 : 1;
	order = strcmp(one->name, other->name);
	return order ? order : strcmp(one->tags, other->tags);
}

static void window_reset(struct store *store, unsigned int window)
{
	struct series *series, *next;

	for (series = store->touched[window]; series; series = next) {
		next = series->touched_next[window];
		if (series->type == METRIC_GAUGE)
			series->state.gauge.value = series_gauge_sum(series, window);
		series_reset(series, window);
	}
	store->touched[window] = NULL;
	store->dropped[window] = 0;
}

/* Series with observations that the mapping drops. */
static uint64_t count_dropped(const struct store *store, unsigned int window)
{
	const struct series *series;
	uint64_t dropped = 0;

	for (series = store->touched[window]; series; series = series->touched_next[window])
		dropped += series->dropped;
	return dropped;
}

struct snapshot *store_close(struct store *store, unsigned int window, int64_t timestamp, double seconds)
{
	uint64_t dropped = count_dropped(store, window);
	struct layout layout = {};
	struct snapshot *snapshot;
	struct series *series;

	if (store->naming &&
	    store_count_self(store, window, "kstatsd.mapping.dropped", dropped - store->dropped[window]))
		return NULL;
	/* If there is no memory now, the window will be closed again. */
	store->dropped[window] = dropped;
	layout_measure(&layout, store, window);
	snapshot = snapshot_new(store, &layout);
	if (!snapshot)
		return NULL;
	snapshot->timestamp = timestamp;
	snapshot->seconds = seconds;
	for (series = store->touched[window]; series; series = series->touched_next[window])
		if (!series->dropped)
			metric_fill(&layout, series, window);
	qsort(block_of(snapshot)->metrics, snapshot->count, sizeof(struct metric), metric_compare);

	window_reset(store, window);
	store->closings++;
	store_drop_idle(store);
	return snapshot;
}
