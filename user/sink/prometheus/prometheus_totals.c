// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Series: found or made, added to, and dropped when they are too many or too old. */
#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "sink/prometheus/prometheus_internal.h"
#include "sink/prometheus/prometheus_names.h"

/* A timer has a few hundred; one that somebody fills with random numbers has 16,000. */
#define BUCKETS_PER_SERIES 128

struct totals *totals_new(const struct totals_options *options)
{
	struct totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return NULL;
	totals->options = options;
	TAILQ_INIT(&totals->order);
	TAILQ_INIT(&totals->changed);
	return totals;
}

void totals_set_gone(struct totals *totals, const struct totals_gone *gone)
{
	totals->gone = *gone;
}

/* Also frees the family whose last one it was. */
static void total_free(struct totals *totals, struct total *total)
{
	struct family *family = total->family;

	if (total->id && totals->gone.total)
		totals->gone.total(totals->gone.context, total->id);
	TAILQ_REMOVE(&totals->order, total, order);
	if (total->dirty)
		TAILQ_REMOVE(&totals->changed, total, changed);
	tdelete(total, &family->series, series_compare_labels);
	timer_release(totals, total);
	totals->counts.series--;
	free(total);
	if (!--family->count)
		family_free(totals, family);
}

void family_drop(struct totals *totals, struct family *family)
{
	size_t left = family->count;
	struct total *total, *next;

	for (total = TAILQ_FIRST(&totals->order); left && total; total = next) {
		next = TAILQ_NEXT(total, order);
		if (total->family != family)
			continue;
		total_free(totals, total);
		left--;
	}
}

void totals_free(struct totals *totals)
{
	if (!totals)
		return;
	totals->gone = (struct totals_gone){};
	while (!TAILQ_EMPTY(&totals->order))
		total_free(totals, TAILQ_FIRST(&totals->order));
	tdestroy(totals->told, free);
	text_release(&totals->name);
	text_release(&totals->labels);
	text_release(&totals->work);
	text_release(&totals->notices);
	free(totals);
}

static struct total *total_new(struct totals *totals, struct family *family, const char *labels, size_t len)
{
	struct total *total = calloc(1, sizeof(*total) + len);

	if (!total)
		return NULL;
	total->family = family;
	total->labels_len = len;
	memcpy(total->labels, labels, len);
	if (!tsearch(total, &family->series, series_compare_labels)) {
		free(total);
		return NULL;
	}
	family->count++;
	totals->counts.series++;
	TAILQ_INSERT_TAIL(&totals->order, total, order);
	return total;
}

/* The series that a metric adds to. NULL: there can be none; counted. */
static struct total *total_find(struct totals *totals, struct family *family, const char *tags)
{
	struct text *labels = &totals->labels;
	struct total *total = NULL;

	labels->len = 0;
	prometheus_labels_add(labels, tags, family->kind == FAMILY_TIMER, &totals->work);
	if (!labels->failed)
		total = family_find_series(family, labels->data, labels->len);
	if (!total && !labels->failed)
		total = total_new(totals, family, labels->data ? labels->data : "", labels->len);
	if (!total) {
		totals->counts.no_memory++;
		text_release(labels);
		text_release(&totals->work);
		if (!family->count)
			family_free(totals, family);
	}
	return total;
}

static enum family_kind kind_of(enum metric_type type)
{
	return type == METRIC_COUNTER ? FAMILY_COUNTER : type == METRIC_TIMER ? FAMILY_TIMER : FAMILY_GAUGE;
}

/* Is there anything in it that Prometheus could take? */
static bool metric_is_usable(struct totals *totals, const struct metric *metric)
{
	double value = metric->type == METRIC_COUNTER ? metric->counter
		       : metric->type == METRIC_GAUGE ? metric->gauge
		       : metric->type == METRIC_SET   ? metric->set.count
						      : metric->timer.sum;

	totals->counts.not_finite += !isfinite(value);
	if (!isfinite(value))
		return false;
	if (metric->type != METRIC_COUNTER || value >= 0)
		return true;
	totals->counts.negative++;
	return false;
}

/* The rule of the first series in a flush is the family's: a reload may have brought another. */
static void family_set_rule(struct totals *totals, struct family *family, struct prometheus_rule *rule)
{
	if (family->ruled == totals->flush)
		return;
	family->ruled = totals->flush;
	if (rule == family->rule || (rule && family->rule && prometheus_rule_equal(rule, family->rule)))
		return;
	prometheus_rule_free(family->rule);
	family->rule = rule ? prometheus_rule_ref(rule) : NULL;
	family->dirty = true;
}

/* It is to be saved. Gauges are not: the daemon forgets them itself. */
static void total_change(struct totals *totals, struct total *total)
{
	if (total->family->kind == FAMILY_GAUGE || total->dirty)
		return;
	total->dirty = true;
	TAILQ_INSERT_TAIL(&totals->changed, total, changed);
}

/* A value with a time of its own comes behind one without, and is older than that. */
static void gauge_set(struct totals *totals, struct total *total, const struct metric *metric)
{
	if (metric->timestamp && total->plain == totals->flush)
		return;
	total->is_set = metric->type == METRIC_SET;
	total->value = total->is_set ? metric->set.count : metric->gauge;
	if (!metric->timestamp)
		total->plain = totals->flush;
}

/* What became infinite would stay so: it stays as it is instead. */
static int counter_add(struct total *total, const struct metric *metric)
{
	double value = total->value + metric->counter;

	if (!isfinite(value))
		return -ERANGE;
	total->value = value;
	return 0;
}

static void total_add(struct totals *totals, struct total *total, const struct metric *metric)
{
	int err = 0;

	total->flush = totals->flush;
	if (metric->type == METRIC_COUNTER)
		err = counter_add(total, metric);
	else if (metric->type == METRIC_TIMER)
		err = timer_add(totals, total, metric);
	else
		gauge_set(totals, total, metric);
	totals->counts.not_finite += err == -ERANGE;
	totals->counts.no_memory += err == -ENOMEM;
}

/* Makes room; the one that was just updated stays. */
static void totals_evict(struct totals *totals)
{
	const size_t series = totals->options->series_max, buckets = series * BUCKETS_PER_SERIES;

	while (totals->counts.series > 1 &&
	       (totals->counts.series > series || totals->counts.buckets > buckets)) {
		totals->counts.evicted++;
		total_free(totals, TAILQ_FIRST(&totals->order));
	}
}

static int64_t family_ttl(const struct totals *totals, const struct family *family)
{
	const struct prometheus_rule *rule = family->rule;

	return rule && rule->ttl ? rule->ttl : totals->options->ttl;
}

/*
 * A gauge that is sent again without an observation, and is not there: it went for its age. But at first sight
 * nobody knows its age.
 */
static bool has_expired(const struct totals *totals, const struct total *total, const struct metric *metric)
{
	return metric->idle && !total->updated && totals->flush > 1 && family_ttl(totals, total->family);
}

void totals_add(struct totals *totals, const struct metric *metric, struct prometheus_rule *rule)
{
	struct text *name = &totals->name;
	struct family *family;
	struct total *total;

	/* Sent again without an observation: all is as it was, or would be if it had not been forgotten. */
	if (metric->idle && metric->type != METRIC_GAUGE)
		return;
	if (!metric_is_usable(totals, metric))
		return;
	name->len = 0;
	prometheus_name_add(name, metric->name, strlen(metric->name));
	text_add(name, "", 1);
	if (name->failed) {
		totals->counts.no_memory++;
		text_release(name);
		return;
	}
	family = family_find(totals, kind_of(metric->type), name->data, metric->name);
	total = family ? total_find(totals, family, metric->tags) : NULL;
	if (!total)
		return;
	family->loaded = 0;
	family_set_rule(totals, family, rule);
	if (has_expired(totals, total, metric)) {
		total_free(totals, total);
		return;
	}
	total_add(totals, total, metric);
	if (metric->idle && total->updated)
		return;
	total->updated = totals->now;
	TAILQ_REMOVE(&totals->order, total, order);
	TAILQ_INSERT_TAIL(&totals->order, total, order);
	total_change(totals, total);
	totals_evict(totals);
}

void totals_begin(struct totals *totals, int64_t now)
{
	struct total *total, *next;

	totals->now = now;
	totals->flush++;
	for (total = TAILQ_FIRST(&totals->order); total; total = next) {
		int64_t ttl = family_ttl(totals, total->family);

		next = TAILQ_NEXT(total, order);
		if (!ttl || now - total->updated < ttl)
			continue;
		totals->counts.expired++;
		total_free(totals, total);
	}
}

void totals_counts(const struct totals *totals, struct totals_counts *counts)
{
	*counts = totals->counts;
}

struct text *totals_notices(struct totals *totals)
{
	return &totals->notices;
}

double total_value(const struct totals *totals, const struct total *total)
{
	/* Of a window that had none there were none. */
	return total->is_set && total->flush != totals->flush ? 0 : total->value;
}

struct total *totals_load_series(struct totals *totals, struct family *family, const char *labels, size_t len,
				 int64_t updated)
{
	struct total *total = total_new(totals, family, labels, len);

	if (!total)
		return NULL;
	total->updated = updated;
	/* Older than all that are there. */
	TAILQ_REMOVE(&totals->order, total, order);
	TAILQ_INSERT_HEAD(&totals->order, total, order);
	return total;
}

bool totals_has_series(const struct family *family, const char *labels, size_t len)
{
	return family_find_series(family, labels, len) != NULL;
}

void totals_loaded(struct totals *totals, struct total *total)
{
	totals->counts.buckets += total->buckets.used;
}

struct total_list *totals_changed(struct totals *totals)
{
	return &totals->changed;
}

void totals_saved(struct totals *totals, struct total *total)
{
	total->dirty = false;
	TAILQ_REMOVE(&totals->changed, total, changed);
}

void totals_load_end(struct totals *totals, struct family *family)
{
	if (!family->count)
		family_free(totals, family);
}

void totals_unsave(struct totals *totals)
{
	struct total *total;

	TAILQ_FOREACH(total, &totals->order, order)
	{
		total->id = total->family->id = 0;
		total->family->dirty = true;
		total_change(totals, total);
	}
}
