// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Timers are exponential histograms of scale 6, whose buckets are those of bpf/bucket.h, so nothing
 * is lost; only where they are counted from differs by one:
 *
 *     bucket.h: e covers (2^((e-1)/64), 2^(e/64)]      OTLP: index i covers (2^(i/64), 2^((i+1)/64)]
 *
 * There is no number for a bucket that holds nothing, so the buckets from the first to the last are
 * written out. Where those would be too many, the point gets a lower scale: each step makes one bucket
 * of two, whose bounds are bounds of theirs, so no value moves:
 *
 *     scale 6   | -4 | -3 | -2 | -1 |  0 |  1 |  2 |  3 |
 *     scale 5   |   -2    |   -1    |    0    |    1    |     i >> 1
 *
 * Sum, least and greatest of a timer in milliseconds are in seconds, as its buckets are.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/histogram.h"
#include "core/snapshot.h"
#include "otlp.pb-c.h"
#include "sink/otlp/otlp_point.h"

#define SCALE 6
#define NS_PER_SECOND 1000000000
#define MS_PER_SECOND 1000.0

struct attribute {
	Otlp__KeyValue pair;
	Otlp__AnyValue value;
};

static void *buffer_reserve(struct otlp_buffer *buffer, size_t size)
{
	void *data;

	if (size <= buffer->size)
		return buffer->data;
	size += size / 2;
	data = realloc(buffer->data, size);
	if (!data)
		return NULL;
	buffer->data = data;
	buffer->size = size;
	return data;
}

enum otlp_kind otlp_kind_of(const struct metric *metric)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		return metric->counter < 0 ? OTLP_SUM : OTLP_MONOTONIC_SUM;
	case METRIC_TIMER:
		return metric->unit == UNIT_MILLISECONDS ? OTLP_SECONDS_HISTOGRAM : OTLP_HISTOGRAM;
	default:
		return OTLP_GAUGE;
	}
}

static size_t tags_count(const char *tags)
{
	size_t count = *tags != '\0';

	for (; *tags; tags++)
		count += *tags == ';';
	return count;
}

/* "k=v", cut in two. */
static void attribute_init(struct attribute *attribute, char *tag)
{
	char *equals = strchr(tag, '=');

	otlp__key_value__init(&attribute->pair);
	otlp__any_value__init(&attribute->value);
	if (equals)
		*equals++ = '\0';
	attribute->pair.key = tag;
	attribute->pair.value = &attribute->value;
	attribute->value.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	attribute->value.string_value = equals ? equals : tag + strlen(tag);
}

/* The pairs of "k=v;k2=v2", whose number is *count. NULL: out of memory. */
static Otlp__KeyValue **attributes_make(struct otlp_packer *packer, const char *tags, size_t *count)
{
	size_t most = tags_count(tags), bytes = strlen(tags) + 1;
	char *text = buffer_reserve(&packer->text, bytes), *next;
	Otlp__KeyValue **pointers;
	struct attribute *attributes;

	/* One more, as nothing would be NULL. */
	attributes =
		buffer_reserve(&packer->attributes, (most + 1) * (sizeof(*attributes) + sizeof(*pointers)));
	if (!text || !attributes)
		return NULL;
	pointers = (Otlp__KeyValue **)(attributes + most + 1);
	memcpy(text, tags, bytes);
	for (*count = 0; *count < most; text = next) {
		next = text + strcspn(text, ";");
		if (*next)
			*next++ = '\0';
		attribute_init(&attributes[*count], text);
		pointers[*count] = &attributes[*count].pair;
		(*count)++;
	}
	return pointers;
}

static ptrdiff_t message_pack(struct otlp_packer *packer, const ProtobufCMessage *message,
			      const void **packed)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *data = buffer_reserve(&packer->packed, len + 1);

	if (!data)
		return -ENOMEM;
	*packed = data;
	return (ptrdiff_t)protobuf_c_message_pack(message, data);
}

struct span {
	uint64_t start, end; /* Unix nanoseconds; start 0: unknown */
};

/* A value with a time of the sender's own stands for that moment, whenever it began. */
static struct span span_of(const struct snapshot *snapshot, const struct metric *metric)
{
	struct span span = { .end = (uint64_t)snapshot->timestamp * NS_PER_SECOND };

	if (metric->timestamp)
		return (struct span){ .end = (uint64_t)metric->timestamp * NS_PER_SECOND };
	span.start = span.end - (uint64_t)(snapshot->seconds * NS_PER_SECOND);
	return span;
}

static ptrdiff_t number_pack(struct otlp_packer *packer, const struct snapshot *snapshot,
			     const struct metric *metric, Otlp__KeyValue **attributes, size_t count,
			     const void **packed)
{
	Otlp__NumberDataPoint point = OTLP__NUMBER_DATA_POINT__INIT;
	struct span span = span_of(snapshot, metric);

	point.attributes = attributes;
	point.n_attributes = count;
	point.time_unix_nano = span.end;
	point.value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
	if (metric->type == METRIC_COUNTER) {
		point.start_time_unix_nano = span.start;
		point.as_double = metric->counter;
	} else {
		point.as_double = metric->type == METRIC_SET ? metric->set.count : metric->gauge;
	}
	packer->not_finite = !isfinite(point.as_double);
	return packer->not_finite ? 0 : message_pack(packer, &point.base, packed);
}

/* Of the values of one sign: their index in OTLP. */
static bool bucket_is_of(const struct bucket *bucket, bool negative, int *index)
{
	if (bucket->index == BUCKET_ZERO || (bucket->index > BUCKET_E_MAX) != negative)
		return false;
	*index = bucket->index - (negative ? BUCKET_NEGATIVE_BASE : 0) - 1;
	return true;
}

/* The indexes of one sign, from least to most; none: most is below least. */
struct reach {
	int least, most;
};

static struct reach reach_of(const struct metric *metric, bool negative)
{
	struct reach reach = { .least = INT_MAX, .most = INT_MIN };
	int index;

	for (size_t i = 0; i < metric->bucket_count; i++) {
		if (!bucket_is_of(&metric->buckets[i], negative, &index))
			continue;
		reach.least = index < reach.least ? index : reach.least;
		reach.most = index > reach.most ? index : reach.most;
	}
	return reach;
}

/* How many steps of the scale it takes until these fit. */
static int shift_of(struct reach reach)
{
	int shift = 0;

	while (reach.most >= reach.least &&
	       (reach.most >> shift) - (reach.least >> shift) >= OTLP_BUCKETS_MAX)
		shift++;
	return shift;
}

/* The counts of a point so far. Together they stay below 2^63: some who read them know no more. */
struct tally {
	uint64_t total;
	bool clamped;
};

/* A whole number near `count`, as far as there is room; it is added. */
static uint64_t tally_take(struct tally *tally, double count)
{
	uint64_t room = INT64_MAX - tally->total, whole;

	if (!(count > 0)) {
		tally->clamped |= !(count == 0);
		return 0;
	}
	whole = count < 0x1p63 ? (uint64_t)llround(count) : room + 1;
	if (whole > room) {
		tally->clamped = true;
		whole = room;
	}
	tally->total += whole;
	return whole;
}

/* Writes the buckets of one sign out. */
static int buckets_make(struct otlp_buffer *room, const struct metric *metric, bool negative, int shift,
			Otlp__Buckets *buckets, struct tally *tally)
{
	struct reach reach = reach_of(metric, negative);
	uint64_t *counts;
	size_t n;
	int index;

	if (reach.most < reach.least)
		return 0;
	buckets->offset = reach.least >> shift;
	n = (size_t)((reach.most >> shift) - buckets->offset + 1);
	counts = buffer_reserve(room, n * sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	memset(counts, 0, n * sizeof(*counts));
	for (size_t i = 0; i < metric->bucket_count; i++)
		if (bucket_is_of(&metric->buckets[i], negative, &index))
			counts[(index >> shift) - buckets->offset] +=
				tally_take(tally, metric->buckets[i].count);
	buckets->bucket_counts = counts;
	buckets->n_bucket_counts = n;
	return 0;
}

static uint64_t zero_count(const struct metric *metric, struct tally *tally)
{
	uint64_t count = 0;

	for (size_t i = 0; i < metric->bucket_count; i++)
		if (metric->buckets[i].index == BUCKET_ZERO)
			count += tally_take(tally, metric->buckets[i].count);
	return count;
}

/* Least and greatest are values, which are finite. */
static void histogram_sums(struct otlp_packer *packer, Otlp__ExponentialHistogramDataPoint *point,
			   const struct metric *metric)
{
	double unit = metric->unit == UNIT_MILLISECONDS ? MS_PER_SECOND : 1;

	if (!point->count)
		return;
	packer->not_finite = !isfinite(metric->timer.sum);
	if (!packer->not_finite)
		point->maybe_sum_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__MAYBE_SUM_SUM;
	point->maybe_min_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__MAYBE_MIN_MIN;
	point->maybe_max_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__MAYBE_MAX_MAX;
	point->sum = metric->timer.sum / unit;
	point->min = metric->timer.lower / unit;
	point->max = metric->timer.upper / unit;
}

static ptrdiff_t histogram_pack(struct otlp_packer *packer, const struct snapshot *snapshot,
				const struct metric *metric, Otlp__KeyValue **attributes, size_t count,
				const void **packed)
{
	Otlp__ExponentialHistogramDataPoint point = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__INIT;
	Otlp__Buckets positive = OTLP__BUCKETS__INIT, negative = OTLP__BUCKETS__INIT;
	struct span span = span_of(snapshot, metric);
	struct tally tally = {};
	int shift = shift_of(reach_of(metric, false)), other = shift_of(reach_of(metric, true));

	shift = other > shift ? other : shift;
	point.attributes = attributes;
	point.n_attributes = count;
	point.start_time_unix_nano = span.start;
	point.time_unix_nano = span.end;
	point.scale = SCALE - shift;
	point.zero_count = zero_count(metric, &tally);
	if (buckets_make(&packer->positive, metric, false, shift, &positive, &tally) ||
	    buckets_make(&packer->negative, metric, true, shift, &negative, &tally))
		return -ENOMEM;
	point.count = tally.total;
	packer->clamped = tally.clamped;
	if (positive.n_bucket_counts)
		point.positive = &positive;
	if (negative.n_bucket_counts)
		point.negative = &negative;
	histogram_sums(packer, &point, metric);
	return message_pack(packer, &point.base, packed);
}

ptrdiff_t otlp_point_pack(struct otlp_packer *packer, const struct snapshot *snapshot,
			  const struct metric *metric, const void **point)
{
	size_t count;
	Otlp__KeyValue **attributes = attributes_make(packer, metric->tags, &count);

	packer->clamped = packer->not_finite = false;
	if (!attributes)
		return -ENOMEM;
	if (metric->type == METRIC_TIMER)
		return histogram_pack(packer, snapshot, metric, attributes, count, point);
	return number_pack(packer, snapshot, metric, attributes, count, point);
}

ptrdiff_t otlp_resource_pack(struct otlp_packer *packer, const char *tags, const void **resource)
{
	Otlp__Resource message = OTLP__RESOURCE__INIT;

	message.attributes = attributes_make(packer, tags, &message.n_attributes);
	return message.attributes ? message_pack(packer, &message.base, resource) : -ENOMEM;
}

void otlp_packer_release(struct otlp_packer *packer)
{
	free(packer->text.data);
	free(packer->attributes.data);
	free(packer->positive.data);
	free(packer->negative.data);
	free(packer->packed.data);
	*packer = (struct otlp_packer){};
}
