// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Families and the names they claim. A second family that would need a name already claimed is a
 * conflict: its values are dropped, because Prometheus would refuse the whole scrape, or mix them up.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/clock.h"
#include "sink/prometheus/prometheus_internal.h"

#define TOTAL "_total"

/* What came from the file and was not sent for so long is not sent any more: Prometheus itself thinks so. */
#define LOADED_PATIENCE (300 * NS_PER_SECOND)

static const char *const kind_names[] = {
	[FAMILY_COUNTER] = "counter",
	[FAMILY_GAUGE] = "gauge",
	[FAMILY_TIMER] = "timer",
};

/* What samples of a timer are called, in OpenMetrics also one that it has not; the first is the family's name. */
static const char *const timer_suffixes[FAMILY_CLAIMS] = { "", "_bucket", "_sum", "_count", "_created" };

static int claim_compare(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->name, ((const struct claim *)b)->name);
}

int series_compare_labels(const void *a, const void *b)
{
	const struct total *one = a, *other = b;
	size_t least = one->labels_len < other->labels_len ? one->labels_len : other->labels_len;
	int order = memcmp(one->labels, other->labels, least);

	if (order)
		return order;
	return (one->labels_len > other->labels_len) - (one->labels_len < other->labels_len);
}

struct total *family_find_series(const struct family *family, const char *labels, size_t len)
{
	union {
		struct total total;
		char room[sizeof(struct total) + 512];
	} small;
	struct total *key = len <= 512 ? &small.total : malloc(sizeof(*key) + len);
	void *found;

	if (!key)
		return NULL;
	key->labels_len = len;
	if (len)
		memcpy(key->labels, labels, len);
	found = tfind(key, &family->series, series_compare_labels);
	if (key != &small.total)
		free(key);
	return found ? *(struct total **)found : NULL;
}

static bool ends_in_total(const char *name)
{
	size_t len = strlen(name), suffix = strlen(TOTAL);

	return len > suffix && !strcmp(name + len - suffix, TOTAL);
}

/* NULL: out of memory. */
static char *name_join(const char *base, const char *suffix)
{
	char *name = NULL;

	return asprintf(&name, "%s%s", base, suffix) < 0 ? NULL : name;
}

/* Who has that name; NULL: nobody. */
static struct claim *claim_find(const struct totals *totals, const char *name)
{
	const struct claim key = { .name = name };
	void *found = tfind(&key, &totals->claims, claim_compare);

	return found ? *(struct claim **)found : NULL;
}

bool totals_has_name(struct totals *totals, const char *name, size_t len, const char *suffix)
{
	struct text *work = &totals->work;

	work->len = 0;
	text_add(work, name, len);
	text_add(work, suffix, strlen(suffix) + 1);
	return !work->failed && claim_find(totals, work->data);
}

static void family_unclaim(struct totals *totals, struct family *family)
{
	while (family->claim_count) {
		struct claim *claim = &family->claims[--family->claim_count];

		tdelete(claim, &totals->claims, claim_compare);
		free((char *)claim->name);
	}
}

/* The suffix that makes a name of a family's samples of its base; NULL behind the last. */
static const char *suffix_of(const struct totals *totals, const struct family *family, size_t i)
{
	if (family->kind == FAMILY_TIMER)
		return i < FAMILY_CLAIMS ? timer_suffixes[i] : NULL;
	if (i)
		return NULL;
	return family->kind == FAMILY_COUNTER && totals->options->total_suffix && !ends_in_total(family->base)
		       ? TOTAL
		       : "";
}

/* False: somebody else has one of the names, who is *other, or (NULL) no memory. */
static bool family_claim(struct totals *totals, struct family *family, struct family **other)
{
	const char *suffix;

	*other = NULL;
	for (size_t i = 0; (suffix = suffix_of(totals, family, i)); i++) {
		struct claim *claim = &family->claims[i];
		void *found;

		*claim = (struct claim){ name_join(family->base, suffix), family };
		found = claim->name ? tsearch(claim, &totals->claims, claim_compare) : NULL;
		if (found && *(struct claim **)found == claim) {
			family->claim_count++;
			continue;
		}
		*other = found ? (*(struct claim **)found)->family : NULL;
		free((char *)claim->name);
		family_unclaim(totals, family);
		return false;
	}
	return true;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Once for each name, as long as there are not too many. */
static void conflict_tell(struct totals *totals, const struct family *family, const struct family *other)
{
	char *copy, *sentence;
	void *found;

	totals->counts.conflicts++;
	if (totals->told_count == CONFLICTS_TOLD_MAX || tfind(family->origin, &totals->told, name_compare))
		return;
	copy = strdup(family->origin);
	found = copy ? tsearch(copy, &totals->told, name_compare) : NULL;
	if (!found) {
		free(copy);
		return;
	}
	totals->told_count++;
	if (asprintf(
		    &sentence,
		    "the %s %s is not shown to Prometheus: its name, %s, is that of the %s %s there, or one that "
		    "belongs to it; rename one of them, with a mapping for example; or, if nobody sends the %s "
		    "any more, restart the daemon: five minutes later it makes room\n",
		    kind_names[family->kind], family->origin, family->base, kind_names[other->kind],
		    other->origin, kind_names[other->kind]) < 0)
		return;
	text_add_string(&totals->notices, sentence);
	free(sentence);
}

static bool gives_way(const struct totals *totals, const struct family *family)
{
	return family && family->loaded && totals->now - family->loaded >= LOADED_PATIENCE;
}

/* `other`, which nobody has sent since the start, makes room for what is sent now. */
static void family_give_way(struct totals *totals, struct family *other, enum family_kind kind,
			    const char *origin)
{
	char *sentence;

	if (totals->told_count < CONFLICTS_TOLD_MAX &&
	    asprintf(
		    &sentence,
		    "the %s %s is shown to Prometheus no more: the daemon before this one had it, and its name "
		    "is needed for the %s %s\n",
		    kind_names[other->kind], other->origin, kind_names[kind], origin) >= 0) {
		text_add_string(&totals->notices, sentence);
		free(sentence);
		totals->told_count++;
	}
	totals->counts.expired += other->count;
	family_drop(totals, other);
}

static void family_release(struct totals *totals, struct family *family)
{
	family_unclaim(totals, family);
	prometheus_rule_free(family->rule);
	free(family->base);
	free(family->origin);
	free(family);
}

void family_free(struct totals *totals, struct family *family)
{
	if (family->id && totals->gone.family)
		totals->gone.family(totals->gone.context, family->id);
	family_release(totals, family);
}

/* NULL: *other has one of the names, or (NULL, and counted) no memory. */
static struct family *family_new(struct totals *totals, enum family_kind kind, const char *base,
				 const char *origin, struct family **other)
{
	struct family *family = calloc(1, sizeof(*family));

	*other = NULL;
	if (family) {
		family->kind = kind;
		family->base = strdup(base);
		family->origin = strdup(origin);
		family->dirty = true;
		if (family->base && family->origin && family_claim(totals, family, other))
			return family;
		family_release(totals, family);
	}
	totals->counts.no_memory += !*other;
	return NULL;
}

/* NULL: none of that kind. */
static struct family *family_known(struct totals *totals, enum family_kind kind, const char *base)
{
	const bool add = kind == FAMILY_COUNTER && totals->options->total_suffix && !ends_in_total(base);
	char *name = name_join(base, add ? TOTAL : "");
	struct claim *claim = name ? claim_find(totals, name) : NULL;

	free(name);
	if (claim && claim->family->kind == kind && claim == claim->family->claims)
		return claim->family;
	return NULL;
}

struct family *family_find(struct totals *totals, enum family_kind kind, const char *base, const char *origin)
{
	const struct family wanted = { .kind = kind, .base = (char *)base, .origin = (char *)origin };
	struct family *family = family_known(totals, kind, base), *other = NULL;

	if (!family)
		family = family_new(totals, kind, base, origin, &other);
	for (; !family && gives_way(totals, other); family = family_new(totals, kind, base, origin, &other))
		family_give_way(totals, other, kind, origin);
	if (!family && other)
		conflict_tell(totals, &wanted, other);
	return family;
}

/* Counters, without names from now on, in an array with a NULL behind, which the caller frees. */
static struct family **counters_list(struct totals *totals)
{
	struct family **list = calloc(totals->counts.series + 1, sizeof(struct family *));
	const struct total *total;
	size_t count = 0;

	if (!list)
		return NULL;
	TAILQ_FOREACH(total, &totals->order, order)
	{
		struct family *family = total->family;

		/* Each once: it leaves the tree of names as it is listed. */
		if (family->kind == FAMILY_COUNTER && family->claim_count) {
			family_unclaim(totals, family);
			list[count++] = family;
		}
	}
	return list;
}

void totals_rename(struct totals *totals)
{
	struct family **list = counters_list(totals), *other;

	if (!list) {
		totals->counts.no_memory++;
		return;
	}
	for (size_t i = 0; list[i]; i++) {
		if (family_claim(totals, list[i], &other))
			continue;
		if (other)
			conflict_tell(totals, list[i], other);
		family_drop(totals, list[i]);
	}
	free(list);
}

struct family *totals_load_family(struct totals *totals, enum family_kind kind, const char *base,
				  const char *origin, struct prometheus_rule *rule, int64_t now)
{
	const struct family wanted = { .kind = kind, .base = (char *)base, .origin = (char *)origin };
	struct family *family = family_known(totals, kind, base), *other;

	/* What is said of it now holds, and is to be saved. */
	if (family)
		return family;
	family = family_new(totals, kind, base, origin, &other);
	if (!family && other)
		conflict_tell(totals, &wanted, other);
	if (!family)
		return NULL;
	family->rule = rule ? prometheus_rule_ref(rule) : NULL;
	family->dirty = false;
	family->loaded = now;
	return family;
}

struct walk {
	void (*family)(void *context, const struct family *family);
	void (*total)(void *context, struct total *total);
	void *context;
};

static void claim_walk(const void *node, VISIT visit, void *closure)
{
	const struct claim *claim = *(struct claim *const *)node;
	const struct walk *walk = closure;

	/* In order: leaves, and other nodes between their two branches. */
	if ((visit == postorder || visit == leaf) && claim == claim->family->claims && claim->family->count)
		walk->family(walk->context, claim->family);
}

static void total_walk(const void *node, VISIT visit, void *closure)
{
	const struct walk *walk = closure;

	if (visit == postorder || visit == leaf)
		walk->total(walk->context, *(struct total *const *)node);
}

void totals_visit(const struct totals *totals, void (*visit)(void *context, const struct family *family),
		  void *context)
{
	struct walk walk = { .family = visit, .context = context };

	twalk_r(totals->claims, claim_walk, &walk);
}

void family_visit(const struct family *family, void (*visit)(void *context, struct total *total),
		  void *context)
{
	struct walk walk = { .total = visit, .context = context };

	twalk_r(family->series, total_walk, &walk);
}

const struct prometheus_shape *family_shape(const struct totals *totals, const struct family *family)
{
	return family->rule && family->rule->shaped ? &family->rule->shape : &totals->options->shape;
}
