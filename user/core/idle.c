// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Series that nobody touches: which of them are sent nevertheless, and when they go.
 *
 *     observed -> closed, known -> idle: sent again, or not -> forgotten -> removed
 *
 * Removed is who is not in the kernel any more; one that is sent again may well be idle for
 * longer than its slot there.
 */
#include "core/series.h"

/* A series that is not sent again goes after so many closings without an observation. */
#define IDLE_CLOSINGS 60
#define IDLE_CLOSINGS_GAUGE 8640 /* a day of flushes every ten seconds: it has a value to keep */

struct closing closing_of(const struct store *store, double seconds)
{
	int64_t length = (int64_t)(seconds * 1e9);

	return (struct closing){ .number = store->closings, .time = store->time + length, .length = length };
}

bool store_sends_idle(const struct store *store)
{
	const struct idle_options *idle = &store->options.idle;

	for (size_t type = 0; type < METRIC_TYPES; type++)
		if (idle->sent[type])
			return true;
	return idle->gauge_closings > 0;
}

/* Is the series one of those that are sent again, for at least a while? */
static bool series_lasts(const struct series *series)
{
	const struct idle_options *idle = &series->store->options.idle;

	return idle->sent[series->type] || (series->type == METRIC_GAUGE && idle->gauge_closings);
}

/* Would it have to be forgotten by now? */
static bool series_is_over(const struct series *series, const struct closing *closing)
{
	const struct idle_options *idle = &series->store->options.idle;
	int64_t ttl = series->ttl ? series->ttl : idle->ttl;

	if (!idle->sent[series->type])
		return closing->number - series->closed_at >= idle->gauge_closings;
	/* Windows are never exactly as long as they should be. */
	return ttl && closing->time - series->closed_time + closing->length / 2 >= ttl;
}

bool series_is_sent_idle(const struct series *series, unsigned int window, const struct closing *closing)
{
	return series->known && !series->dropped && !series->touched[window] && series_lasts(series) &&
	       !series_is_over(series, closing);
}

void series_closed(struct series *series, const struct closing *closing)
{
	series->known = true;
	series->forgotten = false;
	series->closed_at = closing->number;
	series->closed_time = closing->time;
	if (series->renamed)
		series_forget(series);
}

void series_forget(struct series *series)
{
	series->known = false;
	series->forgotten = true;
	series->has_unit = series_is_touched(series);
	if (series->type == METRIC_GAUGE)
		series->state.gauge.value = (struct sum){};
}

/* Can it be removed? */
static bool series_is_gone(const struct series *series)
{
	uint64_t closings = series->type == METRIC_GAUGE ? IDLE_CLOSINGS_GAUGE : IDLE_CLOSINGS;

	if (series->holds || series_is_touched(series))
		return false;
	if (series->forgotten)
		return true;
	return !(series->known && series_lasts(series)) &&
	       series->store->closings - series->touched_at > closings;
}

/* The longest idle series are the first of their list. */
static void lists_drop(struct store *store)
{
	struct series *series;

	for (size_t type = 0; type < METRIC_TYPES; type++)
		while ((series = TAILQ_FIRST(&store->idle[type])) && series_is_gone(series))
			series_remove(series);
}

void store_drop_idle(struct store *store, const struct closing *closing)
{
	const struct closing next = { .number = closing->number + 1,
				      .time = closing->time,
				      .length = closing->length };
	struct series *series;
	size_t at = 0;

	if (!store_sends_idle(store)) {
		lists_drop(store);
		return;
	}
	while (at < store->table_size) {
		series = store->table[at];
		if (series && series->known && series_lasts(series) && series_is_over(series, &next))
			series_forget(series);
		if (series && series_is_gone(series))
			series_remove(series); /* another one may have moved to its place */
		else
			at++;
	}
}
