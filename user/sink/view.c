// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A view is a snapshot of its own, whose metrics are copies that point into the first: metrics
 * that stay, then percentile entries of timers, in the order that is asked for.
 *
 *     | metrics | percentile entries | percentiles |
 */
#include <string.h>
#include "core/snapshot.h"
#include "sink/view.h"

bool glob_matches(const char *glob, const char *name)
{
	const char *star = NULL, *after = NULL; /* the last '*', and what it leaves for the rest */

	while (*name) {
		if (*glob == '*') {
			star = glob++;
			after = name;
		} else if (*glob == '?' || *glob == *name) {
			glob++;
			name++;
		} else if (star) {
			glob = star + 1;
			name = ++after;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

static bool globs_match(const char (*globs)[GLOB_BYTES], const char *name)
{
	for (size_t i = 0; i < GLOBS_MAX && *globs[i]; i++)
		if (glob_matches(globs[i], name))
			return true;
	return false;
}

static bool is_wanted(const struct view_options *options, const char *name)
{
	if (*options->include[0] && !globs_match(options->include, name))
		return false;
	return !globs_match(options->exclude, name);
}

/* Where the snapshot has each percentile that is wanted; those that it has not are left out. Returns how many. */
static size_t percentiles_find(const struct snapshot *snapshot, const struct view_options *options,
			       size_t places[PERCENTILES_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < options->percentile_count; i++)
		for (size_t j = 0; j < snapshot->percentile_count; j++)
			if (!(options->percentiles[i] < snapshot->percentiles[j]) &&
			    !(options->percentiles[i] > snapshot->percentiles[j]))
				places[found++] = j;
	return found;
}

static bool percentiles_differ(const struct snapshot *snapshot, const struct view_options *options)
{
	size_t places[PERCENTILES_MAX], count = percentiles_find(snapshot, options, places);

	for (size_t i = 0; i < count; i++)
		if (places[i] != i)
			return true;
	return count != snapshot->percentile_count;
}

bool view_changes(const struct snapshot *snapshot, const struct view_options *options)
{
	return *options->include[0] || *options->exclude[0] || percentiles_differ(snapshot, options);
}

static void view_fill(struct snapshot *view, const struct snapshot *snapshot,
		      const struct view_options *options, size_t timers, void *room)
{
	struct metric *metrics = room, *metric = metrics;
	struct percentile_stats *entry = (void *)(metrics + snapshot->count);
	bool differ = percentiles_differ(snapshot, options);
	size_t places[PERCENTILES_MAX];
	size_t wanted = percentiles_find(snapshot, options, places);
	double *percentiles = (double *)(entry + timers * wanted);

	for (size_t i = 0; i < snapshot->count; i++) {
		if (!is_wanted(options, snapshot->metrics[i].name))
			continue;
		*metric = snapshot->metrics[i];
		if (differ && metric->type == METRIC_TIMER) {
			for (size_t j = 0; j < wanted; j++)
				entry[j] = metric->percentiles[places[j]];
			metric->percentiles = entry;
			entry += wanted;
		}
		metric++;
	}
	for (size_t i = 0; i < wanted; i++)
		percentiles[i] = snapshot->percentiles[places[i]];
	view->metrics = metrics;
	view->count = (size_t)(metric - metrics);
	view->percentiles = percentiles;
	view->percentile_count = wanted;
}

struct snapshot *view_make(struct snapshot *snapshot, const struct view_options *options)
{
	size_t places[PERCENTILES_MAX], wanted = percentiles_find(snapshot, options, places);
	size_t timers = 0;
	struct snapshot *view;
	void *room;

	if (!view_changes(snapshot, options))
		return snapshot_ref(snapshot);
	for (size_t i = 0; i < snapshot->count; i++)
		timers += snapshot->metrics[i].type == METRIC_TIMER;
	view = snapshot_derive(snapshot,
			       snapshot->count * sizeof(struct metric) +
				       timers * wanted * sizeof(struct percentile_stats) +
				       wanted * sizeof(double),
			       &room);
	if (view)
		view_fill(view, snapshot, options, timers, room);
	return view;
}
