// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.graphite: [{address: "127.0.0.1:2003"}] */
#include "cli/config_push.h"

static const struct config_key graphite_keys[] = {
	{ "address", config_set_destination, PUSH_FIELDS(destinations, destination_count) },
	{ "addresses", config_set_destinations, PUSH_FIELDS(destinations, destination_count) },
	CONFIG_PUSH_KEYS,
	{},
};

/* The field is config.graphite, with graphite_count behind it. */
int config_set_graphite(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, graphite));
	const struct config_outputs outputs = {
		.list = config->graphite,
		.count = &config->graphite_count,
		.size = sizeof(config->graphite[0]),
		.keys = graphite_keys,
		.example = "[{address: \"127.0.0.1:2003\"}]",
	};

	return config_set_outputs(scan, key, node, &outputs);
}
