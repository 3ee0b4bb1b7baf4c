/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* All keys of struct config, as a table for config_scan.h. docs/configuration.md explains each. */
#ifndef CLI_CONFIG_KEYS_H
#define CLI_CONFIG_KEYS_H

#include <stddef.h>
#include "cli/config_scan.h"

#define CONFIG_KEYS_MAX 128 /* rows of the table, at most */

extern const struct config_key config_keys[];

/* Setters of config_values.c. Fields of whole numbers and choices are bool, enum or uint32_t, uint64_t or size_t. */
config_set_fn config_set_choice, config_set_integer, config_set_size, config_set_ring, config_set_duration;
config_set_fn config_set_path, config_set_path_or_none, config_set_address, config_set_listen;
config_set_fn config_set_scraped;
/*
 * Complains unless `text` is "host:port" or "[v6]:port", such as ...:`example`. Whether the host exists is for others
 * to find out.
 */
int config_check_address(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 const char *text, const char *example);
/* Complains unless `node` is a list of at most `max` elements. */
int config_check_list(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      size_t max, const char *example);
/* Setters of config_store.c. */
config_set_fn config_set_delete, config_set_delete_idle, config_set_histogram;
/* Setters of config_names.c: a part of a path, perhaps ""; a list of key->choices as bits, the first is 1. */
config_set_fn config_set_name_part, config_set_words;
/* Setter of config_tags.c. */
config_set_fn config_set_tags;
/* Setters of config_naming.c. */
config_set_fn config_set_separator, config_set_templates;

/* A list of percentiles, PERCENTILES_MAX at most. */
int config_set_percentile_list(struct config_scan *scan, const struct config_key *key,
			       const yaml_node_t *node, double *percentiles, size_t *count);
/* Setters of outputs, each in a file of its own: config_graphite.c. */
config_set_fn config_set_graphite, config_set_file, config_set_wavefront, config_set_prometheus;
config_set_fn config_set_otlp, config_set_relays;

/* A key of `config_keys` by its path; NULL when there is none. */
const struct config_key *config_key_find(const char *path);

#endif /* CLI_CONFIG_KEYS_H */
