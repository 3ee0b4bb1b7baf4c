// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The spread of n integers x, without cancellation: with m the integer nearest to their
 * mean and r = sum - n*m, |r| <= n/2,
 *
 *     S = sum((x - m)^2) = squares - 2*m*sum + n*m*m        spread = S - r*r/n
 *
 * S is computed modulo 2^128. Intermediate terms may wrap; S itself does not, since it is
 * no larger than squares + n/4, so it comes out exact. And because every x is an integer,
 * r*r/n is at most S/2: the last subtraction loses nothing either.
 *
 * Where the integers would overflow, they are moved to the rest, combined by the formula of
 * Chan, Golub and LeVeque ("Updating Formulae and a Pairwise Algorithm for Computing Sample
 * Variances", 1979).
 */
#include <math.h>
#include "core/sum.h"
#include "kstatsd.h"

#define MICROS_SQUARED ((uint64_t)MICROS * MICROS)
#define EXACT_MAX 0x1p52  /* below it, different micros are different doubles */
#define WEIGHT_MAX 0x1p62 /* below it, a weight is an integer of 64 bits */

static unsigned int bit_width(unsigned __int128 value)
{
	uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;

	if (high)
		return 128 - (unsigned int)__builtin_clzll(high);
	return low ? 64 - (unsigned int)__builtin_clzll(low) : 0;
}

double fraction_to_double(unsigned __int128 numerator, uint64_t divisor)
{
	unsigned int shift = 128 - bit_width(numerator);
	unsigned __int128 quotient;

	if (!numerator)
		return 0;
	/* At least 64 bits of quotient, and a bit below them for the remainder: one rounding is left. */
	numerator <<= shift;
	quotient = numerator / divisor;
	if (numerator % divisor)
		quotient |= 1;
	return ldexp((double)quotient, -(int)shift);
}

double micros_to_double(__int128 micros)
{
	double magnitude = fraction_to_double(
		micros < 0 ? -(unsigned __int128)micros : (unsigned __int128)micros, MICROS);

	return micros < 0 ? -magnitude : magnitude;
}

bool double_to_micros(double value, int64_t *micros)
{
	double scaled = nearbyint(value * MICROS);

	if (!(fabs(scaled) < EXACT_MAX) || scaled / MICROS != value)
		return false;
	*micros = (int64_t)scaled;
	return true;
}

void sum_add_micros(struct sum *sum, __int128 micros)
{
	__int128 total;

	if (__builtin_add_overflow(sum->micros, micros, &total)) {
		sum->rest += (long double)sum->micros / MICROS;
		total = micros;
	}
	sum->micros = total;
}

void sum_add(struct sum *sum, double value)
{
	int64_t micros;

	if (double_to_micros(value, &micros))
		sum_add_micros(sum, micros);
	else
		sum->rest += value;
}

void sum_add_sum(struct sum *sum, const struct sum *other)
{
	sum_add_micros(sum, other->micros);
	sum->rest += other->rest;
}

double sum_value(const struct sum *sum)
{
	if (sum->rest == 0)
		return micros_to_double(sum->micros);
	return (double)((long double)sum->micros / MICROS + sum->rest);
}

/* The spread of the integer part, in micros squared. */
static long double integer_spread(const struct moments *moments)
{
	unsigned __int128 sum = (unsigned __int128)moments->sum, count = moments->count, nearest, spread;
	long double rest;
	__int128 mean;

	if (!moments->count)
		return 0;
	mean = moments->sum / (__int128)count;
	mean += (moments->sum - mean * (__int128)count) * 2 / (__int128)count;
	nearest = (unsigned __int128)mean;
	spread = moments->squares - 2 * nearest * sum + count * nearest * nearest;
	rest = (long double)(__int128)(sum - count * nearest);
	return (long double)spread - rest * rest / (long double)count;
}

/* Takes `count` more values of known sums into the rest. */
static void rest_merge(struct moments *moments, long double count, long double sum, long double squares,
		       long double spread)
{
	long double mine = moments->rest_count, distance;

	if (count > 0 && mine > 0) {
		distance = sum / count - moments->rest_sum / mine;
		spread += distance * distance * (mine * count / (mine + count));
	}
	moments->rest_count += count;
	moments->rest_sum += sum;
	moments->rest_squares += squares;
	moments->rest_spread += spread;
}

/* Moves the integer part to the rest. */
static void integers_move(struct moments *moments)
{
	rest_merge(moments, (long double)moments->count, (long double)moments->sum / MICROS,
		   (long double)moments->squares / MICROS_SQUARED, integer_spread(moments) / MICROS_SQUARED);
	moments->count = 0;
	moments->sum = 0;
	moments->squares = 0;
}

static void integers_add(struct moments *moments, uint64_t count, __int128 sum, unsigned __int128 squares)
{
	unsigned __int128 total_squares;
	__int128 total_sum;

	if (__builtin_add_overflow(moments->squares, squares, &total_squares) ||
	    __builtin_add_overflow(moments->sum, sum, &total_sum)) {
		integers_move(moments);
		total_squares = squares;
		total_sum = sum;
	}
	moments->count += count;
	moments->sum = total_sum;
	moments->squares = total_squares;
}

static void extremes_add(struct moments *moments, double min, double max)
{
	bool first = !moments->count && moments->rest_count == 0;

	if (first || min < moments->min)
		moments->min = min;
	if (first || max > moments->max)
		moments->max = max;
}

void moments_add(struct moments *moments, double value)
{
	moments_add_weighted(moments, value, 1);
}

/* Sums of `weight` values of so many micros. False: only approximately. */
static bool weigh(int64_t micros, double weight, __int128 *sum, unsigned __int128 *squares)
{
	if (weight != floor(weight) || weight >= WEIGHT_MAX)
		return false;
	*sum = (__int128)micros * (int64_t)weight;
	return !__builtin_mul_overflow((unsigned __int128)((__int128)micros * micros), (uint64_t)weight,
				       squares);
}

void moments_add_weighted(struct moments *moments, double value, double weight)
{
	unsigned __int128 squares;
	__int128 sum;
	int64_t micros;

	extremes_add(moments, value, value);
	if (double_to_micros(value, &micros) && weigh(micros, weight, &sum, &squares))
		integers_add(moments, (uint64_t)weight, sum, squares);
	else
		rest_merge(moments, weight, (long double)value * weight, (long double)value * value * weight,
			   0);
}

void moments_add_sums(struct moments *moments, uint64_t count, __int128 sum, unsigned __int128 squares,
		      int64_t min, int64_t max)
{
	if (!count)
		return;
	extremes_add(moments, micros_to_double(min), micros_to_double(max));
	integers_add(moments, count, sum, squares);
}

void moments_add_moments(struct moments *moments, const struct moments *other)
{
	if (!other->count && other->rest_count == 0)
		return;
	extremes_add(moments, other->min, other->max);
	integers_add(moments, other->count, other->sum, other->squares);
	rest_merge(moments, other->rest_count, other->rest_sum, other->rest_squares, other->rest_spread);
}

double moments_count(const struct moments *moments)
{
	return (double)((long double)moments->count + moments->rest_count);
}

double moments_sum(const struct moments *moments)
{
	const struct sum sum = { .micros = moments->sum, .rest = moments->rest_sum };

	return sum_value(&sum);
}

double moments_squares(const struct moments *moments)
{
	if (moments->rest_squares == 0)
		return fraction_to_double(moments->squares, MICROS_SQUARED);
	return (double)((long double)moments->squares / MICROS_SQUARED + moments->rest_squares);
}

double moments_deviation(const struct moments *moments)
{
	struct moments all = *moments;

	if (moments_count(moments) == 0)
		return 0;
	if (moments->rest_count == 0)
		return (double)(sqrtl(integer_spread(moments) / (long double)moments->count) / MICROS);
	integers_move(&all);
	return (double)sqrtl(all.rest_spread / all.rest_count);
}
