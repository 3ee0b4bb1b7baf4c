// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.graphite: [{address: "127.0.0.1:2003"}] */
#include <stdio.h>
#include "cli/config_push.h"

#define GRAPHITE_FIELD(member)                               \
	.offset = offsetof(struct graphite_options, member), \
	.size = sizeof(((struct graphite_options *)0)->member)

static const char *const protocol_names[] = { "plaintext", "pickle", "udp", NULL };

static int set_template(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	struct graphite_template template;
	char text[CONFIG_TEXT_MAX];
	const char *problem;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	problem = graphite_template_parse(&template, text, "", false);
	if (problem)
		return config_scan_fail(scan, node, key->path,
					"'%s' is no template such as {service}.{name}: %s", text, problem);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* true is to keep them; the field says the opposite. */
static int set_tags(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	struct config_key choice = *key;
	bool keep = false;
	int err;

	choice.choices = config_bools;
	err = config_set_choice(scan, &choice, node, &keep);
	*(bool *)field = !keep;
	return err;
}

static void graphite_init(void *options)
{
	struct graphite_options *graphite = options;

	snprintf(graphite->missing_tag, sizeof(graphite->missing_tag), "none");
}

static const char *graphite_check(const void *options)
{
	const struct graphite_options *graphite = options;

	if (graphite->protocol == GRAPHITE_UDP && graphite->push.tls.enabled)
		return "protocol: udp knows no TLS";
	return *graphite->missing_tag ? NULL : "missing_tag is empty: a path would have an empty component";
}

static const struct config_key graphite_keys[] = {
	{ "address", config_set_destination, PUSH_FIELDS(destinations, destination_count) },
	{ "addresses", config_set_destinations, PUSH_FIELDS(destinations, destination_count) },
	{ "protocol", config_set_choice, GRAPHITE_FIELD(protocol), .choices = protocol_names },
	{ "template", set_template, GRAPHITE_FIELD(template) },
	{ "missing_tag", config_set_name_part, GRAPHITE_FIELD(missing_tag) },
	{ "tags", set_tags, GRAPHITE_FIELD(drop_tags) },
	CONFIG_PUSH_KEYS,
	CONFIG_TLS_KEYS,
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
		.init = graphite_init,
		.check = graphite_check,
		.example = "[{address: \"127.0.0.1:2003\"}]",
	};

	return config_set_outputs(scan, key, node, &outputs);
}
