// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The keys, one row each, and the setters that read a value into a field. A value is
 * refused with the reason, never corrected.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/config.h"
#include "cli/config_keys.h"
#include "cli/config_push.h"
#include "lib/number.h"
#include "lib/units.h"

static const char *const hook_names[] = { "auto", "fentry", "kprobe", "cgroup", NULL };
static const char *const mode_names[] = { "histogram", "exact", NULL };
static const char *const attribution_names[] = { "none", NULL };
static const char *const format_names[] = { "table", "graphite", "json", NULL };
static const char *const level_names[] = { "error", "warning", "info", "debug", NULL };
static const char *const rates_names[] = { "elapsed", "interval", NULL };
static const char *const field_names[] = { "statsd", "telegraf", NULL };
static const char *const internal_names[] = { "kstatsd", "statsd", NULL };
static const char *const bool_names[] = { "false", "true", NULL };

/* The field is capture_options.ports, with port_count behind it. */
static int set_ports(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	struct capture_options *options = (void *)((char *)field - offsetof(struct capture_options, ports));
	struct config_key port = { .path = key->path, .size = sizeof(uint32_t), .min = 1, .max = UINT16_MAX };
	const yaml_node_t *item;
	int err = config_check_list(scan, key, node, CAPTURE_PORTS_MAX, "[8125]");

	if (!err && !config_scan_item(scan, node, 0))
		err = config_scan_fail(scan, node, key->path,
				       "the list is empty; name at least one port, as in [8125]");
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		uint32_t number = 0;

		err = config_set_integer(scan, &port, item, &number);
		for (size_t j = 0; !err && j < i; j++)
			if (options->ports[j] == number)
				err = config_scan_fail(scan, item, key->path, "port %u stands here twice",
						       number);
		options->ports[i] = (uint16_t)number;
		options->port_count = i + 1;
	}
	return err;
}

/* The field is capture_options.unix_paths, with unix_count behind it. */
static int set_unix(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	struct capture_options *options =
		(void *)((char *)field - offsetof(struct capture_options, unix_paths));
	const yaml_node_t *item;
	int err = config_check_list(scan, key, node, UNIX_NAMES_MAX, "[/var/run/datadog/dsd.socket]");

	memset(field, 0, key->size);
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		char text[CONFIG_TEXT_MAX], *path = options->unix_paths[i];

		err = config_scan_text(scan, key->path, item, text);
		if (!err && (!strchr("/@", text[0]) || !text[0] || !text[1]))
			err = config_scan_fail(scan, item, key->path,
					       "'%s' is neither an absolute path nor an abstract @name",
					       text);
		if (!err && strlen(text) > UNIX_NAME_MAX)
			err = config_scan_fail(scan, item, key->path, "the path is longer than %d bytes",
					       UNIX_NAME_MAX);
		for (size_t j = 0; !err && j < i; j++)
			if (!strcmp(options->unix_paths[j], text))
				err = config_scan_fail(scan, item, key->path, "%s stands here twice", text);
		if (!err)
			snprintf(path, sizeof(options->unix_paths[i]), "%s", text);
		options->unix_count = i + 1;
	}
	return err;
}

int config_set_percentile_list(struct config_scan *scan, const struct config_key *key,
			       const yaml_node_t *node, double *percentiles, size_t *count)
{
	char text[CONFIG_TEXT_MAX];
	const yaml_node_t *item;
	int err = config_check_list(scan, key, node, PERCENTILES_MAX, "[90, 99.9, -10]");

	*count = 0;
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		double value = 0;

		err = config_scan_text(scan, key->path, item, text);
		if (!err &&
		    (number_parse_double(text, strlen(text), &value) || value == 0 || fabs(value) > 100))
			err = config_scan_fail(scan, item, key->path,
					       "'%s' is not a percentile: a number from -100 to 100, not 0",
					       text);
		for (size_t j = 0; !err && j < i; j++)
			if (percentiles[j] == value)
				err = config_scan_fail(scan, item, key->path, "%s stands here twice", text);
		percentiles[i] = value;
		*count = i + 1;
	}
	return err;
}

/* The field is config.percentiles, with percentile_count behind it. */
static int set_percentiles(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, percentiles));

	return config_set_percentile_list(scan, key, node, config->percentiles, &config->percentile_count);
}

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
/* Two neighbours: an array and its count. */
#define FIELDS(type, first, last)        \
	.offset = offsetof(type, first), \
	.size = offsetof(type, last) + sizeof(((type *)0)->last) - offsetof(type, first)

#define NAME_PART(member) FIELD(struct config, names.member), .live = true
#define SERIES_LIMIT(member) FIELD(struct config, capture.member), .min = 1, .max = 1 << 24

const struct config_key config_keys[] = {
	{ "flush.interval", config_set_duration, FIELD(struct config, interval), .min = 0.05, .max = 86400,
	  .live = true },
	{ "flush.align", config_set_choice, FIELD(struct config, align), .choices = bool_names,
	  .live = true },
	{ "flush.rates", config_set_choice, FIELD(struct config, rates), .choices = rates_names,
	  .live = true },
	{ "flush.jitter", config_set_duration, FIELD(struct config, jitter), .max = 3600, .live = true },
	{ "capture.statsd.enabled", config_set_choice, FIELD(struct config, statsd_enabled),
	  .choices = bool_names },
	{ "capture.statsd.ports", set_ports, FIELDS(struct config, capture.ports, capture.port_count),
	  .live = true },
	{ "capture.statsd.hook", config_set_choice, FIELD(struct config, capture.hook),
	  .choices = hook_names },
	{ "capture.statsd.absorb", config_set_choice, FIELD(struct config, capture.absorb),
	  .choices = bool_names },
	{ "capture.statsd.unix", set_unix, FIELDS(struct config, capture.unix_paths, capture.unix_count) },
	{ "capture.statsd.tcp", config_set_choice, FIELD(struct config, capture.tcp), .choices = bool_names },
	{ "timers.mode", config_set_choice, FIELD(struct config, capture.exact_timers),
	  .choices = mode_names },
	{ "timers.percentiles", set_percentiles, FIELDS(struct config, percentiles, percentile_count),
	  .live = true },
	{ "timers.weighted", config_set_choice, FIELD(struct config, capture.weighted_timers),
	  .choices = bool_names },
	{ "timers.percentile_limit", config_set_integer, FIELD(struct config, percentile_limit),
	  .max = 1 << 30, .live = true },
	{ "timers.histogram", config_set_histogram, FIELDS(struct config, bin_rules, bin_rule_count),
	  .live = true },
	{ "timers.calculated_timer_metrics", config_set_words, FIELD(struct config, names.timer_metrics),
	  .choices = timer_metric_names, .live = true },
	{ "delete_idle", config_set_delete_idle, FIELD(struct config, idle.sent), .live = true },
	{ "delete_idle.counters", config_set_delete, FIELD(struct config, idle.sent[METRIC_COUNTER]),
	  .live = true },
	{ "delete_idle.timers", config_set_delete, FIELD(struct config, idle.sent[METRIC_TIMER]),
	  .live = true },
	{ "delete_idle.gauges", config_set_delete, FIELD(struct config, idle.sent[METRIC_GAUGE]),
	  .live = true },
	{ "delete_idle.sets", config_set_delete, FIELD(struct config, idle.sent[METRIC_SET]), .live = true },
	{ "gauge_ttl", config_set_integer, FIELD(struct config, idle.gauge_closings), .max = 1 << 30,
	  .live = true },
	{ "ttl", config_set_duration, FIELD(struct config, idle.ttl), .max = 366 * 86400, .live = true },
	{ "names.legacy_namespace", config_set_choice, FIELD(struct config, names.legacy_namespace),
	  .choices = bool_names, .live = true },
	{ "names.global_prefix", config_set_name_part, NAME_PART(global_prefix) },
	{ "names.prefix_counter", config_set_name_part, NAME_PART(prefix[METRIC_COUNTER]) },
	{ "names.prefix_timer", config_set_name_part, NAME_PART(prefix[METRIC_TIMER]) },
	{ "names.prefix_gauge", config_set_name_part, NAME_PART(prefix[METRIC_GAUGE]) },
	{ "names.prefix_set", config_set_name_part, NAME_PART(prefix[METRIC_SET]) },
	{ "names.prefix_stats", config_set_name_part, NAME_PART(prefix_stats) },
	{ "names.global_suffix", config_set_name_part, NAME_PART(global_suffix) },
	{ "names.field_names", config_set_choice, FIELD(struct config, names.field_names),
	  .choices = field_names, .live = true },
	{ "internal_metrics", config_set_words, FIELD(struct config, names.internal_metrics),
	  .choices = internal_names, .live = true },
	{ "console.listen", config_set_listen, FIELD(struct config, console) },
	{ "attribution", config_set_choice, FIELD(struct config, attribution), .choices = attribution_names },
	{ "tags.dogstatsd", config_set_choice, FIELD(struct config, tags.dogstatsd), .choices = bool_names,
	  .live = true },
	{ "tags.influxdb", config_set_choice, FIELD(struct config, tags.influxdb), .choices = bool_names,
	  .live = true },
	{ "tags.librato", config_set_choice, FIELD(struct config, tags.librato), .choices = bool_names,
	  .live = true },
	{ "tags.signalfx", config_set_choice, FIELD(struct config, tags.signalfx), .choices = bool_names,
	  .live = true },
	{ "tags.graphite", config_set_choice, FIELD(struct config, tags.graphite), .choices = bool_names,
	  .live = true },
	{ "mapping", config_set_path_or_none, FIELD(struct config, mapping), .live = true },
	{ "names.metric_separator", config_set_separator, FIELD(struct config, metric_separator),
	  .live = true },
	{ "names.templates", config_set_templates, FIELDS(struct config, templates, template_count),
	  .live = true },
	{ "outputs.stdout", NULL, FIELD(struct config, table_enabled), .live = true },
	{ "outputs.stdout.format", config_set_choice, FIELD(struct config, table.format),
	  .choices = format_names, .live = true },
	{ "outputs.stdout.filter.include", config_set_globs, FIELD(struct config, table.view.include),
	  .live = true },
	{ "outputs.stdout.filter.exclude", config_set_globs, FIELD(struct config, table.view.exclude),
	  .live = true },
	{ "outputs.stdout.percentiles", config_set_view_percentiles,
	  FIELDS(struct config, table.view.percentiles, table.view.percentile_count), .live = true },
	{ "outputs.file", config_set_file, FIELDS(struct config, file, file_count), .live = true },
	{ "outputs.prometheus", config_set_prometheus, FIELDS(struct config, prometheus, prometheus_enabled),
	  .live = true },
	{ "outputs.graphite", config_set_graphite, FIELDS(struct config, graphite, graphite_count),
	  .live = true },
	{ "outputs.otlp", config_set_otlp, FIELDS(struct config, otlp, otlp_count), .live = true },
	{ "outputs.relay", config_set_relays, FIELDS(struct config, relays, relay_count), .live = true },
	{ "outputs.wavefront", config_set_wavefront, FIELDS(struct config, wavefront, wavefront_count),
	  .live = true },
	{ "queue.memory", config_set_size, FIELD(struct config, queue.memory), .min = 65536, .max = 0x1p40,
	  .live = true },
	{ "queue.disk", config_set_size, FIELD(struct config, queue.disk), .max = 0x1p44, .live = true },
	{ "queue.max_age", config_set_duration, FIELD(struct config, queue.max_age), .max = 366 * 86400,
	  .live = true },
	{ "global_tags", config_set_tags, FIELD(struct config, global_tags), .live = true },
	{ "state_dir", config_set_path_or_none, FIELD(struct config, state_dir) },
	{ "runtime_dir", config_set_path, FIELD(struct config, runtime_dir) },
	{ "limits.counters", config_set_integer, SERIES_LIMIT(counters) },
	{ "limits.timers", config_set_integer, SERIES_LIMIT(timers) },
	{ "limits.gauges", config_set_integer, SERIES_LIMIT(gauges) },
	{ "limits.sets", config_set_integer, SERIES_LIMIT(sets) },
	{ "limits.buckets", config_set_integer, SERIES_LIMIT(buckets) },
	{ "limits.samples", config_set_integer, SERIES_LIMIT(samples) },
	{ "limits.members", config_set_integer, SERIES_LIMIT(members) },
	{ "limits.set_exact", config_set_integer, SERIES_LIMIT(set_exact_max) },
	{ "limits.series", config_set_integer, FIELD(struct config, series_max), .min = 1, .max = 1 << 26 },
	{ "limits.ring", config_set_ring, FIELD(struct config, capture.ring_bytes), .min = 1 << 18,
	  .max = 1 << 30 },
	{ "limits.relay_ring", config_set_ring, FIELD(struct config, relay_ring), .min = 1 << 14,
	  .max = 1 << 30 },
	{ "shutdown_timeout", config_set_duration, FIELD(struct config, shutdown_timeout), .max = 3600,
	  .live = true },
	{ "log.level", config_set_choice, FIELD(struct config, log_level), .choices = level_names,
	  .live = true },
	{},
};
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");

const struct config_key *config_key_find(const char *path)
{
	for (const struct config_key *key = config_keys; key->path; key++)
		if (!strcmp(key->path, path))
			return key;
	return NULL;
}
