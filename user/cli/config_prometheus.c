// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.prometheus: {listen: "127.0.0.1:9102"}: a section, as there is one at most. */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"
#include "lib/number.h"
#include "sink/prometheus/prometheus_listen.h"

#define PROMETHEUS_FIELD(member)                               \
	.offset = offsetof(struct prometheus_options, member), \
	.size = sizeof(((struct prometheus_options *)0)->member)
#define NS_PER_SEC 1000000000ll

static const char *const timer_names[] = { "histogram", "summary", NULL };

/* Ascending numbers between key->min and key->max, into room[max]. */
static int set_numbers(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       double *room, size_t max, size_t *count)
{
	char text[CONFIG_TEXT_MAX];
	const yaml_node_t *item;
	int err = config_check_list(scan, key, node, max, "[0.01, 0.1, 1]");

	*count = 0;
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		err = config_scan_text(scan, key->path, item, text);
		if (!err && (number_parse_double(text, strlen(text), &room[i]) || room[i] < key->min ||
			     room[i] > key->max))
			err = config_scan_fail(scan, item, key->path, "'%s' is not a number from %g to %g",
					       text, key->min, key->max);
		if (!err && i && room[i] <= room[i - 1])
			err = config_scan_fail(scan, item, key->path, "%s is not above the one before it",
					       text);
		*count = i + 1;
	}
	return err;
}

/* The field is prometheus_options.bounds, with bound_count behind it. */
static int set_bounds(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	struct prometheus_options *options =
		(void *)((char *)field - offsetof(struct prometheus_options, bounds));

	return set_numbers(scan, key, node, options->bounds, PROMETHEUS_BOUNDS_MAX, &options->bound_count);
}

/* The field is prometheus_options.quantiles, with quantile_count behind it. */
static int set_quantiles(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	struct prometheus_options *options =
		(void *)((char *)field - offsetof(struct prometheus_options, quantiles));

	return set_numbers(scan, key, node, options->quantiles, PROMETHEUS_QUANTILES_MAX,
			   &options->quantile_count);
}

/* By number: no name server is asked. */
static int set_listen(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	int err = config_set_scraped(scan, key, node, field);

	if (!err && !listen_is_address(field))
		err = config_scan_fail(scan, node, key->path,
				       "'%s' is no address by number, such as 127.0.0.1:9102 or [::]:9102",
				       (char *)field);
	return err;
}

/* Where in the server the metrics are. */
static int set_url_path(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (text[0] != '/' || !text[1] || !strncmp(text, "/-/", 3) || strlen(text) >= key->size ||
	    text[strspn(text, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")])
		return config_scan_fail(
			scan, node, key->path,
			"'%s' is no path such as /metrics: up to %zu letters, digits and any of "
			"/-_.~, not below /-/",
			text, key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* What a secret looks like is not said. */
static int set_token(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (!err && strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "it is longer than %zu bytes", key->size - 1);
	for (const char *byte = text; !err && *byte; byte++)
		if (*byte <= ' ' || *byte > '~')
			return config_scan_fail(scan, node, key->path,
						"it is not one word of printable ASCII");
	if (!err)
		snprintf(field, key->size, "%s", text);
	return err;
}

static const struct config_key prometheus_keys[] = {
	{ "listen", set_listen, PROMETHEUS_FIELD(listen) },
	{ "path", set_url_path, PROMETHEUS_FIELD(path) },
	{ "timers", config_set_choice, PROMETHEUS_FIELD(timers), .choices = timer_names },
	{ "buckets", set_bounds, PROMETHEUS_FIELD(bounds), .min = 1e-9, .max = 1e15 },
	{ "quantiles", set_quantiles, PROMETHEUS_FIELD(quantiles), .max = 1 },
	{ "native_histograms", config_set_choice, PROMETHEUS_FIELD(native), .choices = config_bools },
	{ "total_suffix", config_set_choice, PROMETHEUS_FIELD(total_suffix), .choices = config_bools },
	{ "ttl", config_set_duration, PROMETHEUS_FIELD(ttl), .max = 366 * 86400 },
	{ "series", config_set_integer, PROMETHEUS_FIELD(series), .min = 1, .max = 1 << 24 },
	{ "filter.include", config_set_globs, PROMETHEUS_FIELD(view.include) },
	{ "filter.exclude", config_set_globs, PROMETHEUS_FIELD(view.exclude) },
	{ "max_connections", config_set_integer, PROMETHEUS_FIELD(connections_max), .min = 1, .max = 1024 },
	{ "timeout", config_set_duration, PROMETHEUS_FIELD(timeout), .min = 0.1, .max = 3600 },
	{ "tls.enabled", config_set_choice, PROMETHEUS_FIELD(tls.enabled), .choices = config_bools },
	{ "tls.cert_file", config_set_path_or_none, PROMETHEUS_FIELD(tls.cert_file) },
	{ "tls.key_file", config_set_path_or_none, PROMETHEUS_FIELD(tls.key_file) },
	{ "tls.ca_file", config_set_path_or_none, PROMETHEUS_FIELD(tls.ca_file) },
	{ "token", set_token, PROMETHEUS_FIELD(token) },
	{ "token_file", config_set_path_or_none, PROMETHEUS_FIELD(token_file) },
	{},
};

void config_prometheus_init(struct prometheus_options *options)
{
	static const double bounds[] = { .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10 };
	static const double quantiles[] = { .5, .9, .99 };

	*options = (struct prometheus_options){
		.listen = "127.0.0.1:9102",
		.path = "/metrics",
		.bound_count = sizeof(bounds) / sizeof(bounds[0]),
		.quantile_count = sizeof(quantiles) / sizeof(quantiles[0]),
		.native = true,
		.series = 100000,
		.connections_max = 32,
		.timeout = 10 * NS_PER_SEC,
		.view.percentile_count = (size_t)CONFIG_UNSET,
	};
	memcpy(options->bounds, bounds, sizeof(bounds));
	memcpy(options->quantiles, quantiles, sizeof(quantiles));
}

static const char *options_check(const struct prometheus_options *options)
{
	if (options->tls.enabled && (!*options->tls.cert_file || !*options->tls.key_file))
		return "tls.enabled: true needs tls.cert_file and tls.key_file";
	if (!options->tls.enabled &&
	    (*options->tls.cert_file || *options->tls.key_file || *options->tls.ca_file))
		return "files of tls have no effect without tls.enabled: true";
	if (*options->token && *options->token_file)
		return "token and token_file are two tokens: keep one";
	return NULL;
}

/* The field is config.prometheus, with prometheus_enabled behind it. */
int config_set_prometheus(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			  void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, prometheus));
	const char *reason;
	char prefix[CONFIG_PATH_MAX];
	int err = 0;

	config_prometheus_init(&config->prometheus);
	snprintf(prefix, sizeof(prefix), "%s.", key->path);
	/* "prometheus:" alone: all as it is by default. */
	if (node->type == YAML_MAPPING_NODE)
		err = config_scan_mapping(scan, node, prometheus_keys, &config->prometheus, prefix);
	else if (node->type == YAML_SEQUENCE_NODE || node->data.scalar.length)
		err = config_scan_fail(scan, node, key->path, "keys are expected here, not a %s",
				       node->type == YAML_SEQUENCE_NODE ? "list" : "value");
	reason = err ? NULL : options_check(&config->prometheus);
	if (reason)
		err = config_scan_fail(scan, node, key->path, "%s", reason);
	config->prometheus_enabled = true;
	return err;
}
