// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * global_tags: {env: prod, host: "${HOSTNAME:-}"}
 *
 * Made safe and sorted as those that are sent. One whose value is empty is left out.
 */
#include <stdio.h>
#include <string.h>
#include "cli/config.h"
#include "cli/config_keys.h"
#include "core/name.h"
#include "core/tag.h"

static int tag_add(struct config_scan *scan, const struct config_key *key, const yaml_node_t *name,
		   const yaml_node_t *node, struct tag_list *tags)
{
	char tag[CONFIG_TEXT_MAX], value[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, name, tag)
			  ?: config_scan_text(scan, key->path, node, value);

	if (err || !*value)
		return err;
	if (!*tag)
		return config_scan_fail(scan, name, key->path, "a tag needs a key");
	if (tag_list_has(tags, tag))
		return config_scan_fail(scan, name, key->path, "the tag %s stands here twice", tag);
	if (tag_list_add(tags, tag, strlen(tag), value, strlen(value)))
		return config_scan_fail(scan, name, key->path, "the tags are too long");
	return 0;
}

/* The field is text, as in a canonical name. */
int config_set_tags(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	const yaml_node_t *name, *value;
	struct canonical_name canonical;
	struct tag_list tags;
	int err = 0;

	/* Empty: none. */
	if (node->type == YAML_SCALAR_NODE && !node->data.scalar.length)
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(scan, node, key->path, "tags are expected, such as {env: prod}");
	tags.used = 0;
	tags.count = 0;
	for (size_t i = 0; !err && (value = config_scan_pair(scan, node, i, &name)); i++)
		err = tag_add(scan, key, name, value, &tags);
	if (err)
		return err;
	if (canonical_name_own(&canonical, "") || tag_list_write(&tags, &canonical) ||
	    canonical.tags_len >= key->size)
		return config_scan_fail(scan, node, key->path, "the tags are longer than %zu bytes",
					key->size - 1);
	snprintf(field, key->size, "%s", canonical_name_tags(&canonical));
	return 0;
}
