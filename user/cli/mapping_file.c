// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * From the tree of a mapping file to rules:
 *
 *	defaults: {ttl: 1m}                  one draft, whose values fill in
 *	mappings:
 *	- {match: "a.*", name: "a"}          what this draft leaves open; checked; a rule
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/file.h"
#include "cli/mapping_keys.h"

#define FILE_BYTES_MAX (16 << 20)
#define DRAFT_NEW(node_path)                  \
	(struct mapping_draft)                \
	{                                     \
		.path = node_path, .scale = 1 \
	}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* client_golang's, which statsd_exporter falls back to. */
static const double default_buckets[] = { .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10 };
static const struct mapping_quantile default_quantiles[] = { { .5, .05 }, { .9, .01 }, { .99, .001 } };

/* The value of `key` in a mapping node, or the node itself: where to point at. */
static const yaml_node_t *node_of(const struct mapping_reader *reader, const yaml_node_t *node,
				  const char *key)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(reader->scan.document, pair->key);

		if (name->type == YAML_SCALAR_NODE && !strcmp((const char *)name->data.scalar.value, key))
			return name;
	}
	return node;
}

static int draft_fail(struct mapping_reader *reader, const struct mapping_draft *draft, const char *key,
		      const char *reason, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%s.%s", draft->path, key);
	return config_scan_fail(&reader->scan, node_of(reader, draft->node, key), path, "%s%s%s%s",
				text ? "'" : "", text ? text : "", text ? "' " : "", reason);
}

/* Components between dots: '*', or letters, digits, '_' and '-', of which the very first is no digit or '-'. */
static bool is_glob(const char *glob)
{
	const char *at = glob;
	size_t len;

	for (;; at += len + 1) {
		len = strcspn(at, ".");
		if ((len != 1 || *at != '*') && (!len || strspn(at, LETTERS DIGITS "_-") < len ||
						 *at == '-' || (at == glob && strspn(at, DIGITS))))
			return false;
		if (!at[len])
			return true;
	}
}

/* Letters, digits, '_', no digit first; and $1 or ${1} anywhere. */
static bool is_name(const char *name)
{
	const char *at = name;
	size_t len, open;

	while (*at) {
		len = strspn(at, LETTERS "_");
		if (at > name)
			len = strspn(at, LETTERS DIGITS "_");
		if (!len && *at == '$') {
			open = at[1] == '{';
			len = strspn(at + 1 + open, DIGITS);
			len = len ? 1 + open + len + (at[1 + open + len] == '}') : 0;
		}
		if (!len)
			return false;
		at += len;
	}
	return at > name;
}

static int draft_check(struct mapping_reader *reader, const struct mapping_draft *draft)
{
	bool regex = draft->match_type == 1 + MATCH_REGEX;

	if (!draft->name || !*draft->name)
		return draft_fail(reader, draft, "name", "is missing; every rule has one, also to drop",
				  NULL);
	if (!is_name(draft->name))
		return draft_fail(
			reader, draft, "name",
			"is not a name: letters, digits and '_', no digit first; $1 or ${1} for what matched",
			draft->name);
	if (!draft->match || (!regex && !is_glob(draft->match)))
		return draft_fail(
			reader, draft, "match",
			"is not a glob: components of letters, digits, '_' and '-', or '*', between "
			"dots; for a regular expression set match_type to regex",
			draft->match ? draft->match : "");
	if (draft->legacy_summary.quantiles && draft->summary.quantiles)
		return draft_fail(reader, draft, "quantiles",
				  "stand here and in summary_options; leave them there only", NULL);
	if (draft->legacy_histogram.buckets && draft->histogram.buckets)
		return draft_fail(reader, draft, "buckets",
				  "stand here and in histogram_options; leave them there only", NULL);
	if (draft->observer_type == OBSERVER_HISTOGRAM && draft->has_summary)
		return draft_fail(reader, draft, "summary_options", "are not for observer_type: histogram",
				  NULL);
	if (draft->observer_type == OBSERVER_SUMMARY && draft->has_histogram)
		return draft_fail(reader, draft, "histogram_options", "are not for observer_type: summary",
				  NULL);
	return 0;
}

/* Older spellings, and what `defaults` say. */
static void draft_fill(struct mapping_draft *draft, const struct mapping_draft *defaults)
{
	if (!draft->observer_type)
		draft->observer_type = draft->timer_type ? draft->timer_type : defaults->observer_type;
	if (!draft->match_type)
		draft->match_type = defaults->match_type;
	if (!draft->ttl)
		draft->ttl = defaults->ttl;
}

static void summary_fill(struct mapping_summary *summary, const struct mapping_summary *legacy,
			 const struct mapping_summary *defaults)
{
	if (legacy->quantile_count || !summary->quantile_count) {
		summary->quantiles = legacy->quantile_count ? legacy->quantiles : defaults->quantiles;
		summary->quantile_count =
			legacy->quantile_count ? legacy->quantile_count : defaults->quantile_count;
	}
	if (!summary->max_age)
		summary->max_age = defaults->max_age;
	if (!summary->age_buckets)
		summary->age_buckets = defaults->age_buckets;
	if (!summary->buf_cap)
		summary->buf_cap = defaults->buf_cap;
}

static void histogram_fill(struct mapping_histogram *histogram, const struct mapping_histogram *legacy,
			   const struct mapping_histogram *defaults)
{
	if (legacy->bucket_count || !histogram->bucket_count) {
		histogram->buckets = legacy->bucket_count ? legacy->buckets : defaults->buckets;
		histogram->bucket_count =
			legacy->bucket_count ? legacy->bucket_count : defaults->bucket_count;
	}
	if (!(histogram->native_factor > 0))
		histogram->native_factor = defaults->native_factor;
	if (!histogram->native_max)
		histogram->native_max = defaults->native_max;
}

/* What holds where `defaults` say nothing. */
static void defaults_fill(struct mapping_draft *defaults)
{
	static const struct mapping_histogram histogram = {
		.buckets = (double *)default_buckets,
		.bucket_count = sizeof(default_buckets) / sizeof(default_buckets[0]),
		.native_factor = 1.1,
		.native_max = 256,
	};
	static const struct mapping_summary summary = {
		.quantiles = (struct mapping_quantile *)default_quantiles,
		.quantile_count = sizeof(default_quantiles) / sizeof(default_quantiles[0]),
	};
	struct mapping_draft own = *defaults;

	/* The newer spelling wins over the older one here. */
	if (own.histogram.bucket_count)
		own.legacy_histogram.bucket_count = 0;
	if (own.summary.quantile_count)
		own.legacy_summary.quantile_count = 0;
	histogram_fill(&defaults->histogram, &own.legacy_histogram, &histogram);
	summary_fill(&defaults->summary, &own.legacy_summary, &summary);
	if (!defaults->observer_type)
		defaults->observer_type = defaults->timer_type;
	if (!defaults->match_type)
		defaults->match_type = 1 + MATCH_GLOB;
}

static unsigned int draft_types(const struct mapping_draft *draft)
{
	static const unsigned int types[] = {
		[0] = (1U << METRIC_TYPES) - 1, /* sets, which statsd_exporter has not, too */
		[METRIC_WORD_COUNTER] = 1U << METRIC_COUNTER,
		[METRIC_WORD_GAUGE] = 1U << METRIC_GAUGE,
		[METRIC_WORD_OBSERVER] = 1U << METRIC_TIMER,
		[METRIC_WORD_TIMER] = 1U << METRIC_TIMER,
	};

	return types[draft->metric_type];
}

static void rule_make(struct mapping_rule *rule, struct mapping_draft *draft,
		      const struct mapping_draft *defaults)
{
	*rule = (struct mapping_rule){
		.match = draft->match,
		.name = draft->name,
		.help = draft->help,
		.match_type = draft->match_type == 1 + MATCH_REGEX ? MATCH_REGEX : MATCH_GLOB,
		.types = draft_types(draft),
		.labels = draft->labels,
		.label_count = draft->label_count,
		.honor_labels = draft->honor_labels,
		.action = draft->action == 1 + ACTION_DROP ? ACTION_DROP : ACTION_MAP,
		.scale = draft->scale,
		.ttl = draft->ttl,
		.observer = (enum mapping_observer)draft->observer_type,
		.summary = draft->summary,
		.histogram = draft->histogram,
	};
	if (rule->observer == OBSERVER_SUMMARY)
		summary_fill(&rule->summary, &draft->legacy_summary, &defaults->summary);
	if (rule->observer == OBSERVER_HISTOGRAM)
		histogram_fill(&rule->histogram, &draft->legacy_histogram, &defaults->histogram);
}

/* What `defaults` say of names that no rule matches. Without observer_type the output decides. */
static int fallback_make(struct mapping_reader *reader, const struct mapping_draft *defaults)
{
	struct mapping_rule *rule;

	if (!defaults->observer_type && !defaults->ttl)
		return 0;
	rule = arena_take(&reader->mapping->arena, sizeof(*rule));
	if (!rule)
		return mapping_no_memory(reader);
	*rule = (struct mapping_rule){
		.scale = 1,
		.ttl = defaults->ttl,
		.observer = (enum mapping_observer)defaults->observer_type,
		.summary = defaults->summary,
		.histogram = defaults->histogram,
	};
	reader->mapping->fallback = rule;
	return 0;
}

static int rules_read(struct mapping_reader *reader, const yaml_node_t *node,
		      const struct mapping_draft *defaults)
{
	struct mapping *mapping = reader->mapping;
	const yaml_node_t *item;
	size_t count;
	int err = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(&reader->scan, node, "mappings", "a list of rules is expected here");
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	mapping->rules = arena_take(&mapping->arena, (count + 1) * sizeof(*mapping->rules));
	if (!mapping->rules)
		return mapping_no_memory(reader);
	for (size_t i = 0; !err && (item = config_scan_item(&reader->scan, node, i)); i++) {
		struct mapping_draft draft = DRAFT_NEW("");

		snprintf(draft.path, sizeof(draft.path), "mappings[%zu]", i);
		err = mapping_read_rule(reader, item, &draft);
		draft_fill(&draft, defaults);
		if (!err)
			err = draft_check(reader, &draft);
		rule_make(&mapping->rules[i], &draft, defaults);
		mapping->count = i + 1;
	}
	return err;
}

/* Two rules of one name whose values differ by a factor: both go by that name. */
static void warn_of_scales(struct mapping_reader *reader, const yaml_node_t *rules)
{
	const struct mapping *mapping = reader->mapping;
	const struct mapping_rule *one, *other;
	char path[64];

	for (size_t i = 0; i < mapping->count; i++) {
		one = &mapping->rules[i];
		for (size_t j = 0; !(one->scale == 1) && one->action == ACTION_MAP && j < mapping->count;
		     j++) {
			other = &mapping->rules[j];
			if (other->scale == one->scale || other->action != ACTION_MAP ||
			    !(one->types & other->types) || strcmp(one->name, other->name) != 0 ||
			    (j < i && !(other->scale == 1)))
				continue;
			snprintf(path, sizeof(path), "mappings[%zu].scale", i);
			mapping_warn(reader,
				     node_of(reader, config_scan_item(&reader->scan, rules, i), "scale"),
				     path, "mappings[%zu] has the name '%s' too, but another scale", j,
				     one->name);
			break;
		}
	}
}

static const yaml_node_t *root_key(struct mapping_reader *reader, const yaml_node_t *root, const char *key)
{
	const yaml_node_t *value = NULL;

	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     pair < root->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(reader->scan.document, pair->key);

		if (name->type == YAML_SCALAR_NODE && !strcmp((const char *)name->data.scalar.value, key))
			value = yaml_document_get_node(reader->scan.document, pair->value);
	}
	return mapping_node_is_null(value) ? NULL : value;
}

static int root_read(struct mapping_reader *reader, const yaml_node_t *root)
{
	struct mapping_draft defaults = DRAFT_NEW("defaults");
	const yaml_node_t *node, *rules;
	struct error reason = {};
	char path[64];
	size_t bad;
	int err = 0;

	if (root->type != YAML_MAPPING_NODE)
		return config_scan_fail(&reader->scan, root, "", "defaults and mappings are expected here");
	node = root_key(reader, root, "defaults");
	rules = root_key(reader, root, "mappings");
	if (node)
		err = mapping_read_defaults(reader, node, &defaults);
	defaults_fill(&defaults);
	reader->mapping->unordered = defaults.unordered;
	reader->mapping->ttl = defaults.ttl;
	if (!err)
		err = fallback_make(reader, &defaults);
	if (!err && rules)
		err = rules_read(reader, rules, &defaults);
	if (err || !mapping_build(reader->mapping, &bad, &reason)) {
		if (!err && rules)
			warn_of_scales(reader, rules);
		return err;
	}
	if (!reader->mapping->count)
		return mapping_no_memory(reader);
	snprintf(path, sizeof(path), "mappings[%zu].match", bad);
	return config_scan_fail(&reader->scan,
				node_of(reader, config_scan_item(&reader->scan, rules, bad), "match"), path,
				"%s", reason.text);
}

struct mapping *mapping_file_parse(const char *source, const char *text, mapping_warn_fn *warn, void *context,
				   struct error *error)
{
	struct mapping_reader reader = {
		.scan = { .source = source, .is_file = true, .prefix = "", .error = error },
		.mapping = mapping_new(),
		.warn = warn,
		.context = context,
	};
	const yaml_node_t *root;
	yaml_document_t document;
	size_t bad;
	int err;

	if (!reader.mapping) {
		mapping_no_memory(&reader);
		return NULL;
	}
	err = config_scan_load(&reader.scan, text, &document);
	if (!err) {
		root = yaml_document_get_root_node(&document);
		err = root && !mapping_node_is_null(root) ? root_read(&reader, root)
							  : mapping_build(reader.mapping, &bad, error);
		yaml_document_delete(&document);
	}
	if (!err)
		return reader.mapping;
	mapping_free(reader.mapping);
	return NULL;
}

struct mapping *mapping_file_load(const char *path, mapping_warn_fn *warn, void *context, struct error *error)
{
	char *text = file_read(path, "the mapping", FILE_BYTES_MAX, error);
	struct mapping *mapping = text ? mapping_file_parse(path, text, warn, context, error) : NULL;

	free(text);
	return mapping;
}
