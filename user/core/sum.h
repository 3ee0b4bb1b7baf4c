/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Sums that do not depend on the order of addition. Values that are a whole number of
 * micros, nearly all there are, are summed in 128-bit integers and rounded once, when read:
 * ten times 0.1 is 1. The rest, such as 1e-9 or 1e300, is summed beside them in long double.
 */
#ifndef CORE_SUM_H
#define CORE_SUM_H

#include <stdbool.h>
#include <stdint.h>

struct sum {
	__int128 micros;
	long double rest;
};

void sum_add_micros(struct sum *sum, __int128 micros);
void sum_add(struct sum *sum, double value);
void sum_add_sum(struct sum *sum, const struct sum *other);
double sum_value(const struct sum *sum);

/* Is `value` what so many micros are, rounded to a double? Then *micros says how many. */
bool double_to_micros(double value, int64_t *micros);
/* numerator / divisor, rounded once (to nearest, ties to even). `divisor` is below 2^63. */
double fraction_to_double(unsigned __int128 numerator, uint64_t divisor);
double micros_to_double(__int128 micros);

/*
 * Count, sum, sum of squares, spread and extremes of values, in units. A value may weigh as
 * much as several equal ones, or as 3.33 of them. All zero: of none.
 */
struct moments {
	uint64_t count;		   /* of those summed in integers */
	__int128 sum;		   /* micros */
	unsigned __int128 squares; /* micros squared */
	long double rest_count;	   /* of the others */
	long double rest_sum, rest_squares;
	long double rest_spread; /* sum of squared distances from their mean */
	double min, max;
};

void moments_add(struct moments *moments, double value);
/* The same for `weight` equal values; above 0. */
void moments_add_weighted(struct moments *moments, double value, double weight);
/* Values whose sums are known; `min` and `max` in micros. */
void moments_add_sums(struct moments *moments, uint64_t count, __int128 sum, unsigned __int128 squares,
		      int64_t min, int64_t max);
void moments_add_moments(struct moments *moments, const struct moments *other);
/* How many values, each as often as it weighs. */
double moments_count(const struct moments *moments);
double moments_sum(const struct moments *moments);
double moments_squares(const struct moments *moments);
/* Of the population: divided by the count, as statsd does. 0 for none. */
double moments_deviation(const struct moments *moments);

#endif /* CORE_SUM_H */
