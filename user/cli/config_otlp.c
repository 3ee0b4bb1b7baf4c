// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * outputs.otlp:
 *   - url: "http://127.0.0.1:4318/v1/metrics"
 *     headers: {X-Scope-OrgID: shop}
 *     resource: {service.name: shop, deployment.environment: prod}
 *
 * Headers and tokens may be secrets: no complaint repeats one.
 */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

#define OTLP_PATH "/v1/metrics"
#define OTLP(member) \
	.offset = offsetof(struct otlp_options, member), .size = sizeof(((struct otlp_options *)0)->member)

static const char *const compressions[] = { "none", "gzip", NULL };

/* The field is push_options.destinations, with destination_count behind it. */
static int set_url(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		   void *field)
{
	struct push_options *push = (void *)((char *)field - offsetof(struct push_options, destinations));
	char text[CONFIG_TEXT_MAX + sizeof(OTLP_PATH)], *path;
	int err = config_scan_url(scan, key, node, text);

	if (err)
		return err;
	path = strstr(text, "://") + strlen("://");
	path += strcspn(path, "/");
	/* Who names but the host means what every collector has there. */
	if (!path[0] || !path[1])
		snprintf(path, (size_t)(text + sizeof(text) - path), OTLP_PATH);
	return config_add_destination(scan, key, node, push, text);
}

static int set_urls(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	int err = config_check_list(scan, key, node, DESTINATIONS_MAX,
				    "[\"http://127.0.0.1:4318/v1/metrics\"]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++)
		err = set_url(scan, key, item, field);
	return err;
}

/* A text that no complaint repeats, without control characters. */
static int set_secret(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	for (const char *at = text; !err && *at; at++)
		if (*at < ' ' || *at > '~')
			err = config_scan_fail(scan, node, key->path, "it has characters that are not ASCII");
	if (!err && strlen(text) >= key->size)
		err = config_scan_fail(scan, node, key->path, "it is longer than %zu bytes", key->size - 1);
	if (!err)
		snprintf(field, key->size, "%s", text);
	return err;
}

/* A name of a header is a token, of RFC 9110. */
static bool is_header_name(const char *name)
{
	static const char token[] =
		"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return *name && !name[strspn(name, token)];
}

/* The field is otlp_options.headers. */
static int set_headers(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	char(*headers)[OTLP_HEADER_BYTES] = field, name[CONFIG_TEXT_MAX], value[OTLP_HEADER_BYTES];
	const struct config_key secret = { .path = key->path, .size = sizeof(value) };
	const yaml_node_t *left, *right;
	int err = 0;

	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(scan, node, key->path,
					"headers are expected, such as {X-Scope-OrgID: shop}");
	for (size_t i = 0; !err && (right = config_scan_pair(scan, node, i, &left)); i++) {
		if (i == OTLP_HEADERS_MAX)
			return config_scan_fail(scan, left, key->path, "there are more than %d headers",
						OTLP_HEADERS_MAX);
		err = config_scan_text(scan, key->path, left, name)
			      ?: set_secret(scan, &secret, right, value);
		if (!err && !is_header_name(name))
			err = config_scan_fail(scan, left, key->path, "'%s' is no name of a header", name);
		if (!err && strlen(name) + strlen(value) + sizeof(": ") > OTLP_HEADER_BYTES)
			err = config_scan_fail(scan, left, key->path, "%s is longer than %d bytes", name,
					       OTLP_HEADER_BYTES);
		if (!err)
			snprintf(headers[i], OTLP_HEADER_BYTES, "%s: %s", name, value);
	}
	return err;
}

/* The field is text, "k=v;k2=v2". */
static int set_resource(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	char name[CONFIG_TEXT_MAX], value[CONFIG_TEXT_MAX], *text = field;
	const yaml_node_t *left, *right;
	size_t used = 0;
	int err = 0;

	if (node->type != YAML_MAPPING_NODE)
		return config_scan_fail(scan, node, key->path,
					"attributes are expected, such as {service.name: shop}");
	for (size_t i = 0; !err && (right = config_scan_pair(scan, node, i, &left)); i++) {
		err = config_scan_text(scan, key->path, left, name)
			      ?: config_scan_text(scan, key->path, right, value);
		if (!err && (!*name || strpbrk(name, "=;") || strchr(value, ';')))
			err = config_scan_fail(scan, left, key->path,
					       "'%s': neither a name nor a value has a ';', nor a name a '='",
					       name);
		if (!err && used + strlen(name) + strlen(value) + sizeof(";=") > key->size)
			err = config_scan_fail(scan, left, key->path,
					       "the attributes are longer than %zu bytes", key->size - 1);
		if (!err)
			used += (size_t)snprintf(text + used, key->size - used, "%s%s=%s", used ? ";" : "",
						 name, value);
	}
	return err;
}

static const struct config_key otlp_keys[] = {
	{ "url", set_url, PUSH_FIELDS(destinations, destination_count) },
	{ "urls", set_urls, PUSH_FIELDS(destinations, destination_count) },
	{ "compression", config_set_choice, OTLP(gzip), .choices = compressions },
	{ "headers", set_headers, OTLP(headers) },
	{ "token_file", config_set_path_or_none, OTLP(token_file) },
	{ "token", set_secret, OTLP(token) },
	{ "resource", set_resource, OTLP(resource) },
	CONFIG_PUSH_KEYS,
	CONFIG_HTTPS_KEYS,
	{},
};

static void otlp_init(void *options)
{
	((struct otlp_options *)options)->gzip = true;
}

static const char *otlp_check(const void *options)
{
	const struct otlp_options *otlp = options;

	return *otlp->token && *otlp->token_file ? "token and token_file say the same; name one of them"
						 : NULL;
}

/* The field is config.otlp, with otlp_count behind it. */
int config_set_otlp(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, otlp));
	const struct config_outputs outputs = {
		.list = config->otlp,
		.count = &config->otlp_count,
		.size = sizeof(config->otlp[0]),
		.keys = otlp_keys,
		.example = "[{url: \"http://127.0.0.1:4318/v1/metrics\"}]",
		.init = otlp_init,
		.check = otlp_check,
	};

	return config_set_outputs(scan, key, node, &outputs);
}
