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

/* Fields of whole numbers are bool, enum or uint32_t, uint64_t or size_t. */
static void field_store(void *field, size_t size, uint64_t value)
{
	if (size == sizeof(bool))
		*(bool *)field = value;
	else if (size == sizeof(uint32_t))
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
}

static void choices_join(const char *const *choices, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; choices[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", choices[i]);
}

static int set_choice(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX], known[128];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	for (size_t i = 0; key->choices[i]; i++) {
		if (strcmp(key->choices[i], text))
			continue;
		field_store(field, key->size, i);
		return 0;
	}
	choices_join(key->choices, known, sizeof(known));
	return config_scan_fail(scan, node, key->path, "'%s' is not one of: %s", text, known);
}

static int set_integer(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	char text[CONFIG_TEXT_MAX];
	uint64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = number_parse_uint64(text, strlen(text), &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path, "'%s' is not a whole number", text);
	if (err || (double)value < key->min || (double)value > key->max)
		return config_scan_fail(scan, node, key->path, "%s is not between %.0f and %.0f", text,
					key->min, key->max);
	field_store(field, key->size, value);
	return 0;
}

static int set_size(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	char text[CONFIG_TEXT_MAX];
	uint64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = units_parse_size(text, &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not a size: a number of bytes, or with KiB, MiB or GiB",
					text);
	if (err || (double)value < key->min || (double)value > key->max)
		return config_scan_fail(scan, node, key->path, "%s is not between %.0f KiB and %.0f KiB",
					text, key->min / 1024, key->max / 1024);
	field_store(field, key->size, value);
	return 0;
}

/* The ring buffer's size; the kernel takes powers of two only. */
static int set_ring(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	int err = set_size(scan, key, node, field);
	uint32_t value = err ? 0 : *(uint32_t *)field;

	if (!err && (value & (value - 1)))
		return config_scan_fail(scan, node, key->path, "%u bytes is not a power of two", value);
	return err;
}

static int set_duration(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	char text[CONFIG_TEXT_MAX];
	int64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = units_parse_duration(text, &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not a duration: a number with ms, s, m or h, such as 10s",
					text);
	if (err || (double)value < key->min * 1e9 || (double)value > key->max * 1e9)
		return config_scan_fail(scan, node, key->path, "%s is not between %gs and %gs", text,
					key->min, key->max);
	*(int64_t *)field = value;
	return 0;
}

/* An absolute path that fits. */
static int set_path(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (text[0] != '/')
		return config_scan_fail(scan, node, key->path, "'%s' is not an absolute path", text);
	if (strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the path is longer than %zu bytes",
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* The same, or nothing. */
static int set_path_or_none(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			    void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	return err || !*text ? err : set_path(scan, key, node, field);
}

/* "host:port" or "[v6]:port". Whether the host exists is the sink's business. */
static int set_address(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	char text[CONFIG_TEXT_MAX];
	const char *port;
	uint64_t number;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	port = strrchr(text, ':');
	if (!port || port == text || number_parse_uint64(port + 1, strlen(port + 1), &number) || !number ||
	    number > UINT16_MAX)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not host:port, such as 127.0.0.1:2003 or [::1]:2003", text);
	if (memchr(text, ':', (size_t)(port - text)) && (text[0] != '[' || port[-1] != ']'))
		return config_scan_fail(scan, node, key->path,
					"'%s': an IPv6 address stands in brackets, [::1]:2003", text);
	if (strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the address is longer than %zu bytes",
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* An address, or "" for none. */
static int set_listen(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	return err || !*text ? err : set_address(scan, key, node, field);
}

/* Complains unless `node` is a list of at most `max` elements. */
static int list_check(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      size_t max, const char *example)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(scan, node, key->path, "a list is expected, such as %s", example);
	if (config_scan_item(scan, node, max))
		return config_scan_fail(scan, node, key->path, "the list is longer than %zu", max);
	return 0;
}

/* The field is capture_options.ports, with port_count behind it. */
static int set_ports(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	struct capture_options *options = (void *)((char *)field - offsetof(struct capture_options, ports));
	struct config_key port = { .path = key->path, .size = sizeof(uint32_t), .min = 1, .max = UINT16_MAX };
	const yaml_node_t *item;
	int err = list_check(scan, key, node, CAPTURE_PORTS_MAX, "[8125]");

	if (!err && !config_scan_item(scan, node, 0))
		err = config_scan_fail(scan, node, key->path,
				       "the list is empty; name at least one port, as in [8125]");
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		uint32_t number = 0;

		err = set_integer(scan, &port, item, &number);
		for (size_t j = 0; !err && j < i; j++)
			if (options->ports[j] == number)
				err = config_scan_fail(scan, item, key->path, "port %u stands here twice",
						       number);
		options->ports[i] = (uint16_t)number;
		options->port_count = i + 1;
	}
	return err;
}

/* The field is config.percentiles, with percentile_count behind it. */
static int set_percentiles(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, percentiles));
	char text[CONFIG_TEXT_MAX];
	const yaml_node_t *item;
	int err = list_check(scan, key, node, PERCENTILES_MAX, "[90, 99.9, -10]");

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		double value = 0;

		err = config_scan_text(scan, key->path, item, text);
		if (!err &&
		    (number_parse_double(text, strlen(text), &value) || value == 0 || fabs(value) > 100))
			err = config_scan_fail(scan, item, key->path,
					       "'%s' is not a percentile: a number from -100 to 100, not 0",
					       text);
		for (size_t j = 0; !err && j < i; j++)
			if (config->percentiles[j] == value)
				err = config_scan_fail(scan, item, key->path, "%s stands here twice", text);
		config->percentiles[i] = value;
		config->percentile_count = i + 1;
	}
	return err;
}

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
/* Two neighbours: an array and its count. */
#define FIELDS(type, first, last)        \
	.offset = offsetof(type, first), \
	.size = offsetof(type, last) + sizeof(((type *)0)->last) - offsetof(type, first)

static const struct config_key graphite_keys[] = {
	{ "address", set_address, FIELD(struct graphite_options, address) },
	{ "queue", set_size, FIELD(struct graphite_options, queue_bytes), .min = 65536, .max = 0x1p40 },
	{},
};

/* The field is config.graphite, with graphite_count behind it. */
static int set_graphite(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, graphite));
	const yaml_node_t *item;
	int err = list_check(scan, key, node, GRAPHITE_OUTPUTS_MAX, "[{address: \"127.0.0.1:2003\"}]");

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		struct graphite_options *options = &config->graphite[i];
		char prefix[CONFIG_PATH_MAX];

		*options = (struct graphite_options){
			.queue_bytes = 16 << 20,
			.retry_min = 0.1,
			.retry_max = 30,
		};
		snprintf(prefix, sizeof(prefix), "%s[%zu].", key->path, i);
		err = config_scan_mapping(scan, item, graphite_keys, options, prefix);
		if (!err && !options->address[0])
			err = config_scan_fail(scan, item, key->path, "element %zu has no address", i);
		for (size_t j = 0; !err && j < i; j++)
			if (!strcmp(config->graphite[j].address, options->address))
				err = config_scan_fail(scan, item, key->path, "%s stands here twice",
						       options->address);
		config->graphite_count = i + 1;
	}
	return err;
}

#define NAME_PART(member) FIELD(struct config, names.member), .live = true
#define SERIES_LIMIT(member) FIELD(struct config, capture.member), .min = 1, .max = 1 << 24

const struct config_key config_keys[] = {
	{ "flush.interval", set_duration, FIELD(struct config, interval), .min = 0.05, .max = 86400,
	  .live = true },
	{ "flush.align", set_choice, FIELD(struct config, align), .choices = bool_names, .live = true },
	{ "flush.rates", set_choice, FIELD(struct config, rates), .choices = rates_names, .live = true },
	{ "capture.statsd.enabled", set_choice, FIELD(struct config, statsd_enabled), .choices = bool_names },
	{ "capture.statsd.ports", set_ports, FIELDS(struct config, capture.ports, capture.port_count),
	  .live = true },
	{ "capture.statsd.hook", set_choice, FIELD(struct config, capture.hook), .choices = hook_names },
	{ "capture.statsd.absorb", set_choice, FIELD(struct config, capture.absorb), .choices = bool_names },
	{ "timers.mode", set_choice, FIELD(struct config, capture.exact_timers), .choices = mode_names },
	{ "timers.percentiles", set_percentiles, FIELDS(struct config, percentiles, percentile_count),
	  .live = true },
	{ "timers.weighted", set_choice, FIELD(struct config, capture.weighted_timers),
	  .choices = bool_names },
	{ "timers.percentile_limit", set_integer, FIELD(struct config, percentile_limit), .max = 1 << 30,
	  .live = true },
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
	{ "gauge_ttl", set_integer, FIELD(struct config, idle.gauge_closings), .max = 1 << 30, .live = true },
	{ "ttl", set_duration, FIELD(struct config, idle.ttl), .max = 366 * 86400, .live = true },
	{ "names.legacy_namespace", set_choice, FIELD(struct config, names.legacy_namespace),
	  .choices = bool_names, .live = true },
	{ "names.global_prefix", config_set_name_part, NAME_PART(global_prefix) },
	{ "names.prefix_counter", config_set_name_part, NAME_PART(prefix[METRIC_COUNTER]) },
	{ "names.prefix_timer", config_set_name_part, NAME_PART(prefix[METRIC_TIMER]) },
	{ "names.prefix_gauge", config_set_name_part, NAME_PART(prefix[METRIC_GAUGE]) },
	{ "names.prefix_set", config_set_name_part, NAME_PART(prefix[METRIC_SET]) },
	{ "names.prefix_stats", config_set_name_part, NAME_PART(prefix_stats) },
	{ "names.global_suffix", config_set_name_part, NAME_PART(global_suffix) },
	{ "names.field_names", set_choice, FIELD(struct config, names.field_names), .choices = field_names,
	  .live = true },
	{ "internal_metrics", config_set_words, FIELD(struct config, names.internal_metrics),
	  .choices = internal_names, .live = true },
	{ "console.listen", set_listen, FIELD(struct config, console) },
	{ "attribution", set_choice, FIELD(struct config, attribution), .choices = attribution_names },
	{ "tags.dogstatsd", set_choice, FIELD(struct config, tags.dogstatsd), .choices = bool_names,
	  .live = true },
	{ "tags.influxdb", set_choice, FIELD(struct config, tags.influxdb), .choices = bool_names,
	  .live = true },
	{ "tags.librato", set_choice, FIELD(struct config, tags.librato), .choices = bool_names,
	  .live = true },
	{ "tags.signalfx", set_choice, FIELD(struct config, tags.signalfx), .choices = bool_names,
	  .live = true },
	{ "tags.graphite", set_choice, FIELD(struct config, tags.graphite), .choices = bool_names,
	  .live = true },
	{ "mapping", set_path_or_none, FIELD(struct config, mapping), .live = true },
	{ "names.metric_separator", config_set_separator, FIELD(struct config, metric_separator),
	  .live = true },
	{ "names.templates", config_set_templates, FIELDS(struct config, templates, template_count),
	  .live = true },
	{ "outputs.stdout", NULL, FIELD(struct config, table_enabled), .live = true },
	{ "outputs.stdout.format", set_choice, FIELD(struct config, table.format), .choices = format_names,
	  .live = true },
	{ "outputs.graphite", set_graphite, FIELDS(struct config, graphite, graphite_count), .live = true },
	{ "runtime_dir", set_path, FIELD(struct config, runtime_dir) },
	{ "limits.counters", set_integer, SERIES_LIMIT(counters) },
	{ "limits.timers", set_integer, SERIES_LIMIT(timers) },
	{ "limits.gauges", set_integer, SERIES_LIMIT(gauges) },
	{ "limits.sets", set_integer, SERIES_LIMIT(sets) },
	{ "limits.buckets", set_integer, SERIES_LIMIT(buckets) },
	{ "limits.samples", set_integer, SERIES_LIMIT(samples) },
	{ "limits.members", set_integer, SERIES_LIMIT(members) },
	{ "limits.set_exact", set_integer, SERIES_LIMIT(set_exact_max) },
	{ "limits.series", set_integer, FIELD(struct config, series_max), .min = 1, .max = 1 << 26 },
	{ "limits.ring", set_ring, FIELD(struct config, capture.ring_bytes), .min = 1 << 18, .max = 1 << 30 },
	{ "shutdown_timeout", set_duration, FIELD(struct config, shutdown_timeout), .max = 3600,
	  .live = true },
	{ "log.level", set_choice, FIELD(struct config, log_level), .choices = level_names, .live = true },
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
