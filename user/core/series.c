// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Folding into the windows of one series. Where memory may run out, what can fail comes
 * first: an observation is counted whole or not at all.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include "core/series.h"

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

void series_fold_timer(struct series *series, unsigned int window, const struct timer_sums *sums)
{
	struct timer_window *timer = &series->state.timer[window];

	moments_add_sums(&timer->moments, sums->count, sums->sum, sums->squares, sums->min, sums->max);
	sum_add_micros(&timer->weight, (__int128)sums->weight * MICROS);
	series_touch(series, window);
}

int series_fold_bucket(struct series *series, unsigned int window, int16_t index, uint64_t count)
{
	return histogram_add(&series->state.timer[window].histogram, index, count);
}

int series_fold_sample(struct series *series, unsigned int window, int64_t micros, uint64_t weight)
{
	struct timer_sums sums = {
		.count = 1, .weight = weight, .sum = micros, .min = micros, .max = micros
	};

	sums.squares = (unsigned __int128)((__int128)micros * micros);
	if (samples_add(&series->state.timer[window].samples, micros_to_double(micros)))
		return -ENOMEM;
	series_fold_timer(series, window, &sums);
	return 0;
}

int series_add_timer(struct series *series, unsigned int window, double value, double weight)
{
	struct timer_window *timer = &series->state.timer[window];
	int err;

	if (series->store->options.exact_timers)
		err = samples_add(&timer->samples, value);
	else
		err = histogram_add(&timer->histogram, histogram_index(value), 1);
	if (err)
		return err;
	moments_add(&timer->moments, value);
	sum_add(&timer->weight, weight);
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
		histogram_release(&state->timer[window].histogram);
		samples_release(&state->timer[window].samples);
		state->timer[window] = (struct timer_window){};
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
