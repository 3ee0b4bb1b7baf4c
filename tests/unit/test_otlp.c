// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Requests of OTLP, as protobuf-c reads them back: kinds, buckets, times, attributes, and what is grouped. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/histogram.h"
#include "core/snapshot.h"
#include "otlp.pb-c.h"
#include "sink/otlp/otlp_frame.h"
#include "sink/otlp/otlp_point.h"

#define END 1700000010
#define NS 1000000000ULL

static const struct snapshot window = { .timestamp = END, .seconds = 10 };

struct request {
	struct text text;
	Otlp__ExportMetricsServiceRequest *message;
	Otlp__Metric **metrics;
	size_t count;
};

/* Makes a request of these, and reads it. */
static struct request request_make(const struct metric *metrics, size_t count)
{
	struct otlp_packer packer = {};
	struct text records = {}, head = {};
	struct request request = {};
	const void *packed;
	ptrdiff_t len = otlp_resource_pack(&packer, "service.name=kstatsd;host.name=h", &packed);

	assert_true(len > 0);
	assert_false(otlp_head_add(&head, packed, (size_t)len, "kstatsd", "1.2.3"));
	for (size_t i = 0; i < count; i++) {
		len = otlp_point_pack(&packer, &window, &metrics[i], &packed);
		assert_true(len > 0);
		otlp_record_add(&records, otlp_kind_of(&metrics[i]), metrics[i].name, packed, (size_t)len);
	}
	assert_false(otlp_request_add(&request.text, &head, records.data, records.len));
	request.message = otlp__export_metrics_service_request__unpack(NULL, request.text.len,
								       (const uint8_t *)request.text.data);
	assert_non_null(request.message);
	assert_int_equal(request.message->n_resource_metrics, 1);
	assert_int_equal(request.message->resource_metrics[0]->n_scope_metrics, 1);
	request.metrics = request.message->resource_metrics[0]->scope_metrics[0]->metrics;
	request.count = request.message->resource_metrics[0]->scope_metrics[0]->n_metrics;
	text_release(&records);
	text_release(&head);
	otlp_packer_release(&packer);
	return request;
}

static void request_release(struct request *request)
{
	otlp__export_metrics_service_request__free_unpacked(request->message, NULL);
	text_release(&request->text);
}

static void assert_attribute(const Otlp__KeyValue *pair, const char *key, const char *value)
{
	assert_string_equal(pair->key, key);
	assert_int_equal(pair->value->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
	assert_string_equal(pair->value->string_value, value);
}

static void test_head(void **state)
{
	const struct metric metric = { .type = METRIC_GAUGE, .name = "g", .tags = "" };
	struct request request = request_make(&metric, 1);
	const Otlp__ResourceMetrics *resource = request.message->resource_metrics[0];

	(void)state;
	assert_int_equal(resource->resource->n_attributes, 2);
	assert_attribute(resource->resource->attributes[0], "service.name", "kstatsd");
	assert_attribute(resource->resource->attributes[1], "host.name", "h");
	assert_string_equal(resource->scope_metrics[0]->scope->name, "kstatsd");
	assert_string_equal(resource->scope_metrics[0]->scope->version, "1.2.3");
	request_release(&request);
}

/* The bytes of the smallest request, by the protocol's own rules. */
static void test_bytes(void **state)
{
	const struct metric metric = { .type = METRIC_GAUGE, .name = "g", .tags = "", .gauge = 1.5 };
	struct otlp_packer packer = {};
	struct text head = {}, records = {}, request = {};
	const void *point;
	ptrdiff_t len;

	(void)state;
	assert_false(otlp_head_add(&head, "", 0, "s", "v"));
	len = otlp_point_pack(&packer, &window, &metric, &point);
	assert_int_equal(len, 18);
	otlp_record_add(&records, otlp_kind_of(&metric), metric.name, point, (size_t)len);
	assert_false(otlp_request_add(&request, &head, records.data, records.len));
	assert_int_equal(request.len, 41);
	assert_memory_equal(request.data,
			    "\x0a\x27"			 /* resource_metrics, 39 bytes */
			    "\x0a\x00"			 /* resource */
			    "\x12\x23"			 /* scope_metrics, 35 */
			    "\x0a\x06\x0a\x01s\x12\x01v" /* scope */
			    "\x12\x19"			 /* metrics, 25 */
			    "\x0a\x01g"			 /* name */
			    "\x2a\x14"			 /* gauge, 20 */
			    "\x0a\x12"			 /* a data point, 18 */
			    "\x19",
			    24);
	text_release(&head);
	text_release(&records);
	text_release(&request);
	otlp_packer_release(&packer);
}

static void test_numbers(void **state)
{
	static const struct metric metrics[] = {
		{ .type = METRIC_COUNTER, .name = "c", .tags = "", .counter = 7 },
		{ .type = METRIC_COUNTER, .name = "down", .tags = "", .counter = -0.5 },
		{ .type = METRIC_GAUGE, .name = "g", .tags = "", .gauge = -3 },
		{ .type = METRIC_GAUGE, .name = "then", .tags = "", .gauge = 0, .timestamp = END - 100 },
		{ .type = METRIC_SET, .name = "s", .tags = "", .set = { .count = 12, .estimated = true } },
	};
	struct request request = request_make(metrics, 5);
	Otlp__NumberDataPoint *point;

	(void)state;
	assert_int_equal(request.count, 5);
	assert_int_equal(request.metrics[0]->data_case, OTLP__METRIC__DATA_SUM);
	assert_true(request.metrics[0]->sum->is_monotonic);
	assert_int_equal(request.metrics[0]->sum->aggregation_temporality,
			 OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_DELTA);
	point = request.metrics[0]->sum->data_points[0];
	assert_true(point->as_double == 7);
	assert_true(point->time_unix_nano == END * NS && point->start_time_unix_nano == (END - 10) * NS);
	assert_false(request.metrics[1]->sum->is_monotonic);
	assert_true(request.metrics[1]->sum->data_points[0]->as_double == -0.5);
	assert_true(request.metrics[2]->gauge->data_points[0]->as_double == -3);
	assert_true(request.metrics[2]->gauge->data_points[0]->start_time_unix_nano == 0);
	point = request.metrics[3]->gauge->data_points[0];
	assert_int_equal(point->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE);
	assert_true(point->as_double == 0 && point->time_unix_nano == (END - 100) * NS);
	assert_true(request.metrics[4]->gauge->data_points[0]->as_double == 12);
	request_release(&request);
}

static void test_attributes(void **state)
{
	static const struct metric metric = { .type = METRIC_GAUGE, .name = "g", .tags = "a=1;b=x=y;c=" };
	struct request request = request_make(&metric, 1);
	const Otlp__NumberDataPoint *point = request.metrics[0]->gauge->data_points[0];

	(void)state;
	assert_int_equal(point->n_attributes, 3);
	assert_attribute(point->attributes[0], "a", "1");
	assert_attribute(point->attributes[1], "b", "x=y");
	assert_attribute(point->attributes[2], "c", "");
	request_release(&request);
}

/* Neighbours of one name and kind are one metric; a name that comes back is another. */
static void test_groups(void **state)
{
	static const struct metric metrics[] = {
		{ .type = METRIC_COUNTER, .name = "a", .tags = "k=1", .counter = 1 },
		{ .type = METRIC_COUNTER, .name = "a", .tags = "k=2", .counter = 2 },
		{ .type = METRIC_COUNTER, .name = "a", .tags = "k=3", .counter = -1 },
		{ .type = METRIC_COUNTER, .name = "ab", .tags = "", .counter = 4 },
		{ .type = METRIC_GAUGE, .name = "ab", .tags = "", .gauge = 5 },
	};
	static const size_t points[] = { 2, 1, 1 };
	struct request request = request_make(metrics, 5);

	(void)state;
	assert_int_equal(request.count, 4);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(request.metrics[i]->sum->n_data_points, points[i]);
	assert_string_equal(request.metrics[1]->name, "a");
	assert_false(request.metrics[1]->sum->is_monotonic);
	assert_string_equal(request.metrics[2]->name, "ab");
	assert_int_equal(request.metrics[3]->data_case, OTLP__METRIC__DATA_GAUGE);
	request_release(&request);
}

/* Values, with what bucket.h makes of them, land where OTLP says that they are. */
static void test_histogram(void **state)
{
	static const double values[] = { -8000, -0.001, 0, 0, 0.5, 1, 1000, 1001, 123456.789 };
	struct bucket buckets[sizeof(values) / sizeof(values[0])];
	struct metric metric = { .type = METRIC_TIMER,
				 .name = "t",
				 .tags = "",
				 .buckets = buckets,
				 .timer = { .sum = 5000, .lower = -8000, .upper = 123456.789 } };
	const size_t count = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (int unit = 0; unit < TIMER_UNITS; unit++) {
		double one = unit == UNIT_MILLISECONDS ? 1000 : 1;
		Otlp__ExponentialHistogramDataPoint *point;
		struct request request;
		uint64_t held = 0;

		metric.unit = (enum timer_unit)unit;
		metric.bucket_count = 0;
		for (size_t i = 0; i < count; i++)
			buckets_append(buckets, &metric.bucket_count, histogram_index(metric.unit, values[i]),
				       1);
		request = request_make(&metric, 1);
		assert_string_equal(request.metrics[0]->unit, unit == UNIT_MILLISECONDS ? "s" : "");
		point = request.metrics[0]->exponential_histogram->data_points[0];
		assert_int_equal(point->scale, 4);
		assert_int_equal(point->count, count);
		assert_int_equal(point->zero_count, 2);
		assert_true(point->sum == 5000 / one && point->min == -8000 / one &&
			    point->max == 123456.789 / one);
		for (size_t i = 0; i < count; i++) {
			double value = fabs(values[i]) / one;
			const Otlp__Buckets *side = values[i] < 0 ? point->negative : point->positive;
			int32_t index = (int32_t)ceil(16 * log2(value)) - 1;

			if (!value)
				continue;
			assert_true(index >= side->offset &&
				    (size_t)(index - side->offset) < side->n_bucket_counts);
			assert_true(side->bucket_counts[index - side->offset] > 0);
		}
		for (size_t i = 0; i < point->positive->n_bucket_counts; i++)
			held += point->positive->bucket_counts[i];
		assert_int_equal(held, 5);
		assert_true(point->positive->bucket_counts[0] &&
			    point->positive->bucket_counts[point->positive->n_bucket_counts - 1]);
		request_release(&request);
	}
}

/* Each bucket of `side` holds what lies within its bounds, and no bucket lies across one. */
static void assert_merged(const Otlp__Buckets *side, int scale, const struct bucket *buckets, size_t count,
			  int base)
{
	uint64_t held = 0, told = 0;

	assert_true(side->n_bucket_counts <= OTLP_BUCKETS_MAX);
	assert_true(side->bucket_counts[0] && side->bucket_counts[side->n_bucket_counts - 1]);
	for (size_t i = 0; i < side->n_bucket_counts; i++) {
		/* In 64ths of an octave: the bounds, of which bucket e has e - 1 and e. */
		int step = 1 << (6 - scale), lower = (side->offset + (int)i) * step, upper = lower + step;
		uint64_t wanted = 0;

		for (size_t j = 0; j < count; j++) {
			int e = buckets[j].index - base;

			if (e - 1 >= lower && e <= upper)
				wanted += (uint64_t)buckets[j].count;
		}
		assert_int_equal(side->bucket_counts[i], wanted);
		held += wanted;
	}
	for (size_t j = 0; j < count; j++)
		told += (uint64_t)buckets[j].count;
	assert_int_equal(held, told);
}

/* However far apart its values are, a point is small, and its buckets hold what their bounds say. */
static void test_merging(void **state)
{
	static const struct {
		double least, most;
		int scale;
	} cases[] = {
		{ 1, 1, 6 },	    { 1.01, 1024, 6 },	{ 1, 1024, 5 },	     { 1, 1e6, 5 },	{ 1, 1e9, 4 },
		{ 0.001, 1e12, 3 }, { 1e-38, 1e38, 1 }, { 3e-5, 2.9e-2, 6 }, { 5e-5, 6e-2, 5 },
	};
	static struct bucket buckets[2 * BUCKET_E_MAX + 1], mirrored[2 * BUCKET_E_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int least = histogram_index(UNIT_NONE, cases[i].least);
		int most = histogram_index(UNIT_NONE, cases[i].most), stride = (most - least) / 500 + 1;
		struct metric metric = { .type = METRIC_TIMER, .name = "t", .tags = "", .buckets = mirrored };
		Otlp__ExponentialHistogramDataPoint *point;
		struct request request;
		size_t count = 0;

		for (int e = least; e < most; e += stride, count++)
			buckets[count] = (struct bucket){ (int16_t)e, e % 7 + 10 };
		buckets[count++] = (struct bucket){ (int16_t)most, 3 };
		/* The other sign has one bucket, and the same scale. */
		mirrored[0] = (struct bucket){ BUCKET_NEGATIVE_BASE - 77, 5 };
		memcpy(mirrored + 1, buckets, count * sizeof(*buckets));
		metric.bucket_count = count + 1;
		request = request_make(&metric, 1);
		point = request.metrics[0]->exponential_histogram->data_points[0];
		assert_int_equal(point->scale, cases[i].scale);
		assert_merged(point->positive, point->scale, buckets, count, 0);
		assert_merged(point->negative, point->scale, mirrored, 1, BUCKET_NEGATIVE_BASE);
		request_release(&request);
	}
}

/* The ends of what a bucket can be, and counts that are fractions: what is said together is what is said apart. */
static void test_histogram_ends(void **state)
{
	static const struct bucket buckets[] = {
		{ BUCKET_NEGATIVE_BASE + BUCKET_E_MAX, 1 },
		{ BUCKET_NEGATIVE_BASE - BUCKET_E_MAX, 2.4 },
		{ BUCKET_ZERO, 0.5 },
		{ -BUCKET_E_MAX, 3 },
		{ BUCKET_E_MAX, 1e15 },
	};
	const struct metric metric = {
		.type = METRIC_TIMER, .name = "t", .tags = "", .buckets = buckets, .bucket_count = 5
	};
	struct request request = request_make(&metric, 1);
	const Otlp__ExponentialHistogramDataPoint *point =
		request.metrics[0]->exponential_histogram->data_points[0];

	(void)state;
	assert_int_equal(point->scale, 1);
	assert_int_equal(point->positive->offset, -256);
	assert_int_equal(point->positive->n_bucket_counts, 512);
	assert_int_equal(point->negative->n_bucket_counts, 512);
	assert_int_equal(point->negative->bucket_counts[0], 2);
	assert_int_equal(point->negative->bucket_counts[511], 1);
	assert_int_equal(point->positive->bucket_counts[511], 1000000000000000);
	assert_int_equal(point->count, 1 + 2 + 1 + 3 + 1000000000000000);
	request_release(&request);
}

/* Together counts stay below 2^63, whatever each is; a point whose counts do not is known. */
static void test_clamped(void **state)
{
	static const struct {
		double zero, one, two, negative;
		uint64_t wanted[4]; /* in this order */
		bool clamped;
	} cases[] = {
		{ 1, 2, 3, 4, { 1, 2, 3, 4 }, false },
		{ 1, 0x1p62, 0, 4, { 1, 1ULL << 62, 0, 4 }, false },
		{ 5, 1e300, 3, 4, { 5, INT64_MAX - 5, 0, 0 }, true },
		{ 0x1p62, 0x1p62, 7, 0, { 1ULL << 62, (1ULL << 62) - 1, 0, 0 }, true },
		{ INFINITY, 1, 1, 1, { INT64_MAX, 0, 0, 0 }, true },
		{ 0, 0x1p63, 0, INFINITY, { 0, INT64_MAX, 0, 0 }, true },
		{ NAN, 1, 0, 0, { 0, 1, 0, 0 }, true },
	};
	struct otlp_packer packer = {};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bucket buckets[] = { { BUCKET_NEGATIVE_BASE, cases[i].negative },
						  { BUCKET_ZERO, cases[i].zero },
						  { 1, cases[i].one },
						  { 2, cases[i].two } };
		const struct metric metric = {
			.type = METRIC_TIMER, .name = "t", .tags = "", .buckets = buckets, .bucket_count = 4
		};
		Otlp__ExponentialHistogramDataPoint *point;
		const void *packed;
		ptrdiff_t len = otlp_point_pack(&packer, &window, &metric, &packed);

		assert_true(len > 0);
		point = otlp__exponential_histogram_data_point__unpack(NULL, (size_t)len, packed);
		assert_non_null(point);
		assert_true(point->zero_count == cases[i].wanted[0]);
		assert_true(point->positive->bucket_counts[0] == cases[i].wanted[1]);
		assert_true(point->positive->bucket_counts[1] == cases[i].wanted[2]);
		assert_true(point->negative->bucket_counts[0] == cases[i].wanted[3]);
		assert_true(point->count == cases[i].wanted[0] + cases[i].wanted[1] + cases[i].wanted[2] +
						    cases[i].wanted[3]);
		assert_int_equal(packer.clamped, cases[i].clamped);
		otlp__exponential_histogram_data_point__free_unpacked(point, NULL);
	}
	otlp_packer_release(&packer);
}

/* A number that is not finite is left out, of a timer only the sum. */
static void test_not_finite(void **state)
{
	static const struct bucket bucket = { 1, 2 };
	struct metric metric = { .type = METRIC_COUNTER, .name = "c", .tags = "", .counter = INFINITY };
	Otlp__ExponentialHistogramDataPoint *point;
	struct otlp_packer packer = {};
	const void *packed;
	ptrdiff_t len;

	(void)state;
	assert_int_equal(otlp_point_pack(&packer, &window, &metric, &packed), 0);
	assert_true(packer.not_finite);
	metric.counter = 1;
	assert_true(otlp_point_pack(&packer, &window, &metric, &packed) > 0);
	assert_false(packer.not_finite);
	metric = (struct metric){
		.type = METRIC_TIMER, .name = "t", .tags = "", .buckets = &bucket, .bucket_count = 1
	};
	metric.timer.sum = -INFINITY;
	metric.timer.upper = 1e308;
	len = otlp_point_pack(&packer, &window, &metric, &packed);
	assert_true(len > 0 && packer.not_finite);
	point = otlp__exponential_histogram_data_point__unpack(NULL, (size_t)len, packed);
	assert_int_equal(point->maybe_sum_case, 0);
	assert_true(point->max == 1e308 && point->count == 2);
	otlp__exponential_histogram_data_point__free_unpacked(point, NULL);
	otlp_packer_release(&packer);
}

/* A timer of nothing says so, and has neither sum nor bounds. */
static void test_empty_histogram(void **state)
{
	const struct metric metric = { .type = METRIC_TIMER, .name = "t", .tags = "", .idle = true };
	struct request request = request_make(&metric, 1);
	const Otlp__ExponentialHistogramDataPoint *point =
		request.metrics[0]->exponential_histogram->data_points[0];

	(void)state;
	assert_int_equal(point->count, 0);
	assert_int_equal(point->maybe_sum_case, 0);
	assert_int_equal(point->maybe_min_case, 0);
	assert_null(point->positive);
	assert_null(point->negative);
	request_release(&request);
}

/* Long lengths, of two and three bytes each. */
static void test_long(void **state)
{
	static char name[300], tags[20000];
	struct metric metrics[2] = { { .type = METRIC_GAUGE, .name = name, .tags = tags } };
	struct request request;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(tags, 'v', sizeof(tags) - 1);
	memcpy(tags, "k=", 2);
	metrics[1] = metrics[0];
	metrics[1].tags = "";
	request = request_make(metrics, 2);
	assert_int_equal(request.count, 1);
	assert_string_equal(request.metrics[0]->name, name);
	assert_int_equal(request.metrics[0]->gauge->n_data_points, 2);
	assert_attribute(request.metrics[0]->gauge->data_points[0]->attributes[0], "k", tags + 2);
	request_release(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_clamped),
		cmocka_unit_test(test_not_finite),
		cmocka_unit_test(test_histogram_ends),
		cmocka_unit_test(test_empty_histogram),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
