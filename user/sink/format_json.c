// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * JSON lines: one object per metric, then one per event. Written here and not by a library,
 * because numbers are to be the shortest that read back to the same double; names and tags
 * hold nothing that JSON would want escaped (core/name.h), the texts of events may hold all.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "core/snapshot.h"
#include "sink/format.h"

static const char *const type_names[METRIC_TYPES] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_TIMER] = "timer",
	[METRIC_GAUGE] = "gauge",
	[METRIC_SET] = "set",
};

static void number_add(struct text *text, double value)
{
	if (isfinite(value))
		text_add_number(text, value);
	else
		text_add_string(text, "null");
}

/* ,"mean_90":320.5 */
static void field_add(void *context, const char *name, double value)
{
	struct text *text = context;

	text_add_string(text, ",\"");
	text_add_string(text, name);
	text_add_string(text, "\":");
	number_add(text, value);
}

static void string_add(struct text *text, const char *key, const char *value)
{
	text_add_string(text, ",\"");
	text_add_string(text, key);
	text_add_string(text, "\":");
	json_string_add(text, value);
}

static void object_begin(struct text *text, int64_t timestamp)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRId64, timestamp);
	text_add_string(text, "{\"timestamp\":");
	text_add_string(text, number);
}

static void metric_add(struct text *text, const struct snapshot *snapshot,
		       const struct format_options *options, const struct metric *metric)
{
	object_begin(text, metric->timestamp ? metric->timestamp : snapshot->timestamp);
	if (!metric->timestamp)
		field_add(text, "seconds", snapshot->seconds);
	string_add(text, "type", type_names[metric->type]);
	string_add(text, "name", metric->name);
	string_add(text, "tags", metric->tags);
	fields_visit(snapshot, metric, options, field_add, text);
	if (metric->type == METRIC_TIMER)
		field_add(text, "samples", (double)metric->timer.samples);
	if (metric->type == METRIC_SET)
		text_add_string(text, metric->set.estimated ? ",\"estimated\":true" : ",\"estimated\":false");
	text_add_string(text, "}\n");
}

static void event_add(struct text *text, const struct event *event)
{
	bool is_check = event->kind == EVENT_SERVICE_CHECK;

	object_begin(text, event->timestamp);
	string_add(text, "type", is_check ? "service_check" : "event");
	string_add(text, is_check ? "name" : "title", event->title);
	if (is_check)
		field_add(text, "status", event->status);
	string_add(text, is_check ? "message" : "text", event->text);
	string_add(text, "tags", event->tags);
	string_add(text, "host", event->host);
	if (!is_check) {
		string_add(text, "aggregation_key", event->aggregation_key);
		string_add(text, "priority", event->priority);
		string_add(text, "source_type", event->source_type);
		string_add(text, "alert_type", event->alert_type);
	}
	text_add_string(text, "}\n");
}

int format_json(const struct snapshot *snapshot, const struct format_options *options, struct text *text)
{
	for (size_t i = 0; i < snapshot->count; i++)
		metric_add(text, snapshot, options, &snapshot->metrics[i]);
	for (size_t i = 0; i < snapshot->event_count; i++)
		event_add(text, &snapshot->events[i]);
	return text->failed ? -ENOMEM : 0;
}
