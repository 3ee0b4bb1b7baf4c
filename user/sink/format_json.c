// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * JSON lines: one object per metric. Written here and not by a library, because numbers are
 * to be the shortest that read back to the same double; names and tags hold nothing that
 * JSON would want escaped (core/name.h).
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
	text_add_string(text, "\":\"");
	text_add_string(text, value);
	text_add_string(text, "\"");
}

static void metric_add(struct text *text, const struct snapshot *snapshot, const struct metric *metric)
{
	char timestamp[24];

	snprintf(timestamp, sizeof(timestamp), "%" PRId64, snapshot->timestamp);
	text_add_string(text, "{\"timestamp\":");
	text_add_string(text, timestamp);
	field_add(text, "seconds", snapshot->seconds);
	string_add(text, "type", type_names[metric->type]);
	string_add(text, "name", metric->name);
	string_add(text, "tags", metric->tags);
	fields_visit(snapshot, metric, field_add, text);
	if (metric->type == METRIC_TIMER)
		field_add(text, "samples", (double)metric->timer.samples);
	if (metric->type == METRIC_SET)
		text_add_string(text, metric->set.estimated ? ",\"estimated\":true" : ",\"estimated\":false");
	text_add_string(text, "}\n");
}

int format_json(const struct snapshot *snapshot, struct text *text)
{
	for (size_t i = 0; i < snapshot->count; i++)
		metric_add(text, snapshot, &snapshot->metrics[i]);
	return text->failed ? -ENOMEM : 0;
}
