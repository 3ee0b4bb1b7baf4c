// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The text formats: Prometheus' 0.0.4 and OpenMetrics, which are nearly the same. In OpenMetrics
 * a counter's name must end in "_total", and its family's name must not: other counters are of
 * unknown type there, so that no name depends on the format.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/number.h"
#include "sink/prometheus_exposition.h"
#include "sink/prometheus_names.h"
#include "sink/prometheus_totals.h"

#define TOTAL "_total"

struct writer {
	struct totals *totals;
	struct text *text;
	bool openmetrics;
	const struct prometheus_shape *shape; /* of the family's timers */
};

const char *exposition_help(const char *help)
{
	return help && *help ? help : "Sent by statsd clients.";
}

static void escaped_add(struct text *text, const char *string, bool quotes)
{
	const char *special = quotes ? "\\\n\"" : "\\\n";
	size_t plain;

	while (string[plain = strcspn(string, special)]) {
		text_add(text, string, plain);
		text_add(text, "\\", 1);
		text_add(text, string[plain] == '\n' ? "n" : string + plain, 1);
		string += plain + 1;
	}
	text_add(text, string, plain);
}

static void value_add(struct text *text, double value)
{
	if (isfinite(value))
		text_add_number(text, value);
	else
		text_add_string(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
}

/* A number in a label: OpenMetrics wants to see that it is none of the whole ones. */
static void bound_add(const struct writer *writer, double value)
{
	char number[NUMBER_BYTES];
	size_t len;

	if (!isfinite(value)) {
		text_add_string(writer->text, "+Inf");
		return;
	}
	len = number_format(value, number);
	text_add(writer->text, number, len);
	if (writer->openmetrics && strspn(number, "-0123456789") == len)
		text_add_string(writer->text, ".0");
}

/* {a="b",le="0.5"}; `key` NULL: without that. */
static void labels_add(const struct writer *writer, const struct total *total, const char *key, double bound)
{
	const char *end = total->labels + total->labels_len, *before = "{";
	struct text *text = writer->text;

	for (const char *label = total->labels; label < end;) {
		const char *value = prometheus_label_value(label);

		text_add_string(text, before);
		text_add_string(text, label);
		text_add_string(text, "=\"");
		escaped_add(text, value, true);
		text_add_string(text, "\"");
		before = ",";
		label = value + strlen(value) + 1;
	}
	if (key) {
		text_add_string(text, before);
		text_add_string(text, key);
		text_add_string(text, "=\"");
		bound_add(writer, bound);
		text_add_string(text, "\"");
		before = ",";
	}
	if (*before == ',')
		text_add_string(text, "}");
}

static void sample_add(const struct writer *writer, const struct total *total, const char *suffix,
		       const char *key, double bound, double value)
{
	text_add_string(writer->text, family_name(total->family));
	text_add_string(writer->text, suffix);
	labels_add(writer, total, key, bound);
	text_add_string(writer->text, " ");
	value_add(writer->text, value);
	text_add_string(writer->text, "\n");
}

static void timer_add_samples(const struct writer *writer, struct total *total)
{
	const struct prometheus_shape *shape = writer->shape;

	for (size_t i = 0; shape->summary && i < shape->quantile_count; i++)
		sample_add(writer, total, "", "quantile", shape->quantiles[i],
			   total_quantile(writer->totals, total, shape->quantiles[i]));
	for (size_t i = 0; !shape->summary && i < shape->bound_count; i++)
		sample_add(writer, total, "_bucket", "le", shape->bounds[i],
			   total_below(total, shape->bounds[i]));
	if (!shape->summary)
		sample_add(writer, total, "_bucket", "le", INFINITY, total->value);
	sample_add(writer, total, "_sum", NULL, 0, total->sum);
	sample_add(writer, total, "_count", NULL, 0, total->value);
}

static void total_write(void *context, struct total *total)
{
	const struct writer *writer = context;

	if (total->family->kind == FAMILY_TIMER)
		timer_add_samples(writer, total);
	else
		sample_add(writer, total, "", NULL, 0, total_value(writer->totals, total));
}

/* How much of a counter's name is its family's in OpenMetrics; 0: none, it is no counter there. */
static size_t counter_stem(const struct writer *writer, const char *name)
{
	size_t len = strlen(name), suffix = strlen(TOTAL);

	if (len <= suffix || strcmp(name + len - suffix, TOTAL) ||
	    totals_has_name(writer->totals, name, len - suffix))
		return 0;
	return len - suffix;
}

static void family_write(void *context, const struct family *family)
{
	struct writer *writer = context;
	const char *name = family_name(family), *type = "gauge";
	size_t len = strlen(name), stem;

	writer->shape = family_shape(writer->totals, family);
	if (family->kind == FAMILY_TIMER)
		type = writer->shape->summary ? "summary" : "histogram";
	if (family->kind == FAMILY_COUNTER) {
		stem = writer->openmetrics ? counter_stem(writer, name) : len;
		type = stem ? "counter" : "unknown";
		len = stem ? stem : len;
	}
	text_add_string(writer->text, "# HELP ");
	text_add(writer->text, name, len);
	text_add_string(writer->text, " ");
	escaped_add(writer->text, exposition_help(family->rule ? family->rule->help : NULL),
		    writer->openmetrics);
	text_add_string(writer->text, "\n# TYPE ");
	text_add(writer->text, name, len);
	text_add_string(writer->text, " ");
	text_add_string(writer->text, type);
	text_add_string(writer->text, "\n");
	family_visit(family, total_write, writer);
}

void exposition_text(struct totals *totals, bool openmetrics, struct text *text)
{
	struct writer writer = { .totals = totals, .text = text, .openmetrics = openmetrics };

	totals_visit(totals, family_write, &writer);
	if (openmetrics)
		text_add_string(text, "# EOF\n");
}

void exposition_render(struct totals *totals, enum exposition exposition, bool native, struct text *text)
{
	if (exposition == EXPOSITION_PROTOBUF)
		exposition_protobuf(totals, native, text);
	else
		exposition_text(totals, exposition != EXPOSITION_TEXT, text);
}
