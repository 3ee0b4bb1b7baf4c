// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The sketch is read with the improved raw estimator of Otmar Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284, algorithm 6), which
 * has no bias for small counts and needs no correction tables: with C[k] the number of
 * registers of rank k and m = HLL_REGISTERS,
 *
 *     m * sigma(C[0]/m) + sum of C[k] * 2^-k for k = 1..q + m * tau(1 - C[q+1]/m) * 2^-q
 *
 * is what m^2 / (2 ln 2) is divided by.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/distinct.h"

#define SIZE_MIN 16
#define RANK_LAST 65 /* q + 1: a hash of 64 zeros */

static bool is_zero(const uint64_t hash[2])
{
	return !hash[0] && !hash[1];
}

/* The slot of a member, or the free one where it belongs. */
static uint64_t *member_find(const struct distinct *distinct, const uint64_t hash[2])
{
	size_t at = hash[0] & (distinct->size - 1);

	while (!is_zero(distinct->members[at]) &&
	       memcmp(distinct->members[at], hash, sizeof(*distinct->members)))
		at = (at + 1) & (distinct->size - 1);
	return distinct->members[at];
}

static int members_grow(struct distinct *distinct)
{
	struct distinct larger = { .size = distinct->size ? 2 * distinct->size : SIZE_MIN };

	larger.members = calloc(larger.size, sizeof(*larger.members));
	if (!larger.members)
		return -ENOMEM;
	for (size_t i = 0; i < distinct->size; i++)
		if (!is_zero(distinct->members[i]))
			memcpy(member_find(&larger, distinct->members[i]), distinct->members[i],
			       sizeof(*larger.members));
	free(distinct->members);
	distinct->members = larger.members;
	distinct->size = larger.size;
	return 0;
}

static void register_raise(struct distinct *distinct, uint32_t number, uint8_t rank)
{
	if (distinct->registers[number] < rank)
		distinct->registers[number] = rank;
}

static void sketch_add(struct distinct *distinct, const uint64_t hash[2])
{
	const __u64 words[2] = { hash[0], hash[1] };

	register_raise(distinct, sketch_register(words), sketch_rank(words));
}

/* From members to a sketch. */
static int distinct_estimate(struct distinct *distinct)
{
	const uint64_t zero[2] = {};

	if (distinct->registers)
		return 0;
	distinct->registers = calloc(HLL_REGISTERS, sizeof(*distinct->registers));
	if (!distinct->registers)
		return -ENOMEM;
	for (size_t i = 0; i < distinct->size; i++)
		if (!is_zero(distinct->members[i]))
			sketch_add(distinct, distinct->members[i]);
	if (distinct->zero)
		sketch_add(distinct, zero);
	free(distinct->members);
	distinct->members = NULL;
	distinct->used = 0;
	distinct->size = 0;
	distinct->zero = false;
	return 0;
}

static bool distinct_has(const struct distinct *distinct, const uint64_t hash[2])
{
	if (is_zero(hash))
		return distinct->zero;
	return distinct->size && !is_zero(member_find(distinct, hash));
}

int distinct_add(struct distinct *distinct, const uint64_t hash[2], size_t limit)
{
	if (!distinct->registers && distinct_has(distinct, hash))
		return 0;
	if (!distinct->registers && distinct->used + distinct->zero >= limit && distinct_estimate(distinct))
		return -ENOMEM;
	if (distinct->registers) {
		sketch_add(distinct, hash);
		return 0;
	}
	if (is_zero(hash)) {
		distinct->zero = true;
		return 0;
	}
	/* At most three quarters full. */
	if (4 * (distinct->used + 1) > 3 * distinct->size && members_grow(distinct))
		return -ENOMEM;
	memcpy(member_find(distinct, hash), hash, sizeof(*distinct->members));
	distinct->used++;
	return 0;
}

int distinct_merge(struct distinct *distinct, const uint8_t *registers)
{
	if (distinct_estimate(distinct))
		return -ENOMEM;
	for (uint32_t i = 0; i < HLL_REGISTERS; i++)
		register_raise(distinct, i, registers[i] <= RANK_LAST ? registers[i] : RANK_LAST);
	return 0;
}

int distinct_absorb(struct distinct *distinct, const struct distinct *other, size_t limit)
{
	const uint64_t zero[2] = {};
	int err = 0;

	if (other->registers)
		return distinct_merge(distinct, other->registers);
	if (other->zero)
		err = distinct_add(distinct, zero, limit);
	for (size_t i = 0; i < other->size && !err; i++)
		if (!is_zero(other->members[i]))
			err = distinct_add(distinct, other->members[i], limit);
	return err;
}

/* x + sum of x^(2^k) * 2^(k-1) for k = 1, 2, ... */
static double sigma(double x)
{
	double factor = 1, sum = x, before;

	if (x == 1)
		return INFINITY;
	do {
		before = sum;
		x *= x;
		sum += x * factor;
		factor *= 2;
	} while (sum != before);
	return sum;
}

/* (1 - x - sum of (1 - x^(2^-k))^2 * 2^-k for k = 1, 2, ...) / 3 */
static double tau(double x)
{
	double factor = 1, sum = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		before = sum;
		x = sqrt(x);
		factor /= 2;
		sum -= (1 - x) * (1 - x) * factor;
	} while (sum != before);
	return sum / 3;
}

static double sketch_count(const uint8_t *registers)
{
	uint32_t ranks[RANK_LAST + 1] = {};
	double sum;

	for (uint32_t i = 0; i < HLL_REGISTERS; i++)
		ranks[registers[i]]++;
	sum = HLL_REGISTERS * tau(1 - (double)ranks[RANK_LAST] / HLL_REGISTERS);
	for (int k = RANK_LAST - 1; k > 0; k--)
		sum = (sum + ranks[k]) / 2;
	sum += HLL_REGISTERS * sigma((double)ranks[0] / HLL_REGISTERS);
	return round((double)HLL_REGISTERS * HLL_REGISTERS / (2 * log(2) * sum));
}

double distinct_count(const struct distinct *distinct, bool *estimated)
{
	*estimated = distinct->registers != NULL;
	return *estimated ? sketch_count(distinct->registers) : (double)(distinct->used + distinct->zero);
}

void distinct_release(struct distinct *distinct)
{
	free(distinct->members);
	free(distinct->registers);
	*distinct = (struct distinct){};
}
