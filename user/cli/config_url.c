// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* URLs of outputs: only what tells where to go. A password there would end in logs, a query in the spool. */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

bool config_is_url(const char *text)
{
	return !strncmp(text, "http://", strlen("http://")) || !strncmp(text, "https://", strlen("https://"));
}

int config_scan_url(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    char *text)
{
	int err = config_scan_text(scan, key->path, node, text);
	const char *host;

	if (err)
		return err;
	host = strstr(text, "://");
	host = host ? host + strlen("://") : "";
	/* It is not shown if there may be a password in it. */
	if (strchr(text, '@'))
		return config_scan_fail(scan, node, key->path, "a URL must hold no user and password");
	if (!config_is_url(text) || !*host || strchr("/:?#", *host))
		return config_scan_fail(scan, node, key->path,
					"'%s' is no URL such as https://metrics.example.com", text);
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("?#\"\\<>", *at))
			return config_scan_fail(scan, node, key->path,
						"'%s': a URL holds neither blanks nor ? # \" \\ < >", text);
	return 0;
}

int config_add_destination(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			   struct push_options *push, const char *address)
{
	if (strlen(address) >= ADDRESS_BYTES)
		return config_scan_fail(scan, node, key->path, "the address is longer than %d bytes",
					ADDRESS_BYTES - 1);
	if (push->destination_count == DESTINATIONS_MAX)
		return config_scan_fail(scan, node, key->path, "there are more than %d addresses",
					DESTINATIONS_MAX);
	for (size_t i = 0; i < push->destination_count; i++)
		if (!strcmp(push->destinations[i], address))
			return config_scan_fail(scan, node, key->path, "%s stands here twice", address);
	snprintf(push->destinations[push->destination_count++], ADDRESS_BYTES, "%s", address);
	return 0;
}
