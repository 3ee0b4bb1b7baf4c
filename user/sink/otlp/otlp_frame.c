// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A message of protobuf within another stands behind its length, so the outermost is known last:
 *
 *     request [ resource_metrics [ resource, scope_metrics [ scope, metric, metric, ... ] ] ]
 *                                                                   ^ [ name, unit, data [ point, point, ... ] ]
 *
 * A record is a struct record, the name, the point. Numbers are this machine's: it never leaves it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "otlp.pb-c.h"
#include "sink/otlp/otlp_frame.h"

/* Numbers of fields, as in otlp.proto. */
#define REQUEST_RESOURCE_METRICS 1
#define RESOURCE_METRICS_RESOURCE 1
#define RESOURCE_METRICS_SCOPE_METRICS 2
#define SCOPE_METRICS_SCOPE 1
#define SCOPE_METRICS_METRICS 2
#define METRIC_NAME 1
#define METRIC_UNIT 3
#define METRIC_GAUGE_DATA 5
#define METRIC_SUM_DATA 7
#define METRIC_HISTOGRAM_DATA 10
#define DATA_POINTS 1
#define DATA_TEMPORALITY 2
#define SUM_IS_MONOTONIC 3

#define VARINT_MAX 10
#define FIELD_VARINT 0
#define FIELD_BYTES 2
#define FLAG_BYTES 2 /* a field of a number below 128 */

struct record {
	uint32_t kind, name_len, point_len;
};

static const struct {
	unsigned int field;
	const char *unit;
	bool is_delta, is_monotonic;
} kinds[OTLP_KINDS] = {
	[OTLP_SUM] = { METRIC_SUM_DATA, "", true, false },
	[OTLP_MONOTONIC_SUM] = { METRIC_SUM_DATA, "", true, true },
	[OTLP_GAUGE] = { METRIC_GAUGE_DATA, "", false, false },
	[OTLP_HISTOGRAM] = { METRIC_HISTOGRAM_DATA, "", true, false },
	[OTLP_SECONDS_HISTOGRAM] = { METRIC_HISTOGRAM_DATA, "s", true, false },
};

void otlp_record_add(struct text *records, enum otlp_kind kind, const char *name, const void *point,
		     size_t point_len)
{
	const struct record record = { kind, (uint32_t)strlen(name), (uint32_t)point_len };

	text_add(records, (const char *)&record, sizeof(record));
	text_add(records, name, record.name_len);
	text_add(records, point, point_len);
}

static size_t varint_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

static void varint_add(struct text *text, uint64_t value)
{
	char bytes[VARINT_MAX];
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (char)(value | 0x80);
	bytes[len++] = (char)value;
	text_add(text, bytes, len);
}

/* Of a field of `len` bytes with its number (below 16) and length. */
static size_t field_size(size_t len)
{
	return 1 + varint_size(len) + len;
}

/* What stands before the bytes of a field. */
static void field_begin(struct text *text, unsigned int number, size_t len)
{
	varint_add(text, number << 3 | FIELD_BYTES);
	varint_add(text, len);
}

static void field_add(struct text *text, unsigned int number, const void *bytes, size_t len)
{
	field_begin(text, number, len);
	text_add(text, bytes, len);
}

static void flag_add(struct text *text, unsigned int number, unsigned int value)
{
	varint_add(text, number << 3 | FIELD_VARINT);
	varint_add(text, value);
}

/* The record at `data`; what follows it. */
static const char *record_read(const char *data, struct record *record, const char **name, const char **point)
{
	memcpy(record, data, sizeof(*record));
	*name = data + sizeof(*record);
	*point = *name + record->name_len;
	return *point + record->point_len;
}

/* The end of the records that are points of the metric that the first is of. */
static const char *metric_end(const char *data, const char *end, size_t *points_bytes)
{
	const char *first_name, *name, *point, *next;
	struct record first, record;

	*points_bytes = 0;
	for (record_read(data, &first, &first_name, &point); data < end; data = next) {
		next = record_read(data, &record, &name, &point);
		if (record.kind != first.kind || record.name_len != first.name_len ||
		    memcmp(name, first_name, record.name_len) != 0)
			break;
		*points_bytes += field_size(record.point_len);
	}
	return data;
}

static void metric_add(struct text *text, const char *data, const char *end, size_t points_bytes)
{
	const char *name, *point, *next;
	struct record record;
	size_t data_bytes, unit_bytes;

	record_read(data, &record, &name, &point);
	unit_bytes = strlen(kinds[record.kind].unit);
	data_bytes = points_bytes + FLAG_BYTES * kinds[record.kind].is_delta +
		     FLAG_BYTES * kinds[record.kind].is_monotonic;
	field_begin(text, SCOPE_METRICS_METRICS,
		    field_size(record.name_len) + (unit_bytes ? field_size(unit_bytes) : 0) +
			    field_size(data_bytes));
	field_add(text, METRIC_NAME, name, record.name_len);
	if (unit_bytes)
		field_add(text, METRIC_UNIT, kinds[record.kind].unit, unit_bytes);
	field_begin(text, kinds[record.kind].field, data_bytes);
	for (; data < end; data = next) {
		next = record_read(data, &record, &name, &point);
		field_add(text, DATA_POINTS, point, record.point_len);
	}
	if (kinds[record.kind].is_delta)
		flag_add(text, DATA_TEMPORALITY,
			 OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_DELTA);
	if (kinds[record.kind].is_monotonic)
		flag_add(text, SUM_IS_MONOTONIC, true);
}

/*
 *     resource field | scope field
 *     '-- its length, a size_t, stands before it all
 */
int otlp_head_add(struct text *head, const void *resource, size_t resource_len, const char *scope,
		  const char *version)
{
	size_t name_len = strlen(scope), version_len = strlen(version), len = field_size(resource_len);

	text_add(head, (const char *)&len, sizeof(len));
	field_add(head, RESOURCE_METRICS_RESOURCE, resource, resource_len);
	field_begin(head, SCOPE_METRICS_SCOPE, field_size(name_len) + field_size(version_len));
	field_add(head, 1, scope, name_len);
	field_add(head, 2, version, version_len);
	return head->failed ? -ENOMEM : 0;
}

int otlp_request_add(struct text *request, const struct text *head, const char *records, size_t len)
{
	const char *end = records + len, *next, *resource = head->data + sizeof(size_t), *scope;
	size_t resource_len, scope_len, points_bytes, all;
	struct text metrics = {};
	int err;

	memcpy(&resource_len, head->data, sizeof(resource_len));
	scope = resource + resource_len;
	scope_len = head->len - sizeof(size_t) - resource_len;
	for (; records < end; records = next) {
		next = metric_end(records, end, &points_bytes);
		metric_add(&metrics, records, next, points_bytes);
	}
	all = scope_len + metrics.len;
	field_begin(request, REQUEST_RESOURCE_METRICS, resource_len + field_size(all));
	text_add(request, resource, resource_len);
	field_begin(request, RESOURCE_METRICS_SCOPE_METRICS, all);
	text_add(request, scope, scope_len);
	text_add(request, metrics.data, metrics.len);
	err = metrics.failed || request->failed ? -ENOMEM : 0;
	text_release(&metrics);
	return err;
}
