// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What outputs read beside the configuration: certificates, keys, tokens. The files are read as the
 * outputs do it, and forgotten.
 */
#include <stdio.h>
#include "cli/check_files.h"
#include "sink/transport/http_token.h"
#include "sink/prometheus/prometheus.h"
#include "sink/transport/tls.h"

struct check {
	void (*note)(const char *text);
	bool failed;
};

static void check_fail(struct check *check, const char *kind, size_t i, const struct error *error)
{
	char text[sizeof(error->text) + 64];

	snprintf(text, sizeof(text), "outputs.%s[%zu]: %s", kind, i, error->text);
	check->note(text);
	check->failed = true;
}

static void push_check(struct check *check, const char *kind, size_t i, const struct push_options *push)
{
	struct error error = {};
	struct tls *tls;

	if (!push->tls.enabled && !*push->tls.ca_file && !*push->tls.cert_file && !*push->tls.key_file)
		return;
	tls = tls_new(&push->tls, "", &error);
	if (!tls)
		check_fail(check, kind, i, &error);
	tls_free(tls);
}

static void token_check(struct check *check, const char *kind, size_t i, const char *file)
{
	struct error error = {};
	struct http_token token;

	if (http_token_init(&token, file, "", &error) || http_token_refresh(&token, true, &error))
		check_fail(check, kind, i, &error);
	http_token_release(&token);
}

bool check_files(const struct config *config, void (*note)(const char *text))
{
	struct check check = { .note = note };
	struct error error = {};

	for (size_t i = 0; i < config->graphite_count; i++)
		push_check(&check, "graphite", i, &config->graphite[i].push);
	for (size_t i = 0; i < config->otlp_count; i++) {
		push_check(&check, "otlp", i, &config->otlp[i].push);
		token_check(&check, "otlp", i, config->otlp[i].token_file);
	}
	for (size_t i = 0; i < config->wavefront_count; i++) {
		push_check(&check, "wavefront", i, &config->wavefront[i].push);
		token_check(&check, "wavefront", i, config->wavefront[i].token_file);
	}
	if (config->prometheus_enabled && sink_prometheus_check(&config->prometheus, &error)) {
		note(error.text);
		check.failed = true;
	}
	return !check.failed;
}
