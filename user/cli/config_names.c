// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Setters for what outputs call things. What they let pass stands in a path of Graphite as it is. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "cli/config_keys.h"

/* Letters, digits, '_' and '-', between single dots. */
static bool is_path(const char *text)
{
	bool in_component = false;

	for (; *text; text++) {
		if (*text == '.' && !in_component)
			return false;
		if (*text != '.' && !isalnum((unsigned char)*text) && *text != '_' && *text != '-')
			return false;
		in_component = *text != '.';
	}
	return in_component;
}

int config_set_name_part(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (*text && !is_path(text))
		return config_scan_fail(scan, node, key->path,
					"'%s' is not a part of a path: letters, digits, _ and -, between "
					"single dots",
					text);
	/* Nobody can count in the ledger but the daemon (core/name.h). */
	if (!strcmp(text, "kstatsd") || !strncmp(text, "kstatsd.", strlen("kstatsd.")))
		return config_scan_fail(scan, node, key->path, "kstatsd is what the ledger is called");
	if (strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the name is longer than %zu bytes",
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

static int word_find(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     unsigned int *index)
{
	char text[CONFIG_TEXT_MAX], known[512] = "";
	int err = config_scan_text(scan, key->path, node, text);
	size_t used = 0;

	if (err)
		return err;
	for (*index = 0; key->choices[*index]; (*index)++) {
		if (!strcmp(key->choices[*index], text))
			return 0;
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", *index ? ", " : "",
					 key->choices[*index]);
	}
	return config_scan_fail(scan, node, key->path, "'%s' is not one of: %s", text, known);
}

int config_set_words(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	const yaml_node_t *item;
	uint32_t bits = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(scan, node, key->path, "a list is expected, such as [%s]",
					key->choices[0]);
	for (size_t i = 0; (item = config_scan_item(scan, node, i)); i++) {
		unsigned int index = 0;
		int err = word_find(scan, key, item, &index);

		if (err)
			return err;
		if (bits & 1u << index)
			return config_scan_fail(scan, item, key->path, "%s stands here twice",
						key->choices[index]);
		bits |= 1u << index;
	}
	*(uint32_t *)field = bits;
	return 0;
}
