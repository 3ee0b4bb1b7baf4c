// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A line is a name of its own between a beginning and an end that all lines of a metric share:
 *
 *     "shop.checkout.mean" 20.1 1700000000 source="web1" "env"="prod"
 *      ^^^^^^^^^^^^^ ^^^^               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 *      stem         field               tail
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "sink/format.h"
#include "sink/wavefront/wavefront.h"
#include "sink/wavefront/wavefront_histogram.h"
#include "sink/wavefront/wavefront_tags.h"
#include "sink/wavefront/wavefront_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECONDS_BACK (8760 * 3600) /* older and newer points are refused: a year, and a day ahead */
#define SECONDS_AHEAD (24 * 3600)

const struct wavefront_limit wavefront_limits[] = {
	[WAVEFRONT_LIMITS_SERVICE] = { .name = 256,
				       .histogram_name = 256,
				       .source = 128,
				       .tags = 20,
				       .key = 64,
				       .pair = 254 },
	[WAVEFRONT_LIMITS_PROXY] = { .name = 1023,
				     .histogram_name = 1023,
				     .source = 1023,
				     .tags = 100,
				     .key = 253,
				     .pair = 254 },
};

static const struct {
	const char *count, *text;
} refusals[WAVEFRONT_REFUSALS] = {
	[WAVEFRONT_TAKEN] = { "centroids_clamped", "" }, /* the only row of what is sent */
	[WAVEFRONT_NAME_ILLEGAL] = { "refused.WF-400", "WF-400 (the name is empty)" },
	[WAVEFRONT_KEY_ILLEGAL] = { "refused.WF-401", "WF-401 (the key of a tag is empty)" },
	[WAVEFRONT_TIME_FAR] = { "refused.WF-402", "WF-402 (more than a year old, or a day ahead)" },
	[WAVEFRONT_DELTA_ILLEGAL] = { "refused.WF-404", "WF-404 (a delta counter is below 0)" },
	[WAVEFRONT_HISTOGRAM_EMPTY] = { "refused.WF-405", "WF-405 (the histogram is empty)" },
	[WAVEFRONT_SOURCE_MISSING] = { "refused.WF-406", "WF-406 (the source is empty)" },
	[WAVEFRONT_SOURCE_LONG] = { "refused.WF-407", "WF-407 (the source is too long)" },
	[WAVEFRONT_NAME_LONG] = { "refused.WF-408", "WF-408 (the name is too long)" },
	[WAVEFRONT_HISTOGRAM_LONG] = { "refused.WF-409", "WF-409 (the histogram's name is too long)" },
	[WAVEFRONT_TAGS_MANY] = { "refused.WF-410", "WF-410 (too many tags)" },
	[WAVEFRONT_TAG_LONG] = { "refused.WF-411", "WF-411 (a tag's key and value are too long together)" },
	[WAVEFRONT_KEY_LONG] = { "refused.WF-412", "WF-412 (the key of a tag is too long)" },
	[WAVEFRONT_VALUE_EMPTY] = { "refused.WF-414", "WF-414 (the value of a tag is empty)" },
	[WAVEFRONT_NOT_FINITE] = { "refused.not_finite", "it is no finite number" },
	[WAVEFRONT_LINE_LONG] = { "refused.line_too_long", "the line is too long" },
};

struct wavefront {
	struct encoder encoder;
	struct wavefront_options options;
	const struct format_options *names;
	struct format_options current; /* of these, for the flush at hand */
	wavefront_refused_fn *refused;
	void *context;
	bool told[WAVEFRONT_REFUSALS];
	struct sink_count counts[WAVEFRONT_REFUSALS];
	int64_t heartbeat; /* when the last one was sent, by the snapshot; 0: never */
	/* The metric in hand. */
	const struct metric *metric;
	struct records *records;
	struct wavefront_tags tags;
	struct text stem, tail;
	enum wavefront_refusal tail_refusal;
	int64_t timestamp;
};

const char *wavefront_refusal_text(enum wavefront_refusal refusal)
{
	return refusals[refusal].text;
}

static void refuse(struct wavefront *wavefront, enum wavefront_refusal refusal)
{
	wavefront->counts[refusal].value++;
	if (!wavefront->told[refusal] && wavefront->refused)
		wavefront->refused(wavefront->context, refusal, wavefront->metric->name);
	wavefront->told[refusal] = true;
}

/* In the order in which Wavefront asks. `length` is that of the name. */
static enum wavefront_refusal line_judge(const struct wavefront *wavefront, size_t length, size_t limit,
					 enum wavefront_refusal too_long)
{
	if (wavefront->tail_refusal == WAVEFRONT_SOURCE_MISSING ||
	    wavefront->tail_refusal == WAVEFRONT_SOURCE_LONG)
		return wavefront->tail_refusal;
	if (length > limit)
		return too_long;
	return wavefront->stem.len ? wavefront->tail_refusal : WAVEFRONT_NAME_ILLEGAL;
}

static void timestamp_add(struct text *text, int64_t timestamp)
{
	text_add(text, " ", 1);
	text_add_number(text, (double)timestamp);
}

/* The line that begins there has become `refusal`. */
static void line_end(struct wavefront *wavefront, enum wavefront_kind kind, size_t begin,
		     enum wavefront_refusal refusal)
{
	struct text *text = &wavefront->records->text[kind];

	if (!refusal && text->len - begin > WAVEFRONT_LINE_MAX)
		refusal = WAVEFRONT_LINE_LONG;
	if (!refusal) {
		wavefront->records->points[kind]++;
		return;
	}
	if (!text->failed)
		text->len = begin;
	refuse(wavefront, refusal);
}

static void field_add(struct wavefront *wavefront, const char *field, struct text *text)
{
	size_t begin;

	if (!*field || (!wavefront->options.simple_fields && !strcmp(field, "value")))
		return;
	begin = text->len;
	text_add_string(text, wavefront->options.metric_separator);
	text_add_string(text, field);
	wavefront_convert_paths(text, begin, &wavefront->options);
}

static void point_add(void *context, const char *field, double value)
{
	struct wavefront *wavefront = context;
	struct text *text = &wavefront->records->text[WAVEFRONT_POINTS];
	bool delta = wavefront->metric->type == METRIC_COUNTER && wavefront->options.delta_counters;
	size_t begin = text->len, name;
	enum wavefront_refusal refusal;

	/* Wavefront makes rates of deltas itself. */
	if (delta && !strcmp(field, "rate"))
		return;
	text_add(text, "\"", 1);
	name = text->len;
	if (delta)
		text_add_string(text, WAVEFRONT_DELTA);
	text_add(text, wavefront->stem.data, wavefront->stem.len);
	field_add(wavefront, field, text);
	refusal = line_judge(wavefront, wavefront_length(text->data + name, text->len - name),
			     wavefront_limits[wavefront->options.limits].name, WAVEFRONT_NAME_LONG);
	text_add(text, "\" ", 2);
	if (!refusal && !isfinite(value))
		refusal = WAVEFRONT_NOT_FINITE;
	else if (!refusal && delta && value <= 0)
		refusal = WAVEFRONT_DELTA_ILLEGAL;
	else
		text_add_number(text, value);
	timestamp_add(text, wavefront->timestamp);
	text_add(text, wavefront->tail.data, wavefront->tail.len);
	line_end(wavefront, WAVEFRONT_POINTS, begin, refusal);
}

/* One line, or as many as its buckets need. */
static void histogram_add(struct wavefront *wavefront, const char *granularity, int64_t timestamp)
{
	struct wavefront_centroids centroids = { .metric = wavefront->metric };
	struct text *text = &wavefront->records->text[WAVEFRONT_HISTOGRAMS];
	enum wavefront_refusal refusal =
		line_judge(wavefront, wavefront_length(wavefront->stem.data, wavefront->stem.len),
			   wavefront_limits[wavefront->options.limits].histogram_name,
			   WAVEFRONT_HISTOGRAM_LONG);
	size_t begin, added, lines = 0;

	do {
		begin = text->len;
		text_add_string(text, granularity);
		timestamp_add(text, timestamp);
		added = wavefront_add_centroids(&centroids, text);
		text_add(text, " \"", 2);
		text_add(text, wavefront->stem.data, wavefront->stem.len);
		text_add(text, "\"", 1);
		text_add(text, wavefront->tail.data, wavefront->tail.len);
		if (added || !lines)
			line_end(wavefront, WAVEFRONT_HISTOGRAMS, begin,
				 !refusal && !added ? WAVEFRONT_HISTOGRAM_EMPTY : refusal);
		else if (!text->failed)
			text->len = begin;
		lines++;
	} while (!refusal && added == WAVEFRONT_CENTROIDS_MAX);
	wavefront->counts[WAVEFRONT_TAKEN].value += centroids.clamped;
}

/* A distribution belongs to the minute in which its window began: at its end there may be another. */
static void histograms_add(struct wavefront *wavefront, const struct snapshot *snapshot)
{
	static const char *const granularities[] = { "!M", "!H", "!D" };
	int64_t timestamp = wavefront->timestamp;

	if (!wavefront->metric->timestamp && snapshot->seconds < (double)timestamp)
		timestamp -= (int64_t)snapshot->seconds;
	for (size_t i = 0; i < COUNT(granularities); i++)
		if (wavefront->options.histograms & 1u << i)
			histogram_add(wavefront, granularities[i], timestamp);
}

static void metric_take(struct wavefront *wavefront, const struct snapshot *snapshot,
			const struct metric *metric, struct records *records)
{
	wavefront->metric = metric;
	wavefront->records = records;
	wavefront->timestamp = metric->timestamp ? metric->timestamp : snapshot->timestamp;
	wavefront->stem.len = wavefront->tail.len = 0;
	wavefront_tags_choose(&wavefront->tags, metric->tags, &wavefront->options);
}

static void stem_write(struct wavefront *wavefront)
{
	const struct wavefront_options *options = &wavefront->options;

	wavefront_add_name(&wavefront->stem, options->prefix, strlen(options->prefix), options);
	wavefront_add_name(&wavefront->stem, wavefront->metric->name, strlen(wavefront->metric->name),
			   options);
	wavefront_convert_paths(&wavefront->stem, 0, options);
}

static void tail_write(struct wavefront *wavefront, int64_t now)
{
	wavefront->tail_refusal =
		wavefront_tags_write(&wavefront->tags, &wavefront->options, &wavefront->tail);
	if (!wavefront->tail_refusal &&
	    (wavefront->timestamp < now - SECONDS_BACK || wavefront->timestamp > now + SECONDS_AHEAD))
		wavefront->tail_refusal = WAVEFRONT_TIME_FAR;
}

static int metric_result(const struct wavefront *wavefront)
{
	const struct records *records = wavefront->records;

	return wavefront->stem.failed || wavefront->tail.failed || records->text[WAVEFRONT_POINTS].failed ||
			       records->text[WAVEFRONT_HISTOGRAMS].failed
		       ? -ENOMEM
		       : 0;
}

static int wavefront_metric(struct encoder *encoder, const struct snapshot *snapshot,
			    const struct metric *metric, struct records *records)
{
	struct wavefront *wavefront = (struct wavefront *)encoder;
	bool is_timer = metric->type == METRIC_TIMER;

	/* Nothing happened: there is nothing to add, and nothing to complain of. */
	if (metric->type == METRIC_COUNTER && !metric->counter && wavefront->options.delta_counters)
		return 0;
	metric_take(wavefront, snapshot, metric, records);
	stem_write(wavefront);
	tail_write(wavefront, snapshot->timestamp);
	if (!is_timer || wavefront->options.timer_points)
		fields_visit(snapshot, metric, &wavefront->current, point_add, wavefront);
	if (metric->type == METRIC_SET && metric->set.estimated)
		point_add(wavefront, "estimated", 1);
	if (is_timer && !metric->idle)
		histograms_add(wavefront, snapshot);
	return metric_result(wavefront);
}

/* Every five minutes, of the application: a point without prefix and field. */
static int wavefront_end(struct encoder *encoder, const struct snapshot *snapshot,
			 const struct delivery_report *report, struct records *records)
{
	static const struct metric heartbeat = { .type = METRIC_GAUGE,
						 .name = "~component.heartbeat",
						 .tags = "" };
	struct wavefront *wavefront = (struct wavefront *)encoder;
	int64_t since = snapshot->timestamp - wavefront->heartbeat;

	(void)report;
	if (!*wavefront->options.application || !wavefront->options.heartbeat ||
	    (wavefront->heartbeat && since >= 0 && since < WAVEFRONT_HEARTBEAT))
		return 0;
	wavefront->heartbeat = snapshot->timestamp;
	metric_take(wavefront, snapshot, &heartbeat, records);
	wavefront_tags_add(&wavefront->tags, "component", "kstatsd");
	text_add_string(&wavefront->stem, heartbeat.name);
	tail_write(wavefront, snapshot->timestamp);
	point_add(wavefront, "", 1);
	return metric_result(wavefront);
}

static const struct sink_count *wavefront_counts(const struct encoder *encoder, size_t *count)
{
	*count = WAVEFRONT_REFUSALS;
	return ((const struct wavefront *)encoder)->counts;
}

static void wavefront_free(struct encoder *encoder)
{
	struct wavefront *wavefront = (struct wavefront *)encoder;

	text_release(&wavefront->stem);
	text_release(&wavefront->tail);
	free(wavefront);
}

static int wavefront_begin(struct encoder *encoder, const struct snapshot *snapshot)
{
	struct wavefront *wavefront = (struct wavefront *)encoder;

	(void)snapshot;
	wavefront->current = *wavefront->names;
	return 0;
}

static const struct encoder_operations operations = {
	.begin = wavefront_begin,
	.metric = wavefront_metric,
	.end = wavefront_end,
	.counts = wavefront_counts,
	.free = wavefront_free,
};

struct encoder *wavefront_encoder_new(const struct wavefront_options *options,
				      const struct format_options *names, wavefront_refused_fn *refused,
				      void *context)
{
	struct wavefront *wavefront = calloc(1, sizeof(*wavefront));

	if (!wavefront)
		return NULL;
	wavefront->encoder.operations = &operations;
	wavefront->options = *options;
	wavefront->names = names;
	wavefront->refused = refused;
	wavefront->context = context;
	for (size_t i = 0; i < COUNT(refusals); i++)
		wavefront->counts[i].name = refusals[i].count;
	/* Not needed here, and a secret. */
	explicit_bzero(wavefront->options.token, sizeof(wavefront->options.token));
	return &wavefront->encoder;
}
