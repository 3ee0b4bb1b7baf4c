// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Configuration: tables of good and bad text. A good one says what a field became, a bad
 * one which sentence must come out, with file, line, key and reason.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/config.h"
#include "cli/config_keys.h"
#include "lib/units.h"

#define SECOND 1000000000ll
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char file_path[] = "/tmp/test_config.XXXXXX";

static int load(struct config *config, const char *text, const char *override, struct error *error)
{
	struct config_source source = { .file = file_path,
					.overrides = &override,
					.override_count = !!override };
	FILE *file = fopen(file_path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	return config_load(config, &source, error);
}

/* What a configuration comes to, in one line. */
static void describe(const struct config *config, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%lld %d p", (long long)(config->interval / 1000000),
				       config->align);

	for (size_t i = 0; i < config->capture.port_count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%u", i ? "," : "",
					 config->capture.ports[i]);
	used += (size_t)snprintf(text + used, size - used, " %s %d %s q",
				 capture_hook_name(config->capture.hook), config->capture.absorb,
				 config->capture.exact_timers ? "exact" : "histogram");
	for (size_t i = 0; i < config->percentile_count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%g", i ? "," : "",
					 config->percentiles[i]);
	if (config->capture.tcp)
		used += (size_t)snprintf(text + used, size - used, " tcp");
	for (size_t i = 0; i < config->capture.unix_count; i++)
		used += (size_t)snprintf(text + used, size - used, " u%s", config->capture.unix_paths[i]);
	used += (size_t)snprintf(text + used, size - used, " t%d%d", config->table_enabled,
				 config->table.format);
	for (size_t i = 0; i < config->otlp_count; i++)
		used += (size_t)snprintf(text + used, size - used, " o%s/%d/%s/%s/%s",
					 config->otlp[i].push.destinations[0], config->otlp[i].gzip,
					 config->otlp[i].headers[1], config->otlp[i].token,
					 config->otlp[i].resource);
	for (size_t i = 0; i < config->relay_count; i++)
		used += (size_t)snprintf(text + used, size - used, " r%s/%zu/%lld", config->relays[i].address,
					 config->relays[i].batch_bytes, (long long)config->relays[i].delay);
	for (size_t i = 0; i < config->graphite_count; i++)
		used += (size_t)snprintf(text + used, size - used, " %s/%zu",
					 config->graphite[i].push.destinations[0],
					 config->graphite[i].push.queue.memory);
}

#define DEFAULTS "10000 1 p8125 auto 0 histogram q90 "

static const struct {
	const char *text, *override, *result;
} good[] = {
	{ "", NULL, DEFAULTS "t10" },
	{ "# nothing but a comment with ${NOBODY_SET_THIS}\n", NULL, DEFAULTS "t10" },
	{ "---\n...\n", NULL, DEFAULTS "t10" },
	{ "flush:\n", NULL, DEFAULTS "t10" },
	{ "flush: {}\n", NULL, DEFAULTS "t10" },
	{ "flush:\n  interval: 50ms\n  align: false\n", NULL, "50 0 p8125 auto 0 histogram q90 t10" },
	{ "flush: {interval: 1.5m}", NULL, "90000 1 p8125 auto 0 histogram q90 t10" },
	{ "flush: {interval: 1s}", "flush.interval=2s", "2000 1 p8125 auto 0 histogram q90 t10" },
	{ "", "flush={interval: 3s, align: false}", "3000 0 p8125 auto 0 histogram q90 t10" },
	{ "capture: {statsd: {ports: [8125, 9125]}}", NULL, "10000 1 p8125,9125 auto 0 histogram q90 t10" },
	/* The whole list is replaced, also by a shorter one. */
	{ "capture: {statsd: {ports: [8125, 9125]}}", "capture.statsd.ports=[7]",
	  "10000 1 p7 auto 0 histogram q90 t10" },
	{ "capture: {statsd: {hook: cgroup, absorb: true}}", NULL,
	  "10000 1 p8125 cgroup 1 histogram q90 t10" },
	{ "capture: {statsd: {hook: fentry, absorb: true}}", "capture.statsd.hook=auto",
	  "10000 1 p8125 auto 1 histogram q90 t10" },
	{ "timers: {mode: exact, percentiles: [90, 99.9, -10]}", NULL,
	  "10000 1 p8125 auto 0 exact q90,99.9,-10 t10" },
	{ "timers: {percentiles: []}", NULL, "10000 1 p8125 auto 0 histogram q t10" },
	{ "attribution: none", NULL, DEFAULTS "t10" },
	{ "outputs: {stdout: {format: json}}", NULL, DEFAULTS "t12" },
	{ "outputs: {stdout: {}}", NULL, DEFAULTS "t10" },
	{ "outputs: {prometheus: {}}", NULL, DEFAULTS "t00" },
	{ "outputs: {prometheus: }", NULL, DEFAULTS "t00" },
	{ "outputs: {prometheus: {buckets: [0.1, 1], tls: {enabled: true, cert_file: /c, key_file: /k}}}",
	  NULL, DEFAULTS "t00" },
	{ "outputs: {graphite: [{address: 'h:2003'}]}", NULL, DEFAULTS "t00 h:2003/16777216" },
	{ "outputs: {graphite: [{address: 'h:2003'}]}", "outputs.stdout.format=graphite",
	  DEFAULTS "t11 h:2003/16777216" },
	{ "outputs:\n  graphite:\n    - address: '[::1]:2003'\n      queue: {memory: 1MiB}\n    - address: b:1\n",
	  NULL, DEFAULTS "t00 [::1]:2003/1048576 b:1/16777216" },
	{ "outputs: {graphite: [{address: 'h:2003'}]}", "outputs.graphite=[]", DEFAULTS "t10" },
	{ "outputs: {otlp: [{url: 'https://h:1/x/y', headers: {a: 1, b-c: 'd e'}, token: t, "
	  "tls: {server_name: s}}]}",
	  NULL, DEFAULTS "t00 ohttps://h:1/x/y/1/b-c: d e/t/" },
	{ "outputs: {otlp: [{urls: ['http://[::1]:1'], compression: none, resource: {k.l: 'v=w', m: n}}]}",
	  NULL, DEFAULTS "t00 ohttp://[::1]:1/v1/metrics/0///k.l=v=w;m=n" },
	{ "outputs: {otlp: [{url: 'https://h/'}, {url: 'https://h/v1'}, {url: 'https://h//'}]}", NULL,
	  DEFAULTS "t00 ohttps://h/v1/metrics/1/// ohttps://h/v1/1/// ohttps://h///1///" },
	{ "outputs: {relay: [{address: 'h:1'}, {address: 'h:2', batch: {bytes: 99}, delay: 1ms}]}", NULL,
	  DEFAULTS "t00 rh:1/1432/100000000 rh:2/99/1000000" },
	{ "", "outputs.graphite=[{address: \"127.0.0.1:2003\"}]", DEFAULTS "t00 127.0.0.1:2003/16777216" },
	{ "capture: {statsd: {tcp: true, unix: [/run/a, '@b']}}", NULL,
	  "10000 1 p8125 auto 0 histogram q90 tcp u/run/a u@b t10" },
	{ "capture: {statsd: {unix: [/run/a, /run/b]}}", "capture.statsd.unix=[]", DEFAULTS "t10" },
	/* The environment: SET is 9125, LIST is "[1, 2]", COLON is "a: b", EMPTY is "". */
	{ "capture: {statsd: {ports: [${SET}]}}", NULL, "10000 1 p9125 auto 0 histogram q90 t10" },
	{ "capture: {statsd: {ports: [1${SET}, ${UNSET:-7}]}}", NULL,
	  "10000 1 p19125,7 auto 0 histogram q90 t10" },
	{ "outputs: {graphite: [{address: \"${UNSET:-h}:${SET}\"}]}", NULL, DEFAULTS "t00 h:9125/16777216" },
	{ "flush: {interval: ${UNSET:-2s}} # ${UNSET}", NULL, "2000 1 p8125 auto 0 histogram q90 t10" },
	{ "flush: {interval: ${EMPTY:-2s}}", NULL, "2000 1 p8125 auto 0 histogram q90 t10" },
	{ "flush: {interval: 2s${EMPTY}}", NULL, "2000 1 p8125 auto 0 histogram q90 t10" },
	{ "", "capture.statsd.ports=[${SET}]", "10000 1 p9125 auto 0 histogram q90 t10" },
	{ "f: &i 4s\n", "flush.interval=4s", NULL },
	{ "flush: {interval: &i 4s}\nshutdown_timeout: *i\n", NULL, "4000 1 p8125 auto 0 histogram q90 t10" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct error error = {};
		struct config config;
		char result[512];
		int err = load(&config, good[i].text, good[i].override, &error);

		if (!good[i].result) {
			assert_true(err < 0);
			continue;
		}
		if (err)
			fail_msg("'%s' was refused: %s", good[i].text, error.text);
		describe(&config, result, sizeof(result));
		assert_string_equal(result, good[i].result);
	}
}

/* How series are named. */
static void test_series_names(void **state)
{
	struct error error = {};
	struct config config;

	(void)state;
	assert_int_equal(load(&config, "", NULL, &error), 0);
	assert_true(config.tags.dogstatsd && config.tags.influxdb && config.tags.librato &&
		    config.tags.signalfx && config.tags.graphite);
	assert_string_equal(config.metric_separator, ".");
	assert_string_equal(config.mapping, "");
	assert_int_equal(config.template_count, 0);
	assert_int_equal(
		load(&config,
		     "tags: {librato: false}\nmapping: /m.yml\n"
		     "names: {metric_separator: _, templates: ['cpu.* measurement.host', measurement*]}\n",
		     "tags.signalfx=false", &error),
		0);
	assert_true(config.tags.dogstatsd && config.tags.influxdb && !config.tags.librato &&
		    !config.tags.signalfx && config.tags.graphite);
	assert_string_equal(config.metric_separator, "_");
	assert_string_equal(config.mapping, "/m.yml");
	assert_int_equal(config.template_count, 2);
	assert_string_equal(config.templates[0], "cpu.* measurement.host");
	assert_string_equal(config.templates[1], "measurement*");
}

/* Names of outputs: kept as they are, "" too. */
static void test_names(void **state)
{
	struct error error = {};
	struct config config;

	(void)state;
	if (load(&config,
		 "names: {global_prefix: '', prefix_counter: my.c, prefix_gauge: '', global_suffix: a-b_C.1,\n"
		 "  prefix_stats: self, field_names: telegraf}\n"
		 "internal_metrics: [statsd]\ntimers: {calculated_timer_metrics: [count, std]}\n"
		 "flush: {rates: interval}\nconsole: {listen: '[::1]:8126'}\n",
		 NULL, &error))
		fail_msg("%s", error.text);
	assert_string_equal(config.names.global_prefix, "");
	assert_string_equal(config.names.prefix[METRIC_COUNTER], "my.c");
	assert_string_equal(config.names.prefix[METRIC_TIMER], "timers");
	assert_string_equal(config.names.prefix[METRIC_GAUGE], "");
	assert_string_equal(config.names.global_suffix, "a-b_C.1");
	assert_string_equal(config.names.prefix_stats, "self");
	assert_int_equal(config.names.field_names, FIELD_NAMES_TELEGRAF);
	assert_int_equal(config.names.internal_metrics, INTERNAL_STATSD);
	assert_string_equal(timer_metric_names[0], "std");
	assert_string_equal(timer_metric_names[3], "count");
	assert_int_equal(config.names.timer_metrics, 1 | 1 << 3);
	assert_int_equal(config.rates, RATES_INTERVAL);
	assert_string_equal(config.console, "[::1]:8126");
	assert_int_equal(load(&config, "internal_metrics: []\nconsole: {listen: ''}\n", NULL, &error), 0);
	assert_int_equal(config.names.internal_metrics, 0);
	assert_string_equal(config.console, "");
}

/* `sentence` follows the file's name, or stands alone when the override is at fault. */
static const struct {
	const char *text, *override, *sentence;
} bad[] = {
	{ "flush:\n  intervall: 1s\n", NULL,
	  ":2: flush.intervall: unknown key; the nearest known key is flush.interval" },
	{ "\n\nports: [1]\n", NULL, ":3: ports: unknown key; the nearest known key is capture.statsd.ports" },
	{ "capture:\n  python: {enabled: true}\n", NULL, ":2: capture.python: unknown key" },
	{ "outputs: {statsite: {listen: 'a:1'}}", NULL, ":1: outputs.statsite: unknown key" },
	{ "outputs: {prometheus: {listen: 9102}}", NULL,
	  ":1: outputs.prometheus.listen: '9102' is not host:port, such as 127.0.0.1:9102 or [::1]:9102" },
	{ "outputs: {prometheus: {listen: 'localhost:9102'}}", NULL,
	  ":1: outputs.prometheus.listen: 'localhost:9102' is no address by number, such as 127.0.0.1:9102 or [::]:9102" },
	{ "outputs: {prometheus: {listen: '[127.0.0:9102'}}", NULL,
	  ":1: outputs.prometheus.listen: '[127.0.0:9102' is no address by number, such as 127.0.0.1:9102 or [::]:9102" },
	{ "outputs: {prometheus: {hear: 'a:1'}}", NULL, ":1: outputs.prometheus.hear: unknown key" },
	{ "outputs: {prometheus: {path: /-/x}}", NULL,
	  ":1: outputs.prometheus.path: '/-/x' is no path such as /metrics: up to 127 letters, digits and any of /-_.~, not below /-/" },
	{ "outputs: {prometheus: {path: '/a b'}}", NULL,
	  ":1: outputs.prometheus.path: '/a b' is no path such as /metrics: up to 127 letters, digits and any of /-_.~, not below /-/" },
	{ "outputs: {prometheus: {buckets: [1, 0.5]}}", NULL,
	  ":1: outputs.prometheus.buckets: 0.5 is not above the one before it" },
	{ "outputs: {prometheus: {buckets: [0]}}", NULL,
	  ":1: outputs.prometheus.buckets: '0' is not a number from 1e-09 to 1e+15" },
	{ "outputs: {prometheus: {quantiles: [1.1]}}", NULL,
	  ":1: outputs.prometheus.quantiles: '1.1' is not a number from 0 to 1" },
	{ "outputs: {prometheus: {tls: {enabled: true}}}", NULL,
	  ":1: outputs.prometheus: tls.enabled: true needs tls.cert_file and tls.key_file" },
	{ "outputs: {prometheus: {tls: {cert_file: /a}}}", NULL,
	  ":1: outputs.prometheus: files of tls have no effect without tls.enabled: true" },
	{ "outputs: {prometheus: {token: a, token_file: /a}}", NULL,
	  ":1: outputs.prometheus: token and token_file are two tokens: keep one" },
	{ "outputs: {prometheus: {token: 'a b'}}", NULL,
	  ":1: outputs.prometheus.token: it is not one word of printable ASCII" },
	{ "outputs: {prometheus: 7}", NULL, ":1: outputs.prometheus: keys are expected here, not a value" },
	{ "flush.interval: 1s\n", NULL,
	  ":1: flush.interval: a key is one word without dots here: write flush: {interval: ...}" },
	{ "capture: {statsd.ports: [1]}", NULL,
	  ":1: capture.statsd.ports: a key is one word without dots here: write statsd: {ports: ...}" },
	{ "outputs: {graphite: [{address: 'h:1', filter.include: [a]}]}", NULL,
	  ":1: outputs.graphite[0].filter.include: a key is one word without dots here: write filter: {include: ...}" },
	{ "flush.intervall: 1s\n", NULL,
	  ":1: flush.intervall: unknown key; the nearest known key is flush.interval" },
	{ "'': 1\n", NULL, ":1: unknown key" },
	{ "flush:\n  interval: 1s\n  align: true\n  interval: 2s\n", NULL,
	  ":4: flush: the key 'interval' stands here twice" },
	{ "flush: {interval: 1s}\nflush: {align: true}\n", NULL, ":2: the key 'flush' stands here twice" },
	{ "flush: 10s\n", NULL, ":1: flush: keys are expected here, not a value" },
	{ "flush: [1]\n", NULL, ":1: flush: keys are expected here, not a value" },
	{ "10s\n", NULL, ":1: keys are expected here, not a value" },
	{ "? [a]\n: 1\n", NULL, ":1: a key must be one word" },
	{ "flush: {interval: [1s]}", NULL,
	  ":1: flush.interval: one value is expected here, not a list or more keys" },
	{ "flush: {interval: soon}", NULL,
	  ":1: flush.interval: 'soon' is not a duration: a number with ms, s, m or h, such as 10s" },
	{ "flush: {interval: 10}", NULL,
	  ":1: flush.interval: '10' is not a duration: a number with ms, s, m or h, such as 10s" },
	{ "flush:\n  interval:\n", NULL,
	  ":2: flush.interval: '' is not a duration: a number with ms, s, m or h, such as 10s" },
	{ "flush: {interval: -1s}", NULL,
	  ":1: flush.interval: '-1s' is not a duration: a number with ms, s, m or h, such as 10s" },
	{ "flush: {interval: 49ms}", NULL, ":1: flush.interval: 49ms is not between 0.05s and 86400s" },
	{ "flush: {interval: 0s}", NULL, ":1: flush.interval: 0s is not between 0.05s and 86400s" },
	{ "flush: {align: yes}", NULL, ":1: flush.align: 'yes' is not one of: false, true" },
	{ "capture:\n  statsd:\n    ports: 8125\n", NULL,
	  ":3: capture.statsd.ports: a list is expected, such as [8125]" },
	{ "capture: {statsd: {ports: []}}", NULL,
	  ":1: capture.statsd.ports: the list is empty; name at least one port, as in [8125]" },
	{ "capture:\n  statsd:\n    ports:\n      - 80\n      - 80abc\n", NULL,
	  ":5: capture.statsd.ports: '80abc' is not a whole number of 1 or more" },
	{ "capture: {statsd: {ports: [0]}}", NULL, ":1: capture.statsd.ports: 0 is not between 1 and 65535" },
	{ "capture: {statsd: {ports: [65536]}}", NULL,
	  ":1: capture.statsd.ports: 65536 is not between 1 and 65535" },
	{ "capture: {statsd: {ports: [99999999999999999999]}}", NULL,
	  ":1: capture.statsd.ports: 99999999999999999999 is not between 1 and 65535" },
	{ "capture: {statsd: {ports: [1, 1]}}", NULL, ":1: capture.statsd.ports: port 1 stands here twice" },
	{ "capture: {statsd: {hook: magic}}", NULL,
	  ":1: capture.statsd.hook: 'magic' is not one of: auto, fentry, kprobe, cgroup" },
	{ "capture:\n  statsd:\n    hook: fentry\n    absorb: true\n", NULL,
	  ":4: capture.statsd.absorb: only the cgroup hook can end a datagram's way; set capture.statsd.hook to "
	  "cgroup or auto, or absorb to false" },
	{ "capture: {statsd: {enabled: false}}", NULL,
	  ":1: capture.statsd.enabled: false leaves nothing to capture" },
	{ "timers: {percentiles: [101]}", NULL,
	  ":1: timers.percentiles: '101' is not a percentile: a number from -100 to 100, not 0" },
	{ "timers: {percentiles: [nan]}", NULL,
	  ":1: timers.percentiles: 'nan' is not a percentile: a number from -100 to 100, not 0" },
	{ "capture: {statsd: {unix: /run/a}}", NULL,
	  ":1: capture.statsd.unix: a list is expected, such as [/var/run/datadog/dsd.socket]" },
	{ "capture: {statsd: {unix: [run/a]}}", NULL,
	  ":1: capture.statsd.unix: 'run/a' is neither an absolute path nor an abstract @name" },
	{ "capture: {statsd: {unix: ['@']}}", NULL,
	  ":1: capture.statsd.unix: '@' is neither an absolute path nor an abstract @name" },
	{ "capture: {statsd: {unix: [/a, /a]}}", NULL, ":1: capture.statsd.unix: /a stands here twice" },
	{ "timers: {percentiles: [90, 90.0]}", NULL, ":1: timers.percentiles: 90.0 stands here twice" },
	{ "delete_idle: maybe", NULL, ":1: delete_idle: 'maybe' is not one of: false, true" },
	{ "delete_idle: {gauge: true}", NULL,
	  ":1: delete_idle.gauge: unknown key; the nearest known key is delete_idle.gauges" },
	{ "", "delete_idle.sets=0", "-s delete_idle.sets: '0' is not one of: false, true" },
	{ "gauge_ttl: -1", NULL, ":1: gauge_ttl: '-1' is not a whole number of 0 or more" },
	{ "", "gauge_ttl=-1", "-s gauge_ttl: '-1' is not a whole number of 0 or more" },
	{ "timers: {histogram: {bins: [1]}}", NULL,
	  ":1: timers.histogram: a list is expected, such as [{metric: \"\", bins: [10, 100, inf]}]" },
	{ "timers:\n  histogram:\n  - {bins: [1, soon]}", NULL,
	  ":3: timers.histogram[0].bins: 'soon' is not a number or inf" },
	{ "timers: {histogram: [{}, {bins: [inf, 1]}]}", NULL,
	  ":1: timers.histogram[1].bins: 1 is not above the limit before it" },
	{ "mapping: m.yml", NULL, ":1: mapping: 'm.yml' is not an absolute path" },
	{ "names: {metric_separator: a.b.c.d.e}", NULL,
	  ":1: names.metric_separator: 'a.b.c.d.e' is not one to 7 letters, digits, '.', '_' or '-'" },
	{ "names: {metric_separator: '/'}", NULL,
	  ":1: names.metric_separator: '/' is not one to 7 letters, digits, '.', '_' or '-'" },
	{ "names:\n  templates:\n  - measurement\n  - host.region\n", NULL,
	  ":4: names.templates: 'host.region': no component is 'measurement' or 'measurement*'" },
	{ "names: {templates: measurement}", NULL,
	  ":1: names.templates: a list is expected, such as [\"cpu.* measurement.measurement.host\"]" },
	{ "attribution: pod", NULL, ":1: attribution: 'pod' is not one of: none" },
	{ "outputs: {stdout: {format: xml}}", NULL,
	  ":1: outputs.stdout.format: 'xml' is not one of: table, graphite, json" },
	{ "outputs: {graphite: [{}]}", NULL, ":1: outputs.graphite: element 0 has no address" },
	{ "outputs: {otlp: [{compression: gzip}]}", NULL, ":1: outputs.otlp: element 0 has no address" },
	{ "outputs: {otlp: [{url: '127.0.0.1:4318'}]}", NULL,
	  ":1: outputs.otlp[0].url: '127.0.0.1:4318' is no URL such as https://metrics.example.com" },
	{ "outputs: {otlp: [{url: 'https:///v1'}]}", NULL,
	  ":1: outputs.otlp[0].url: 'https:///v1' is no URL such as https://metrics.example.com" },
	{ "outputs: {otlp: [{url: 'http://me:secret@h/v1'}]}", NULL,
	  ":1: outputs.otlp[0].url: a URL must hold no user and password" },
	{ "outputs: {otlp: [{url: 'http://h/a b'}]}", NULL,
	  ":1: outputs.otlp[0].url: 'http://h/a b': a URL holds neither blanks nor ? # \" \\ < >" },
	{ "outputs: {otlp: [{urls: ['http://h/', 'http://h/']}]}", NULL,
	  ":1: outputs.otlp[0].urls: http://h/v1/metrics stands here twice" },
	{ "outputs: {otlp: [{url: 'http://h/', headers: {'a b': c}}]}", NULL,
	  ":1: outputs.otlp[0].headers: 'a b' is no name of a header" },
	{ "outputs: {otlp: [{url: 'http://h/', headers: {a: \"b\\r\\nc: d\"}}]}", NULL,
	  ":1: outputs.otlp[0].headers: it has characters that are not ASCII" },
	{ "outputs: {otlp: [{url: 'http://h/', headers: shop}]}", NULL,
	  ":1: outputs.otlp[0].headers: headers are expected, such as {X-Scope-OrgID: shop}" },
	{ "outputs: {otlp: [{url: 'http://h/', resource: {a=b: c}}]}", NULL,
	  ":1: outputs.otlp[0].resource: 'a=b': neither a name nor a value has a ';', nor a name a '='" },
	{ "outputs: {otlp: [{url: 'http://h/', token: a, token_file: /b}]}", NULL,
	  ":1: outputs.otlp: element 0: token and token_file say the same; name one of them" },
	{ "outputs: {graphite: [{address: 'h:1', addresses: ['h:2']}]}", NULL,
	  ":1: outputs.graphite: only one of address and addresses; another address is another element" },
	{ "outputs: {graphite: [{addresses: ['h:1'], protocol: udp, address: 'h:1'}]}", NULL,
	  ":1: outputs.graphite: only one of addresses and address; another address is another element" },
	{ "outputs: {otlp: [{url: 'http://h'}, {url: 'http://i/', urls: ['http://j']}]}", NULL,
	  ":1: outputs.otlp: only one of url and urls; another address is another element" },
	{ "outputs: {otlp: [{url: 'https://h', tls: {enabled: true}}]}", NULL,
	  ":1: outputs.otlp[0].tls.enabled: unknown key" },
	{ "outputs: {relay: [{delay: 1s}]}", NULL, ":1: outputs.relay: element 0 has no address" },
	{ "outputs: {relay: [{address: nowhere}]}", NULL,
	  ":1: outputs.relay[0].address: 'nowhere' is not host:port, such as 127.0.0.1:2003 or [::1]:2003" },
	{ "outputs: {relay: [{address: 'a:1'}, {address: 'a:1', delay: 1s}]}", NULL,
	  ":1: outputs.relay: a:1 stands here twice" },
	{ "outputs: {relay: [{address: 'a:1', delay: 11s}]}", NULL,
	  ":1: outputs.relay[0].delay: 11s is not between 0.001s and 10s" },
	{ "outputs: {relay: [{address: 'a:1', batch: {bytes: 65508}}]}", NULL,
	  ":1: outputs.relay[0].batch.bytes: 65508 is not between 64 bytes and 65507 bytes" },
	{ "limits: {relay_ring: 20000}", NULL, ":1: limits.relay_ring: 20000 bytes is not a power of two" },
	{ "outputs:\n  graphite:\n  - address: nowhere\n", NULL,
	  ":3: outputs.graphite[0].address: 'nowhere' is not host:port, such as 127.0.0.1:2003 or [::1]:2003" },
	{ "outputs: {graphite: [{address: 'h:70000'}]}", NULL,
	  ":1: outputs.graphite[0].address: 'h:70000' is not host:port, such as 127.0.0.1:2003 or [::1]:2003" },
	{ "outputs: {graphite: [{address: '::1:2003'}]}", NULL,
	  ":1: outputs.graphite[0].address: '::1:2003': an IPv6 address stands in brackets, [::1]:2003" },
	{ "outputs: {graphite: [{address: 'h:1'}, {adress: 'h:2'}]}", NULL,
	  ":1: outputs.graphite[1].adress: unknown key; the nearest known key is outputs.graphite[1].address" },
	{ "outputs: {graphite: [{address: 'h:1'}, {address: 'h:1'}]}", NULL,
	  ":1: outputs.graphite: h:1 stands here twice: let one output have the filters of both, or name the host "
	  "in another way (localhost, 127.0.0.1), as outputs to one address would share what waits on disk" },
	{ "outputs: {graphite: [{address: 'h:1', queue: {memory: 1kb}}]}", NULL,
	  ":1: outputs.graphite[0].queue.memory: '1kb' is not a size: a number of bytes, or with KiB, MiB or GiB" },
	{ "outputs: {graphite: [{address: 'h:1', queue: {memory: 1KiB}}]}", NULL,
	  ":1: outputs.graphite[0].queue.memory: 1KiB is not between 64KiB and 1024GiB" },
	{ "outputs: {file: [x]}", NULL, ":1: outputs.file[0]: keys are expected here, not a value" },
	{ "outputs: {graphite: [{address: 'h:1', batch: {bytes: 10}}]}", NULL,
	  ":1: outputs.graphite[0].batch.bytes: 10 is not between 512 bytes and 16MiB" },
	{ "flush: {rates: wall}", NULL, ":1: flush.rates: 'wall' is not one of: elapsed, interval" },
	{ "names: {global_prefix: a..b}", NULL,
	  ":1: names.global_prefix: 'a..b' is not a part of a path: letters, digits, _ and -, between single dots" },
	{ "names: {global_suffix: .x}", NULL,
	  ":1: names.global_suffix: '.x' is not a part of a path: letters, digits, _ and -, between single dots" },
	{ "names: {prefix_timer: 'a b'}", NULL,
	  ":1: names.prefix_timer: 'a b' is not a part of a path: letters, digits, _ and -, between single dots" },
	{ "names: {prefix_set: 'a;b'}", NULL,
	  ":1: names.prefix_set: 'a;b' is not a part of a path: letters, digits, _ and -, between single dots" },
	{ "names: {prefix_stats: kstatsd}", NULL,
	  ":1: names.prefix_stats: kstatsd is what the ledger is called" },
	{ "names: {field_names: telegraf}\n", "names.legacy_namespace=true",
	  "-s names.legacy_namespace: it has no place for the names of names.field_names: "
	  "telegraf; set it to false" },
	{ "internal_metrics: statsd", NULL, ":1: internal_metrics: a list is expected, such as [kstatsd]" },
	{ "internal_metrics: [statsd, statsd]", NULL, ":1: internal_metrics: statsd stands here twice" },
	{ "internal_metrics: [all]", NULL, ":1: internal_metrics: 'all' is not one of: kstatsd, statsd" },
	{ "timers: {calculated_timer_metrics: [upper_90]}", NULL,
	  ":1: timers.calculated_timer_metrics: 'upper_90' is not one of: std, upper, lower, count, count_ps, sum, "
	  "sum_squares, mean, median, histogram, count_percent, mean_percent, upper_percent, lower_percent, "
	  "sum_percent, sum_squares_percent" },
	{ "console: {listen: 8126}", NULL,
	  ":1: console.listen: '8126' is not host:port, such as 127.0.0.1:8126 or [::1]:8126" },
	{ "runtime_dir: run/kstatsd\n", NULL, ":1: runtime_dir: 'run/kstatsd' is not an absolute path" },
	{ "limits: {ring: 300000}", NULL, ":1: limits.ring: 300000 bytes is not a power of two" },
	{ "limits: {counters: 1.5}", NULL, ":1: limits.counters: '1.5' is not a whole number of 1 or more" },
	{ "limits: {counters: 0}", NULL, ":1: limits.counters: 0 is not between 1 and 16777216" },
	{ "log: {level: loud}", NULL, ":1: log.level: 'loud' is not one of: error, warning, info, debug" },
	{ "\nflush: {interval: \"${UNSET}\"}", NULL,
	  ":2: flush.interval: the environment variable UNSET is not set; ${UNSET:-default} would name a default" },
	{ "capture: {statsd: {ports: [\"${LIST}\"]}}", NULL,
	  ":1: capture.statsd.ports: '[1, 2]' is not a whole number of 1 or more" },
	{ "runtime_dir: ${COLON}\n", NULL, ":1: runtime_dir: 'a: b' is not an absolute path" },
	{ "runtime_dir: \"/a\\0b\"\n", NULL, ":1: runtime_dir: the value holds a NUL byte" },
	{ "runtime_dir: \"\\uE00099\\uE001\"\n", NULL,
	  ":1: runtime_dir: the characters U+E000 and U+E001 have no place here" },
	{ "flush: {}\n---\nflush: {}\n", NULL, ":3: a second YAML document begins here" },
	{ "a: &x\n  b: *x\n", NULL, ":1: a: unknown key" },
	{ "", "flush.intervall=1s",
	  "-s flush.intervall: unknown key; the nearest known key is flush.interval" },
	{ "", "flush.interval=", "-s flush.interval: the value is empty" },
	{ "", "flush.interval", "-s flush.interval: KEY=VALUE is expected, such as -s flush.interval=1s" },
	{ "", "=1", "-s =1: KEY=VALUE is expected, such as -s flush.interval=1s" },
	{ "capture: {statsd: {hook: kprobe}}", "capture.statsd.absorb=true",
	  "-s capture.statsd.absorb: only the cgroup hook can end a datagram's way; set "
	  "capture.statsd.hook to cgroup or auto, or absorb to false" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error error = {};
		struct config config;
		char sentence[1024];

		if (!load(&config, bad[i].text, bad[i].override, &error))
			fail_msg("'%s' was accepted", bad[i].override ? bad[i].override : bad[i].text);
		snprintf(sentence, sizeof(sentence), "%s%s", *bad[i].sentence == ':' ? file_path : "",
			 bad[i].sentence);
		assert_string_equal(error.text, sentence);
	}
}

static const struct {
	const char *text, *override;
	const char *sent; /* by type: c, t, g, s */
	uint64_t gauge_closings;
	int64_t ttl;
} idles[] = {
	{ "", NULL, "", 0, 0 },
	{ "delete_idle: true", NULL, "", 0, 0 },
	{ "delete_idle: false\nttl: 5m", NULL, "ctgs", 0, 300 * SECOND },
	{ "delete_idle: {counters: false, gauges: true}\ngauge_ttl: 2", NULL, "c", 2, 0 },
	{ "delete_idle: false", "delete_idle.gauges=true", "cts", 0, 0 },
	{ "delete_idle: {sets: false}", "delete_idle.timers=false", "ts", 0, 0 },
	{ "delete_idle: false", "delete_idle={}", "", 0, 0 },
};

static void test_idle(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(idles); i++) {
		struct error error = {};
		struct config config;
		char sent[METRIC_TYPES + 1] = "";

		if (load(&config, idles[i].text, idles[i].override, &error))
			fail_msg("'%s' was refused: %s", idles[i].text, error.text);
		for (size_t type = 0; type < METRIC_TYPES; type++)
			if (config.idle.sent[type])
				snprintf(sent + strlen(sent), 2, "%c", "ctgs"[type]);
		assert_string_equal(sent, idles[i].sent);
		assert_int_equal(config.idle.gauge_closings, idles[i].gauge_closings);
		assert_int_equal(config.idle.ttl, idles[i].ttl);
	}
}

/* Text, and how the sentence that it deserves begins; NULL: none. */
static const struct {
	const char *text, *sentence;
} idle_keys[] = {
	{ "timers: {percentile_limit: 9}", "timers.percentile_limit has no effect, " },
	{ "timers: {percentile_limit: 9, mode: exact}", NULL },
	{ "delete_idle: {gauges: false}\ngauge_ttl: 2", "gauge_ttl has no effect, " },
	{ "gauge_ttl: 2", NULL },
	{ "ttl: 5m", "ttl has no effect, " },
	{ "ttl: 5m\ndelete_idle: {sets: false}", NULL },
	{ "", NULL },
};

static const char *warned;

static void on_warning(const char *text)
{
	assert_null(warned);
	warned = text;
}

static void test_keys_without_effect(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(idle_keys); i++) {
		const char *sentence = idle_keys[i].sentence;
		struct error error = {};
		struct config config;

		assert_int_equal(load(&config, idle_keys[i].text, NULL, &error), 0);
		warned = NULL;
		config_warn(&config, on_warning);
		if (!sentence != !warned || (sentence && strncmp(warned, sentence, strlen(sentence))))
			fail_msg("'%s': %s", idle_keys[i].text, warned ? warned : "no warning");
	}
}

static void test_bins(void **state)
{
	struct error error = {};
	struct config config;

	(void)state;
	assert_int_equal(load(&config,
			      "timers:\n  weighted: true\n  percentile_limit: 1000\n  histogram:\n"
			      "    - {metric: load, bins: [-1, 20.5, inf]}\n    - {bins: []}\n",
			      NULL, &error),
			 0);
	assert_true(config.capture.weighted_timers);
	assert_int_equal(config.percentile_limit, 1000);
	assert_int_equal(config.bin_rule_count, 2);
	assert_string_equal(config.bin_rules[0].metric, "load");
	assert_int_equal(config.bin_rules[0].count, 3);
	assert_true(config.bin_rules[0].limits[0] == -1 && config.bin_rules[0].limits[1] == 20.5 &&
		    isinf(config.bin_rules[0].limits[2]));
	assert_string_equal(config.bin_rules[1].metric, "");
	assert_int_equal(config.bin_rules[1].count, 0);
}

/* What libyaml refuses: its own words, but our file and line. */
static void test_not_yaml(void **state)
{
	struct error error = {};
	struct config config;
	char start[128];

	(void)state;
	assert_true(load(&config, "flush:\n  interval: 1s\n align: true\n", NULL, &error) < 0);
	snprintf(start, sizeof(start), "%s:3: not valid YAML: ", file_path);
	assert_memory_equal(error.text, start, strlen(start));
	assert_true(load(&config, "flush: {interval: 1s\n", NULL, &error) < 0);
	assert_non_null(strstr(error.text, "not valid YAML"));
	assert_true(load(&config, "flush: \"\xff\"\n", NULL, &error) < 0);
	assert_non_null(strstr(error.text, "not valid YAML"));
}

static void test_missing_file(void **state)
{
	struct config_source source = { .file = "/nonexistent/kstatsd.yaml" };
	struct error error = {};
	struct config config;

	(void)state;
	assert_true(config_load(&config, &source, &error) < 0);
	assert_non_null(strstr(error.text, "/nonexistent/kstatsd.yaml: No such file"));
}

/* The longest text still fits, one byte more does not. */
static void test_long_values(void **state)
{
	char text[2 * CONFIG_TEXT_MAX];
	struct error error = {};
	struct config config;
	int used = snprintf(text, sizeof(text), "runtime_dir: /");

	(void)state;
	memset(text + used, 'a', RUNTIME_DIR_MAX - 2);
	text[used + RUNTIME_DIR_MAX - 2] = '\0';
	assert_int_equal(load(&config, text, NULL, &error), 0);
	assert_int_equal(strlen(config.runtime_dir), RUNTIME_DIR_MAX - 1);
	memset(text + used, 'a', RUNTIME_DIR_MAX - 1);
	text[used + RUNTIME_DIR_MAX - 1] = '\0';
	assert_true(load(&config, text, NULL, &error) < 0);
	memset(text + used, 'a', CONFIG_TEXT_MAX);
	text[used + CONFIG_TEXT_MAX] = '\0';
	assert_true(load(&config, text, NULL, &error) < 0);
	assert_non_null(strstr(error.text, "longer than"));
}

static void test_update(void **state)
{
	struct config config, next;
	struct error error = {};
	char restart[256];

	(void)state;
	assert_int_equal(load(&config, "", NULL, &error), 0);
	assert_int_equal(load(&next,
			      "flush: {interval: 3s}\ntimers: {percentiles: [50], mode: exact}\n"
			      "capture: {statsd: {ports: [1, 2], hook: cgroup}}\n"
			      "outputs: {graphite: [{address: 'h:1'}]}\nlog: {level: debug}\n",
			      NULL, &error),
			 0);
	config_update(&config, &next, restart, sizeof(restart));
	assert_string_equal(restart, "capture.statsd.hook, timers.mode");
	assert_int_equal(config.interval, 3 * SECOND);
	assert_int_equal(config.capture.port_count, 2);
	assert_int_equal(config.capture.ports[1], 2);
	assert_int_equal(config.percentiles[0], 50);
	assert_string_equal(config.graphite[0].push.destinations[0], "h:1");
	assert_false(config.table_enabled);
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.capture.hook, HOOK_AUTO);
	assert_false(config.capture.exact_timers);
	/* Nothing more to do: only what was left remains to be named. */
	config_update(&config, &next, restart, sizeof(restart));
	assert_string_equal(restart, "capture.statsd.hook, timers.mode");
	config_update(&config, &next, restart, 8);
	assert_int_equal(strlen(restart), 7);
}

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 16);

	assert_non_null(file);
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 16) - 1, file), 1, (1 << 16) - 2);
	fclose(file);
	return text;
}

/* The default in a row of the manual, "| `key` | `default` |", changes nothing when it is set. */
static void check_default(const char *path, const char *cell)
{
	struct config written, defaults;
	struct error error = {};
	char setting[256];

	if (cell[0] != '`')
		return;
	snprintf(setting, sizeof(setting), "%s=%.*s", path, (int)strcspn(cell + 1, "`"), cell + 1);
	if (load(&written, "", setting, &error))
		fail_msg("docs/configuration.md: %s", error.text);
	assert_int_equal(load(&defaults, "", NULL, &error), 0);
	if (memcmp(&written, &defaults, sizeof(defaults)))
		fail_msg("docs/configuration.md: %s is not the default", setting);
}

/* Each key has a row in the manual, and each row there is a key. Run in the project's folder. */
static void test_documented(void **state)
{
	char *manual = read_whole("docs/configuration.md");
	size_t rows = 0, keys = 0;
	char *end = strstr(manual, "Each element of a list of outputs");

	(void)state;
	assert_non_null(end);
	*end = '\0';
	for (const char *row = strstr(manual, "\n| `"); row; row = strstr(row + 1, "\n| `"))
		rows++;
	for (const struct config_key *key = config_keys; key->path; key++, keys++) {
		char start[128];
		const char *row, *end_of_row;

		snprintf(start, sizeof(start), "\n| `%s` |", key->path);
		row = strstr(manual, start);
		if (!row)
			fail_msg("docs/configuration.md has no row for %s", key->path);
		end_of_row = strchr(row + 1, '\n');
		check_default(key->path, row + strlen(start) + 1);
		if (key->live != !!memmem(row, (size_t)(end_of_row - row), "| live |", 8))
			fail_msg("docs/configuration.md is wrong about a reload of %s", key->path);
	}
	assert_int_equal(rows, keys);
	free(manual);
}

/* The example says what the defaults are: with it, all is as without. */
static void test_example(void **state)
{
	struct config_source source = { .file = "deploy/kstatsd.yaml" };
	struct config example, defaults;
	struct error error = {};

	(void)state;
	if (config_load(&example, &source, &error))
		fail_msg("%s", error.text);
	assert_int_equal(load(&defaults, "outputs: {stdout: {}}", NULL, &error), 0);
	assert_memory_equal(&example, &defaults, sizeof(defaults));
}

/* Words of the table that another room spells too. */
static void test_words(void **state)
{
	const char *const *hooks = config_key_find("capture.statsd.hook")->choices;
	const char *const *levels = config_key_find("log.level")->choices;

	(void)state;
	for (int i = 0; i < HOOKS; i++)
		assert_string_equal(hooks[i], capture_hook_name((enum capture_hook)i));
	assert_null(hooks[HOOKS]);
	for (int i = 0; i < LOG_LEVELS; i++)
		assert_string_equal(levels[i], log_level_name((enum log_level)i));
	assert_null(levels[LOG_LEVELS]);
}

static const struct {
	const char *text;
	int err;
	int64_t duration;
} durations[] = {
	{ "50ms", 0, 50000000 },   { "10s", 0, 10 * SECOND },  { "0.25s", 0, SECOND / 4 },
	{ "2m", 0, 120 * SECOND }, { "1h", 0, 3600 * SECOND }, { "0s", 0, 0 },
	{ "", -EINVAL, 0 },	   { "s", -EINVAL, 0 },	       { "10", -EINVAL, 0 },
	{ "10 s", -EINVAL, 0 },	   { " 10s", -EINVAL, 0 },     { "10sec", -EINVAL, 0 },
	{ "1e3s", -EINVAL, 0 },	   { "-1s", -EINVAL, 0 },      { "0x1s", -EINVAL, 0 },
	{ "1.2.3s", -EINVAL, 0 },  { "infs", -EINVAL, 0 },     { "9999999999h", -ERANGE, 0 },
};

static const struct {
	const char *text;
	int err;
	uint64_t bytes;
} sizes[] = {
	{ "0", 0, 0 },		{ "65536", 0, 65536 },	       { "16MiB", 0, 16 << 20 },
	{ "1.5KiB", 0, 1536 },	{ "2GiB", 0, 2ull << 30 },     { "1.5", -EINVAL, 0 },
	{ "16MB", -EINVAL, 0 }, { "16 MiB", -EINVAL, 0 },      { "MiB", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },	{ "99999999GiB", -ERANGE, 0 },
};

static void test_units(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(durations); i++) {
		int64_t value = 0;

		assert_int_equal(units_parse_duration(durations[i].text, &value), durations[i].err);
		assert_int_equal(value, durations[i].duration);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t value = 0;

		assert_int_equal(units_parse_size(sizes[i].text, &value), sizes[i].err);
		assert_int_equal(value, sizes[i].bytes);
	}
}

static int setup(void **state)
{
	int fd = mkstemp(file_path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	unsetenv("UNSET");
	return setenv("SET", "9125", 1) || setenv("LIST", "[1, 2]", 1) || setenv("COLON", "a: b", 1) ||
	       setenv("EMPTY", "", 1);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(file_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),	     cmocka_unit_test(test_keys_without_effect),
		cmocka_unit_test(test_bins),	     cmocka_unit_test(test_names),
		cmocka_unit_test(test_series_names), cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),	     cmocka_unit_test(test_not_yaml),
		cmocka_unit_test(test_missing_file), cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_update),	     cmocka_unit_test(test_documented),
		cmocka_unit_test(test_example),	     cmocka_unit_test(test_words),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
