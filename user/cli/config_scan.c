// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * YAML text to fields. libyaml makes the tree and keeps the lines; a walk over it joins
 * the keys to paths and looks each up in the table:
 *
 *	flush:              "flush"           a section: go down
 *	  interval: 10s     "flush.interval"  a key: call its setter
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/config_env.h"
#include "cli/config_scan.h"

#define HINT_DISTANCE_MAX 3
#define WORD_MAX 64

int config_scan_fail(struct config_scan *scan, const yaml_node_t *node, const char *path, const char *format,
		     ...)
{
	bool named = *path || *scan->prefix;
	char reason[512], line[32] = "", key[2 * CONFIG_PATH_MAX + 8];
	/* The list's element itself: "outputs.file[0]." without the dot. */
	int prefix = (int)strlen(scan->prefix) - (!*path && *scan->prefix);
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	if (scan->is_file)
		snprintf(line, sizeof(line), ":%zu", node ? node->start_mark.line + 1 : 1);
	/* An override names its key already: "-s flush.interval". */
	snprintf(key, sizeof(key), "-s %.*s%s", prefix, scan->prefix, path);
	named = named && (scan->is_file || strcmp(key, scan->source));
	return error_set(scan->error, -EINVAL, "%s%s: %s%s%s", scan->source, line,
			 named ? key + strlen("-s ") : "", named ? ": " : "", reason);
}

const yaml_node_t *config_scan_item(const struct config_scan *scan, const yaml_node_t *node, size_t index)
{
	const yaml_node_item_t *items = node->data.sequence.items.start;

	if (index >= (size_t)(node->data.sequence.items.top - items))
		return NULL;
	return yaml_document_get_node(scan->document, items[index]);
}

const yaml_node_t *config_scan_pair(const struct config_scan *scan, const yaml_node_t *node, size_t index,
				    const yaml_node_t **key)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start + index;

	if (pair >= node->data.mapping.pairs.top)
		return NULL;
	*key = yaml_document_get_node(scan->document, pair->key);
	return yaml_document_get_node(scan->document, pair->value);
}

int config_scan_text(struct config_scan *scan, const char *path, const yaml_node_t *node, char *text)
{
	struct error reason = {};

	if (node->type != YAML_SCALAR_NODE)
		return config_scan_fail(scan, node, path,
					"one value is expected here, not a list or more keys");
	if (strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
		return config_scan_fail(scan, node, path, "the value holds a NUL byte");
	if (config_env_expand((const char *)node->data.scalar.value, scan->original, text, CONFIG_TEXT_MAX,
			      &reason))
		return config_scan_fail(scan, node, path, "%s", reason.text);
	return 0;
}

/* Levenshtein distance, words of up to WORD_MAX bytes; more when longer. */
static unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[b_len];
}

/* The known key nearest to `path`: by spelling, or the same last word elsewhere. NULL: none is near. */
static const struct config_key *key_nearest(const struct config_key *keys, const char *path)
{
	const struct config_key *nearest = NULL;
	const char *word = strrchr(path, '.');
	unsigned int best = HINT_DISTANCE_MAX + 1;

	word = word ? word + 1 : path;
	for (; keys->path; keys++) {
		const char *last = strrchr(keys->path, '.');
		unsigned int distance = word_distance(path, keys->path);

		last = last ? last + 1 : keys->path;
		if (!strcmp(word, last) && distance > HINT_DISTANCE_MAX)
			distance = HINT_DISTANCE_MAX;
		/* As many changes as it has letters make any word of any other. */
		if (distance < best && distance < strlen(keys->path)) {
			best = distance;
			nearest = keys;
		}
	}
	return nearest;
}

/* A known key, but in one word: "filter.include" is written as "filter: {include: ...}". */
static int key_dotted(struct config_scan *scan, const yaml_node_t *node, const char *path, const char *text)
{
	const char *const closing = "}}}}}}}}";
	char nested[CONFIG_PATH_MAX * 2] = "";
	size_t used = 0, depth = 0;

	/* A known key has a few words: no more than there are braces. */
	for (size_t len = strcspn(text, "."); text[len]; len = strcspn(text, ".")) {
		used += (size_t)snprintf(nested + used, sizeof(nested) - used, "%.*s: {", (int)len, text);
		text += len + 1;
		depth++;
	}
	return config_scan_fail(scan, node, path, "a key is one word without dots here: write %s%s: ...%.*s",
				nested, text, (int)depth, closing);
}

static bool key_is_known(const struct config_key *keys, const char *path)
{
	while (keys->path && strcmp(keys->path, path))
		keys++;
	return keys->path;
}

static int key_unknown(struct config_scan *scan, const yaml_node_t *node, const char *path)
{
	const struct config_key *nearest = key_nearest(scan->keys, path);

	if (!nearest)
		return config_scan_fail(scan, node, path, "unknown key");
	return config_scan_fail(scan, node, path, "unknown key; the nearest known key is %s%s", scan->prefix,
				nearest->path);
}

/* Length of `section` when `path` is it or lies in it, else 0. */
static size_t path_within(const char *path, const char *section)
{
	size_t length = strlen(section);

	if (strncmp(path, section, length) || (path[length] && path[length] != '.'))
		return 0;
	return length;
}

static int mapping_walk(struct config_scan *scan, const yaml_node_t *node, const char *path);

static int node_apply(struct config_scan *scan, const yaml_node_t *at, const yaml_node_t *node,
		      const char *path)
{
	bool is_section = false;

	for (const struct config_key *key = scan->keys; key->path; key++) {
		void *field = (char *)scan->base + key->offset;

		if (key->set && !strcmp(key->path, path)) {
			memset(field, 0, key->size);
			if (scan->note)
				scan->note(scan->context, key, scan, at);
			return key->set(scan, key, node, field);
		}
		if (!key->set && path_within(path, key->path))
			*(bool *)field = true;
		is_section |= path_within(key->path, path) > 0;
	}
	if (!is_section)
		return key_unknown(scan, at, path);
	return mapping_walk(scan, node, path);
}

/* Two equal keys in one mapping: YAML forbids it, libyaml lets it pass. */
static int mapping_check(struct config_scan *scan, const yaml_node_t *node, const char *path)
{
	const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
	size_t count = (size_t)(node->data.mapping.pairs.top - pairs);

	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *key = yaml_document_get_node(scan->document, pairs[i].key);

		if (key->type != YAML_SCALAR_NODE)
			return config_scan_fail(scan, key, path, "a key must be one word");
		for (size_t j = 0; j < i; j++) {
			const yaml_node_t *other = yaml_document_get_node(scan->document, pairs[j].key);

			if (!strcmp((const char *)key->data.scalar.value,
				    (const char *)other->data.scalar.value))
				return config_scan_fail(scan, key, path, "the key '%s' stands here twice",
							(const char *)key->data.scalar.value);
		}
	}
	return 0;
}

static int mapping_walk(struct config_scan *scan, const yaml_node_t *node, const char *path)
{
	int err;

	/* "outputs:" with nothing behind it is an empty section. */
	if (node->type == YAML_SCALAR_NODE && !node->data.scalar.length)
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(scan, node, path, "keys are expected here, not a value");
	err = mapping_check(scan, node, path);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !err && pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(scan->document, pair->key);
		char below[CONFIG_PATH_MAX], text[CONFIG_TEXT_MAX];

		err = config_scan_text(scan, path, key, text);
		if (err)
			break;
		if (snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", text) >=
			    (int)sizeof(below) ||
		    !*text || strchr(text, '.'))
			return key_is_known(scan->keys, below) ? key_dotted(scan, key, below, text)
							       : key_unknown(scan, key, below);
		err = node_apply(scan, key, yaml_document_get_node(scan->document, pair->value), below);
	}
	return err;
}

int config_scan_mapping(struct config_scan *scan, const yaml_node_t *node, const struct config_key *keys,
			void *base, const char *prefix)
{
	struct config_scan inner = *scan;

	inner.keys = keys;
	inner.base = base;
	inner.prefix = prefix;
	inner.note = NULL;
	return mapping_walk(&inner, node, "");
}

static int yaml_fail(struct config_scan *scan, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "not readable";
	/* The scanner points at where it gave up; where the trouble began tells more. */
	yaml_node_t at = { .start_mark =
				   parser->problem_mark.line ? parser->problem_mark : parser->context_mark };

	if (parser->error == YAML_MEMORY_ERROR)
		return error_set(scan->error, -ENOMEM, "%s: out of memory", scan->source);
	if (parser->context)
		return config_scan_fail(scan, &at, "", "not valid YAML: %s %s", parser->context, problem);
	return config_scan_fail(scan, &at, "", "not valid YAML: %s", problem);
}

/* True when nothing follows the first document. */
static int yaml_check_end(struct config_scan *scan, yaml_parser_t *parser)
{
	yaml_document_t rest;
	const yaml_node_t *root;
	int err = 0;

	if (!yaml_parser_load(parser, &rest))
		return yaml_fail(scan, parser);
	root = yaml_document_get_root_node(&rest);
	if (root)
		err = config_scan_fail(scan, root, "", "a second YAML document begins here");
	yaml_document_delete(&rest);
	return err;
}

int config_scan_load(struct config_scan *scan, const char *text, yaml_document_t *document)
{
	yaml_parser_t parser;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return error_set(scan->error, -ENOMEM, "%s: out of memory", scan->source);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	if (!yaml_parser_load(&parser, document)) {
		err = yaml_fail(scan, &parser);
		goto out;
	}
	scan->document = document;
	if (yaml_document_get_root_node(document))
		err = yaml_check_end(scan, &parser);
	if (err)
		yaml_document_delete(document);
out:
	yaml_parser_delete(&parser);
	return err;
}

static int document_apply(struct config_scan *scan, const char *path)
{
	const yaml_node_t *root = yaml_document_get_root_node(scan->document);

	if (!root) /* an empty file configures nothing; an empty value is none */
		return *path ? config_scan_fail(scan, NULL, path, "the value is empty") : 0;
	return *path ? node_apply(scan, root, root, path) : mapping_walk(scan, root, "");
}

int config_scan_apply(struct config_scan *scan, const char *path, const char *text)
{
	yaml_document_t document;
	int err;

	scan->original = text;
	scan->text = config_env_mark(text);
	if (!scan->text)
		return error_set(scan->error, -ENOMEM, "%s: out of memory", scan->source);
	err = config_scan_load(scan, scan->text, &document);
	if (!err) {
		err = document_apply(scan, path);
		yaml_document_delete(&document);
	}
	free(scan->text);
	scan->text = NULL;
	return err;
}
