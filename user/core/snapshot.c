// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Closing a window. A snapshot is one allocation that holds all it points to, made before
 * anything is changed: without memory for it, the window stays as it was.
 *
 *     | refs | snapshot | metrics | events | percentile entries | bins | buckets | percentiles | names, tags, messages |
 *
 * Timers of nothing share one set of percentile entries, the first.
 */
#include <stdlib.h>
#include <string.h>
#include "core/scale.h"
#include "core/series.h"

struct block {
	unsigned int refs;
	struct snapshot *parent; /* of which this one has a reference; NULL: none */
	struct snapshot snapshot;
	struct metric metrics[];
};

/* How large the parts are, then where the next one of each goes. */
struct layout {
	size_t metrics, timers, bins, buckets, text_bytes;
	struct metric *metric;
	struct event *events;
	struct percentile_stats *percentiles, *nothing;
	struct bin_stats *bin;
	struct bucket *bucket;
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
	while (snapshot && !--block_of(snapshot)->refs) {
		struct block *block = block_of(snapshot);

		snapshot = block->parent;
		free(block);
	}
}

struct snapshot *snapshot_derive(struct snapshot *parent, size_t bytes, void **room)
{
	struct block *block = malloc(sizeof(*block) + bytes);

	if (!block)
		return NULL;
	*block = (struct block){ .refs = 1 };
	if (parent) {
		block->snapshot = *parent;
		block->parent = snapshot_ref(parent);
	}
	*room = block->metrics;
	return &block->snapshot;
}

static void layout_count(struct layout *layout, const struct series *series)
{
	layout->metrics++;
	layout->text_bytes += series->name_len + series->tags_len + 2;
}

static void layout_count_timer(struct layout *layout, const struct series *series, unsigned int window)
{
	const struct bin_rule *rule = series_bin_rule(series);

	layout->timers++;
	layout->bins += rule ? rule->count : 0;
	if (series->store->options.keep_buckets)
		layout->buckets += statistics_buckets_max(&series->state.timer[window]);
}

/* The next series behind table[*at] that is sent though `window` does not hold it. */
static struct series *idle_next(const struct store *store, unsigned int window, const struct closing *closing,
				size_t *at)
{
	struct series *series;

	if (!store_sends_idle(store))
		return NULL;
	while (*at < store->table_size) {
		series = store->table[(*at)++];
		if (series && series_is_sent_idle(series, window, closing))
			return series;
	}
	return NULL;
}

static void layout_measure(struct layout *layout, const struct store *store, unsigned int window,
			   const struct closing *closing)
{
	const struct passing *passing = &store->passing[window];
	const struct series *series;
	size_t at = 0;

	layout->metrics = passing->stamped_count;
	layout->text_bytes = passing_text_bytes(passing);
	for (series = store->touched[window]; series; series = series->touched_next[window]) {
		if (series->dropped)
			continue;
		layout_count(layout, series);
		if (series->type == METRIC_TIMER)
			layout_count_timer(layout, series, window);
	}
	while ((series = idle_next(store, window, closing, &at)))
		layout_count(layout, series);
}

static struct snapshot *snapshot_new(const struct store *store, struct layout *layout, size_t events)
{
	size_t wanted = store->options.percentile_count, entries = (layout->timers + 1) * wanted;
	struct block *block;
	double *percentiles;

	block = malloc(sizeof(*block) + layout->metrics * sizeof(*layout->metric) +
		       events * sizeof(*layout->events) + entries * sizeof(*layout->percentiles) +
		       layout->bins * sizeof(*layout->bin) + layout->buckets * sizeof(*layout->bucket) +
		       wanted * sizeof(*percentiles) + layout->text_bytes);
	if (!block)
		return NULL;
	layout->metric = block->metrics;
	layout->events = (struct event *)(block->metrics + layout->metrics);
	layout->nothing = (struct percentile_stats *)(layout->events + events);
	layout->percentiles = layout->nothing + wanted;
	layout->bin = (struct bin_stats *)(layout->nothing + entries);
	layout->bucket = (struct bucket *)(layout->bin + layout->bins);
	percentiles = (double *)(layout->bucket + layout->buckets);
	layout->text = (char *)(percentiles + wanted);

	memset(layout->nothing, 0, wanted * sizeof(*layout->nothing));
	memcpy(percentiles, store->options.percentiles, wanted * sizeof(*percentiles));
	block->refs = 1;
	block->parent = NULL;
	block->snapshot = (struct snapshot){
		.percentiles = percentiles,
		.percentile_count = wanted,
		.metrics = block->metrics,
		.count = layout->metrics,
		.events = layout->events,
		.event_count = events,
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
static void timer_compute(struct series *series, unsigned int window, struct timer_stats *stats,
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

static void bins_fill(struct layout *layout, const struct series *series, unsigned int window,
		      struct metric *metric)
{
	const struct bin_rule *rule = series_bin_rule(series);
	double limits[BINS_MAX]; /* of the values as they were sent */

	if (!rule)
		return;
	for (size_t i = 0; i < rule->count; i++)
		limits[i] = rule->limits[i] / series->scale;
	statistics_bins(&series->state.timer[window], limits, rule->count, layout->bin);
	for (size_t i = 0; i < rule->count; i++)
		layout->bin[i].limit = rule->limits[i];
	metric->bins = layout->bin;
	metric->bin_count = rule->count;
	layout->bin += rule->count;
}

static void buckets_fill(struct layout *layout, const struct series *series, unsigned int window,
			 struct metric *metric)
{
	size_t count;

	if (!series->store->options.keep_buckets)
		return;
	count = statistics_buckets(&series->state.timer[window], layout->bucket);
	if (!(series->scale == 1))
		count = buckets_scale(series->unit, layout->bucket, count, series->scale);
	metric->buckets = layout->bucket;
	metric->bucket_count = count;
	layout->bucket += count;
}

static void timer_fill(struct layout *layout, struct series *series, unsigned int window,
		       struct metric *metric)
{
	timer_compute(series, window, &metric->timer, layout->percentiles);
	metric->percentiles = layout->percentiles;
	layout->percentiles += series->store->options.percentile_count;
	bins_fill(layout, series, window, metric);
	buckets_fill(layout, series, window, metric);
}

/* The next metric of the snapshot, with the name of a series. */
static struct metric *metric_next(struct layout *layout, const struct series *series)
{
	struct metric *metric = layout->metric++;

	*metric = (struct metric){ .type = series->type, .unit = series->unit, .rule = series->rule };
	metric->name = layout_text(layout, series->name, series->name_len);
	metric->tags = layout_text(layout, series->tags, series->tags_len);
	return metric;
}

static void metric_fill(struct layout *layout, struct series *series, unsigned int window)
{
	struct percentile_stats *percentiles = layout->percentiles;
	struct metric *metric = metric_next(layout, series);
	struct sum gauge;

	switch (series->type) {
	case METRIC_COUNTER:
		metric->counter = sum_value(&series->state.counter[window]);
		break;
	case METRIC_TIMER:
		timer_fill(layout, series, window, metric);
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
		metric_scale(metric, series->scale, percentiles, series->store->options.percentile_count);
}

static void metric_fill_idle(struct layout *layout, const struct series *series)
{
	struct metric *metric = metric_next(layout, series);

	metric->idle = true;
	if (series->type == METRIC_TIMER)
		metric->percentiles = layout->nothing;
	if (series->type == METRIC_GAUGE)
		metric->gauge = sum_value(&series->state.gauge.value) * series->scale;
}

static int metric_compare(const void *a, const void *b)
{
	const struct metric *one = a, *other = b;
	int order;

	if (one->type != other->type)
		return one->type < other->type ? -1 : 1;
	order = strcmp(one->name, other->name);
	order = order ? order : strcmp(one->tags, other->tags);
	if (order)
		return order;
	if (one->timestamp != other->timestamp)
		return one->timestamp < other->timestamp ? -1 : 1;
	/* Values of one time: as they came, which is how their text lies. */
	return one->name < other->name ? -1 : one->name > other->name;
}

static void window_reset(struct store *store, unsigned int window, const struct closing *closing)
{
	struct series *series, *next;

	for (series = store->touched[window]; series; series = next) {
		next = series->touched_next[window];
		if (series->type == METRIC_GAUGE)
			series->state.gauge.value = series_gauge_sum(series, window);
		series_reset(series, window);
		series_closed(series, closing);
	}
	store->touched[window] = NULL;
	passing_release(&store->passing[window]);
	store->dropped_stamped[window] = 0;
}

uint64_t store_dropped(const struct store *store, unsigned int window)
{
	const struct series *series;
	uint64_t dropped = store->dropped_stamped[window];

	for (series = store->touched[window]; series; series = series->touched_next[window])
		dropped += series->dropped;
	return dropped;
}

struct snapshot *store_close(struct store *store, unsigned int window, int64_t timestamp, double seconds)
{
	const struct closing closing = closing_of(store, seconds);
	struct layout layout = {};
	struct snapshot *snapshot;
	struct series *series;
	size_t at = 0;

	layout_measure(&layout, store, window, &closing);
	snapshot = snapshot_new(store, &layout, store->passing[window].event_count);
	if (!snapshot)
		return NULL;
	snapshot->timestamp = timestamp;
	snapshot->seconds = seconds;
	for (series = store->touched[window]; series; series = series->touched_next[window])
		if (!series->dropped)
			metric_fill(&layout, series, window);
	while ((series = idle_next(store, window, &closing, &at)))
		metric_fill_idle(&layout, series);
	passing_fill(&store->passing[window], timestamp, layout.metric, layout.events, layout.text);
	qsort(block_of(snapshot)->metrics, snapshot->count, sizeof(struct metric), metric_compare);

	window_reset(store, window, &closing);
	store->closings++;
	store->time = closing.time;
	store_drop_idle(store, &closing);
	return snapshot;
}
