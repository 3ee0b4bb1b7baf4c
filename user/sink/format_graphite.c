// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Graphite's plaintext and pickle protocols, with the paths of statsd's Graphite backend. Tags
 * stand behind the whole path, or are folded into it (graphite_path.h):
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
#include "sink/graphite/graphite_path.h"
#include "sink/graphite/graphite_pickle.h"
#include "sink/sink.h"

/* One metric on its way into lines. */
struct lines {
	struct graphite_format *format;
	struct text *text;
	const struct metric *metric;
	int64_t seconds;
	const char *timestamp; /* the same */
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
	format->seconds = snapshot->timestamp;
	timestamp_make(format->timestamp, snapshot->timestamp);
}

void graphite_format_release(struct graphite_format *format)
{
	text_release(&format->before);
	text_release(&format->behind);
}

/* What stands before and behind the paths of a metric with these tags. */
static void tags_begin(struct graphite_format *format, const char *tags)
{
	format->before.len = format->behind.len = 0;
	if (format->template) {
		graphite_template_expand(format->template, tags, &format->before, &format->behind);
	} else if (*tags) {
		text_add(&format->behind, ";", 1);
		text_add_string(&format->behind, tags);
	}
}

/* A point begins; returns where. */
static size_t point_begin(const struct graphite_format *format, struct text *text)
{
	size_t begin = text->len;

	if (format->pickle)
		pickle_begin(text);
	text_add(text, format->before.data, format->before.len);
	return begin;
}

/* The point goes again; it was one of those. */
static void point_drop(struct graphite_format *format, struct text *text, size_t begin, uint64_t *counter)
{
	text->len = begin;
	format->points--;
	++*counter;
}

static bool point_is_storable(const struct graphite_format *format, const struct text *text, size_t begin)
{
	if (format->pickle)
		begin += PICKLE_PATH_AT;
	return !format->for_files || text->failed ||
	       graphite_path_is_storable(text->data + begin, text->len - begin);
}

/* The path is there, but for its end: the value follows. Too long, and all of it goes again. */
static void point_end(struct graphite_format *format, struct text *text, size_t begin, double value,
		      int64_t seconds, const char *timestamp)
{
	size_t most = format->line_max ? format->line_max : GRAPHITE_LINE_MAX;
	bool storable;

	if (*format->options->global_suffix) {
		text_add(text, ".", 1);
		text_add_string(text, format->options->global_suffix);
	}
	text_add(text, format->behind.data, format->behind.len);
	storable = point_is_storable(format, text, begin);
	if (format->pickle) {
		pickle_end(text, begin, seconds, value);
	} else {
		text_add(text, " ", 1);
		text_add_number(text, value);
		text_add_string(text, timestamp);
	}
	text->failed |= format->before.failed | format->behind.failed;
	format->points++;
	if (text->len - begin > most)
		point_drop(format, text, begin, &format->too_long);
	else if (!storable)
		point_drop(format, text, begin, &format->no_file);
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

static void field_add(void *context, const char *field, double value)
{
	const struct lines *lines = context;
	struct graphite_format *format = lines->format;
	size_t begin;

	if (!isfinite(value)) {
		format->not_finite++;
		return;
	}
	begin = point_begin(format, lines->text);
	path_add(lines, field);
	point_end(format, lines->text, begin, value, lines->seconds, lines->timestamp);
}

void graphite_format_metric(struct graphite_format *format, const struct snapshot *snapshot,
			    const struct metric *metric, struct text *text)
{
	struct lines lines = { format, text, metric, format->seconds, format->timestamp };
	char own[GRAPHITE_TIMESTAMP_BYTES];

	if (metric->timestamp) {
		timestamp_make(own, metric->timestamp);
		lines.seconds = metric->timestamp;
		lines.timestamp = own;
	}
	tags_begin(format, metric->tags);
	fields_visit(snapshot, metric, format->options, field_add, &lines);
	if (metric->type == METRIC_SET && metric->set.estimated)
		field_add(&lines, "estimated", 1);
}

int format_graphite(const struct snapshot *snapshot, const struct format_options *options, struct text *text)
{
	struct graphite_format format = {};

	graphite_format_begin(&format, snapshot, options);
	for (size_t i = 0; i < snapshot->count; i++)
		graphite_format_metric(&format, snapshot, &snapshot->metrics[i], text);
	graphite_format_release(&format);
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

void graphite_format_self(struct graphite_format *format, const struct snapshot *snapshot,
			  const struct delivery_report *self, struct text *text)
{
	const struct format_options *options = format->options;
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
	char prefix[GRAPHITE_PREFIX_BYTES];
	size_t begin;

	if (!(options->internal_metrics & INTERNAL_STATSD))
		return;
	tags_begin(format, options->global_tags);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* numStats alone has no "stats." before it in the legacy namespace. */
		prefix_make(prefix, legacy ? (i ? "stats" : "") : options->global_prefix,
			    options->prefix_stats);
		begin = point_begin(format, text);
		text_add_string(text, prefix);
		text_add_string(text, rows[i].name);
		point_end(format, text, begin, rows[i].value, format->seconds, format->timestamp);
	}
}

int format_graphite_self(const struct snapshot *snapshot, const struct format_options *options,
			 const struct delivery_report *self, struct text *text)
{
	struct graphite_format format = {};

	graphite_format_begin(&format, snapshot, options);
	graphite_format_self(&format, snapshot, self, text);
	graphite_format_release(&format);
	return text->failed ? -ENOMEM : 0;
}
