// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What a metric consists of, as tables of names and places. */
#include <math.h>
#include <stdio.h>
#include "core/snapshot.h"
#include "sink/format.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD_NAME_MAX (PERCENTILE_LABEL + 16)

/* A number inside struct timer_stats, perhaps per second. */
static const struct {
	const char *name;
	size_t offset;
	bool per_second;
} timer_fields[] = {
	{ "std", offsetof(struct timer_stats, std), false },
	{ "upper", offsetof(struct timer_stats, upper), false },
	{ "lower", offsetof(struct timer_stats, lower), false },
	{ "count", offsetof(struct timer_stats, count), false },
	{ "count_ps", offsetof(struct timer_stats, count), true },
	{ "sum", offsetof(struct timer_stats, sum), false },
	{ "sum_squares", offsetof(struct timer_stats, sum_squares), false },
	{ "mean", offsetof(struct timer_stats, mean), false },
	{ "median", offsetof(struct timer_stats, median), false },
};

void percentile_label(double percentile, char label[PERCENTILE_LABEL])
{
	char number[NUMBER_BYTES];

	number_format(fabs(percentile), number);
	snprintf(label, PERCENTILE_LABEL, "%s%s", percentile < 0 ? "top" : "", number);
	for (; *label; label++)
		if (*label == '.')
			*label = '_';
}

static void visit_percentile(double wanted, const struct percentile_stats *percentile,
			     void (*visit)(void *context, const char *name, double value), void *context)
{
	const struct {
		const char *name;
		double value;
	} fields[] = {
		{ "count", (double)percentile->count },
		{ "mean", percentile->mean },
		{ wanted > 0 ? "upper" : "lower", percentile->boundary },
		{ "sum", percentile->sum },
		{ "sum_squares", percentile->sum_squares },
	};
	char label[PERCENTILE_LABEL], name[FIELD_NAME_MAX];

	percentile_label(wanted, label);
	for (size_t i = 0; i < COUNT(fields); i++) {
		snprintf(name, sizeof(name), "%s_%s", fields[i].name, label);
		visit(context, name, fields[i].value);
	}
}

static void visit_timer(const struct snapshot *snapshot, const struct metric *metric,
			void (*visit)(void *context, const char *name, double value), void *context)
{
	double value;

	for (size_t i = 0; i < snapshot->percentile_count; i++)
		if (metric->percentiles[i].count)
			visit_percentile(snapshot->percentiles[i], &metric->percentiles[i], visit, context);
	for (size_t i = 0; i < COUNT(timer_fields); i++) {
		value = *(const double *)((const char *)&metric->timer + timer_fields[i].offset);
		visit(context, timer_fields[i].name,
		      timer_fields[i].per_second ? value / snapshot->seconds : value);
	}
}

void fields_visit(const struct snapshot *snapshot, const struct metric *metric,
		  void (*visit)(void *context, const char *name, double value), void *context)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		visit(context, "rate", metric->counter / snapshot->seconds);
		visit(context, "count", metric->counter);
		break;
	case METRIC_TIMER:
		visit_timer(snapshot, metric, visit, context);
		break;
	case METRIC_GAUGE:
		visit(context, "value", metric->gauge);
		break;
	case METRIC_SET:
		visit(context, "count", metric->set.count);
		break;
	case METRIC_TYPES:
		break;
	}
}
