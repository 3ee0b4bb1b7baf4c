// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Series that no limit and no idleness takes away: those that the kernel has a slot for, for
 * as long as it has, and the daemon's own, for good.
 */
#include <errno.h>
#include <math.h>
#include "core/naming.h"
#include "core/series.h"

static void series_hold(struct series *series)
{
	if (series->holds++)
		return;
	TAILQ_REMOVE(&series->store->idle[series->type], series, idle);
	series->store->held++;
}

/* One of the daemon's own. Held for good, so that its names take no room from others'. */
static struct series *series_own(struct store *store, enum metric_type type, const char *name)
{
	struct series *series;

	if (naming_make_own(store->naming, &store->name, name))
		return NULL;
	/* Those who hit the limit are to be counted even then. */
	series = store_find(store, type, &store->name, SIZE_MAX);
	if (series && !series->own) {
		series->own = true;
		series_hold(series);
		store->own_count++;
	}
	return series;
}

void store_disown(struct store *store)
{
	for (size_t i = 0; i < store->table_size; i++) {
		struct series *series = store->table[i];

		if (!series || !series->own)
			continue;
		series->own = false;
		store->own_count--;
		if (--series->holds)
			continue;
		series_forget(series);
		series->renamed = true;
		/* It may be the next to be evicted, but not from the table that is being walked. */
		store->held--;
		series->touched_at = store->closings;
		TAILQ_INSERT_TAIL(&store->idle[series->type], series, idle);
	}
}

int store_count_self(struct store *store, unsigned int window, const char *name, uint64_t value)
{
	struct series *series = series_own(store, METRIC_COUNTER, name);

	if (!series)
		return -ENOMEM;
	series_fold_counter(series, window, (__int128)value * MICROS);
	return 0;
}

int store_set_self(struct store *store, unsigned int window, const char *name, double value)
{
	struct series *series = series_own(store, METRIC_GAUGE, name);

	return series ? series_set_gauge(series, window, value) : -ENOMEM;
}

struct series *store_hold_series(struct store *store, enum metric_type type, const void *name,
				 size_t name_len, const void *tags, size_t tags_len)
{
	struct series *series = store_find_raw(store, type, name, name_len, tags, tags_len, SIZE_MAX);

	if (series)
		series_hold(series);
	return series;
}

bool series_is_shared(const struct series *series)
{
	return series->holds > 1;
}

void series_release(struct series *series)
{
	if (--series->holds)
		return;
	series->store->held--;
	series->touched_at = series->store->closings;
	TAILQ_INSERT_TAIL(&series->store->idle[series->type], series, idle);
	if (series->store->count - series->store->held > series->store->options.series_max)
		store_evict(series->store);
}

static void gauge_inherit(struct series *to, const struct series *from)
{
	struct sum *value = &to->state.gauge.value;

	if (to != from && !value->micros && !(fabsl(value->rest) > 0) && !series_is_touched(to))
		*value = from->state.gauge.value;
}

void series_rename(struct series *from, struct series *to)
{
	if (to && to->type == METRIC_GAUGE)
		gauge_inherit(to, from);
	if (from->holds == 1) { /* and so not by `to` */
		series_forget(from);
		from->renamed = true;
	}
	series_release(from);
}
