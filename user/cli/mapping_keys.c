// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The keys of a rule, of `defaults` and of the options below them, one row each. YAML is
 * read as statsd_exporter's library reads it: null is as if nothing stood there, "<<" takes
 * keys over from elsewhere, the last of equal keys counts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/mapping_keys.h"

static const char *const match_words[] = { "glob", "regex", NULL };
static const char *const metric_words[] = { "counter", "gauge", "observer", "timer", NULL };
static const char *const action_words[] = { "map", "drop", NULL };
static const char *const observer_words[] = { "summary", "histogram", NULL };

static int keys_read(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
		     const struct mapping_key *keys, void *into);

static int list_length(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
		       size_t *length)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(&reader->scan, node, path, "a list is expected here");
	*length = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	return 0;
}

/* The field is the `buckets` of a struct mapping_histogram. */
static int set_buckets(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		       const struct mapping_key *key)
{
	struct mapping_histogram *histogram =
		(void *)((char *)field - offsetof(struct mapping_histogram, buckets));
	size_t count = 0;
	int err = list_length(reader, path, node, &count);

	if (err)
		return err;
	histogram->buckets = arena_take(&reader->mapping->arena, (count + 1) * sizeof(double));
	if (!histogram->buckets)
		return mapping_no_memory(reader);
	for (size_t i = 0; !err && i < count; i++)
		err = mapping_set_number(reader, path, config_scan_item(&reader->scan, node, i),
					 &histogram->buckets[i], key);
	histogram->bucket_count = count;
	return err;
}

static const struct mapping_key quantile_keys[] = {
	{ "quantile", mapping_set_number, offsetof(struct mapping_quantile, quantile), NULL, false },
	{ "error", mapping_set_number, offsetof(struct mapping_quantile, error), NULL, false },
	{},
};

/* The field is the `quantiles` of a struct mapping_summary. */
static int set_quantiles(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
			 void *field, const struct mapping_key *key)
{
	struct mapping_summary *summary =
		(void *)((char *)field - offsetof(struct mapping_summary, quantiles));
	size_t count = 0;
	int err = list_length(reader, path, node, &count);

	(void)key;
	if (err)
		return err;
	summary->quantiles = arena_take(&reader->mapping->arena, (count + 1) * sizeof(*summary->quantiles));
	if (!summary->quantiles)
		return mapping_no_memory(reader);
	for (size_t i = 0; !err && i < count; i++)
		err = keys_read(reader, path, config_scan_item(&reader->scan, node, i), quantile_keys,
				&summary->quantiles[i]);
	summary->quantile_count = count;
	return err;
}

static const struct mapping_key summary_keys[] = {
	{ "quantiles", set_quantiles, offsetof(struct mapping_summary, quantiles), NULL, false },
	{ "max_age", mapping_set_duration, offsetof(struct mapping_summary, max_age), NULL, false },
	{ "age_buckets", mapping_set_count, offsetof(struct mapping_summary, age_buckets), NULL, false },
	{ "buf_cap", mapping_set_count, offsetof(struct mapping_summary, buf_cap), NULL, false },
	{},
};

static const struct mapping_key histogram_keys[] = {
	{ "buckets", set_buckets, offsetof(struct mapping_histogram, buckets), NULL, false },
	{ "native_histogram_bucket_factor", mapping_set_number,
	  offsetof(struct mapping_histogram, native_factor), NULL, false },
	{ "native_histogram_max_buckets", mapping_set_count, offsetof(struct mapping_histogram, native_max),
	  NULL, false },
	{},
};

/* The fields are members of a draft. */
static int set_summary(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		       const struct mapping_key *key)
{
	struct mapping_draft *draft = (void *)((char *)field - key->offset);

	draft->has_summary = true;
	return keys_read(reader, path, node, summary_keys, field);
}

static int set_histogram(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
			 void *field, const struct mapping_key *key)
{
	struct mapping_draft *draft = (void *)((char *)field - key->offset);

	draft->has_histogram = true;
	return keys_read(reader, path, node, histogram_keys, field);
}

/* Prometheus' names of labels; statsd_exporter refuses those of one letter, without a reason. */
static bool is_label(const char *key)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t first = strspn(key, letters);

	return first && !key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")];
}

static int set_label(struct mapping_reader *reader, const char *path, const yaml_node_pair_t *pair,
		     struct mapping_label *label)
{
	const yaml_node_t *key = yaml_document_get_node(reader->scan.document, pair->key);
	const yaml_node_t *value = yaml_document_get_node(reader->scan.document, pair->value);
	char below[MAPPING_PATH_MAX_BYTES];
	int err = mapping_set_text(reader, path, key, &label->key, NULL);

	if (err)
		return err;
	if (!is_label(label->key))
		return config_scan_fail(
			&reader->scan, key, path,
			"'%s' is not the name of a label: letters, digits and '_', no digit first",
			label->key);
	label->value = "";
	snprintf(below, sizeof(below), "%s.%s", path, label->key);
	return mapping_node_is_null(value) ? 0 : mapping_set_text(reader, below, value, &label->value, NULL);
}

/* The field is the draft's `labels`. */
static int set_labels(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		      const struct mapping_key *key)
{
	struct mapping_draft *draft = (void *)((char *)field - key->offset);
	size_t count;
	int err = 0;

	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(&reader->scan, node, path,
					"labels are expected here, as in {job: \"$1\"}");
	count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	draft->labels = arena_take(&reader->mapping->arena, (count + 1) * sizeof(*draft->labels));
	if (!draft->labels)
		return mapping_no_memory(reader);
	for (size_t i = 0; !err && i < count; i++)
		err = set_label(reader, path, &node->data.mapping.pairs.start[i], &draft->labels[i]);
	draft->label_count = count;
	return err;
}

#define DRAFT(member) offsetof(struct mapping_draft, member)

static const struct mapping_key rule_keys[] = {
	{ "match", mapping_set_text, DRAFT(match), NULL, false },
	{ "name", mapping_set_text, DRAFT(name), NULL, false },
	{ "help", mapping_set_text, DRAFT(help), NULL, false },
	{ "labels", set_labels, DRAFT(labels), NULL, false },
	{ "honor_labels", mapping_set_flag, DRAFT(honor_labels), NULL, false },
	{ "match_type", mapping_set_word, DRAFT(match_type), match_words, true },
	{ "match_metric_type", mapping_set_word, DRAFT(metric_type), metric_words, false },
	{ "action", mapping_set_word, DRAFT(action), action_words, true },
	{ "scale", mapping_set_number, DRAFT(scale), NULL, false },
	{ "ttl", mapping_set_duration, DRAFT(ttl), NULL, false },
	{ "observer_type", mapping_set_word, DRAFT(observer_type), observer_words, true },
	{ "timer_type", mapping_set_word, DRAFT(timer_type), observer_words, true },
	{ "summary_options", set_summary, DRAFT(summary), NULL, false },
	{ "histogram_options", set_histogram, DRAFT(histogram), NULL, false },
	{ "quantiles", set_quantiles, DRAFT(legacy_summary.quantiles), NULL, false },
	{ "buckets", set_buckets, DRAFT(legacy_histogram.buckets), NULL, false },
	{},
};

static const struct mapping_key default_keys[] = {
	{ "match_type", mapping_set_word, DRAFT(match_type), match_words, true },
	{ "glob_disable_ordering", mapping_set_flag, DRAFT(unordered), NULL, false },
	{ "ttl", mapping_set_duration, DRAFT(ttl), NULL, false },
	{ "observer_type", mapping_set_word, DRAFT(observer_type), observer_words, true },
	{ "timer_type", mapping_set_word, DRAFT(timer_type), observer_words, true },
	{ "summary_options", set_summary, DRAFT(summary), NULL, false },
	{ "histogram_options", set_histogram, DRAFT(histogram), NULL, false },
	{ "quantiles", set_quantiles, DRAFT(legacy_summary.quantiles), NULL, false },
	{ "buckets", set_buckets, DRAFT(legacy_histogram.buckets), NULL, false },
	{},
};

static int key_read(struct mapping_reader *reader, const char *path, const yaml_node_t *name,
		    const yaml_node_t *value, const struct mapping_key *keys, void *into)
{
	const char *word = mapping_scalar(reader, path, name);
	char below[MAPPING_PATH_MAX_BYTES];

	if (!word)
		return -EINVAL;
	snprintf(below, sizeof(below), "%s.%s", path, word);
	for (; keys->name; keys++)
		if (!strcmp(keys->name, word))
			return mapping_node_is_null(value)
				       ? 0
				       : keys->set(reader, below, value, (char *)into + keys->offset, keys);
	mapping_warn(reader, name, below, "unknown key, not read");
	return 0;
}

/* "<<: *other", or a list of them: what they say counts unless it is said here. */
static int merge_read(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
		      const struct mapping_key *keys, void *into)
{
	const yaml_node_t *item;
	int err = 0;
	size_t i = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return keys_read(reader, path, node, keys, into);
	while (config_scan_item(&reader->scan, node, i))
		i++;
	while (!err && i && (item = config_scan_item(&reader->scan, node, --i)))
		err = keys_read(reader, path, item, keys, into);
	return err;
}

static bool is_merge(const yaml_node_t *key)
{
	return key->type == YAML_SCALAR_NODE && !strcmp((const char *)key->data.scalar.value, "<<");
}

static int keys_read(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
		     const struct mapping_key *keys, void *into)
{
	const yaml_node_t *key, *value;
	int err = 0;

	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(&reader->scan, node, path, "keys are expected here");
	if (reader->depth == MAPPING_DEPTH_MAX)
		return config_scan_fail(&reader->scan, node, path, "keys lie too deep within each other");
	reader->depth++;
	for (int own = 0; own < 2; own++) {
		for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		     !err && pair < node->data.mapping.pairs.top; pair++) {
			key = yaml_document_get_node(reader->scan.document, pair->key);
			value = yaml_document_get_node(reader->scan.document, pair->value);
			if (is_merge(key) && !own)
				err = merge_read(reader, path, value, keys, into);
			else if (!is_merge(key) && own)
				err = key_read(reader, path, key, value, keys, into);
		}
	}
	reader->depth--;
	return err;
}

int mapping_read_rule(struct mapping_reader *reader, const yaml_node_t *node, struct mapping_draft *draft)
{
	draft->node = node;
	return keys_read(reader, draft->path, node, rule_keys, draft);
}

int mapping_read_defaults(struct mapping_reader *reader, const yaml_node_t *node, struct mapping_draft *draft)
{
	draft->node = node;
	return keys_read(reader, draft->path, node, default_keys, draft);
}
