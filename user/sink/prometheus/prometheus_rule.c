// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The mapping may be gone by the time its rule is needed: a flush is counted by another thread,
 * and the next reload reads another file. So what matters is copied, behind the rule itself.
 */
#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "sink/prometheus/prometheus_rule.h"

static int number_compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

/* Copies the finite ones, ascending, each once; returns how many. */
static size_t numbers_copy(double *to, const double *from, size_t count, size_t max)
{
	size_t kept = 0, unique = 0;

	for (size_t i = 0; i < count && kept < max; i++)
		if (isfinite(from[i]))
			to[kept++] = from[i];
	qsort(to, kept, sizeof(*to), number_compare);
	for (size_t i = 0; i < kept; i++)
		if (!i || to[i] != to[unique - 1])
			to[unique++] = to[i];
	return unique;
}

struct prometheus_rule *prometheus_rule_new(const struct prometheus_rule *like)
{
	const struct prometheus_shape *shape = &like->shape;
	const char *help = like->help ? like->help : "";
	size_t length = strlen(help) + 1;
	struct prometheus_rule *rule;
	double *numbers;

	rule = malloc(sizeof(*rule) + (PROMETHEUS_BOUNDS_MAX + PROMETHEUS_QUANTILES_MAX) * sizeof(double) +
		      length);
	if (!rule)
		return NULL;
	numbers = (double *)(rule + 1);
	*rule = *like;
	rule->refs = 1;
	rule->shape.bounds = numbers;
	rule->shape.bound_count =
		numbers_copy(numbers, shape->bounds, shape->bound_count, PROMETHEUS_BOUNDS_MAX);
	numbers += PROMETHEUS_BOUNDS_MAX;
	rule->shape.quantiles = numbers;
	rule->shape.quantile_count =
		numbers_copy(numbers, shape->quantiles, shape->quantile_count, PROMETHEUS_QUANTILES_MAX);
	numbers += PROMETHEUS_QUANTILES_MAX;
	rule->help = memcpy(numbers, help, length);
	if (!rule->shape.ages)
		rule->shape.ages = 1;
	if (rule->shape.ages > PROMETHEUS_AGES_MAX)
		rule->shape.ages = PROMETHEUS_AGES_MAX;
	return rule;
}

struct prometheus_rule *prometheus_rule_copy(const struct mapping_rule *from,
					     const struct prometheus_shape *fallback)
{
	const struct mapping_summary *summary = &from->summary;
	struct prometheus_rule rule = {
		.shaped = from->observer != OBSERVER_DEFAULT,
		.shape = *fallback,
		.ttl = from->ttl,
		.help = from->help,
	};
	double quantiles[PROMETHEUS_QUANTILES_MAX];
	size_t count = 0;

	rule.shape.summary = from->observer == OBSERVER_SUMMARY;
	if (from->histogram.bucket_count) {
		rule.shape.bounds = from->histogram.buckets;
		rule.shape.bound_count = from->histogram.bucket_count;
	}
	while (count < summary->quantile_count && count < PROMETHEUS_QUANTILES_MAX) {
		quantiles[count] = summary->quantiles[count].quantile;
		count++;
	}
	if (count) {
		rule.shape.quantiles = quantiles;
		rule.shape.quantile_count = count;
	}
	if (summary->max_age)
		rule.shape.max_age = summary->max_age;
	if (summary->age_buckets)
		rule.shape.ages = summary->age_buckets;
	return prometheus_rule_new(&rule);
}

struct prometheus_rule *prometheus_rule_ref(struct prometheus_rule *rule)
{
	rule->refs++;
	return rule;
}

void prometheus_rule_free(struct prometheus_rule *rule)
{
	if (rule && !--rule->refs)
		free(rule);
}

static bool numbers_equal(const double *one, size_t one_count, const double *other, size_t other_count)
{
	return one_count == other_count && !memcmp(one, other, one_count * sizeof(*one));
}

bool prometheus_rule_equal(const struct prometheus_rule *one, const struct prometheus_rule *other)
{
	const struct prometheus_shape *a = &one->shape, *b = &other->shape;

	return one->shaped == other->shaped && one->ttl == other->ttl && a->summary == b->summary &&
	       a->max_age == b->max_age && a->ages == b->ages && !strcmp(one->help, other->help) &&
	       numbers_equal(a->bounds, a->bound_count, b->bounds, b->bound_count) &&
	       numbers_equal(a->quantiles, a->quantile_count, b->quantiles, b->quantile_count);
}

/* A rule, and its copy, in a tree. */
struct copied {
	const struct mapping_rule *rule;
	struct prometheus_rule *copy;
};

struct copies {
	void *tree;
	const struct copied *last;
};

static int copied_compare(const void *a, const void *b)
{
	const struct mapping_rule *one = ((const struct copied *)a)->rule,
				  *other = ((const struct copied *)b)->rule;

	return (one > other) - (one < other);
}

static const struct copied *copied_new(struct prometheus_rules *rules, struct copies *copies,
				       const struct mapping_rule *rule)
{
	static const struct prometheus_shape fallback = { .max_age = PROMETHEUS_MAX_AGE,
							  .ages = PROMETHEUS_AGES };
	struct prometheus_rule **known =
		realloc(rules->known, (rules->known_count + 1) * sizeof(struct prometheus_rule *));
	struct copied *copied = malloc(sizeof(*copied));

	if (known)
		rules->known = known;
	if (copied)
		*copied = (struct copied){ rule, known ? prometheus_rule_copy(rule, &fallback) : NULL };
	if (!copied || !copied->copy || !tsearch(copied, &copies->tree, copied_compare)) {
		if (copied)
			prometheus_rule_free(copied->copy);
		free(copied);
		return NULL;
	}
	rules->known[rules->known_count++] = copied->copy;
	return copied;
}

/* The copy of a rule, one for all metrics of it. NULL: out of memory. */
static struct prometheus_rule *rule_copy(struct prometheus_rules *rules, struct copies *copies,
					 const struct mapping_rule *rule)
{
	const struct copied key = { .rule = rule };
	void *found;

	if (!copies->last || copies->last->rule != rule) {
		found = tfind(&key, &copies->tree, copied_compare);
		copies->last = found ? *(struct copied **)found : copied_new(rules, copies, rule);
	}
	return copies->last ? copies->last->copy : NULL;
}

int prometheus_rules_copy(struct prometheus_rules *rules, const struct snapshot *snapshot)
{
	struct copies copies = {};
	int err = 0;

	for (size_t i = 0; !err && i < snapshot->count; i++) {
		const struct mapping_rule *rule = snapshot->metrics[i].rule;

		if (!rule)
			continue;
		if (!rules->of)
			rules->of = calloc(snapshot->count, sizeof(struct prometheus_rule *));
		if (!rules->of || !(rules->of[i] = rule_copy(rules, &copies, rule)))
			err = -ENOMEM;
	}
	tdestroy(copies.tree, free);
	return err;
}

void prometheus_rules_release(struct prometheus_rules *rules)
{
	for (size_t i = 0; i < rules->known_count; i++)
		prometheus_rule_free(rules->known[i]);
	free(rules->known);
	free(rules->of);
	*rules = (struct prometheus_rules){};
}
