// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The protobuf format. A message may be written in pieces one behind the other: a family's
 * head, then its metrics, each packed by itself, so that only one is in memory as structs.
 *
 *     length | head: name, help, type | tag length Metric | tag length Metric | ...
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sink/prometheus/prometheus_exposition.h"
#include "sink/prometheus/prometheus_names.h"
#include "sink/prometheus/prometheus_native.h"

#define METRIC_TAG (4 << 3 | 2) /* MetricFamily.metric, with a length */
#define VARINT_BYTES 10

struct writer {
	struct totals *totals;
	struct text *text, body; /* of a family */
	bool native;
};

static void varint_add(struct text *text, uint64_t value)
{
	char bytes[VARINT_BYTES];
	size_t len = 0;

	do {
		bytes[len++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	text_add(text, bytes, len);
}

static void message_add(struct text *text, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = malloc(len + 1);

	if (!bytes) {
		text->failed = true;
		return;
	}
	protobuf_c_message_pack(message, bytes);
	text_add(text, (const char *)bytes, len);
	free(bytes);
}

static bool labels_fill(MESSAGE(Metric) * metric, const struct total *total, struct arena *arena)
{
	const char *end = total->labels + total->labels_len;
	size_t count = 0;

	for (const char *at = total->labels; at < end; at++)
		count += !*at;
	count /= 2;
	metric->label = arena_take(arena, (count + 1) * sizeof(*metric->label));
	if (!metric->label)
		return false;
	for (const char *label = total->labels; label < end;) {
		MESSAGE(LabelPair) *pair = arena_take(arena, sizeof(*pair));

		if (!pair)
			return false;
		io__prometheus__client__label_pair__init(pair);
		pair->name = (char *)label;
		pair->value = (char *)prometheus_label_value(label);
		metric->label[metric->n_label++] = pair;
		label = pair->value + strlen(pair->value) + 1;
	}
	return true;
}

static MESSAGE(Summary) * summary_make(struct totals *totals, struct total *total, struct arena *arena)
{
	const struct prometheus_shape *shape = family_shape(totals, total->family);
	MESSAGE(Summary) *summary = arena_take(arena, sizeof(*summary));

	if (!summary)
		return NULL;
	io__prometheus__client__summary__init(summary);
	summary->has_sample_count = summary->has_sample_sum = true;
	summary->sample_count = (uint64_t)round(total->value);
	summary->sample_sum = total->sum;
	summary->quantile = arena_take(arena, (shape->quantile_count + 1) * sizeof(*summary->quantile));
	if (!summary->quantile)
		return NULL;
	for (size_t i = 0; i < shape->quantile_count; i++) {
		MESSAGE(Quantile) *quantile = arena_take(arena, sizeof(*quantile));

		if (!quantile)
			return NULL;
		io__prometheus__client__quantile__init(quantile);
		quantile->has_quantile = quantile->has_value = true;
		quantile->quantile = shape->quantiles[i];
		quantile->value = total_quantile(totals, total, shape->quantiles[i]);
		summary->quantile[summary->n_quantile++] = quantile;
	}
	return summary;
}

static bool metric_fill(MESSAGE(Metric) * metric, const struct writer *writer, struct total *total,
			struct arena *arena)
{
	const struct prometheus_shape *shape = family_shape(writer->totals, total->family);

	if (!labels_fill(metric, total, arena))
		return false;
	if (total->family->kind != FAMILY_TIMER)
		return true;
	if (shape->summary)
		metric->summary = summary_make(writer->totals, total, arena);
	else
		metric->histogram = native_histogram(total, shape, writer->native, arena);
	return metric->summary || metric->histogram;
}

static void total_write(void *context, struct total *total)
{
	struct writer *writer = context;
	MESSAGE(Metric) metric;
	MESSAGE(Counter) counter;
	MESSAGE(Gauge) gauge;
	struct arena arena = {};

	io__prometheus__client__metric__init(&metric);
	io__prometheus__client__counter__init(&counter);
	io__prometheus__client__gauge__init(&gauge);
	counter.has_value = gauge.has_value = true;
	counter.value = gauge.value = total_value(writer->totals, total);
	if (total->family->kind == FAMILY_COUNTER)
		metric.counter = &counter;
	if (total->family->kind == FAMILY_GAUGE)
		metric.gauge = &gauge;
	if (metric_fill(&metric, writer, total, &arena)) {
		varint_add(&writer->body, METRIC_TAG);
		varint_add(&writer->body, protobuf_c_message_get_packed_size(&metric.base));
		message_add(&writer->body, &metric.base);
	} else {
		writer->text->failed = true;
	}
	arena_release(&arena);
}

static MESSAGE(MetricType) type_of(const struct writer *writer, const struct family *family)
{
	if (family->kind == FAMILY_COUNTER)
		return IO__PROMETHEUS__CLIENT__METRIC_TYPE__COUNTER;
	if (family->kind == FAMILY_GAUGE)
		return IO__PROMETHEUS__CLIENT__METRIC_TYPE__GAUGE;
	return family_shape(writer->totals, family)->summary ? IO__PROMETHEUS__CLIENT__METRIC_TYPE__SUMMARY
							     : IO__PROMETHEUS__CLIENT__METRIC_TYPE__HISTOGRAM;
}

static void family_write(void *context, const struct family *family)
{
	struct writer *writer = context;
	MESSAGE(MetricFamily) head;

	io__prometheus__client__metric_family__init(&head);
	head.name = (char *)family_name(family);
	head.help = (char *)exposition_help(family->rule ? family->rule->help : NULL);
	head.has_type = true;
	head.type = type_of(writer, family);
	writer->body.len = 0;
	message_add(&writer->body, &head.base);
	family_visit(family, total_write, writer);
	if (writer->body.failed)
		writer->text->failed = true;
	varint_add(writer->text, writer->body.len);
	text_add(writer->text, writer->body.data, writer->body.len);
}

void exposition_protobuf(struct totals *totals, bool native, struct text *text)
{
	struct writer writer = { .totals = totals, .text = text, .native = native };

	totals_visit(totals, family_write, &writer);
	text_release(&writer.body);
}
