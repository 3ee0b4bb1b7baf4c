/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* All keys of struct config, as a table for config_scan.h. docs/configuration.md explains each. */
#ifndef CLI_CONFIG_KEYS_H
#define CLI_CONFIG_KEYS_H

#include <stddef.h>
#include "cli/config_scan.h"

#define CONFIG_KEYS_MAX 64 /* rows of the table, at most */

extern const struct config_key config_keys[];

/* Setters of config_names.c: a part of a path, perhaps ""; a list of key->choices as bits, the first is 1. */
config_set_fn config_set_name_part, config_set_words;
/* Setters of config_store.c. */
config_set_fn config_set_delete, config_set_delete_idle, config_set_histogram;
/* Setters of config_naming.c: names.metric_separator, names.templates. */
config_set_fn config_set_separator, config_set_templates;

/* A key of `config_keys` by its path; NULL when there is none. */
const struct config_key *config_key_find(const char *path);

#endif /* CLI_CONFIG_KEYS_H */
