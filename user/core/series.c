// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Folding into the windows of one series. Where memory may run out, what can fail comes
 * first: an observation is counted whole or not at all.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "core/series.h"

bool series_is_touched(const struct series *series)
{
	for (unsigned int window = 0; window < WINDOWS; window++)
		if (series->touched[window])
			return true;
	return false;
}

void series_touch(struct series *series, unsigned int window)
{
	struct store *store = series->store;

	if (series->touched[window])
		return;
	series->touched[window] = true;
	series->touched_next[window] = store->touched[window];
	store->touched[window] = series;
	series->touched_at = store->closings;
	series->forgotten = false;
	if (!series->holds) {
		TAILQ_REMOVE(&store->idle[series->type], series, idle);
		TAILQ_INSERT_TAIL(&store->idle[series->type], series, idle);
	}
}

void series_key(const struct series *series, char *key)
{
	memcpy(key, series->name, series->name_len + 1);
	if (!series->tags_len)
		return;
	key[series->name_len] = ';';
	memcpy(key + series->name_len + 1, series->tags, series->tags_len + 1);
}

int series_compare(const struct series *one, const struct series *other)
{
	int order;

	if (one->type != other->type)
		return one->type < other->type ? -1 : 1;
	order = strcmp(one->name, other->name);
	return order ? order : strcmp(one->tags, other->tags);
}

const struct bin_rule *series_bin_rule(const struct series *series)
{
	const struct store_options *options = &series->store->options;
	char key[NAME_BYTES];

	if (!options->bin_rule_count)
		return NULL;
	series_key(series, key);
	for (size_t i = 0; i < options->bin_rule_count; i++)
		if (strstr(key, options->bin_rules[i].metric))
			return &options->bin_rules[i];
	return NULL;
}

void series_fold_counter(struct series *series, unsigned int window, __int128 micros)
{
	sum_add_micros(&series->state.counter[window], micros);
	series_touch(series, window);
}

void series_add_counter(struct series *series, unsigned int window, double value, double weight)
{
	struct sum *sum = &series->state.counter[window];
	int64_t micros;

	if (double_to_micros(value, &micros) && weight == floor(weight) && fabs(weight) < 0x1p62)
		sum_add_micros(sum, (__int128)micros * (int64_t)weight);
	else
		sum_add(sum, value * weight);
	series_touch(series, window);
}

/* The window of a timer, of which something is observed in a unit. */
static struct timer_window *timer_window_of(struct series *series, unsigned int window, enum timer_unit unit)
{
	struct timer_window *timer = &series->state.timer[window];

	if (!series->has_unit)
		series->unit = unit;
	series->has_unit = true;
	timer->unit = series->unit;
	return timer;
}

void series_fold_timer(struct series *series, unsigned int window, const struct timer_sums *sums)
{
	struct timer_window *timer = timer_window_of(series, window, sums->unit);
	bool weighted = series->store->options.weighted_timers;

	moments_add_sums(&timer->moments, weighted ? sums->weight : sums->count, sums->sum, sums->squares,
			 sums->min, sums->max);
	sum_add_micros(&timer->weight, (__int128)sums->weight * MICROS);
	timer->received += sums->count;
	series_touch(series, window);
}

int series_fold_bucket(struct series *series, unsigned int window, enum timer_unit unit, int16_t index,
		       uint64_t count)
{
	struct timer_window *timer = timer_window_of(series, window, unit);

	if (timer->unit != unit)
		index = histogram_index(timer->unit, histogram_middle(unit, index));
	return histogram_add(&timer->histogram, index, (double)count);
}

int series_fold_sample(struct series *series, unsigned int window, enum timer_unit unit, int64_t micros,
		       uint64_t weight)
{
	struct timer_sums sums = {
		.unit = unit, .count = 1, .weight = weight, .sum = micros, .min = micros, .max = micros
	};
	const struct sample sample = { .value = micros_to_double(micros), .weight = 1 };
	struct store *store = series->store;

	if (store->options.weighted_timers && weight != 1)
		return series_add_timer(series, window, unit, sample.value, (double)weight);
	if (samples_add(&series->state.timer[window].samples, sample, store->options.percentile_limit,
			&store->chance))
		return -ENOMEM;
	sums.squares = (unsigned __int128)((__int128)micros * micros);
	series_fold_timer(series, window, &sums);
	return 0;
}

int series_add_timer(struct series *series, unsigned int window, enum timer_unit unit, double value,
		     double weight)
{
	struct timer_window *timer = timer_window_of(series, window, unit);
	struct store *store = series->store;
	const struct sample sample = { .value = value,
				       .weight = store->options.weighted_timers ? weight : 1 };
	int err;

	if (store->options.exact_timers)
		err = samples_add(&timer->samples, sample, store->options.percentile_limit, &store->chance);
	else
		err = histogram_add(&timer->histogram, histogram_index(timer->unit, value), sample.weight);
	if (err)
		return err;
	moments_add_weighted(&timer->moments, value, sample.weight);
	sum_add(&timer->weight, weight);
	timer->received++;
	series_touch(series, window);
	return 0;
}

/* Where the next write goes. An absolute value forgets what came before it. */
static struct sum *gauge_write(struct gauge_writes *writes, bool set)
{
	if (set)
		*writes = (struct gauge_writes){ .set = true };
	return &writes->sum;
}

void series_fold_gauge(struct series *series, unsigned int window, bool set, int64_t micros)
{
	sum_add_micros(gauge_write(&series->state.gauge.windows[window].kernel, set), micros);
	series_touch(series, window);
}

int series_set_gauge(struct series *series, unsigned int window, double value)
{
	sum_add(gauge_write(&series->state.gauge.windows[window].slow, true), value);
	series_touch(series, window);
	return 0;
}

int series_adjust_gauge(struct series *series, unsigned int window, double delta)
{
	sum_add(gauge_write(&series->state.gauge.windows[window].slow, false), delta);
	series_touch(series, window);
	return 0;
}

struct sum series_gauge_sum(const struct series *series, unsigned int window)
{
	const struct gauge_window *gauge = &series->state.gauge.windows[window];
	struct sum sum = gauge->slow.sum;

	if (!gauge->slow.set)
		sum_add_sum(&sum, &gauge->kernel.sum);
	if (!gauge->slow.set && !gauge->kernel.set)
		sum_add_sum(&sum, &series->state.gauge.value);
	return sum;
}

int series_fold_member(struct series *series, unsigned int window, const uint64_t hash[2])
{
	int err = distinct_add(&series->state.set[window], hash, series->store->options.set_exact_max);

	if (!err)
		series_touch(series, window);
	return err;
}

int series_fold_sketch(struct series *series, unsigned int window, const uint8_t *registers)
{
	int err = distinct_merge(&series->state.set[window], registers);

	if (!err)
		series_touch(series, window);
	return err;
}

void series_reset(struct series *series, unsigned int window)
{
	union series_state *state = &series->state;

	series->touched[window] = false;
	switch (series->type) {
	case METRIC_COUNTER:
		state->counter[window] = (struct sum){};
		break;
	case METRIC_TIMER:
		timer_window_release(&state->timer[window]);
		break;
	case METRIC_GAUGE:
		state->gauge.windows[window] = (struct gauge_window){};
		break;
	case METRIC_SET:
		distinct_release(&state->set[window]);
		break;
	case METRIC_TYPES:
		break;
	}
}
