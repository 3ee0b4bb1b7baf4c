// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Puts a configuration together: defaults, file, overrides, and then what no single key
 * can see, which are the rules between keys.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/config.h"
#include "cli/config_keys.h"
#include "cli/config_push.h"
#include "cli/file.h"

#define FILE_BYTES_MAX (1 << 20)
#define ORIGIN_MAX 256

/* Where each key was set last, so that a rule between keys can name the place. */
struct origins {
	char text[CONFIG_KEYS_MAX][ORIGIN_MAX];
};

static void origin_note(void *context, const struct config_key *key, const struct config_scan *scan,
			const yaml_node_t *node)
{
	struct origins *origins = context;
	char *text = origins->text[key - config_keys];

	if (scan->is_file)
		snprintf(text, ORIGIN_MAX, "%s:%zu: ", scan->source, node->start_mark.line + 1);
	else if (!strcmp(scan->source + strlen("-s "), key->path))
		snprintf(text, ORIGIN_MAX, "-s ");
	else
		snprintf(text, ORIGIN_MAX, "%s: ", scan->source);
}

static void config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->interval = 10 * 1000000000ll;
	config->align = true;
	config->statsd_enabled = true;
	capture_options_init(&config->capture);
	config->series_max = 1000000;
	config->percentiles[0] = 90;
	config->percentile_count = 1;
	memcpy(&config->names, &format_defaults, sizeof(config->names));
	config->tags = (struct naming_tags){ true, true, true, true, true };
	snprintf(config->metric_separator, sizeof(config->metric_separator), ".");
	config->relay_ring = 8 << 20;
	config->queue = (struct queue_options){
		.memory = 16 << 20,
		.disk = 256 << 20,
		.max_age = 86400 * 1000000000ll,
	};
	config->table.view.percentile_count = (size_t)CONFIG_UNSET;
	snprintf(config->state_dir, sizeof(config->state_dir), "/var/lib/kstatsd");
	snprintf(config->runtime_dir, sizeof(config->runtime_dir), "/run/kstatsd");
	config->shutdown_timeout = 5 * 1000000000ll;
	config->log_level = LOG_LEVEL_INFO;
}

const char *config_file(const struct config_source *source)
{
	if (source->file)
		return source->file;
	return access(CONFIG_DEFAULT_FILE, F_OK) ? "" : CONFIG_DEFAULT_FILE;
}

static int file_apply(struct config_scan *scan, const char *path)
{
	char *text = file_read(path, "the configuration", FILE_BYTES_MAX, scan->error);
	int err;

	if (!text)
		return -EINVAL;
	scan->source = path;
	scan->is_file = true;
	err = config_scan_apply(scan, "", text);
	free(text);
	return err;
}

static int override_apply(struct config_scan *scan, const char *override)
{
	size_t length = strcspn(override, "=");
	char path[CONFIG_PATH_MAX], source[CONFIG_PATH_MAX + 8];

	if (!length || !override[length] || length >= sizeof(path))
		return error_set(scan->error, -EINVAL,
				 "-s %s: KEY=VALUE is expected, such as -s flush.interval=1s", override);
	snprintf(path, sizeof(path), "%.*s", (int)length, override);
	snprintf(source, sizeof(source), "-s %s", path);
	scan->source = source;
	scan->is_file = false;
	return config_scan_apply(scan, path, override + length + 1);
}

/* A sentence about the key `path`, from the place where it was set. */
static int rule_fail(const struct origins *origins, struct error *error, const char *path, const char *reason)
{
	const char *origin = origins->text[config_key_find(path) - config_keys];

	return error_set(error, -EINVAL, "%s%s: %s", origin, path, reason);
}

static bool outputs_configured(const struct config *config)
{
	return config->table_enabled || config->graphite_count || config->file_count || config->otlp_count ||
	       config->wavefront_count || config->prometheus_enabled || config->relay_count;
}

/* What an output does not say of itself, the rest of the configuration says. */
static void outputs_resolve(struct config *config)
{
	memcpy(config->names.global_tags, config->global_tags, sizeof(config->global_tags));
	config_view_resolve(config, &config->table.view);
	config_view_resolve(config, &config->prometheus.view);
	for (size_t i = 0; i < config->file_count; i++)
		config_view_resolve(config, &config->file[i].view);
	for (size_t i = 0; i < config->graphite_count; i++)
		config_push_resolve(config, &config->graphite[i].push);
	for (size_t i = 0; i < config->otlp_count; i++)
		config_push_resolve(config, &config->otlp[i].push);
	for (size_t i = 0; i < config->wavefront_count; i++)
		config_push_resolve(config, &config->wavefront[i].push);
}

static int config_check(struct config *config, const struct origins *origins, struct error *error)
{
	enum capture_hook hook = config->capture.hook;

	if (!config->statsd_enabled)
		return rule_fail(origins, error, "capture.statsd.enabled", "false leaves nothing to capture");
	if (config->capture.absorb && hook != HOOK_AUTO && hook != HOOK_CGROUP)
		return rule_fail(origins, error, "capture.statsd.absorb",
				 "only the cgroup hook can end a datagram's way; set capture.statsd.hook to "
				 "cgroup or auto, or absorb to false");
	if (config->names.legacy_namespace && config->names.field_names != FIELD_NAMES_STATSD)
		return rule_fail(origins, error, "names.legacy_namespace",
				 "it has no place for the names of names.field_names: telegraf; set it to "
				 "false");
	if (config->jitter >= config->interval)
		return rule_fail(origins, error, "flush.jitter",
				 "it is not below flush.interval: a flush would wait for the next one");
	if (!outputs_configured(config))
		config->table_enabled = true;
	outputs_resolve(config);
	return 0;
}

int config_load(struct config *config, const struct config_source *source, struct error *error)
{
	struct config_scan scan = { .keys = config_keys, .base = config, .prefix = "", .error = error };
	struct origins *origins = calloc(1, sizeof(*origins));
	const char *file = config_file(source);
	int err = 0;

	if (!origins)
		return error_set(error, -ENOMEM, "cannot read the configuration: out of memory");
	scan.note = origin_note;
	scan.context = origins;
	config_init(config);
	if (*file)
		err = file_apply(&scan, file);
	for (size_t i = 0; !err && i < source->override_count; i++)
		err = override_apply(&scan, source->overrides[i]);
	if (!err)
		err = config_check(config, origins, error);
	free(origins);
	return err;
}

static bool limit_is_idle(const struct config *config)
{
	return config->percentile_limit && !config->capture.exact_timers;
}

static bool gauge_ttl_is_idle(const struct config *config)
{
	return config->idle.gauge_closings && config->idle.sent[METRIC_GAUGE];
}

static bool ttl_is_idle(const struct config *config)
{
	const struct idle_options *idle = &config->idle;

	return idle->ttl && !memchr(idle->sent, true, sizeof(idle->sent));
}

void config_warn(const struct config *config, void (*warn)(const char *text))
{
	static const struct {
		bool (*applies)(const struct config *config);
		const char *text;
	} rows[] = {
		{ limit_is_idle,
		  "timers.percentile_limit has no effect, as timers.mode: histogram keeps no samples to "
		  "count; set timers.mode to exact, or take the limit away" },
		{ gauge_ttl_is_idle,
		  "gauge_ttl has no effect, as delete_idle.gauges: false sends idle gauges for ever; set "
		  "that to true, or take gauge_ttl away" },
		{ ttl_is_idle, "ttl has no effect, as delete_idle: true sends nothing that is idle; set that "
			       "to false, or take ttl away" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].applies(config))
			warn(rows[i].text);
}

void config_update(struct config *config, const struct config *next, char *restart, size_t restart_size)
{
	size_t used = 0;

	*restart = '\0';
	for (const struct config_key *key = config_keys; key->path; key++) {
		void *field = (char *)config + key->offset;
		const void *wanted = (const char *)next + key->offset;

		if (!memcmp(field, wanted, key->size))
			continue;
		if (key->live)
			memcpy(field, wanted, key->size);
		else if (used < restart_size)
			used += (size_t)snprintf(restart + used, restart_size - used, "%s%s",
						 used ? ", " : "", key->path);
	}
}
