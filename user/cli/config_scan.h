/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From YAML text to the fields of a struct, by a table of keys. Knows files, lines,
 * ${NAME} and the nearest known key; knows no key by name. Every complaint reads
 * "FILE:LINE: KEY: reason".
 */
#ifndef CLI_CONFIG_SCAN_H
#define CLI_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>
#include "lib/error.h"

#define CONFIG_TEXT_MAX 1024 /* longest scalar, after ${NAME} is replaced */
#define CONFIG_PATH_MAX 128

struct config_scan;
struct config_key;

/* Reads `node` into `field` (key->size bytes, zeroed). 0, or what scan_fail() returned. */
typedef int config_set_fn(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			  void *field);

/*
 * One key. A key that ends a path has `set`; without it the row marks a section, and its
 * field is a bool that becomes true when the section or anything in it is mentioned.
 * A table ends with a row of zeros.
 */
struct config_key {
	const char *path; /* "capture.statsd.ports" */
	config_set_fn *set;
	size_t offset, size;	    /* the field within the struct */
	const char *const *choices; /* words, NULL-terminated; the field becomes the index */
	double min, max;	    /* numbers and durations (seconds) and sizes (bytes), inclusive */
	bool live;		    /* a reload changes it without a restart */
};

/* Where the text came from, and what is being filled. */
struct config_scan {
	const char *source;	       /* "/etc/kstatsd/kstatsd.yaml", "-s flush.interval" */
	bool is_file;		       /* complaints name a line */
	const struct config_key *keys; /* the table of the struct at `base` */
	void *base;
	const char *prefix; /* what stands before a key's path in complaints: "", "outputs.graphite[0]." */
	char *text;	    /* with ${NAME} taken out, see config_scan_text() */
	const char *original;
	yaml_document_t *document;
	void (*note)(void *context, const struct config_key *key, const struct config_scan *scan,
		     const yaml_node_t *node); /* called for each key that was set; may be NULL */
	void *context;
	struct error *error;
};

/*
 * Parses `text` and applies it: as the whole configuration when `path` is "", else as the
 * value of that key or section. -EINVAL with the sentence in scan->error; -ENOMEM. The
 * struct may be half filled then. The caller sets source, is_file, keys, base, prefix and error.
 */
int config_scan_apply(struct config_scan *scan, const char *path, const char *text);

/*
 * Only the tree of `text`, for who walks it otherwise; one document, without ${NAME}. The
 * caller frees it with yaml_document_delete(). It has no root if the text is empty.
 */
int config_scan_load(struct config_scan *scan, const char *text, yaml_document_t *document);

/* Applies a mapping node to another struct, say an element of a list. */
int config_scan_mapping(struct config_scan *scan, const yaml_node_t *node, const struct config_key *keys,
			void *base, const char *prefix);

/* A scalar's text with ${NAME} and ${NAME:-default} replaced, into text[CONFIG_TEXT_MAX]. */
int config_scan_text(struct config_scan *scan, const char *path, const yaml_node_t *node, char *text);

/* Element `index` of a sequence node; NULL behind the last. */
const yaml_node_t *config_scan_item(const struct config_scan *scan, const yaml_node_t *node, size_t index);

/* Pair `index` of a mapping node: its value, and its key. NULL behind the last. */
const yaml_node_t *config_scan_pair(const struct config_scan *scan, const yaml_node_t *node, size_t index,
				    const yaml_node_t **key);

/* Writes "SOURCE:LINE: KEY: reason" and returns -EINVAL. */
int config_scan_fail(struct config_scan *scan, const yaml_node_t *node, const char *path, const char *format,
		     ...) __attribute__((format(printf, 4, 5)));

#endif /* CLI_CONFIG_SCAN_H */
