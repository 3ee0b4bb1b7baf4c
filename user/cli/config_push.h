/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Keys that all outputs have which push (struct push_options), and what they take over from the
 * rest of the configuration where they say nothing.
 */
#ifndef CLI_CONFIG_PUSH_H
#define CLI_CONFIG_PUSH_H

#include "cli/config.h"
#include "cli/config_keys.h"

/* Nothing was said: the value of the whole configuration holds. Of sizes, counts and durations. */
#define CONFIG_UNSET (-1)

#define PUSH_FIELD(member) \
	.offset = offsetof(struct push_options, member), .size = sizeof(((struct push_options *)0)->member)
#define PUSH_FIELDS(first, last)                                                                           \
	.offset = offsetof(struct push_options, first), .size = offsetof(struct push_options, last) +      \
								sizeof(((struct push_options *)0)->last) - \
								offsetof(struct push_options, first)

/* Rows for the table of an output whose options begin with struct push_options. Addresses come beside them. */
#define CONFIG_PUSH_KEYS                                                                                    \
	{ "distribution", config_set_choice, PUSH_FIELD(distribution), .choices = config_distributions },   \
		{ "filter.include", config_set_globs, PUSH_FIELD(view.include) },                           \
		{ "filter.exclude", config_set_globs, PUSH_FIELD(view.exclude) },                           \
		{ "percentiles", config_set_view_percentiles,                                               \
		  PUSH_FIELDS(view.percentiles, view.percentile_count) },                                   \
		{ "queue.memory", config_set_size, PUSH_FIELD(queue.memory), .min = 65536, .max = 0x1p40 }, \
		{ "queue.disk", config_set_size, PUSH_FIELD(queue.disk), .max = 0x1p44 },                   \
		{ "queue.max_age", config_set_duration, PUSH_FIELD(queue.max_age), .max = 366 * 86400 },    \
		{ "batch.bytes", config_set_size, PUSH_FIELD(batch_bytes), .min = 512, .max = 0x1p24 },     \
		{ "batch.points", config_set_integer, PUSH_FIELD(batch_points), .min = 1, .max = 1 << 20 }, \
		{ "retry.min", config_set_duration, PUSH_FIELD(retry_min), .min = 0.01, .max = 3600 },      \
		{ "retry.max", config_set_duration, PUSH_FIELD(retry_max), .min = 0.01, .max = 86400 },     \
	{                                                                                                   \
		"timeout", config_set_duration, PUSH_FIELD(timeout), .min = 0.1, .max = 3600                \
	}

/* Rows about TLS, for those whose addresses say whether they speak it. */
#define CONFIG_HTTPS_KEYS                                                                         \
	{ "tls.insecure", config_set_choice, PUSH_FIELD(tls.insecure), .choices = config_bools }, \
		{ "tls.ca_file", config_set_path_or_none, PUSH_FIELD(tls.ca_file) },              \
		{ "tls.cert_file", config_set_path_or_none, PUSH_FIELD(tls.cert_file) },          \
		{ "tls.key_file", config_set_path_or_none, PUSH_FIELD(tls.key_file) },            \
	{                                                                                         \
		"tls.server_name", config_set_server_name, PUSH_FIELD(tls.server_name)            \
	}

/* And for those that must be told. */
#define CONFIG_TLS_KEYS                                                                         \
	{ "tls.enabled", config_set_choice, PUSH_FIELD(tls.enabled), .choices = config_bools }, \
		CONFIG_HTTPS_KEYS

extern const char *const config_distributions[], *const config_bools[];
config_set_fn config_set_globs, config_set_view_percentiles, config_set_server_name;
/* The field is push_options.destinations, with destination_count behind it: one "host:port", or a list of them. */
config_set_fn config_set_destination, config_set_destinations;

/* Adds one; `address` is checked and fits. */
int config_add_destination(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   struct push_options *push, const char *address);
/* A value that is "http://HOST..." or "https://HOST...", without user, query and fragment, into text[CONFIG_TEXT_MAX]. */
int config_scan_url(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    char *text);
bool config_is_url(const char *text);

/* A list of outputs of one kind. */
struct config_outputs {
	void *list; /* OUTPUTS_MAX of them */
	size_t *count;
	size_t size;		       /* of one */
	const struct config_key *keys; /* of one */
	const char *example;
	/* The defaults of one, zeroed before; of its push_options those of config_push_init() hold. NULL: only those. */
	void (*init)(void *options);
	/* Rules between its keys, after they were read. The sentence's reason, or NULL: all is well. May be NULL. */
	const char *(*check)(const void *options);
};

int config_set_outputs(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       const struct config_outputs *outputs);

/* Takes over from the rest of the configuration what an output or a view left unsaid. */
void config_push_resolve(const struct config *config, struct push_options *push);
/* What outputs.prometheus is by default. */
void config_prometheus_init(struct prometheus_options *options);
void config_view_resolve(const struct config *config, struct view_options *view);

#endif /* CLI_CONFIG_PUSH_H */
