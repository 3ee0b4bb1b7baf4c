// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The text formats: Prometheus' 0.0.4 and OpenMetrics, which are nearly the same. In OpenMetrics
 * a counter's name must end in "_total", and its family's name must not: other counters are of
 * unknown type there, so that no name depends on the format. Its readers may refuse a page for one
 * sample: what it forbids is left out there.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/number.h"
#include "sink/prometheus/prometheus_exposition.h"
#include "sink/prometheus/prometheus_names.h"
#include "sink/prometheus/prometheus_totals.h"

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

/* How many: to OpenMetrics a whole number, which weighted ones need not be. */
static void count_add(const struct writer *writer, const struct total *total, const char *suffix,
		      const char *key, double bound, double count)
{
	sample_add(writer, total, suffix, key, bound, writer->openmetrics ? round(count) : count);
}

/* Of negative values, which make it fall; OpenMetrics also sees it in a negative bound. */
static bool has_sum(const struct writer *writer, const struct total *total)
{
	const struct prometheus_shape *shape = writer->shape;

	if (!writer->openmetrics)
		return true;
	if (!shape->summary && shape->bound_count && shape->bounds[0] < 0)
		return false;
	/* Negative buckets come first. */
	return total->sum >= 0 && (!total->buckets.used || total->buckets.buckets[0].index <= BUCKET_E_MAX);
}

static void summary_add_samples(const struct writer *writer, struct total *total)
{
	const struct prometheus_shape *shape = writer->shape;

	for (size_t i = 0; i < shape->quantile_count; i++) {
		double value = total_quantile(writer->totals, total, shape->quantiles[i]);

		if (!writer->openmetrics || !(value < 0))
			sample_add(writer, total, "", "quantile", shape->quantiles[i], value);
	}
	if (has_sum(writer, total))
		sample_add(writer, total, "_sum", NULL, 0, total->sum);
	count_add(writer, total, "_count", NULL, 0, total->value);
}

static void histogram_add_samples(const struct writer *writer, const struct total *total)
{
	const struct prometheus_shape *shape = writer->shape;

	for (size_t i = 0; i < shape->bound_count; i++)
		count_add(writer, total, "_bucket", "le", shape->bounds[i],
			  total_below(total, shape->bounds[i]));
	count_add(writer, total, "_bucket", "le", INFINITY, total->value);
	/* Neither without the other; the count is that of the last bucket. */
	if (!has_sum(writer, total))
		return;
	sample_add(writer, total, "_sum", NULL, 0, total->sum);
	count_add(writer, total, "_count", NULL, 0, total->value);
}

static void total_write(void *context, struct total *total)
{
	const struct writer *writer = context;

	if (total->family->kind != FAMILY_TIMER)
		sample_add(writer, total, "", NULL, 0, total_value(writer->totals, total));
	else if (writer->shape->summary)
		summary_add_samples(writer, total);
	else
		histogram_add_samples(writer, total);
}

/*
 * How much of a counter's name is its family's in OpenMetrics; 0: none, it is no counter there. A counter
 * "a_total" has the names "a" and "a_created" for itself there; of "a_total" and "a_created_total" the
 * second is one.
 */
static size_t counter_stem(const struct writer *writer, const char *name)
{
	static const char *const taken[] = { "", "_created", "_created" TOTAL };
	size_t len = strlen(name), suffix = strlen(TOTAL);

	if (len <= suffix || strcmp(name + len - suffix, TOTAL))
		return 0;
	len -= suffix;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (totals_has_name(writer->totals, name, len, taken[i]))
			return 0;
	return len;
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
