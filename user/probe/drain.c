// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Empties the cells of a closed window into the store. No program writes to them any more,
 * so they are read and zeroed in place; the hash maps are drained by batch.
 */
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bucket.h"
#include "core/store.h"
#include "probe/internal.h"
#include "probe/undisturbed.h"
#include "statsd.skel.h"

static size_t cpu_index(const struct capture *capture, unsigned int window, unsigned int cpu,
			enum metric_type type, uint32_t cell)
{
	return ((size_t)window * capture->cpus + cpu) * capture->cells_max[type] + cell;
}

/*
 * A cell without a series was emptied. Nameless: so many of its lines, which the kernel accepted,
 * are rejected.
 */
static int drain_nameless(struct capture *capture, unsigned int window, enum metric_type type,
			  uint32_t number, uint64_t lines)
{
	struct ledger *ledger = &capture->own[window];

	if (!slot_is_nameless(capture, type, number))
		return -ENOMEM;
	ledger->n[LEDGER_LINES_ACCEPTED] -= lines;
	ledger->n[LEDGER_LINES_TOO_LONG] += lines;
	return 0;
}

static int drain_counter(struct capture *capture, unsigned int window, uint32_t number)
{
	struct counter_cell *cell;
	struct series *series;
	__int128 sum = 0;
	bool used = false;
	unsigned int cpu;

	for (cpu = 0; cpu < capture->cpus; cpu++) {
		cell = area_at(&capture->counters, cpu_index(capture, window, cpu, METRIC_COUNTER, number));
		if (!cell->used)
			continue;
		used = true;
		sum += cell->sum;
		*cell = (struct counter_cell){};
	}
	if (!used)
		return 0;
	series = slot_series(capture, METRIC_COUNTER, number);
	if (!series)
		return drain_nameless(capture, window, METRIC_COUNTER, number, 1);
	series_fold_counter(series, window, sum);
	return 0;
}

/* The inverse of order_key(). */
static int64_t key_value(uint64_t key)
{
	return (int64_t)(key ^ 1ULL << 63);
}

static void add_timer_cell(struct timer_sums *sums, const struct timer_cell *cell)
{
	int64_t min = key_value(~cell->min_key), max = key_value(cell->max_key);

	if (!sums->count || min < sums->min)
		sums->min = min;
	if (!sums->count || max > sums->max)
		sums->max = max;
	sums->count += cell->count;
	sums->weight += cell->weight;
	sums->sum += (__int128)((unsigned __int128)cell->sum_hi << 64 | cell->sum_lo);
	sums->squares += (unsigned __int128)cell->squares_hi << 64 | cell->squares_lo;
}

static int drain_timer(struct capture *capture, unsigned int window, uint32_t number)
{
	struct timer_sums sums = {};
	struct timer_cell *cell;
	struct series *series;
	unsigned int cpu;

	for (cpu = 0; cpu < capture->cpus; cpu++) {
		cell = area_at(&capture->timers, cpu_index(capture, window, cpu, METRIC_TIMER, number));
		if (!cell->count)
			continue;
		add_timer_cell(&sums, cell);
		*cell = (struct timer_cell){};
	}
	if (!sums.count)
		return 0;
	series = slot_series(capture, METRIC_TIMER, number);
	if (!series)
		return drain_nameless(capture, window, METRIC_TIMER, number, sums.count);
	sums.unit = slot_unit(capture, METRIC_TIMER, number);
	series_fold_timer(series, window, &sums);
	return 0;
}

/*
 * The writes to several cells of one gauge, spelled differently ("#a,b", "#b,a"), have no
 * order among them. From now on they take the slow path, which has.
 */
static void keep_shared_gauges_slow(struct capture *capture)
{
	uint32_t number, cells = slot_cells(capture, METRIC_GAUGE);
	const struct slot *slot;
	unsigned int window;

	for (number = 0; number < cells; number++) {
		slot = &capture->slots[capture->slot_base[METRIC_GAUGE] + number];
		if (!slot->series || slot->used != capture->closings || !series_is_shared(slot->series))
			continue;
		for (window = 0; window < WINDOWS; window++) {
			if (!gauge_at(capture, window, number)->slow)
				gauge_at(capture, window, number)->slow = GAUGE_SLOW;
		}
	}
}

static int drain_gauge(struct capture *capture, unsigned int window, uint32_t number)
{
	struct gauge_cell *cell = gauge_at(capture, window, number), seen = *cell;
	struct series *series;

	if (!seen.touched && seen.slow != GAUGE_SLOW_WRITTEN)
		return 0;
	series = slot_series(capture, METRIC_GAUGE, number);
	if (!series && !slot_is_nameless(capture, METRIC_GAUGE, number))
		return -ENOMEM;
	*cell = (struct gauge_cell){};
	if (!series)
		return drain_nameless(capture, window, METRIC_GAUGE, number, seen.touched != 0);
	if (seen.touched)
		series_fold_gauge(series, window, seen.set, seen.value);
	return 0;
}

static int drain_set(struct capture *capture, unsigned int window, uint32_t number)
{
	size_t index = (size_t)window * capture->cells_max[METRIC_SET] + number;
	struct set_cell *cell = area_at(&capture->sets, index);
	void *sketch = area_at(&capture->sketches, index);
	struct series *series;
	int err = 0;

	if (!cell->touched)
		return 0;
	series = slot_series(capture, METRIC_SET, number);
	if (!series && !slot_is_nameless(capture, METRIC_SET, number))
		return -ENOMEM;
	if (!series)
		err = drain_nameless(capture, window, METRIC_SET, number, 1);
	else if (cell->estimated)
		err = series_fold_sketch(series, window, sketch);
	if (cell->estimated)
		memset(sketch, 0, HLL_REGISTERS);
	*cell = (struct set_cell){};
	return err;
}

static int take_sample(struct capture *capture, unsigned int window, const struct raw_sample *sample)
{
	struct series *series = slot_series(capture, METRIC_TIMER, sample->cell);

	if (!series)
		return drain_nameless(capture, window, METRIC_TIMER, sample->cell, 1);
	return series_fold_sample(series, window, slot_unit(capture, METRIC_TIMER, sample->cell),
				  sample->value, sample->weight);
}

static int drain_samples(struct capture *capture, unsigned int window)
{
	uint32_t used = capture->skeleton->bss->samples_used[window], max = capture->options.samples, i;
	struct raw_sample *sample;
	int err = 0;

	for (i = 0; i < used && i < max; i++) {
		sample = area_at(&capture->samples, (size_t)window * max + i);
		if (!sample->weight)
			continue;
		err = take_sample(capture, window, sample) ?: err;
		*sample = (struct raw_sample){};
	}
	capture->samples_full |= used >= max;
	capture->skeleton->bss->samples_used[window] = 0;
	return err;
}

static int take_bucket(struct capture *capture, unsigned int window, const void *keys, const void *values,
		       uint32_t i)
{
	const struct bucket_key *key = (const struct bucket_key *)keys + i;
	struct series *series = slot_series(capture, METRIC_TIMER, key->cell);

	if (!series)
		return drain_nameless(capture, window, METRIC_TIMER, key->cell, 0);
	return series_fold_bucket(series, window, slot_unit(capture, METRIC_TIMER, key->cell), key->index,
				  ((const uint64_t *)values)[i]);
}

static int take_member(struct capture *capture, unsigned int window, const void *keys, const void *values,
		       uint32_t i)
{
	const struct member_key *key = (const struct member_key *)keys + i;
	struct series *series = slot_series(capture, METRIC_SET, (uint32_t)key->cell);
	const uint64_t hash[2] = { key->hash[0], key->hash[1] };

	(void)values;
	return series ? series_fold_member(series, window, hash)
		      : drain_nameless(capture, window, METRIC_SET, (uint32_t)key->cell, 0);
}

/* Drains a hash map. Every entry is taken out even when one cannot be kept. *full becomes true when there was no room left. */
static int drain_hash(struct capture *capture, unsigned int window, const struct bpf_map *map,
		      int (*take)(struct capture *, unsigned int, const void *, const void *, uint32_t),
		      bool *full)
{
	uint8_t *keys = capture->batch, *values = keys + BATCH * sizeof(struct member_key);
	uint32_t position[8] = {}, count, total = 0, i;
	struct undisturbed before;
	bool first = true;
	int err, kept = 0;

	do {
		count = BATCH;
		undisturbed_begin(&before);
		err = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), first ? NULL : position, position,
						      keys, values, &count, NULL);
		undisturbed_end(&before);
		if (err && err != -ENOENT)
			return err;
		for (i = 0; i < count; i++)
			kept = take(capture, window, keys, values, i) ?: kept;
		first = false;
		total += count;
	} while (!err);
	*full |= total >= bpf_map__max_entries(map);
	return kept;
}

static void drain_ledger(struct capture *capture, unsigned int window)
{
	struct ledger *ledger;
	unsigned int cpu;
	size_t i;

	for (cpu = 0; cpu < capture->cpus; cpu++) {
		ledger = area_at(&capture->ledgers, (size_t)window * capture->cpus + cpu);
		for (i = 0; i < LEDGER_COUNTERS; i++)
			capture->own[window].n[i] += ledger->n[i];
		*ledger = (struct ledger){};
	}
}

static int drain_cells(struct capture *capture, unsigned int window)
{
	static int (*const drains[METRIC_TYPES])(struct capture *, unsigned int, uint32_t) = {
		[METRIC_COUNTER] = drain_counter,
		[METRIC_TIMER] = drain_timer,
		[METRIC_GAUGE] = drain_gauge,
		[METRIC_SET] = drain_set,
	};
	uint32_t number, cells;
	int err = 0, type;

	for (type = 0; type < METRIC_TYPES; type++) {
		if (type == METRIC_TIMER && capture->options.exact_timers)
			continue;
		cells = slot_cells(capture, type);
		for (number = 0; number < cells; number++)
			err = drains[type](capture, window, number) ?: err;
	}
	return err;
}

int drain_window(struct capture *capture, unsigned int window, struct error *error)
{
	struct statsd_bpf *s = capture->skeleton;
	int err;

	drain_ledger(capture, window);
	err = drain_cells(capture, window);
	gauges_unmark(capture, window);
	keep_shared_gauges_slow(capture);
	err = drain_samples(capture, window) ?: err;
	err = drain_hash(capture, window, window ? s->maps.buckets_1 : s->maps.buckets_0, take_bucket,
			 &capture->buckets_full)
		      ?: err;
	err = drain_hash(capture, window, window ? s->maps.members_1 : s->maps.members_0, take_member,
			 &capture->members_full)
		      ?: err;
	s->bss->gauges_follow[window] = 0;
	return err ? error_set(error, err, "cannot drain window %u: %s", window, strerror(-err)) : 0;
}
