// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.wavefront: what is understood, what is complained of, and that no complaint shows a token. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cli/config.h"

#define TOKEN "s3cr3t-t0k3n"

static struct config config;

static int load(const char *element, struct error *error)
{
	char setting[1024];
	const char *overrides[] = { setting };
	const struct config_source source = { .file = "/dev/null",
					      .overrides = overrides,
					      .override_count = 1 };

	*error = (struct error){};
	snprintf(setting, sizeof(setting), "outputs.wavefront=[%s]", element);
	return config_load(&config, &source, error);
}

static const struct wavefront_options *loaded(const char *element)
{
	struct error error;

	if (load(element, &error))
		fail_msg("%s", error.text);
	assert_int_equal(config.wavefront_count, 1);
	return &config.wavefront[0];
}

static void test_defaults(void **state)
{
	const struct wavefront_options *options = loaded("{proxy: \"10.0.0.1:2878\"}");

	(void)state;
	assert_string_equal(options->push.destinations[0], "10.0.0.1:2878");
	assert_int_equal(options->push.destination_count, 1);
	assert_string_equal(options->metric_separator, ".");
	assert_true(options->convert_paths && options->timer_points && options->heartbeat);
	assert_false(options->use_regex || options->use_strict || options->truncate_tags ||
		     options->simple_fields || options->delta_counters || options->direct);
	assert_int_equal(options->histograms, WAVEFRONT_MINUTE);
	assert_int_equal(options->limits, WAVEFRONT_LIMITS_SERVICE);
	assert_string_equal(options->cluster, "none");
	assert_int_equal(options->push.queue.memory, config.queue.memory);
}

static void test_keys(void **state)
{
	const struct wavefront_options *options;

	(void)state;
	setenv("KSTATSD_TEST_TOKEN", TOKEN, 1);
	options = loaded("{url: \"https://metrics.wavefront.com\", token: \"${KSTATSD_TEST_TOKEN}\", "
			 "source_override: [hostname, pod], histograms: [hour, day], limits: proxy, "
			 "application_tags: {application: shop, service: web, shard: s}, timeout: 3s, "
			 "tls: {server_name: x}}");
	assert_true(options->direct);
	assert_string_equal(options->token, TOKEN);
	assert_string_equal(options->source_override[1], "pod");
	assert_string_equal(options->source_override[2], "");
	assert_int_equal(options->histograms, WAVEFRONT_HOUR | WAVEFRONT_DAY);
	assert_int_equal(options->limits, WAVEFRONT_LIMITS_PROXY);
	assert_string_equal(options->application, "shop");
	assert_string_equal(options->shard, "s");
	assert_int_equal(options->push.timeout, 3000000000);
	options = loaded("{proxies: [\"[::1]:2878\", \"http://10.0.0.1:2878\"], histograms: []}");
	assert_int_equal(options->push.destination_count, 2);
	assert_string_equal(options->push.destinations[1], "http://10.0.0.1:2878");
	assert_int_equal(options->histograms, 0);
}

static void test_ports(void **state)
{
	static const char *const proxies[][2] = {
		{ "wavefront-proxy.default", "wavefront-proxy.default:2878" },
		{ "h:4242", "h:4242" },
		{ "[::1]", "[::1]:2878" },
		{ "[::1]:4242", "[::1]:4242" },
		{ "http://h", "http://h:2878" },
		{ "http://h/", "http://h:2878/" },
		{ "http://h:80/x", "http://h:80/x" },
		{ "http://[::1]/x:y", "http://[::1]:2878/x:y" },
		{ "https://h", "https://h" },
	};
	char element[256];

	(void)state;
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		snprintf(element, sizeof(element), "{proxy: \"%s\"}", proxies[i][0]);
		assert_string_equal(loaded(element)->push.destinations[0], proxies[i][1]);
		snprintf(element, sizeof(element), "{proxies: [\"%s\"]}", proxies[i][0]);
		assert_string_equal(loaded(element)->push.destinations[0], proxies[i][1]);
	}
}

static void test_complaints(void **state)
{
	static const struct {
		const char *element, *complaint;
	} cases[] = {
		{ "{url: \"https://u:" TOKEN "@example.com\", token: t}",
		  "a URL must hold no user and password" },
		{ "{url: example.com, token: t}", "is no URL" },
		{ "{url: \"https://\", token: t}", "is no URL" },
		{ "{url: \"https://a/?t=1\", token: t}", "a URL holds neither" },
		{ "{url: \"https://example.com\"}", "url needs token_file" },
		{ "{url: \"https://example.com\", token: \"" TOKEN " " TOKEN "\"}", "one word" },
		{ "{url: \"https://example.com\", token: " TOKEN ", token_file: /t}", "say the same" },
		{ "{url: \"https://example.com\", token_file: t}", "is not an absolute path" },
		{ "{proxy: \"127.0.0.1:2878\", token: " TOKEN "}", "a token is for url" },
		{ "{proxy: \"127.0.0.1:2878\", url: \"https://example.com\", token: t}",
		  "only one of proxy, proxies and url" },
		{ "{proxy: \"h:x\"}", "'h:x' is not host:port, such as 127.0.0.1:2878 or [::1]:2878" },
		{ "{proxy: \"h:\"}", "'h:' is not host:port" },
		{ "{proxy: \"\"}", "'' is not host:port" },
		{ "{proxy: \"h/path\"}", "'h/path' is not host:port" },
		{ "{proxy: \"::1\"}", "in brackets, [::1]:2878" },
		{ "{proxy: \"[::1\"}", "in brackets, [::1]:2878" },
		{ "{proxies: [h, \"h:2878\"]}", "h:2878 stands here twice" },
		{ "{proxy: \"ftp://127.0.0.1:1\"}", "IPv6 address stands in brackets" },
		{ "{proxies: [\"127.0.0.1:1\", \"127.0.0.1:1\"]}", "stands here twice" },
		{ "{prefix: p}", "has no address" },
		{ "{proxy: \"127.0.0.1:1\", application_tags: {application: a}}",
		  "both application and service" },
		{ "{proxy: \"127.0.0.1:1\", metric_separator: \"\"}", "metric_separator" },
		{ "{proxy: \"127.0.0.1:1\", histograms: [week]}", "'week' is not one of" },
		{ "{proxy: \"127.0.0.1:1\", source_override: [\"\"]}", "the key of a tag is empty" },
		{ "{proxy: \"127.0.0.1:1\", convert_path: true}", "nearest known key" },
	};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!load(cases[i].element, &error))
			fail_msg("nobody complains of %s", cases[i].element);
		if (!strstr(error.text, cases[i].complaint))
			fail_msg("%s: %s", cases[i].element, error.text);
		assert_null(strstr(error.text, TOKEN));
	}
}

/* Run in the project's folder. */
static void load_example(void)
{
	const struct config_source source = { .file = "deploy/wavefront.yaml" };
	struct error error = {};

	if (config_load(&config, &source, &error))
		fail_msg("%s", error.text);
	assert_int_equal(config.wavefront_count, 1);
	assert_false(config.table_enabled);
}

/* The shipped example without any of its variables, and with empty ones, as manifests often have them. */
static void test_example(void **state)
{
	static const char *const variables[] = { "POD_NAME", "NODE_HOSTNAME", "INTERVAL", "WAVEFRONT_PROXY" };

	(void)state;
	for (int empty = 0; empty <= 1; empty++) {
		for (size_t i = 0; empty && i < sizeof(variables) / sizeof(variables[0]); i++)
			setenv(variables[i], "", 1);
		load_example();
		assert_int_equal(config.interval, 10000000000);
		assert_string_equal(config.wavefront[0].push.destinations[0], "127.0.0.1:2878");
		assert_string_equal(config.wavefront[0].source, "");
		assert_string_equal(config.global_tags, "");
	}
	setenv("POD_NAME", "pod-7", 1);
	setenv("NODE_HOSTNAME", "node-3", 1);
	setenv("INTERVAL", "30s", 1);
	setenv("WAVEFRONT_PROXY", "wavefront-proxy.default", 1);
	load_example();
	assert_int_equal(config.interval, 30000000000);
	assert_string_equal(config.wavefront[0].push.destinations[0], "wavefront-proxy.default:2878");
	assert_string_equal(config.wavefront[0].source, "pod-7");
	assert_string_equal(config.global_tags, "node=node-3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_ports),	 cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
