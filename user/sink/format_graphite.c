// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Graphite's plaintext protocol. Tags stand behind the whole path:
 *
 *     stats.timers.page.load.mean_90;env=prod 320.5 1700000000
 *     ^^^^^^^^^^^^ ^^^^^^^^^ ^^^^^^^ ^^^^^^^^ ^^^^^ ^^^^^^^^^^
 *     type         name      field   tags     value timestamp
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "core/snapshot.h"
#include "sink/format.h"

/* What is the same for all lines of a metric. */
struct lines {
	struct text *text;
	const struct metric *metric;
	const char *timestamp; /* with the space before and the newline behind */
};

static const char *const type_paths[METRIC_TYPES] = {
	[METRIC_COUNTER] = "stats.counters.",
	[METRIC_TIMER] = "stats.timers.",
	[METRIC_GAUGE] = "stats.gauges.",
	[METRIC_SET] = "stats.sets.",
};

static void line_add(void *context, const char *field, double value)
{
	const struct lines *lines = context;
	const struct metric *metric = lines->metric;
	struct text *text = lines->text;
	size_t begin = text->len;

	if (!isfinite(value))
		return;
	text_add_string(text, type_paths[metric->type]);
	text_add_string(text, metric->name);
	if (metric->type != METRIC_GAUGE) {
		text_add(text, ".", 1);
		text_add_string(text, field);
	}
	if (*metric->tags) {
		text_add(text, ";", 1);
		text_add_string(text, metric->tags);
	}
	text_add(text, " ", 1);
	text_add_number(text, value);
	text_add_string(text, lines->timestamp);
	if (text->len - begin > GRAPHITE_LINE_MAX)
		text->len = begin;
}

int format_graphite(const struct snapshot *snapshot, struct text *text)
{
	struct lines lines = { .text = text };
	char timestamp[24];

	snprintf(timestamp, sizeof(timestamp), " %" PRId64 "\n", snapshot->timestamp);
	lines.timestamp = timestamp;
	for (size_t i = 0; i < snapshot->count; i++) {
		lines.metric = &snapshot->metrics[i];
		fields_visit(snapshot, lines.metric, line_add, &lines);
		if (lines.metric->type == METRIC_SET && lines.metric->set.estimated)
			line_add(&lines, "estimated", 1);
	}
	return text->failed ? -ENOMEM : 0;
}
