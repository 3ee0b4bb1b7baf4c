// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * outputs:
 *   wavefront:
 *     - proxy: "127.0.0.1:2878"             # or http://127.0.0.1:2878; without a port 2878
 *     - url: "https://metrics.wavefront.com"
 *       token_file: /etc/kstatsd/wavefront.token
 */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

#define WAVEFRONT_FIELD(member)                               \
	.offset = offsetof(struct wavefront_options, member), \
	.size = sizeof(((struct wavefront_options *)0)->member)

#define PROXY_PORT "2878"

static const char *const limit_names[] = { "service", "proxy", NULL };
static const char *const histogram_names[] = { "minute", "hour", "day", NULL };

/* The field is push_options.destinations. Whoever reads one forgets what another key said: that is noted. */
static struct push_options *push_of(void *field)
{
	struct wavefront_options *options =
		(void *)((char *)field - offsetof(struct wavefront_options, push.destinations));

	options->said++;
	return &options->push;
}

/*
 * Where no port is said it is a proxy's own, but for https, which something before the proxy speaks.
 *
 *     http://[::1]/path
 *            ^^^^^     the host; nothing follows it, or a path
 */
static void port_default(const char *text, char *address, size_t size)
{
	const char *host = text + (strncmp(text, "http://", 7) ? 0 : 7), *end;

	end = host + strcspn(host, *host == '[' ? "]" : ":/");
	end += *end == ']';
	if (end > host && (!*end || (*end == '/' && host > text)))
		snprintf(address, size, "%.*s:" PROXY_PORT "%s", (int)(end - text), text, end);
	else
		snprintf(address, size, "%s", text);
}

static int proxy_add(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     struct push_options *push)
{
	char text[CONFIG_TEXT_MAX], address[CONFIG_TEXT_MAX + sizeof(PROXY_PORT)];
	int err = config_scan_text(scan, key->path, node, text);

	if (!err && config_is_url(text))
		err = config_scan_url(scan, key, node, text);
	if (err)
		return err;
	port_default(text, address, sizeof(address));
	if (!config_is_url(text))
		err = config_check_address(scan, key, node, address, PROXY_PORT);
	return err ? err : config_add_destination(scan, key, node, push, address);
}

static int set_proxy(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	return proxy_add(scan, key, node, push_of(field));
}

static int set_proxies(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	int err = config_check_list(scan, key, node, DESTINATIONS_MAX,
				    "[\"10.0.0.1:2878\", \"10.0.0.2:2878\"]");
	struct push_options *push = push_of(field);
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++)
		err = proxy_add(scan, key, item, push);
	return err;
}

/* The service itself. */
static int set_url(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		   void *field)
{
	struct push_options *push = push_of(field);
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_url(scan, key, node, text);

	((struct wavefront_options *)push)->direct = true;
	return err ? err : config_add_destination(scan, key, node, push, text);
}

static int set_text(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (!err && strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the text is longer than %zu bytes",
					key->size - 1);
	if (!err)
		snprintf(field, key->size, "%s", text);
	return err;
}

/* The same of a secret: no complaint shows it. */
static int set_token(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		     void *field)
{
	int err = set_text(scan, key, node, field);

	for (const char *at = field; !err && *at; at++)
		if (*at <= ' ' || *at > '~')
			return config_scan_fail(scan, node, key->path,
						"a token is one word of printable ASCII");
	return err;
}

/* The field is an array of names of tags, "" behind the last. */
static int set_overrides(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	char(*overrides)[WAVEFRONT_TEXT_BYTES] = field;
	struct config_key one = { .path = key->path, .size = WAVEFRONT_TEXT_BYTES };
	int err = config_check_list(scan, key, node, WAVEFRONT_OVERRIDES_MAX, "[hostname, pod]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		err = set_text(scan, &one, item, overrides[i]);
		if (!err && !*overrides[i])
			err = config_scan_fail(scan, item, key->path, "the key of a tag is empty");
	}
	return err;
}

static const struct config_key wavefront_keys[] = {
	{ "proxy", set_proxy, PUSH_FIELDS(destinations, destination_count) },
	{ "proxies", set_proxies, PUSH_FIELDS(destinations, destination_count) },
	{ "url", set_url, PUSH_FIELDS(destinations, destination_count) },
	{ "token_file", config_set_path_or_none, WAVEFRONT_FIELD(token_file) },
	{ "token", set_token, WAVEFRONT_FIELD(token) },
	{ "prefix", set_text, WAVEFRONT_FIELD(prefix) },
	{ "metric_separator", config_set_separator, WAVEFRONT_FIELD(metric_separator) },
	{ "convert_paths", config_set_choice, WAVEFRONT_FIELD(convert_paths), .choices = config_bools },
	{ "use_regex", config_set_choice, WAVEFRONT_FIELD(use_regex), .choices = config_bools },
	{ "use_strict", config_set_choice, WAVEFRONT_FIELD(use_strict), .choices = config_bools },
	{ "truncate_tags", config_set_choice, WAVEFRONT_FIELD(truncate_tags), .choices = config_bools },
	{ "simple_fields", config_set_choice, WAVEFRONT_FIELD(simple_fields), .choices = config_bools },
	{ "source", set_text, WAVEFRONT_FIELD(source) },
	{ "source_override", set_overrides, WAVEFRONT_FIELD(source_override) },
	{ "limits", config_set_choice, WAVEFRONT_FIELD(limits), .choices = limit_names },
	{ "delta_counters", config_set_choice, WAVEFRONT_FIELD(delta_counters), .choices = config_bools },
	{ "timer_points", config_set_choice, WAVEFRONT_FIELD(timer_points), .choices = config_bools },
	{ "histograms", config_set_words, WAVEFRONT_FIELD(histograms), .choices = histogram_names },
	{ "application_tags.application", set_text, WAVEFRONT_FIELD(application) },
	{ "application_tags.service", set_text, WAVEFRONT_FIELD(service) },
	{ "application_tags.cluster", set_text, WAVEFRONT_FIELD(cluster) },
	{ "application_tags.shard", set_text, WAVEFRONT_FIELD(shard) },
	{ "heartbeat", config_set_choice, WAVEFRONT_FIELD(heartbeat), .choices = config_bools },
	CONFIG_PUSH_KEYS,
	CONFIG_TLS_KEYS,
	{},
};

static void wavefront_init(void *options)
{
	wavefront_options_init(options);
}

static const char *wavefront_check(const void *options)
{
	const struct wavefront_options *wavefront = options;
	bool has_token = *wavefront->token || *wavefront->token_file;

	if (wavefront->said > 1)
		return "only one of proxy, proxies and url; a second one is another element";
	if (wavefront->direct && !has_token)
		return "url needs token_file, or token: \"${WAVEFRONT_TOKEN}\"";
	if (!wavefront->direct && has_token)
		return "a token is for url; a proxy has its own";
	if (*wavefront->token && *wavefront->token_file)
		return "token and token_file say the same";
	if (!*wavefront->application != !*wavefront->service)
		return "application_tags needs both application and service";
	return NULL;
}

/* The field is config.wavefront, with wavefront_count behind it. */
int config_set_wavefront(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, wavefront));
	const struct config_outputs outputs = {
		.list = config->wavefront,
		.count = &config->wavefront_count,
		.size = sizeof(config->wavefront[0]),
		.keys = wavefront_keys,
		.example = "[{proxy: \"127.0.0.1:2878\"}]",
		.init = wavefront_init,
		.check = wavefront_check,
	};

	return config_set_outputs(scan, key, node, &outputs);
}
