// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What a metric consists of, as tables of names and places. Telegraf's names are those of its
 * statsd input; the values behind them stay statsd's.
 */
#include <math.h>
#include <stdio.h>
#include "core/snapshot.h"
#include "sink/format.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD_NAME_MAX (PERCENTILE_LABEL + 16)

enum timer_metric {
	TIMER_STD,
	TIMER_UPPER,
	TIMER_LOWER,
	TIMER_COUNT,
	TIMER_COUNT_PS,
	TIMER_SUM,
	TIMER_SUM_SQUARES,
	TIMER_MEAN,
	TIMER_MEDIAN,
	TIMER_HISTOGRAM,
	TIMER_COUNT_PERCENT,
	TIMER_MEAN_PERCENT,
	TIMER_UPPER_PERCENT,
	TIMER_LOWER_PERCENT,
	TIMER_SUM_PERCENT,
	TIMER_SUM_SQUARES_PERCENT,
	TIMER_METRICS,
};

const char *const timer_metric_names[] = {
	[TIMER_STD] = "std",
	[TIMER_UPPER] = "upper",
	[TIMER_LOWER] = "lower",
	[TIMER_COUNT] = "count",
	[TIMER_COUNT_PS] = "count_ps",
	[TIMER_SUM] = "sum",
	[TIMER_SUM_SQUARES] = "sum_squares",
	[TIMER_MEAN] = "mean",
	[TIMER_MEDIAN] = "median",
	[TIMER_HISTOGRAM] = "histogram",
	[TIMER_COUNT_PERCENT] = "count_percent",
	[TIMER_MEAN_PERCENT] = "mean_percent",
	[TIMER_UPPER_PERCENT] = "upper_percent",
	[TIMER_LOWER_PERCENT] = "lower_percent",
	[TIMER_SUM_PERCENT] = "sum_percent",
	[TIMER_SUM_SQUARES_PERCENT] = "sum_squares_percent",
	[TIMER_METRICS] = NULL,
};
_Static_assert(TIMER_METRICS <= 32, "format_options.timer_metrics has a bit for each");

/* Numbers inside struct timer_stats, perhaps per second, in statsd's order. */
static const struct {
	enum timer_metric metric;
	const char *telegraf; /* NULL: Telegraf has no such field */
	size_t offset;
	bool per_second;
} timer_fields[] = {
	{ TIMER_STD, "stddev", offsetof(struct timer_stats, std), false },
	{ TIMER_UPPER, "upper", offsetof(struct timer_stats, upper), false },
	{ TIMER_LOWER, "lower", offsetof(struct timer_stats, lower), false },
	{ TIMER_COUNT, "count", offsetof(struct timer_stats, count), false },
	{ TIMER_COUNT_PS, NULL, offsetof(struct timer_stats, count), true },
	{ TIMER_SUM, "sum", offsetof(struct timer_stats, sum), false },
	{ TIMER_SUM_SQUARES, NULL, offsetof(struct timer_stats, sum_squares), false },
	{ TIMER_MEAN, "mean", offsetof(struct timer_stats, mean), false },
	{ TIMER_MEDIAN, "median", offsetof(struct timer_stats, median), false },
};

const struct format_options format_defaults = {
	.internal_metrics = INTERNAL_KSTATSD,
	.global_prefix = "stats",
	.prefix = {
		[METRIC_COUNTER] = "counters",
		[METRIC_TIMER] = "timers",
		[METRIC_GAUGE] = "gauges",
		[METRIC_SET] = "sets",
	},
	.prefix_stats = "statsd",
};

/* One way through the fields of one metric. */
struct walk {
	const struct format_options *options;
	double seconds;
	void (*visit)(void *context, const char *name, double value);
	void *context;
};

static bool is_wanted(const struct walk *walk, enum timer_metric metric)
{
	uint32_t wanted = walk->options->timer_metrics;

	return !wanted || wanted & 1u << metric;
}

/* Only the first: statsd's replace() works so. A number has no second one. */
static void dot_replace(char *text)
{
	for (; *text; text++)
		if (*text == '.')
			*text = '_';
}

void percentile_label(double percentile, char label[PERCENTILE_LABEL])
{
	char number[NUMBER_BYTES];

	number_format(fabs(percentile), number);
	snprintf(label, PERCENTILE_LABEL, "%s%s", percentile < 0 ? "top" : "", number);
	dot_replace(label);
}

/* count_90, mean_90, upper_90, sum_90, sum_squares_90 */
static void visit_percentile(const struct walk *walk, double wanted,
			     const struct percentile_stats *percentile)
{
	const struct {
		enum timer_metric metric;
		const char *name;
		double value;
	} fields[] = {
		{ TIMER_COUNT_PERCENT, "count", (double)percentile->count },
		{ TIMER_MEAN_PERCENT, "mean", percentile->mean },
		{ wanted > 0 ? TIMER_UPPER_PERCENT : TIMER_LOWER_PERCENT, wanted > 0 ? "upper" : "lower",
		  percentile->boundary },
		{ TIMER_SUM_PERCENT, "sum", percentile->sum },
		{ TIMER_SUM_SQUARES_PERCENT, "sum_squares", percentile->sum_squares },
	};
	char label[PERCENTILE_LABEL], name[FIELD_NAME_MAX];

	percentile_label(wanted, label);
	for (size_t i = 0; i < COUNT(fields); i++) {
		if (!is_wanted(walk, fields[i].metric))
			continue;
		snprintf(name, sizeof(name), "%s_%s", fields[i].name, label);
		walk->visit(walk->context, name, fields[i].value);
	}
}

/* 90_percentile, 99.9_percentile: Graphite makes a folder of the dot, also behind Telegraf. */
static void visit_percentile_telegraf(const struct walk *walk, double wanted,
				      const struct percentile_stats *percentile)
{
	char number[NUMBER_BYTES], name[FIELD_NAME_MAX];

	if (!is_wanted(walk, wanted > 0 ? TIMER_UPPER_PERCENT : TIMER_LOWER_PERCENT))
		return;
	number_format(wanted, number);
	snprintf(name, sizeof(name), "%s_percentile", number);
	walk->visit(walk->context, name, percentile->boundary);
}

/* histogram.bin_20_5, histogram.bin_inf */
static void visit_bins(const struct walk *walk, const struct metric *metric)
{
	char limit[NUMBER_BYTES], name[FIELD_NAME_MAX];

	if (!is_wanted(walk, TIMER_HISTOGRAM))
		return;
	for (size_t i = 0; i < metric->bin_count; i++) {
		if (isfinite(metric->bins[i].limit))
			number_format(metric->bins[i].limit, limit);
		else
			snprintf(limit, sizeof(limit), "inf");
		dot_replace(limit);
		snprintf(name, sizeof(name), "histogram.bin_%s", limit);
		walk->visit(walk->context, name, metric->bins[i].count);
	}
}

static void visit_statistics(const struct walk *walk, const struct timer_stats *timer)
{
	bool telegraf = walk->options->field_names == FIELD_NAMES_TELEGRAF;

	for (size_t i = 0; i < COUNT(timer_fields); i++) {
		double value = *(const double *)((const char *)timer + timer_fields[i].offset);
		const char *name =
			telegraf ? timer_fields[i].telegraf : timer_metric_names[timer_fields[i].metric];

		if (name && is_wanted(walk, timer_fields[i].metric))
			walk->visit(walk->context, name,
				    timer_fields[i].per_second ? value / walk->seconds : value);
	}
}

/* What statsd sends of a timer that it still knows, but heard nothing of. */
static void visit_idle_timer(const struct walk *walk)
{
	if (walk->options->field_names == FIELD_NAMES_STATSD && is_wanted(walk, TIMER_COUNT_PS))
		walk->visit(walk->context, "count_ps", 0);
	if (is_wanted(walk, TIMER_COUNT))
		walk->visit(walk->context, "count", 0);
}

static void visit_timer(const struct walk *walk, const struct snapshot *snapshot, const struct metric *metric)
{
	void (*percentile)(const struct walk *, double, const struct percentile_stats *) =
		walk->options->field_names == FIELD_NAMES_TELEGRAF ? visit_percentile_telegraf
								   : visit_percentile;

	if (metric->idle) {
		visit_idle_timer(walk);
		return;
	}
	for (size_t i = 0; i < snapshot->percentile_count; i++)
		if (metric->percentiles[i].count)
			percentile(walk, snapshot->percentiles[i], &metric->percentiles[i]);
	visit_statistics(walk, &metric->timer);
	visit_bins(walk, metric);
}

/* What has a time of its own was not gathered over a window: it has no rate. */
static void visit_counter(const struct walk *walk, const struct metric *metric)
{
	if (walk->options->field_names == FIELD_NAMES_TELEGRAF) {
		walk->visit(walk->context, "value", metric->counter);
		return;
	}
	if (!metric->timestamp)
		walk->visit(walk->context, "rate", metric->counter / walk->seconds);
	walk->visit(walk->context, "count", metric->counter);
}

void fields_visit(const struct snapshot *snapshot, const struct metric *metric,
		  const struct format_options *options,
		  void (*visit)(void *context, const char *name, double value), void *context)
{
	const struct walk walk = { options, snapshot->seconds, visit, context };
	bool telegraf = options->field_names == FIELD_NAMES_TELEGRAF;

	switch (metric->type) {
	case METRIC_COUNTER:
		visit_counter(&walk, metric);
		break;
	case METRIC_TIMER:
		visit_timer(&walk, snapshot, metric);
		break;
	case METRIC_GAUGE:
		visit(context, "value", metric->gauge);
		break;
	case METRIC_SET:
		visit(context, telegraf ? "value" : "count", metric->set.count);
		break;
	case METRIC_TYPES:
		break;
	}
}
