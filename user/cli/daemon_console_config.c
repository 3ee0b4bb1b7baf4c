// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The console's word "config": kstatsd's configuration under the keys that statsd has, laid out
 * as statsd does, for tools that look for flushInterval or mgmt_port there.
 *
 *     flushInterval: 10000
 *     graphite > legacyNamespace: false
 */
#include <stdio.h>
#include <string.h>
#include "cli/daemon.h"
#include "lib/clock.h"

#define NS_PER_MSEC 1000000.0

static void row_add_element(struct text *text, const char *key, size_t index, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s > %zu", key, index);
	console_line(text, path, value);
}

/* "host:port" as two rows, the host without the brackets of IPv6. */
static void rows_add_address(struct text *text, const char *host_key, const char *port_key,
			     const char *address)
{
	const char *colon = strrchr(address, ':');
	bool brackets = *address == '[';
	char host[256];

	if (!colon)
		return;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - 2 * brackets, address + brackets);
	console_line(text, host_key, host);
	console_line(text, port_key, colon + 1);
}

static void rows_add_names(struct text *text, const struct format_options *names)
{
	console_line(text, "graphite > legacyNamespace", names->legacy_namespace ? "true" : "false");
	console_line(text, "graphite > globalPrefix", names->global_prefix);
	console_line(text, "graphite > prefixCounter", names->prefix[METRIC_COUNTER]);
	console_line(text, "graphite > prefixTimer", names->prefix[METRIC_TIMER]);
	console_line(text, "graphite > prefixGauge", names->prefix[METRIC_GAUGE]);
	console_line(text, "graphite > prefixSet", names->prefix[METRIC_SET]);
	console_line(text, "graphite > globalSuffix", names->global_suffix);
	console_line(text, "prefixStats", names->prefix_stats);
	for (size_t i = 0, count = 0; timer_metric_names[i]; i++)
		if (names->timer_metrics & 1u << i)
			row_add_element(text, "calculatedTimerMetrics", count++, timer_metric_names[i]);
}

static void rows_add_idle(struct text *text, const struct idle_options *idle)
{
	static const char *const keys[METRIC_TYPES] = {
		[METRIC_COUNTER] = "deleteCounters",
		[METRIC_TIMER] = "deleteTimers",
		[METRIC_GAUGE] = "deleteGauges",
		[METRIC_SET] = "deleteSets",
	};

	for (size_t type = 0; type < METRIC_TYPES; type++)
		console_line(text, keys[type], idle->sent[type] ? "false" : "true");
	console_number(text, "gaugesMaxTTL", (double)idle->gauge_closings);
}

void daemon_console_config(void *context, char *arguments, struct text *text)
{
	const struct config *config = &((const struct daemon *)context)->config;
	char number[NUMBER_BYTES];

	(void)arguments;
	text_add_string(text, "\n");
	console_number(text, "flushInterval", (double)config->interval / NS_PER_MSEC);
	for (size_t i = 0; i < config->percentile_count; i++) {
		number_format(config->percentiles[i], number);
		row_add_element(text, "percentThreshold", i, number);
	}
	for (size_t i = 0; i < config->capture.port_count; i++)
		console_number(text, "port", config->capture.ports[i]);
	rows_add_address(text, "mgmt_address", "mgmt_port", config->console);
	for (size_t i = 0; i < config->graphite_count; i++)
		rows_add_address(text, "graphiteHost", "graphitePort",
				 config->graphite[i].push.destinations[0]);
	rows_add_idle(text, &config->idle);
	rows_add_names(text, &config->names);
}
