// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Outputs that push, whatever they speak:
 *
 *     graphite:
 *       - addresses: ["10.0.0.1:2003", "10.0.0.2:2003"]
 *         distribution: hash
 *         filter: {include: ["shop.*"]}
 *         queue: {memory: 4MiB, disk: 1GiB}
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

const char *const config_distributions[] = { "all", "hash", NULL };
const char *const config_bools[] = { "false", "true", NULL };

#define BATCH_BYTES (256 << 10)
#define BATCH_POINTS 10000

static void config_push_init(struct push_options *push)
{
	*push = (struct push_options){
		.queue = { .memory = (size_t)CONFIG_UNSET,
			   .disk = (size_t)CONFIG_UNSET,
			   .max_age = CONFIG_UNSET },
		.view.percentile_count = (size_t)CONFIG_UNSET,
		.batch_bytes = BATCH_BYTES,
		.batch_points = BATCH_POINTS,
		.retry_min = 100000000,
		.retry_max = 30000000000,
		.timeout = 10000000000,
	};
}

/* The field is an array of globs, "" behind the last. */
int config_set_globs(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	char(*globs)[GLOB_BYTES] = field, text[CONFIG_TEXT_MAX];
	int err = config_check_list(scan, key, node, GLOBS_MAX, "[\"shop.*\"]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		err = config_scan_text(scan, key->path, item, text);
		if (!err && (!*text || strlen(text) >= GLOB_BYTES))
			err = config_scan_fail(scan, item, key->path,
					       "'%s' is no glob of 1 to %d bytes, such as shop.*", text,
					       GLOB_BYTES - 1);
		if (!err)
			snprintf(globs[i], GLOB_BYTES, "%s", text);
	}
	return err;
}

/* The field is view_options.percentiles, with percentile_count behind it. */
int config_set_view_percentiles(struct config_scan *scan, const struct config_key *key,
				const yaml_node_t *node, void *field)
{
	struct view_options *view = (void *)((char *)field - offsetof(struct view_options, percentiles));

	return config_set_percentile_list(scan, key, node, view->percentiles, &view->percentile_count);
}

int config_set_server_name(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (!err && strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the name is longer than %zu bytes",
					key->size - 1);
	if (!err)
		snprintf(field, key->size, "%s", text);
	return err;
}

static int destination_add(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   struct push_options *push)
{
	struct config_key one = { .path = key->path, .size = ADDRESS_BYTES };
	char address[ADDRESS_BYTES] = "";
	int err = config_set_address(scan, &one, node, address);

	return err ? err : config_add_destination(scan, key, node, push, address);
}

int config_set_destination(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   void *field)
{
	return destination_add(scan, key, node,
			       (void *)((char *)field - offsetof(struct push_options, destinations)));
}

int config_set_destinations(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			    void *field)
{
	struct push_options *push = (void *)((char *)field - offsetof(struct push_options, destinations));
	int err = config_check_list(scan, key, node, DESTINATIONS_MAX,
				    "[\"10.0.0.1:2003\", \"10.0.0.2:2003\"]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++)
		err = destination_add(scan, key, item, push);
	return err;
}

static bool has_destination(const struct push_options *push, const char *address)
{
	for (size_t i = 0; i < push->destination_count; i++)
		if (!strcmp(push->destinations[i], address))
			return true;
	return false;
}

/* An address of element `i` that one before it has, too: they would share what waits on disk. NULL: none. */
static const char *address_shared(const struct config_outputs *outputs, size_t i)
{
	const struct push_options *push = (void *)((char *)outputs->list + i * outputs->size);

	for (size_t j = 0; j < i; j++) {
		const struct push_options *other = (void *)((char *)outputs->list + j * outputs->size);

		for (size_t k = 0; k < push->destination_count; k++)
			if (has_destination(other, push->destinations[k]))
				return push->destinations[k];
	}
	return NULL;
}

/* The row that reads addresses from this key of an element. NULL: the key is about something else. */
static const struct config_key *address_key(const struct config_key *keys, const yaml_node_t *name)
{
	for (; keys->path; keys++)
		if (keys->offset == offsetof(struct push_options, destinations) &&
		    !strcmp(keys->path, (const char *)name->data.scalar.value))
			return keys;
	return NULL;
}

/* Each row about addresses forgets what another has read, so an element has but one of them. */
static int addresses_check(struct config_scan *scan, const struct config_key *key, const yaml_node_t *item,
			   const struct config_key *keys)
{
	const struct config_key *first = NULL, *row;
	const yaml_node_t *name;

	for (size_t i = 0; config_scan_pair(scan, item, i, &name); i++) {
		row = address_key(keys, name);
		if (row && first)
			return config_scan_fail(scan, name, key->path,
						"only one of %s and %s; another address is another element",
						first->path, row->path);
		first = row ? row : first;
	}
	return 0;
}

int config_set_outputs(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       const struct config_outputs *outputs)
{
	int err = config_check_list(scan, key, node, OUTPUTS_MAX, outputs->example);
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		struct push_options *push = (void *)((char *)outputs->list + i * outputs->size);
		char prefix[CONFIG_PATH_MAX];
		const char *reason = NULL;

		config_push_init(push);
		if (outputs->init)
			outputs->init(push);
		snprintf(prefix, sizeof(prefix), "%s[%zu].", key->path, i);
		err = config_scan_mapping(scan, item, outputs->keys, push, prefix);
		if (!err && !push->destination_count)
			err = config_scan_fail(scan, item, key->path, "element %zu has no address", i);
		if (!err && push->retry_min > push->retry_max)
			reason = "retry.min is above retry.max";
		if (!err && !reason && outputs->check)
			reason = outputs->check(push);
		if (reason)
			err = config_scan_fail(scan, item, key->path, "element %zu: %s", i, reason);
		if (!err)
			err = addresses_check(scan, key, item, outputs->keys);
		reason = err ? NULL : address_shared(outputs, i);
		if (reason)
			err = config_scan_fail(
				scan, item, key->path,
				"%s stands here twice: let one output have the filters of both, or name "
				"the host in another way (localhost, 127.0.0.1), as outputs to one "
				"address would share what waits on disk",
				reason);
		*outputs->count = i + 1;
	}
	return err;
}

void config_view_resolve(const struct config *config, struct view_options *view)
{
	if (view->percentile_count == (size_t)CONFIG_UNSET) {
		memcpy(view->percentiles, config->percentiles, sizeof(view->percentiles));
		view->percentile_count = config->percentile_count;
	}
}

void config_push_resolve(const struct config *config, struct push_options *push)
{
	config_view_resolve(config, &push->view);
	if (push->queue.memory == (size_t)CONFIG_UNSET)
		push->queue.memory = config->queue.memory;
	if (push->queue.disk == (size_t)CONFIG_UNSET)
		push->queue.disk = config->queue.disk;
	if (push->queue.max_age == CONFIG_UNSET)
		push->queue.max_age = config->queue.max_age;
	push->jitter = config->jitter;
}
