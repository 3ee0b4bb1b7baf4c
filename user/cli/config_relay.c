// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.relay: [{address: "10.0.0.5:8125"}] */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

#define RELAY(member) \
	.offset = offsetof(struct relay_options, member), .size = sizeof(((struct relay_options *)0)->member)

static const struct config_key relay_keys[] = {
	{ "address", config_set_address, RELAY(address) },
	{ "batch.bytes", config_set_size, RELAY(batch_bytes), .min = 64, .max = 65507 },
	{ "delay", config_set_duration, RELAY(delay), .min = 0.001, .max = 10 },
	{},
};

static int relay_read(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      struct relay_options *relays, size_t i)
{
	char prefix[CONFIG_PATH_MAX];
	int err;

	relays[i] = (struct relay_options){ .batch_bytes = RELAY_BATCH_BYTES, .delay = 100000000 };
	snprintf(prefix, sizeof(prefix), "%s[%zu].", key->path, i);
	err = config_scan_mapping(scan, node, relay_keys, &relays[i], prefix);
	if (!err && !*relays[i].address)
		return config_scan_fail(scan, node, key->path, "element %zu has no address", i);
	for (size_t j = 0; !err && j < i; j++)
		if (!strcmp(relays[j].address, relays[i].address))
			err = config_scan_fail(scan, node, key->path, "%s stands here twice",
					       relays[i].address);
	return err;
}

/* The field is config.relays, with relay_count behind it. */
int config_set_relays(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, relays));
	int err = config_check_list(scan, key, node, OUTPUTS_MAX, "[{address: \"10.0.0.5:8125\"}]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		err = relay_read(scan, key, item, config->relays, i);
		config->relay_count = i + 1;
	}
	return err;
}
