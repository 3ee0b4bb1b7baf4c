/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One level of keys in a mapping file, read into a draft. For mapping_file.c only. */
#ifndef CLI_MAPPING_KEYS_H
#define CLI_MAPPING_KEYS_H

#include <stdbool.h>
#include "cli/config_scan.h"
#include "cli/mapping_file.h"

#define MAPPING_DEPTH_MAX 16 /* levels of keys; an alias may lead back to itself */
#define MAPPING_PATH_MAX_BYTES 256

struct mapping_reader {
	struct config_scan scan; /* for what it knows of lines and complaints */
	struct mapping *mapping;
	mapping_warn_fn *warn;
	void *context;
	unsigned int depth;
};

/* A table of keys ends with a row of zeros. */
struct mapping_key {
	const char *name;
	int (*set)(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		   const struct mapping_key *key);
	size_t offset;
	const char *const *words;
	bool empty_word; /* "" is the first of them */
};

/* What may be said of a rule, and of all in `defaults`. Enumerations are 1 + their value, 0: not said. */
struct mapping_draft {
	const yaml_node_t *node; /* where it stands */
	char path[32];		 /* "defaults", "mappings[3]" */
	const char *match, *name, *help;
	unsigned int match_type, metric_type, action, observer_type, timer_type;
	struct mapping_label *labels;
	size_t label_count;
	bool honor_labels, unordered;
	double scale;
	int64_t ttl;
	bool has_summary, has_histogram;
	struct mapping_summary summary, legacy_summary; /* legacy: only quantiles */
	struct mapping_histogram histogram, legacy_histogram;
};

/* Words of `match_metric_type`, in their order in the draft. */
enum mapping_metric_word {
	METRIC_WORD_COUNTER = 1,
	METRIC_WORD_GAUGE,
	METRIC_WORD_OBSERVER,
	METRIC_WORD_TIMER,
};

/* Reads an element of `mappings`, or `defaults`. -EINVAL, -ENOMEM with the sentence. */
int mapping_read_rule(struct mapping_reader *reader, const yaml_node_t *node, struct mapping_draft *draft);
int mapping_read_defaults(struct mapping_reader *reader, const yaml_node_t *node,
			  struct mapping_draft *draft);

/* Calls warn() with FILE:LINE: KEY: what is to be said. */
void mapping_warn(struct mapping_reader *reader, const yaml_node_t *node, const char *path,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));
int mapping_no_memory(struct mapping_reader *reader);

/* Is nothing there, or YAML's null? */
bool mapping_node_is_null(const yaml_node_t *node);
/* The text of a scalar; NULL, with the sentence, if it is none. */
const char *mapping_scalar(struct mapping_reader *reader, const char *path, const yaml_node_t *node);

/* Setters, by the type of their field: const char *, unsigned int, bool, double, uint32_t, int64_t. */
typedef int mapping_set_fn(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
			   void *field, const struct mapping_key *key);
mapping_set_fn mapping_set_text, mapping_set_word, mapping_set_flag, mapping_set_number, mapping_set_count,
	mapping_set_duration;

#endif /* CLI_MAPPING_KEYS_H */
