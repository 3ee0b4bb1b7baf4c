// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * From one window into another, as if it had been observed there first. The caller closes
 * the kernel's window and goes on in the next one, but nothing is to be sent yet:
 *
 *     kernel:  |---- from ----|---- to ----...
 *     store:                  |- from, to -...
 */
#include <errno.h>
#include "core/series.h"

static int timer_carry(struct series *series, unsigned int from, unsigned int to)
{
	struct timer_window *old = &series->state.timer[from], *new = &series->state.timer[to];
	struct store *store = series->store;

	/* Only one of the two is in use, so that none has happened if one fails. */
	if (samples_move(&new->samples, &old->samples, store->options.percentile_limit, &store->chance) ||
	    histogram_merge(&new->histogram, &old->histogram))
		return -ENOMEM;
	moments_add_moments(&new->moments, &old->moments);
	sum_add_sum(&new->weight, &old->weight);
	new->received += old->received;
	new->unit = old->unit; /* there is one for both windows */
	return 0;
}

/* What `old` does to a gauge, then `new`. */
static struct gauge_writes writes_join(const struct gauge_writes *old, const struct gauge_writes *new)
{
	struct gauge_writes both = *new;

	if (new->set)
		return both;
	both.set = old->set;
	sum_add_sum(&both.sum, &old->sum);
	return both;
}

static void gauge_carry(struct series *series, unsigned int from, unsigned int to)
{
	struct gauge_window *windows = series->state.gauge.windows;
	struct gauge_writes old = writes_join(&windows[from].kernel, &windows[from].slow);

	/* Before all that the window holds, also before what the kernel will still say of it. */
	windows[to].kernel = writes_join(&old, &windows[to].kernel);
}

static int series_carry(struct series *series, unsigned int from, unsigned int to)
{
	union series_state *state = &series->state;

	switch (series->type) {
	case METRIC_COUNTER:
		sum_add_sum(&state->counter[to], &state->counter[from]);
		return 0;
	case METRIC_TIMER:
		return timer_carry(series, from, to);
	case METRIC_GAUGE:
		gauge_carry(series, from, to);
		return 0;
	default:
		return distinct_absorb(&state->set[to], &state->set[from],
				       series->store->options.set_exact_max);
	}
}

int store_carry(struct store *store, unsigned int from, unsigned int to)
{
	struct series *series = store->touched[from], *next;
	int err = 0;

	store->touched[from] = NULL;
	for (; series; series = next) {
		next = series->touched_next[from];
		if (series_carry(series, from, to)) {
			series->touched_next[from] = store->touched[from];
			store->touched[from] = series;
			err = -ENOMEM;
			continue;
		}
		series_touch(series, to);
		series_reset(series, from);
	}
	store->dropped_stamped[to] += store->dropped_stamped[from];
	store->dropped_stamped[from] = 0;
	if (passing_carry(&store->passing[from], &store->passing[to]))
		err = -ENOMEM;
	return err;
}
