// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Setters of the keys below `names`. */
#include <stdio.h>
#include <string.h>
#include "cli/config.h"
#include "cli/config_keys.h"

/* What stands between the components of a name. */
int config_set_separator(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	char text[CONFIG_TEXT_MAX], safe[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	name_sanitise(safe, text, strlen(text), '\0');
	if (!*text || strcmp(text, safe) != 0 || strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not one to %zu letters, digits, '.', '_' or '-'", text,
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* The field is config.templates, with template_count behind it. */
int config_set_templates(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, templates));
	char text[CONFIG_TEXT_MAX];
	struct template_list *list;
	struct error reason = {};
	const yaml_node_t *item;
	size_t bad;
	int err = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(
			scan, node, key->path,
			"a list is expected, such as [\"cpu.* measurement.measurement.host\"]");
	if (config_scan_item(scan, node, TEMPLATES_MAX))
		return config_scan_fail(scan, node, key->path, "the list is longer than %d", TEMPLATES_MAX);
	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		err = config_scan_text(scan, key->path, item, text);
		if (!err && strlen(text) >= TEMPLATE_BYTES)
			err = config_scan_fail(scan, item, key->path, "a template is longer than %d bytes",
					       TEMPLATE_BYTES - 1);
		if (err)
			return err;
		snprintf(config->templates[i], TEMPLATE_BYTES, "%s", text);
		list = template_list_new(&config->templates[i], 1, ".", &bad, &reason);
		if (!list)
			return config_scan_fail(scan, item, key->path, "'%s': %s", text, reason.text);
		template_list_free(list);
		config->template_count = i + 1;
	}
	return err;
}
