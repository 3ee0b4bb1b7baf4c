// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Setters of keys about what the store keeps: idle series, and the bins of timers.
 *
 *     delete_idle: false                       histogram:
 *     delete_idle: {gauges: false}               - metric: page.load
 *                                                  bins: [10, 100, inf]
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/config.h"
#include "cli/config_keys.h"
#include "lib/number.h"

/* The field is in struct idle_options, where true is to send. */
int config_set_delete(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (strcmp(text, "true") && strcmp(text, "false"))
		return config_scan_fail(scan, node, key->path, "'%s' is not one of: false, true", text);
	*(bool *)field = !strcmp(text, "false");
	return 0;
}

#define DELETE_KEY(name, type)                                                                 \
	{                                                                                      \
		name, config_set_delete, .offset = (type) * sizeof(bool), .size = sizeof(bool) \
	}

static const struct config_key delete_keys[] = {
	DELETE_KEY("counters", METRIC_COUNTER),
	DELETE_KEY("timers", METRIC_TIMER),
	DELETE_KEY("gauges", METRIC_GAUGE),
	DELETE_KEY("sets", METRIC_SET),
	{},
};

int config_set_delete_idle(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   void *field)
{
	bool *sent = field, all = false;
	int err;

	if (node->type == YAML_MAPPING_NODE)
		return config_scan_mapping(scan, node, delete_keys, sent, "delete_idle.");
	err = config_set_delete(scan, key, node, &all);
	for (size_t type = 0; type < METRIC_TYPES; type++)
		sent[type] = all;
	return err;
}

static int list_check(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      size_t max, const char *example)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(scan, node, key->path, "a list is expected, such as %s", example);
	if (config_scan_item(scan, node, max))
		return config_scan_fail(scan, node, key->path, "the list is longer than %zu", max);
	return 0;
}

static int set_metric(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the text is longer than %zu bytes",
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

static int set_limit(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     struct bin_rule *rule)
{
	double *limit = &rule->limits[rule->count];
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (!strcmp(text, "inf"))
		*limit = INFINITY;
	else if (number_parse_double(text, strlen(text), limit))
		return config_scan_fail(scan, node, key->path, "'%s' is not a number or inf", text);
	if (rule->count && *limit <= limit[-1])
		return config_scan_fail(scan, node, key->path, "%s is not above the limit before it", text);
	rule->count++;
	return 0;
}

/* The field is bin_rule.limits, with its count behind it. */
static int set_limits(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	struct bin_rule *rule = (void *)((char *)field - offsetof(struct bin_rule, limits));
	int err = list_check(scan, key, node, BINS_MAX, "[10, 20.5, inf]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++)
		err = set_limit(scan, key, item, rule);
	return err;
}

static const struct config_key rule_keys[] = {
	{ "metric", set_metric, .offset = offsetof(struct bin_rule, metric), .size = BIN_METRIC_MAX },
	{ "bins", set_limits, .offset = offsetof(struct bin_rule, limits),
	  .size = sizeof(struct bin_rule) - offsetof(struct bin_rule, limits) },
	{},
};

/* The field is config.bin_rules, with bin_rule_count behind it. */
int config_set_histogram(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, bin_rules));
	int err = list_check(scan, key, node, BIN_RULES_MAX, "[{metric: \"\", bins: [10, 100, inf]}]");
	const yaml_node_t *item;
	char prefix[CONFIG_PATH_MAX];

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		snprintf(prefix, sizeof(prefix), "%s[%zu].", key->path, i);
		err = config_scan_mapping(scan, item, rule_keys, &config->bin_rules[i], prefix);
		config->bin_rule_count = i + 1;
	}
	return err;
}
