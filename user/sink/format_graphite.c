// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Graphite's plaintext protocol, with the paths of statsd's Graphite backend. Tags stand
 * behind the whole path:
 *
 *     stats.timers.page.load.mean_90.suffix;env=prod 320.5 1700000000
 *     ^^^^^^^^^^^^ ^^^^^^^^^ ^^^^^^^ ^^^^^^ ^^^^^^^^ ^^^^^ ^^^^^^^^^^
 *     prefixes     name      field   suffix tags     value timestamp
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/snapshot.h"
#include "sink/format.h"
#include "sink/sink.h"

/* One metric on its way into lines. */
struct lines {
	struct graphite_format *format;
	struct text *text;
	const struct metric *metric;
	const char *timestamp;
};

static const char *const legacy_prefixes[METRIC_TYPES] = {
	[METRIC_COUNTER] = "stats.",
	[METRIC_TIMER] = "stats.timers.",
	[METRIC_GAUGE] = "stats.gauges.",
	[METRIC_SET] = "stats.sets.",
};
#define LEGACY_COUNTS "stats_counts."

/* Two parts of a path, either perhaps "", and the dots behind those that are not. */
static void prefix_make(char prefix[GRAPHITE_PREFIX_BYTES], const char *first, const char *second)
{
	snprintf(prefix, GRAPHITE_PREFIX_BYTES, "%s%s%s%s", first, *first ? "." : "", second,
		 *second ? "." : "");
}

static void timestamp_make(char text[GRAPHITE_TIMESTAMP_BYTES], int64_t timestamp)
{
	snprintf(text, GRAPHITE_TIMESTAMP_BYTES, " %" PRId64 "\n", timestamp);
}

void graphite_format_begin(struct graphite_format *format, const struct snapshot *snapshot,
			   const struct format_options *options)
{
	format->options = options;
	for (size_t type = 0; type < METRIC_TYPES; type++) {
		if (options->legacy_namespace)
			snprintf(format->prefixes[type], GRAPHITE_PREFIX_BYTES, "%s", legacy_prefixes[type]);
		else
			prefix_make(format->prefixes[type], options->global_prefix, options->prefix[type]);
	}
	timestamp_make(format->timestamp, snapshot->timestamp);
}

static void suffix_add(struct text *text, const struct format_options *options)
{
	if (!*options->global_suffix)
		return;
	text_add(text, ".", 1);
	text_add_string(text, options->global_suffix);
}

/* The path up to its suffix. In the legacy namespace a counter's prefix says which field it is. */
static void path_add(const struct lines *lines, const char *field)
{
	bool legacy = lines->format->options->legacy_namespace && lines->metric->type == METRIC_COUNTER;
	struct text *text = lines->text;

	if (legacy && !strcmp(field, "count"))
		text_add_string(text, LEGACY_COUNTS);
	else
		text_add_string(text, lines->format->prefixes[lines->metric->type]);
	text_add_string(text, lines->metric->name);
	if (legacy || !strcmp(field, "value"))
		return;
	text_add(text, ".", 1);
	text_add_string(text, field);
}

static void line_add(void *context, const char *field, double value)
{
	const struct lines *lines = context;
	struct graphite_format *format = lines->format;
	struct text *text = lines->text;
	size_t begin = text->len;

	if (!isfinite(value)) {
		format->not_finite++;
		return;
	}
	path_add(lines, field);
	suffix_add(text, format->options);
	if (*lines->metric->tags) {
		text_add(text, ";", 1);
		text_add_string(text, lines->metric->tags);
	}
	text_add(text, " ", 1);
	text_add_number(text, value);
	text_add_string(text, lines->timestamp);
	format->lines++;
	if (text->len - begin <= GRAPHITE_LINE_MAX)
		return;
	text->len = begin;
	format->lines--;
	format->too_long++;
}

void graphite_format_metric(struct graphite_format *format, const struct snapshot *snapshot,
			    const struct metric *metric, struct text *text)
{
	struct lines lines = { format, text, metric, format->timestamp };
	char own[GRAPHITE_TIMESTAMP_BYTES];

	if (metric->timestamp) {
		timestamp_make(own, metric->timestamp);
		lines.timestamp = own;
	}
	fields_visit(snapshot, metric, format->options, line_add, &lines);
	if (metric->type == METRIC_SET && metric->set.estimated)
		line_add(&lines, "estimated", 1);
}

int format_graphite(const struct snapshot *snapshot, const struct format_options *options, struct text *text)
{
	struct graphite_format format = {};

	graphite_format_begin(&format, snapshot, options);
	for (size_t i = 0; i < snapshot->count; i++)
		graphite_format_metric(&format, snapshot, &snapshot->metrics[i], text);
	return text->failed ? -ENOMEM : 0;
}

/* Is it the same series as the one before it, only of another time? */
static bool is_repeated(const struct metric *metric, const struct metric *before)
{
	return metric->type == before->type && !strcmp(metric->name, before->name) &&
	       !strcmp(metric->tags, before->tags);
}

/* How many series statsd would have: all but what kstatsd adds of its own. */
static size_t series_count(const struct snapshot *snapshot)
{
	static const char own[] = "kstatsd.";
	size_t count = 0;

	for (size_t i = 0; i < snapshot->count; i++) {
		const struct metric *metric = &snapshot->metrics[i];

		count += strncmp(metric->name, own, strlen(own)) && (!i || !is_repeated(metric, metric - 1));
	}
	return count;
}

int format_graphite_self(const struct snapshot *snapshot, const struct format_options *options,
			 const struct delivery_report *self, struct text *text)
{
	const bool legacy = options->legacy_namespace;
	const struct {
		const char *name;
		double value;
	} rows[] = {
		{ "numStats", (double)series_count(snapshot) },
		{ "graphiteStats.calculationtime", self->calculation_ms },
		{ "processing_time", snapshot->processing_ms },
		{ "graphiteStats.last_exception", (double)self->last_exception },
		{ "graphiteStats.last_flush", (double)self->last_flush },
		{ "graphiteStats.flush_time", self->flush_ms },
		{ "graphiteStats.flush_length", (double)self->flush_length },
	};
	char prefix[GRAPHITE_PREFIX_BYTES], timestamp[GRAPHITE_TIMESTAMP_BYTES];

	if (!(options->internal_metrics & INTERNAL_STATSD))
		return text->failed ? -ENOMEM : 0;
	timestamp_make(timestamp, snapshot->timestamp);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* numStats alone has no "stats." before it in the legacy namespace. */
		prefix_make(prefix, legacy ? (i ? "stats" : "") : options->global_prefix,
			    options->prefix_stats);
		text_add_string(text, prefix);
		text_add_string(text, rows[i].name);
		suffix_add(text, options);
		text_add(text, " ", 1);
		text_add_number(text, rows[i].value);
		text_add_string(text, timestamp);
	}
	return text->failed ? -ENOMEM : 0;
}
