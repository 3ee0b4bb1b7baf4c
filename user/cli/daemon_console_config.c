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

static void row_add(struct text *text, const char *key, const char *value)
{
	text_add_string(text, key);
	text_add_string(text, ": ");
	text_add_string(text, value);
	text_add(text, "\n", 1);
}

static void row_add_number(struct text *text, const char *key, double value)
{
	char number[NUMBER_BYTES];

	number_format(value, number);
	row_add(text, key, number);
}

static void row_add_element(struct text *text, const char *key, size_t index, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s > %zu", key, index);
	row_add(text, path, value);
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
	row_add(text, host_key, host);
	row_add(text, port_key, colon + 1);
}

static void rows_add_names(struct text *text, const struct format_options *names)
{
	row_add(text, "graphite > legacyNamespace", names->legacy_namespace ? "true" : "false");
	row_add(text, "graphite > globalPrefix", names->global_prefix);
	row_add(text, "graphite > prefixCounter", names->prefix[METRIC_COUNTER]);
	row_add(text, "graphite > prefixTimer", names->prefix[METRIC_TIMER]);
	row_add(text, "graphite > prefixGauge", names->prefix[METRIC_GAUGE]);
	row_add(text, "graphite > prefixSet", names->prefix[METRIC_SET]);
	row_add(text, "graphite > globalSuffix", names->global_suffix);
	row_add(text, "prefixStats", names->prefix_stats);
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
		row_add(text, keys[type], idle->sent[type] ? "false" : "true");
	row_add_number(text, "gaugesMaxTTL", (double)idle->gauge_closings);
}

void daemon_console_config(void *context, char *arguments, struct text *text)
{
	const struct config *config = &((const struct daemon *)context)->config;
	char number[NUMBER_BYTES];

	(void)arguments;
	text_add_string(text, "\n");
	row_add_number(text, "flushInterval", (double)config->interval / NS_PER_MSEC);
	for (size_t i = 0; i < config->percentile_count; i++) {
		number_format(config->percentiles[i], number);
		row_add_element(text, "percentThreshold", i, number);
	}
	for (size_t i = 0; i < config->capture.port_count; i++)
		row_add_number(text, "port", config->capture.ports[i]);
	rows_add_address(text, "mgmt_address", "mgmt_port", config->console);
	for (size_t i = 0; i < config->graphite_count; i++)
		rows_add_address(text, "graphiteHost", "graphitePort", config->graphite[i].address);
	rows_add_idle(text, &config->idle);
	rows_add_names(text, &config->names);
}
