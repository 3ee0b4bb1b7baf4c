/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From a parsed line to the cells of the open window.
 *
 * fold_*() return true when the whole effect is in the maps, false when nothing is: then
 * the line takes the slow path. So a check that can fail comes before the first addition.
 */
#ifndef FOLD_BPF_H
#define FOLD_BPF_H

#include "bucket.h"
#include "maps.bpf.h"
#include "series.bpf.h"
#include "wide.h"

/* Limits that leave room: a sum below SUM_MAX may take one more value below VALUE_MAX. */
#define VALUE_MAX (1LL << 60)
#define SUM_MAX (1LL << 61)
/* Timer values whose squares fit 106 bits, so that 128-bit sums of them can be checked cheaply. */
#define TIMER_VALUE_MAX (1LL << 53)
#define SQUARES_HI_MAX (1ULL << 62)
#define TIMER_WEIGHT_MAX 1024 /* of weighted timers: times TIMER_VALUE_MAX it fits 63 bits */

#define UPDATES_MAX 16 /* attempts of a compare-and-exchange: each failure is another's success */

static __always_inline bool within(__s64 value, __s64 limit)
{
	return value > -limit && value < limit;
}

static __always_inline __u32 cpu_cell(const struct run *run, __u32 type, __u32 cell)
{
	return (run->window * cpu_count + run->cpu) * cells_max[type] + cell;
}

/*
 * hits:3|c|@0.1
 */
static __always_inline bool fold_counter(struct run *run, struct scratch *s, __u32 cell)
{
	__u32 index = cpu_cell(run, METRIC_COUNTER, cell);
	__s64 value = s->line.value;
	struct counter_cell *counter;

	/* A weight is at most 10^9, that is below 2^30: the product stays below VALUE_MAX. */
	if (s->line.weight > 1) {
		if (!within(value, s->line.weight <= 1024 ? 1LL << 50 : 1LL << 30))
			return false;
		value *= s->line.weight;
	}
	counter = bpf_map_lookup_elem(&counters, &index);
	if (!counter || !within(value, VALUE_MAX) || !within(counter->sum, SUM_MAX))
		return false;
	add_to(&counter->sum, value);
	if (!counter->used)
		counter->used = 1;
	return true;
}

/* Adds to a bucket. False: the map is full. */
static __always_inline bool fold_bucket(struct run *run, void *map, __u32 cell, __s16 index, __u64 amount)
{
	struct bucket_key key = { .cell = cell, .index = index, .cpu = run->cpu };
	__u64 *times;

	times = bpf_map_lookup_elem(map, &key);
	if (!times) {
		if (!bpf_map_update_elem(map, &key, &amount, BPF_NOEXIST))
			return true;
		times = bpf_map_lookup_elem(map, &key); /* a task that preempted this one was first */
		if (!times)
			return false;
	}
	add_to(times, amount);
	return true;
}

/* Adds a 128-bit number to a 128-bit sum of this CPU's. */
static __always_inline void add_wide(__u64 *sum_lo, __u64 *sum_hi, __u64 lo, __u64 hi)
{
	__u64 before = __sync_fetch_and_add(sum_lo, lo);

	__sync_fetch_and_add(sum_hi, hi + (before + lo < lo));
}

static __always_inline void raise_to(__u64 *maximum, __u64 key)
{
	__u64 seen;
	__u32 i;

	no_unroll for (i = 0; i < UPDATES_MAX; i++)
	{
		seen = *maximum;
		if (seen >= key || __sync_val_compare_and_swap(maximum, seen, key) == seen)
			break;
	}
}

/*
 * load:320.5|ms|@0.1
 *
 * Weighted: sum, squares and bucket take the value as often as the rate says it was
 * measured; `count` is the number of samples received all the same.
 */
static __always_inline bool fold_summary(struct run *run, struct scratch *s, __u32 cell)
{
	__u32 index = cpu_cell(run, METRIC_TIMER, cell);
	__s64 value = s->line.value;
	__u64 times = weighted_timers ? s->line.weight : 1;
	struct timer_cell *timer;
	struct wide squares;
	__s16 bucket;

	timer = bpf_map_lookup_elem(&timers, &index);
	if (!timer || !within(value, TIMER_VALUE_MAX) || timer->squares_hi > SQUARES_HI_MAX ||
	    times > TIMER_WEIGHT_MAX)
		return false;
	bucket = bucket_index(s->line.unit, value);
	if (!(run->window ? fold_bucket(run, &buckets_1, cell, bucket, times)
			  : fold_bucket(run, &buckets_0, cell, bucket, times)))
		return false;
	squares = wide_square(value < 0 ? -value : value);
	if (weighted_timers)
		squares = wide_scale(squares, times);
	add_wide(&timer->squares_lo, &timer->squares_hi, squares.lo, squares.hi);
	add_wide(&timer->sum_lo, &timer->sum_hi, value * (__s64)times, value < 0 ? ~0ULL : 0);
	raise_to(&timer->min_key, ~order_key(value));
	raise_to(&timer->max_key, order_key(value));
	add_to(&timer->weight, s->line.weight);
	add_to(&timer->count, 1);
	return true;
}

static __always_inline bool fold_sample(struct run *run, struct scratch *s, __u32 cell)
{
	__u32 window = run->window & (WINDOWS - 1);
	struct raw_sample *sample;
	__u32 index;

	if (samples_used[window] >= samples_max)
		return false;
	index = __sync_fetch_and_add(&samples_used[window], 1);
	if (index >= samples_max)
		return false;
	index += window * samples_max;
	sample = bpf_map_lookup_elem(&samples, &index);
	if (!sample)
		return false;
	sample->value = s->line.value;
	sample->cell = cell;
	sample->weight = s->line.weight;
	return true;
}

static __always_inline bool fold_timer(struct run *run, struct scratch *s, __u32 cell)
{
	return exact_timers ? fold_sample(run, s, cell) : fold_summary(run, s, cell);
}

/*
 * queue.depth:17|g     queue.depth:-3|g
 *
 * One word, written by stores and atomic additions from any CPU: the order of the writes is
 * the order in which the machine made them. Once a write had to take the slow path, those
 * after it follow through the ring, in order.
 */
static __always_inline bool fold_gauge(struct run *run, struct scratch *s, __u32 cell)
{
	__u32 index = run->window * cells_max[METRIC_GAUGE] + cell;
	__s64 value = s->line.value;
	struct gauge_cell *gauge;

	gauge = bpf_map_lookup_elem(&gauges, &index);
	if (!gauge || gauges_follow[run->window & (WINDOWS - 1)])
		return false;
	if (gauge->slow) {
		gauge->slow = GAUGE_SLOW_WRITTEN;
		return false;
	}
	if (s->line.wide || !within(value, VALUE_MAX) || (s->line.sign && !within(gauge->value, SUM_MAX))) {
		gauge->slow = GAUGE_SLOW_WRITTEN;
		return false;
	}
	if (s->line.sign) {
		__sync_fetch_and_add(&gauge->value, value);
	} else {
		*(volatile __s64 *)&gauge->value = value;
		gauge->set = 1;
	}
	gauge->touched = 1;
	return true;
}

/* Raises one register of a sketch; eight of them share a word. */
static __always_inline bool fold_sketch(struct run *run, __u32 cell, const __u64 hash[2])
{
	__u32 index = run->window * cells_max[METRIC_SET] + cell;
	__u32 number = sketch_register(hash), shift = (number & 7) * 8, i;
	struct sketch *sketch;
	__u64 rank = sketch_rank(hash), seen, *word;

	sketch = bpf_map_lookup_elem(&sketches, &index);
	if (!sketch)
		return false;
	word = &sketch->words[(number >> 3) & (HLL_REGISTERS / 8 - 1)];
	no_unroll for (i = 0; i < UPDATES_MAX; i++)
	{
		seen = *word;
		if ((seen >> shift & 0xff) >= rank)
			return true;
		if (__sync_val_compare_and_swap(word, seen, (seen & ~(0xffULL << shift)) | rank << shift) ==
		    seen)
			return true;
	}
	return false;
}

/* Adds a member exactly. 0, or negative: the limit or the map is full. */
static __always_inline int fold_member(struct set_cell *set, void *map, const struct member_key *key)
{
	__u8 present = 1;

	if (bpf_map_lookup_elem(map, key))
		return 0;
	if (set->estimated || set->members >= set_exact_max)
		return -1;
	if (!bpf_map_update_elem(map, key, &present, BPF_NOEXIST)) {
		__sync_fetch_and_add(&set->members, 1);
		return 0;
	}
	return bpf_map_lookup_elem(map, key) ? 0 : -1;
}

/*
 * users:alice|s
 */
static __always_inline bool fold_set(struct run *run, struct scratch *s, __u32 cell)
{
	__u32 index = run->window * cells_max[METRIC_SET] + cell;
	__u64 seed[2] = { key_seed[0], key_seed[1] };
	struct member_key key = { .cell = cell };
	struct set_cell *set;
	int missing;

	/* An empty one is the daemon's, which takes it for "0" as statsd does. */
	if (!s->line.value_text.len || s->line.value_text.len > HASH_WORDS_MAX * 8)
		return false;
	set = bpf_map_lookup_elem(&sets, &index);
	if (!set)
		return false;
	hash_value(seed, s->payload + (s->line.value_text.at & CURSOR_MASK), s->line.value_text.len,
		   key.hash);
	missing = run->window ? fold_member(set, &members_1, &key) : fold_member(set, &members_0, &key);
	if (missing) {
		if (!fold_sketch(run, cell, key.hash))
			return false;
		set->estimated = 1;
	}
	set->touched = 1;
	return true;
}

/*
 * Folds the line just parsed. 0: nothing was changed, the line is the slow path's.
 * Global, so that the verifier checks it once and by itself.
 */
__noinline int fold_line(struct scratch *s, __u32 window, __u32 cpu)
{
	struct run place = { .window = window & (WINDOWS - 1), .cpu = cpu }, *run = &place;
	__u32 cell;

	if (!s)
		return 0;

	/* A wide gauge must be known as such to its cell; one with a time is no write to it. */
	if (s->line.wide && (s->line.type != METRIC_GAUGE || s->line.wide & WIDE_TIME))
		return false;
	cell = series_cell(s);
	if (cell == NO_CELL_YET && s->line.type == METRIC_GAUGE)
		gauges_follow[run->window] = 1; /* or its next write would overtake this one */
	if (cell == NO_CELL || cell == NO_CELL_YET)
		return false;
	switch (s->line.type) {
	case METRIC_COUNTER:
		return fold_counter(run, s, cell);
	case METRIC_TIMER:
		return fold_timer(run, s, cell);
	case METRIC_GAUGE:
		return fold_gauge(run, s, cell);
	default:
		return fold_set(run, s, cell);
	}
}

#endif /* FOLD_BPF_H */
