// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Timer statistics are statsd's. The first table mirrors the cases of statsd's own
 * process_metrics tests; then histograms are held against raw samples of many shapes.
 */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/statistics.h"

#define VALUES_MAX 16
#define SHAPES_MAX 2000
#define TOLERANCE 0.006

static uint64_t chance = 1;
static enum timer_unit unit; /* of all timers: what is said of them does not depend on it */

static void timer_add(struct timer_window *timer, double value, double weight, bool exact)
{
	const struct sample sample = { value, weight };

	timer->unit = unit;
	moments_add_weighted(&timer->moments, value, weight);
	sum_add(&timer->weight, weight);
	timer->received++;
	if (exact)
		assert_int_equal(samples_add(&timer->samples, sample, 0, &chance), 0);
	else
		assert_int_equal(histogram_add(&timer->histogram, histogram_index(unit, value), weight), 0);
}

static void timer_fill(struct timer_window *timer, const double *values, size_t count, bool exact)
{
	*timer = (struct timer_window){};
	for (size_t i = 0; i < count; i++)
		timer_add(timer, values[i], 1, exact);
}

static void assert_near(const char *what, double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("%s is %.17g, not %.17g", what, got, want);
}

struct wanted_percentile {
	double percentile;
	uint64_t count; /* 0: nothing is sent */
	double mean, boundary, sum, sum_squares;
};

static const struct {
	const char *name;
	double values[VALUES_MAX];
	size_t count;
	struct timer_stats stats;
	struct wanted_percentile percentiles[4];
	size_t percentile_count;
} cases[] = {
	{ .name = "no samples", .percentiles = { { 90, 0, 0, 0, 0, 0 } }, .percentile_count = 1 },
	{ .name = "single time",
	  .values = { 100 },
	  .count = 1,
	  .stats = { .upper = 100,
		     .lower = 100,
		     .sum = 100,
		     .sum_squares = 10000,
		     .mean = 100,
		     .median = 100 },
	  .percentiles = { { 90, 1, 100, 100, 100, 10000 },
			   { 0.1, 1, 100, 100, 100, 10000 },
			   { -10, 1, 100, 100, 100, 10000 } },
	  .percentile_count = 3 },
	{ .name = "multiple times",
	  .values = { 300, 100, 200 },
	  .count = 3,
	  .stats = { .upper = 300,
		     .lower = 100,
		     .sum = 600,
		     .sum_squares = 140000,
		     .mean = 200,
		     .median = 200,
		     .std = 81.64965809277261 },
	  .percentiles = { { 90, 3, 200, 300, 600, 140000 } },
	  .percentile_count = 1 },
	{ .name = "multiple percentiles",
	  .values = { 100, 200, 300 },
	  .count = 3,
	  .stats = { .upper = 300,
		     .lower = 100,
		     .sum = 600,
		     .sum_squares = 140000,
		     .mean = 200,
		     .median = 200,
		     .std = 81.64965809277261 },
	  .percentiles = { { 90, 3, 200, 300, 600, 140000 },
			   { 80, 2, 150, 200, 300, 50000 },
			   { 10, 0, 0, 0, 0, 0 } },
	  .percentile_count = 3 },
	{ .name = "single top percentile",
	  .values = { 10, 10, 10, 10, 10, 10, 10, 10, 100, 200 },
	  .count = 10,
	  .stats = { .upper = 200,
		     .lower = 10,
		     .sum = 380,
		     .sum_squares = 50800,
		     .mean = 38,
		     .median = 10,
		     .std = 60.29925372672534 },
	  .percentiles = { { -20, 2, 150, 100, 300, 50000 } },
	  .percentile_count = 1 },
	{ .name = "top percentiles, and all of them",
	  .values = { 10, 10, 10, 10, 10, 10, 10, 10, 100, 200 },
	  .count = 10,
	  .stats = { .upper = 200,
		     .lower = 10,
		     .sum = 380,
		     .sum_squares = 50800,
		     .mean = 38,
		     .median = 10,
		     .std = 60.29925372672534 },
	  .percentiles = { { -10, 1, 200, 200, 200, 40000 },
			   { -20, 2, 150, 100, 300, 50000 },
			   { -100, 10, 38, 10, 380, 50800 },
			   { 100, 10, 38, 200, 380, 50800 } },
	  .percentile_count = 4 },
	{ .name = "even median",
	  .values = { 300, 200, 400, 100 },
	  .count = 4,
	  .stats = { .upper = 400,
		     .lower = 100,
		     .sum = 1000,
		     .sum_squares = 300000,
		     .mean = 250,
		     .median = 250,
		     .std = 111.80339887498948 },
	  .percentiles = { { 99.9, 4, 250, 400, 1000, 300000 }, { 37.4, 1, 100, 100, 100, 10000 } },
	  .percentile_count = 2 },
	{ .name = "k rounds half up",
	  .values = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
	  .count = 10,
	  .stats = { .upper = 10,
		     .lower = 1,
		     .sum = 55,
		     .sum_squares = 385,
		     .mean = 5.5,
		     .median = 5.5,
		     .std = 2.8722813232690143 },
	  .percentiles = { { 25, 3, 2, 3, 6, 14 },
			   { 24.9, 2, 1.5, 2, 3, 5 },
			   { -4, 0, 0, 0, 0, 0 },
			   { 0, 0, 0, 0, 0, 0 } },
	  .percentile_count = 4 },
	{ .name = "decimals stay decimals",
	  .values = { 0.1, 0.2, 0.3, 0.4 },
	  .count = 4,
	  .stats = { .upper = 0.4,
		     .lower = 0.1,
		     .sum = 1,
		     .sum_squares = 0.3,
		     .mean = 0.25,
		     .median = 0.25,
		     .std = 0.11180339887498949 },
	  .percentiles = { { 75, 3, 0.19999999999999998, 0.3, 0.6, 0.14 } },
	  .percentile_count = 1 },
};

/* `tolerance` is for what a histogram only estimates. */
static void check_case(size_t i, bool exact, double tolerance)
{
	const struct timer_stats *want = &cases[i].stats;
	struct percentile_stats percentiles[4];
	double wanted[4];
	struct timer_window timer;
	struct timer_stats stats;

	for (size_t j = 0; j < cases[i].percentile_count; j++)
		wanted[j] = cases[i].percentiles[j].percentile;
	timer_fill(&timer, cases[i].values, cases[i].count, exact);
	statistics_compute(&timer, wanted, cases[i].percentile_count, &stats, percentiles);
	timer_window_release(&timer);

	assert_int_equal(stats.samples, cases[i].count);
	assert_near("count", stats.count, (double)cases[i].count, 0);
	assert_near("upper", stats.upper, want->upper, 0);
	assert_near("lower", stats.lower, want->lower, 0);
	assert_near("sum", stats.sum, want->sum, 0);
	assert_near("sum_squares", stats.sum_squares, want->sum_squares, 0);
	assert_near("mean", stats.mean, want->mean, 0);
	assert_near("std", stats.std, want->std, 1e-15);
	assert_near("median", stats.median, want->median, tolerance);
	for (size_t j = 0; j < cases[i].percentile_count; j++) {
		const struct wanted_percentile *wanted_one = &cases[i].percentiles[j];

		assert_int_equal(percentiles[j].count, wanted_one->count);
		assert_near("percentile's boundary", percentiles[j].boundary, wanted_one->boundary,
			    tolerance);
		assert_near("percentile's sum", percentiles[j].sum, wanted_one->sum, tolerance);
		assert_near("percentile's mean", percentiles[j].mean, wanted_one->mean, tolerance + 1e-15);
		assert_near("percentile's sum_squares", percentiles[j].sum_squares, wanted_one->sum_squares,
			    2 * tolerance);
	}
}

static void test_cases_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_case(i, true, 0);
}

static void test_cases_histogram(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_case(i, false, TOLERANCE);
}

static double uniform(void)
{
	return ((double)random() + 0.5) / ((double)RAND_MAX + 1);
}

static double shape_constant(size_t i)
{
	(void)i;
	return 3.7;
}

static double shape_even(size_t i)
{
	(void)i;
	return round(uniform() * 1e9) / 1e6;
}

static double shape_exponential(size_t i)
{
	(void)i;
	return round(-log(uniform()) * 1e7) / 1e6;
}

/* Heavy tail: the top holds most of the sum. */
static double shape_pareto(size_t i)
{
	(void)i;
	return pow(uniform(), -1.5);
}

static double shape_two_peaks(size_t i)
{
	return i % 10 ? 1 + uniform() / 100 : 1000 + uniform();
}

static double shape_small(size_t i)
{
	(void)i;
	return uniform() * 1e-9;
}

static double shape_negative(size_t i)
{
	(void)i;
	return -1 - uniform() * 100;
}

/* Its square is beyond what the sum of all squares knows of the others. */
static double shape_outlier(size_t i)
{
	return i == 1 ? 6e13 : 1e5 + 1e3 * (double)(i % 50);
}

static double (*const shapes[])(size_t i) = {
	shape_constant,	 shape_even,  shape_exponential, shape_pareto,
	shape_two_peaks, shape_small, shape_negative,	 shape_outlier,
};

/* What a histogram says of values of one shape is within 0.6 % of what the samples say. */
static void check_shape(double (*shape)(size_t i), size_t count)
{
	static const double wanted[] = { 1, 10, 50, 90, 99, 99.9, 100, -1, -10, -50, -99, -100 };
	const size_t wanted_count = sizeof(wanted) / sizeof(*wanted);
	struct percentile_stats exact_percentiles[12], percentiles[12];
	struct timer_window exact, histogram;
	struct timer_stats exact_stats, stats;
	double values[SHAPES_MAX];

	for (size_t i = 0; i < count; i++)
		values[i] = shape(i);
	timer_fill(&exact, values, count, true);
	timer_fill(&histogram, values, count, false);
	statistics_compute(&exact, wanted, wanted_count, &exact_stats, exact_percentiles);
	statistics_compute(&histogram, wanted, wanted_count, &stats, percentiles);
	assert_near("median", stats.median, exact_stats.median, TOLERANCE);
	stats.median = exact_stats.median;
	assert_memory_equal(&stats, &exact_stats, sizeof(stats));
	for (size_t i = 0; i < wanted_count; i++) {
		const struct percentile_stats *got = &percentiles[i], *want = &exact_percentiles[i];

		assert_int_equal(got->count, want->count);
		assert_near("boundary", got->boundary, want->boundary, TOLERANCE);
		assert_near("sum", got->sum, want->sum, TOLERANCE);
		assert_near("mean", got->mean, want->mean, TOLERANCE);
		assert_near("sum_squares", got->sum_squares, want->sum_squares, 2 * TOLERANCE);
		if (fabs(wanted[i]) == 100)
			assert_memory_equal(got, want, sizeof(*got));
	}
	timer_window_release(&exact);
	timer_window_release(&histogram);
}

static void test_shapes(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 10, 100, 1000, SHAPES_MAX };

	(void)state;
	srandom(3);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(*counts); j++)
			check_shape(shapes[i], counts[j]);
}

static void test_mixed_signs(void **state)
{
	static const double values[] = { -5, -4, 0, 4, 5 }, wanted[] = { 20, 60, -40, 100 };
	struct percentile_stats percentiles[4];
	struct timer_window timer;
	struct timer_stats stats;

	(void)state;
	timer_fill(&timer, values, 5, false);
	statistics_compute(&timer, wanted, 4, &stats, percentiles);
	timer_window_release(&timer);
	assert_near("sum", stats.sum, 0, 0);
	assert_near("median", stats.median, 0, 0);
	assert_near("sum_20", percentiles[0].sum, -5, 0);
	assert_near("upper_20", percentiles[0].boundary, -5, 0);
	assert_near("upper_60", percentiles[1].boundary, 0, 0);
	assert_near("sum_60", percentiles[1].sum, -9, TOLERANCE);
	assert_near("sum_top40", percentiles[2].sum, 9, TOLERANCE);
	assert_near("lower_top40", percentiles[2].boundary, 4, TOLERANCE);
	assert_near("sum_100", percentiles[3].sum, 0, 0);
}

/* Sums over percentiles never contradict one another: more values of one sign, larger sum. */
static void test_monotonic(void **state)
{
	double wanted[100], values[SHAPES_MAX];
	struct percentile_stats percentiles[100];
	struct timer_window timer;
	struct timer_stats stats;

	(void)state;
	srandom(4);
	for (size_t i = 0; i < SHAPES_MAX; i++)
		values[i] = shape_exponential(i);
	for (int i = 0; i < 100; i++)
		wanted[i] = i + 1;
	timer_fill(&timer, values, SHAPES_MAX, false);
	statistics_compute(&timer, wanted, 100, &stats, percentiles);
	timer_window_release(&timer);
	for (int i = 1; i < 100; i++) {
		assert_true(percentiles[i].sum >= percentiles[i - 1].sum);
		assert_true(percentiles[i].boundary >= percentiles[i - 1].boundary);
		assert_true(percentiles[i].mean <= percentiles[i].boundary);
	}
	assert_true(percentiles[99].sum == stats.sum);
}

/* A value that weighs w is w equal values, wherever it comes from. */
static void check_weights(double (*shape)(size_t i), size_t count, bool exact)
{
	static const double wanted[] = { 1, 10, 50, 90, 99, 99.9, 100, -1, -10, -50, -99, -100 };
	const size_t wanted_count = sizeof(wanted) / sizeof(*wanted);
	struct percentile_stats repeated_percentiles[12], percentiles[12];
	struct timer_window weighted = {}, repeated = {};
	struct timer_stats repeated_stats, stats;
	double value, weight;

	for (size_t i = 0; i < count; i++) {
		value = round(shape(i) * 1e6) / 1e6;
		weight = (double)(1 + random() % 7);
		timer_add(&weighted, value, weight, exact);
		for (double j = 0; j < weight; j++)
			timer_add(&repeated, value, 1, exact);
	}
	repeated.received = count;
	statistics_compute(&weighted, wanted, wanted_count, &stats, percentiles);
	statistics_compute(&repeated, wanted, wanted_count, &repeated_stats, repeated_percentiles);
	assert_memory_equal(&stats, &repeated_stats, sizeof(stats));
	assert_memory_equal(percentiles, repeated_percentiles, sizeof(percentiles));
	timer_window_release(&weighted);
	timer_window_release(&repeated);
}

static void test_weights(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 10, 100, 500 };

	(void)state;
	srandom(5);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(*counts); j++) {
			check_weights(shapes[i], counts[j], true);
			check_weights(shapes[i], counts[j], false);
		}
}

/* Rates of 0.3 and 0.4: 1 weighs 10/3, 2 weighs 2.5, 4 weighs 10/3; together 9.1666. */
static void check_fractions(bool exact, double tolerance)
{
	static const double wanted[] = { 50, -50, 100, -100, 10, 4 };
	const double third = 1 / 0.3, n = third + 2.5 + third;
	const struct wanted_percentile want[] = {
		{ 50, 5, (third + (5 - third) * 2) / 5, 2, third + (5 - third) * 2, third + (5 - third) * 4 },
		{ -50, 5, (third * 4 + (5 - third) * 2) / 5, 2, third * 4 + (5 - third) * 2,
		  third * 16 + (5 - third) * 4 },
		{ 100, 9, (third + 5 + (6.5 - third) * 4) / 9, 4, third + 5 + (6.5 - third) * 4,
		  third + 10 + (6.5 - third) * 16 },
		{ -100, 9, (third * 4 + 5 + 6.5 - third) / 9, 1, third * 4 + 5 + 6.5 - third,
		  third * 16 + 10 + 6.5 - third },
		{ 10, 1, 1, 1, 1, 1 },
		{ 4, 0, 0, 0, 0, 0 },
	};
	struct percentile_stats percentiles[6];
	struct timer_window timer = {};
	struct timer_stats stats;

	timer_add(&timer, 4, third, exact);
	timer_add(&timer, 1, third, exact);
	timer_add(&timer, 2, 2.5, exact);
	statistics_compute(&timer, wanted, 6, &stats, percentiles);
	timer_window_release(&timer);
	assert_int_equal(stats.samples, 3);
	assert_near("count", stats.count, n, 1e-15);
	assert_near("sum", stats.sum, third * 5 + 5, 1e-15);
	assert_near("sum_squares", stats.sum_squares, third * 17 + 10, 1e-15);
	assert_near("mean", stats.mean, (third * 5 + 5) / n, 1e-15);
	assert_near("median", stats.median, 2, tolerance);
	assert_near("std", stats.std, sqrt((third * 17 + 10) / n - stats.mean * stats.mean), 1e-14);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(percentiles[i].count, want[i].count);
		assert_near("boundary", percentiles[i].boundary, want[i].boundary, tolerance);
		assert_near("sum", percentiles[i].sum, want[i].sum, tolerance + 1e-15);
		assert_near("mean", percentiles[i].mean, want[i].mean, tolerance + 1e-15);
		assert_near("sum_squares", percentiles[i].sum_squares, want[i].sum_squares,
			    2 * tolerance + 1e-15);
	}
}

static void assert_timer_is_numbers(const struct timer_stats *timer)
{
	assert_false(isnan(timer->mean) || isnan(timer->sum) || isnan(timer->sum_squares) ||
		     isnan(timer->median) || isnan(timer->std) || isnan(timer->upper) || isnan(timer->lower));
}

/* Weights that sum to infinity: each number is one, or infinite. */
static void test_endless_weights(void **state)
{
	static const double values[] = { 0, 1, -5, 1e300 }, wanted[] = { 90, -10, 50 };
	struct percentile_stats percentiles[3];
	struct timer_stats stats;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct timer_window timer = {};

		for (int times = 0; times < 3; times++) {
			timer_add(&timer, values[i / 2], 1e308, i & 1);
			timer_add(&timer, -values[i / 2], 1e307, i & 1);
		}
		timer.received = 6;
		statistics_compute(&timer, wanted, 3, &stats, percentiles);
		assert_timer_is_numbers(&stats);
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(percentiles[j].count, UINT64_MAX);
			assert_false(isnan(percentiles[j].mean) || isnan(percentiles[j].sum) ||
				     isnan(percentiles[j].boundary) || isnan(percentiles[j].sum_squares));
		}
		timer_window_release(&timer);
	}
}

static void test_fractions(void **state)
{
	(void)state;
	check_fractions(true, 0);
	check_fractions(false, TOLERANCE);
}

/* Math.round(0.49999999999999994) is 0; the sum with 0.5, rounded down, would be 1. */
static void test_round_half_up(void **state)
{
	static const double wanted[] = { 24.999999999999997, 25, 75, 74.99999999999999 };
	static const uint64_t counts[] = { 0, 1, 2, 1 };
	struct percentile_stats percentiles[4];
	struct timer_window timer = {};
	struct timer_stats stats;

	(void)state;
	assert_near("k before rounding", fabs(wanted[0]) / 100 * 2, 0.49999999999999994, 0);
	timer_add(&timer, 1, 1, true);
	timer_add(&timer, 2, 1, true);
	statistics_compute(&timer, wanted, 4, &stats, percentiles);
	timer_window_release(&timer);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(percentiles[i].count, counts[i]);
}

/* Of many samples a fair part: what comes from all is exact, what comes from the part is near. */
static void check_part(bool weighted)
{
	static const double wanted[] = { 10, 50, 90, 99, -10, 100 };
	struct percentile_stats all_percentiles[6], percentiles[6];
	struct timer_window all = {}, part = {};
	struct timer_stats all_stats, stats;
	double value, weight;

	for (size_t i = 0; i < 20000; i++) {
		value = shape_exponential(i);
		weight = weighted ? (double)(1 + random() % 10) : 1;
		timer_add(&all, value, weight, true);
		moments_add_weighted(&part.moments, value, weight);
		sum_add(&part.weight, weight);
		part.received++;
		assert_int_equal(samples_add(&part.samples, (struct sample){ value, weight }, 2000, &chance),
				 0);
	}
	assert_int_equal(part.samples.used, 2000);
	statistics_compute(&all, wanted, 6, &all_stats, all_percentiles);
	statistics_compute(&part, wanted, 6, &stats, percentiles);
	/* The standard error of the median's rank is 1.1 % of all; of its value, 2.2 %: five of them. */
	assert_near("median", stats.median, all_stats.median, 0.11);
	stats.median = all_stats.median;
	assert_memory_equal(&stats, &all_stats, sizeof(stats));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(percentiles[i].count, all_percentiles[i].count);
		assert_near("boundary", percentiles[i].boundary, all_percentiles[i].boundary, 0.3);
		assert_near("sum", percentiles[i].sum, all_percentiles[i].sum, 0.3);
	}
	assert_memory_equal(&percentiles[5], &all_percentiles[5], sizeof(percentiles[5]));
	timer_window_release(&all);
	timer_window_release(&part);
}

static void test_part(void **state)
{
	(void)state;
	srandom(6);
	chance = 12345;
	check_part(false);
	check_part(true);
}

/* The last three of statsd's timers_histogram, then limits at the values, and below all of them. */
static const struct {
	double values[VALUES_MAX];
	size_t count;
	double limits[4];
	size_t limit_count;
	double wanted[4];
} bins[] = {
	{ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10, { 1, 2 }, 2, { 0, 1 } },
	{ { 0.1234, 2.89, 4, 6, 8 }, 5, { 1, 2.21, INFINITY }, 3, { 1, 0, 4 } },
	{ { 0, 2, 4, 6, 8 }, 5, {}, 0, {} },
	{ { 10, 10, 20.5, 20.4 }, 4, { 10, 20.5, 30 }, 3, { 0, 3, 1 } },
	{ { 9, 10, 11, 20, 49, 50, 89, 90 }, 8, { 10, 50, 90, INFINITY }, 4, { 1, 4, 2, 1 } },
	{ { 9.99, 9.98 }, 2, { 10 }, 1, { 2 } },
	{ { 5, 6 }, 2, { -1, 0, 1 }, 3, { 0, 0, 0 } },
	{ { -5, -4, 0 }, 3, { -4.5, 0, INFINITY }, 3, { 1, 1, 1 } },
};

static void check_bins(size_t i, bool exact)
{
	struct bin_stats got[4] = {};
	struct timer_window timer;
	struct timer_stats stats;

	timer_fill(&timer, bins[i].values, bins[i].count, exact);
	statistics_compute(&timer, NULL, 0, &stats, NULL);
	statistics_bins(&timer, bins[i].limits, bins[i].limit_count, got);
	timer_window_release(&timer);
	for (size_t j = 0; j < bins[i].limit_count; j++) {
		assert_true(got[j].limit == bins[i].limits[j]);
		if (got[j].count != bins[i].wanted[j])
			fail_msg("case %zu, %s: below %g there are %g, not %g", i,
				 exact ? "exact" : "buckets", got[j].limit, got[j].count, bins[i].wanted[j]);
	}
}

static void test_bins(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bins) / sizeof(*bins); i++)
		check_bins(i, true);
	/* but the one with a value just below a limit */
	for (size_t i = 0; i < sizeof(bins) / sizeof(*bins); i++)
		if (i != 3)
			check_bins(i, false);
}

static void test_weighted_bins(void **state)
{
	static const double limits[] = { 5, 50, INFINITY };
	struct bin_stats got[3];

	(void)state;
	for (int exact = 0; exact < 2; exact++) {
		struct timer_window timer = {};
		struct timer_stats stats;

		timer_add(&timer, 10, 2.5, exact);
		timer_add(&timer, 100, 4, exact);
		timer_add(&timer, 20, 1, exact);
		statistics_compute(&timer, NULL, 0, &stats, NULL);
		statistics_bins(&timer, limits, 3, got);
		timer_window_release(&timer);
		assert_true(got[0].count == 0 && got[1].count == 3.5 && got[2].count == 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_exact),
		cmocka_unit_test(test_cases_histogram),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_mixed_signs),
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_endless_weights),
		cmocka_unit_test(test_fractions),
		cmocka_unit_test(test_round_half_up),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_bins),
		cmocka_unit_test(test_weighted_bins),
	};

	int failed = cmocka_run_group_tests_name("values as they are", tests, NULL, NULL);

	unit = UNIT_MILLISECONDS;
	return failed + cmocka_run_group_tests_name("milliseconds", tests, NULL, NULL);
}
