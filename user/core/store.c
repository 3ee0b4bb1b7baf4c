// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The table of series. Names come from anybody, so the hash is keyed: nobody can choose
 * names that all fall into one place.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "core/naming.h"
#include "core/series.h"
#include "core/snapshot.h"

#define TABLE_MIN 256

static const size_t state_bytes[METRIC_TYPES] = {
	[METRIC_COUNTER] = sizeof(((union series_state *)NULL)->counter),
	[METRIC_TIMER] = sizeof(((union series_state *)NULL)->timer),
	[METRIC_GAUGE] = sizeof(((union series_state *)NULL)->gauge),
	[METRIC_SET] = sizeof(((union series_state *)NULL)->set),
};

struct store *store_new(const struct store_options *options)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->options = *options;
	store->options.percentiles = NULL;
	store->options.percentile_count = 0;
	if (!store->options.stamped_max)
		store->options.stamped_max = STAMPED_MAX;
	if (!store->options.events_max)
		store->options.events_max = EVENTS_MAX;
	store->options.bin_rules = NULL;
	store->options.bin_rule_count = 0;
	for (size_t type = 0; type < METRIC_TYPES; type++)
		TAILQ_INIT(&store->idle[type]);
	store->table_size = TABLE_MIN;
	store->table = calloc(store->table_size, sizeof(struct series *));
	if (!store->table || store_set_percentiles(store, options->percentiles, options->percentile_count) ||
	    store_set_bins(store, options->bin_rules, options->bin_rule_count))
		goto out_free;
	if (getrandom(store->hash_key, sizeof(store->hash_key), 0) != sizeof(store->hash_key))
		goto out_free;
	/* Odd, so that it is not 0. */
	store->chance = (options->seed ? options->seed : store->hash_key[0] ^ store->hash_key[1]) | 1;
	return store;

out_free:
	store_free(store);
	return NULL;
}

static void series_free(struct series *series)
{
	for (unsigned int window = 0; window < WINDOWS; window++)
		series_reset(series, window);
	free(series);
}

void store_free(struct store *store)
{
	if (!store)
		return;
	for (size_t i = 0; store->table && i < store->table_size; i++)
		if (store->table[i])
			series_free(store->table[i]);
	for (unsigned int window = 0; window < WINDOWS; window++)
		passing_release(&store->passing[window]);
	free(store->table);
	free((void *)store->options.percentiles);
	free((void *)store->options.bin_rules);
	free(store);
}

int store_set_percentiles(struct store *store, const double *percentiles, size_t count)
{
	/* One more than needed: an allocation of nothing may be NULL. */
	double *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, percentiles, count * sizeof(*copy));
	free((void *)store->options.percentiles);
	store->options.percentiles = copy;
	store->options.percentile_count = count;
	return 0;
}

int store_set_bins(struct store *store, const struct bin_rule *rules, size_t count)
{
	struct bin_rule *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, rules, count * sizeof(*copy));
	free((void *)store->options.bin_rules);
	store->options.bin_rules = copy;
	store->options.bin_rule_count = count;
	return 0;
}

void store_set_idle(struct store *store, const struct idle_options *idle)
{
	store->options.idle = *idle;
}

void store_set_percentile_limit(struct store *store, size_t limit)
{
	store->options.percentile_limit = limit;
}

void store_set_buckets(struct store *store, bool wanted)
{
	store->options.keep_buckets = wanted;
}

void store_set_naming(struct store *store, struct naming *naming)
{
	store_disown(store);
	store->naming = naming;
	for (size_t i = 0; i < store->table_size; i++)
		if (store->table[i])
			store->table[i]->rule = NULL;
	for (unsigned int window = 0; window < WINDOWS; window++)
		passing_forget_rules(&store->passing[window]);
}

size_t store_series_count(const struct store *store)
{
	return store->count;
}

static uint64_t name_hash(const struct store *store, enum metric_type type, const struct canonical_name *name)
{
	const __u64 key[2] = { store->hash_key[0] ^ type, store->hash_key[1] };
	__u64 hash[2];

	_Static_assert(NAME_BYTES <= 8 * HASH_WORDS_MAX, "a name is hashed to its end");
	hash_value(key, (const __u8 *)name->text, (__u32)(name->name_len + 1 + name->tags_len), hash);
	return hash[0];
}

static bool series_is(const struct series *series, enum metric_type type, const struct canonical_name *name,
		      uint64_t hash)
{
	return series->hash == hash && series->type == type && series->name_len == name->name_len &&
	       series->tags_len == name->tags_len && series->scale == name->scale &&
	       series->dropped == name->dropped && !memcmp(series->name, name->text, name->name_len) &&
	       !memcmp(series->tags, canonical_name_tags(name), name->tags_len);
}

static size_t table_next(const struct store *store, size_t at)
{
	return (at + 1) & (store->table_size - 1);
}

static void table_insert(struct store *store, struct series *series)
{
	size_t at = series->hash & (store->table_size - 1);

	while (store->table[at])
		at = table_next(store, at);
	store->table[at] = series;
}

static int table_grow(struct store *store)
{
	struct series **old = store->table;
	size_t old_size = store->table_size;
	struct series **table = calloc(2 * old_size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	store->table = table;
	store->table_size = 2 * old_size;
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			table_insert(store, old[i]);
	free(old);
	return 0;
}

/* Closes the gap by moving up those that had to make way: no tombstones. */
static void table_remove(struct store *store, const struct series *series)
{
	size_t mask = store->table_size - 1, gap = series->hash & mask, home;

	while (store->table[gap] != series)
		gap = table_next(store, gap);
	for (size_t at = table_next(store, gap); store->table[at]; at = table_next(store, at)) {
		home = store->table[at]->hash & mask;
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		store->table[gap] = store->table[at];
		gap = at;
	}
	store->table[gap] = NULL;
}

static struct series *table_find(const struct store *store, enum metric_type type,
				 const struct canonical_name *name, uint64_t hash)
{
	size_t at = hash & (store->table_size - 1);

	while (store->table[at] && !series_is(store->table[at], type, name, hash))
		at = table_next(store, at);
	return store->table[at];
}

static struct series *series_new(struct store *store, enum metric_type type,
				 const struct canonical_name *name, uint64_t hash)
{
	size_t text_at = offsetof(struct series, state) + state_bytes[type];
	size_t text_bytes = name->name_len + 1 + name->tags_len + 1;
	struct series *series = calloc(1, text_at + text_bytes);
	char *text = (char *)series + text_at;

	if (!series)
		return NULL;
	memcpy(text, name->text, text_bytes);
	series->store = store;
	series->type = type;
	series->hash = hash;
	series->name = text;
	series->name_len = name->name_len;
	series->tags = text + name->name_len + 1;
	series->tags_len = name->tags_len;
	series->scale = name->scale;
	series->dropped = name->dropped;
	series->touched_at = store->closings;
	return series;
}

void series_remove(struct series *series)
{
	struct store *store = series->store;

	TAILQ_REMOVE(&store->idle[series->type], series, idle);
	table_remove(store, series);
	store->count--;
	series_free(series);
}

bool store_evict(struct store *store)
{
	struct series *oldest = NULL, *first;

	for (size_t type = 0; type < METRIC_TYPES; type++) {
		first = TAILQ_FIRST(&store->idle[type]);
		if (first && !series_is_touched(first) && (!oldest || first->touched_at < oldest->touched_at))
			oldest = first;
	}
	if (oldest)
		series_remove(oldest);
	return oldest;
}

struct series *store_find(struct store *store, enum metric_type type, const struct canonical_name *name,
			  size_t series_max)
{
	uint64_t hash = name_hash(store, type, name);
	struct series *series = table_find(store, type, name, hash);

	if (series) {
		series->renamed = false;
		return series;
	}
	if (store->count - store->held >= series_max && !store_evict(store)) {
		errno = ENOSPC;
		return NULL;
	}
	errno = ENOMEM;
	/* At most three quarters full. */
	if (4 * (store->count + 1) > 3 * store->table_size && table_grow(store))
		return NULL;
	series = series_new(store, type, name, hash);
	if (!series)
		return NULL;
	table_insert(store, series);
	store->count++;
	TAILQ_INSERT_TAIL(&store->idle[type], series, idle);
	return series;
}

int store_name(struct store *store, enum metric_type type, const void *name, size_t name_len,
	       const void *tags, size_t tags_len, struct canonical_name *canonical)
{
	return naming_make(store->naming, type, canonical, name, name_len, tags, tags_len);
}

int store_check_name(struct store *store, enum metric_type type, const void *name, size_t name_len,
		     const void *tags, size_t tags_len)
{
	return naming_look(store->naming, type, &store->name, name, name_len, tags, tags_len);
}

/* What the mapping says of a series now, beside its identity. Safe on NULL. */
static struct series *series_named(struct series *series, const struct canonical_name *name)
{
	if (series) {
		series->ttl = name->ttl;
		series->rule = name->rule;
	}
	return series;
}

struct series *store_find_raw(struct store *store, enum metric_type type, const void *name, size_t name_len,
			      const void *tags, size_t tags_len, size_t series_max)
{
	if (store_name(store, type, name, name_len, tags, tags_len, &store->name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return series_named(store_find(store, type, &store->name, series_max), &store->name);
}

/* What a window may still take of something of which another holds `other`: the bound is the store's. */
static size_t room_beside(size_t max, size_t other)
{
	return max > other ? max - other : 0;
}

int store_add_stamped(struct store *store, unsigned int window, enum metric_type type,
		      const struct canonical_name *name, double value, int64_t time)
{
	size_t max = room_beside(store->options.stamped_max, store->passing[!window].stamped_count);

	if (name->dropped) {
		store->dropped_stamped[window]++;
		return 0;
	}
	return passing_add_stamped(&store->passing[window], max, type, name, value * name->scale, time);
}

int store_add_event(struct store *store, unsigned int window, const struct event *event)
{
	size_t max = room_beside(store->options.events_max, store->passing[!window].event_count);
	struct event tagged = *event;

	/* With the tags of all. It stays as it is, if it has too many of its own. */
	if (!canonical_name_own(&store->name, "event") &&
	    !naming_add_tags(store->naming, &store->name, event->tags))
		tagged.tags = canonical_name_tags(&store->name);
	return passing_add_event(&store->passing[window], max, &tagged);
}

struct series *store_series(struct store *store, enum metric_type type, const void *name, size_t name_len,
			    const void *tags, size_t tags_len)
{
	return store_find_raw(store, type, name, name_len, tags, tags_len, store->options.series_max);
}

struct series *store_named_series(struct store *store, enum metric_type type,
				  const struct canonical_name *name)
{
	return series_named(store_find(store, type, name, store->options.series_max), name);
}
