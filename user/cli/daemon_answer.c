// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What the daemon answers on its control socket: status, flush, reload. */
#include <errno.h>
#include <unistd.h>
#include "cli/daemon.h"
#include "cli/ledger.h"
#include "cli/names.h"
#include "lib/version.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/encoder.h"

#define PROGRAMS_MAX 32
#define MAPS_MAX 64
#define RESTART_KEYS_BYTES 512

static void set_count(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_number(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

static void set_text(json_t *object, const char *key, const char *value)
{
	json_object_set_new(object, key, json_string(value));
}

static void set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static json_t *ledger_pack(const struct capture *capture)
{
	const struct ledger *ledger = capture_ledger(capture);
	json_t *object = json_object();

	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		set_count(object, ledger_rows[i].name, ledger->n[i]);
	return object;
}

static json_t *programs_pack(const struct capture *capture)
{
	struct capture_program rows[PROGRAMS_MAX];
	size_t count = capture_programs(capture, rows, PROGRAMS_MAX);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		set_text(row, "name", rows[i].name);
		set_count(row, "runs", rows[i].runs);
		set_count(row, "nanoseconds", rows[i].nanoseconds);
		set_count(row, "misses", rows[i].misses);
		json_array_append_new(array, row);
	}
	return array;
}

static json_t *maps_pack(const struct capture *capture)
{
	struct capture_map rows[MAPS_MAX];
	size_t count = capture_maps(capture, rows, MAPS_MAX);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		set_text(row, "name", rows[i].name);
		set_count(row, "used", rows[i].used);
		set_count(row, "size", rows[i].size);
		set_count(row, "bytes", rows[i].bytes);
		json_array_append_new(array, row);
	}
	return array;
}

static json_t *counts_pack(const struct sink_stats *stats)
{
	json_t *object = json_object();

	for (size_t i = 0; i < stats->count_count; i++)
		set_count(object, stats->counts[i].name, stats->counts[i].value);
	return object;
}

static void sink_pack(void *array, const struct sink_stats *stats)
{
	json_t *row = json_object();

	set_text(row, "kind", stats->kind);
	set_text(row, "address", stats->address);
	set_bool(row, "connected", stats->connected);
	set_count(row, "lines_sent", stats->lines_sent);
	set_count(row, "bytes_sent", stats->bytes_sent);
	set_count(row, "batches_sent", stats->batches_sent);
	set_count(row, "lines_dropped", stats->lines_dropped);
	set_count(row, "batches_dropped", stats->batches_dropped);
	set_count(row, "lines_rejected", stats->lines_rejected);
	set_count(row, "batches_rejected", stats->batches_rejected);
	set_count(row, "bytes_spooled", stats->bytes_spooled);
	set_count(row, "spool_errors", stats->spool_errors);
	set_count(row, "batches_queued", stats->batches_queued);
	set_count(row, "bytes_queued", stats->bytes_queued);
	set_count(row, "metrics_waiting", stats->metrics_waiting);
	set_count(row, "reconnects", stats->reconnects);
	set_count(row, "events_without_place", stats->events_without_place);
	json_object_set_new(row, "counts", counts_pack(stats));
	set_text(row, "last_error", stats->last_error);
	json_array_append_new(array, row);
}

static json_t *sinks_pack(const struct outputs *outputs)
{
	json_t *array = json_array();

	outputs_visit(outputs, sink_pack, array);
	return array;
}

static json_t *ports_pack(const struct capture_options *options)
{
	json_t *array = json_array();

	for (size_t i = 0; i < options->port_count; i++)
		json_array_append_new(array, json_integer(options->ports[i]));
	return array;
}

static json_t *sockets_pack(const struct capture *capture)
{
	struct socket_report reports[SOCKET_REPORTS];
	json_t *array = json_array();

	capture_sockets(capture, reports);
	for (size_t i = 0; i < SOCKET_REPORTS; i++) {
		json_t *row = json_object();

		set_text(row, "name", reports[i].name);
		set_bool(row, "configured", reports[i].configured);
		set_bool(row, "captured", reports[i].hook != HOOK_AUTO);
		set_text(row, "hook", reports[i].hook == HOOK_AUTO ? "" : capture_hook_name(reports[i].hook));
		set_text(row, "reason", reports[i].reason);
		json_array_append_new(array, row);
	}
	return array;
}

/* The last flush: its timestamp, the window's length, how many metrics were in it. */
static void set_last_flush(json_t *object, const struct daemon *daemon)
{
	set_count(object, "timestamp", (uint64_t)daemon->last_flush.timestamp);
	set_number(object, "seconds", daemon->last_flush.seconds);
	set_count(object, "metrics", daemon->last_flush.metrics);
}

static json_t *flush_pack(const struct daemon *daemon)
{
	json_t *object = json_object();

	set_number(object, "interval", (double)daemon->config.interval / NS_PER_SECOND);
	set_bool(object, "align", daemon->config.align);
	set_count(object, "count", daemon->counts.flushes);
	set_count(object, "errors", daemon->counts.flush_errors);
	set_last_flush(object, daemon);
	return object;
}

json_t *daemon_answer_status(void *context)
{
	const struct daemon *daemon = context;
	int64_t up = clock_read(CLOCK_MONOTONIC) - daemon->started;
	json_t *answer;

	if (!daemon->capture)
		return control_failure("kstatsd is leaving");
	answer = json_object();
	set_bool(answer, "ok", true);
	set_text(answer, "version", KSTATSD_VERSION);
	set_count(answer, "pid", (uint64_t)getpid());
	set_number(answer, "uptime", (double)up / NS_PER_SECOND);
	set_text(answer, "config", config_file(daemon->source));
	set_text(answer, "hook", capture_hook_name(capture_hook(daemon->capture)));
	set_bool(answer, "absorb", daemon->config.capture.absorb);
	json_object_set_new(answer, "ports", ports_pack(&daemon->config.capture));
	json_object_set_new(answer, "sockets", sockets_pack(daemon->capture));
	json_object_set_new(answer, "flush", flush_pack(daemon));
	set_count(answer, "series", store_series_count(daemon->store));
	set_count(answer, "watching", control_stream_count());
	set_count(answer, "ring_errors", daemon->counts.ring_errors);
	json_object_set_new(answer, "ledger", ledger_pack(daemon->capture));
	json_object_set_new(answer, "programs", programs_pack(daemon->capture));
	json_object_set_new(answer, "maps", maps_pack(daemon->capture));
	json_object_set_new(answer, "sinks", sinks_pack(&daemon->outputs));
	return answer;
}

json_t *daemon_answer_flush(void *context)
{
	struct daemon *daemon = context;
	struct error error = {};
	json_t *answer;

	if (!daemon->capture)
		return control_failure("kstatsd is leaving");
	if (daemon_flush(daemon, FLUSH_ASKED, &error)) {
		log_error("%s", error.text);
		return control_failure(error.text);
	}
	answer = json_object();
	set_bool(answer, "ok", true);
	set_last_flush(answer, daemon);
	return answer;
}

/* What needs memory, first: percentiles and bins. */
static int store_tune(struct store *store, const struct config *config)
{
	double percentiles[PERCENTILES_MAX];
	size_t count = outputs_percentiles(config, percentiles);

	return store_set_percentiles(store, percentiles, count)
		       ?: store_set_bins(store, config->bin_rules, config->bin_rule_count);
}

/* Takes `next` over, as far as it can be while running. All or nothing. -EINVAL: it refers to what is not valid. */
static int daemon_reconfigure(struct daemon *daemon, const struct config *next, char *restart,
			      struct error *error)
{
	bool beat = next->interval != daemon->config.interval || next->align != daemon->config.align;
	struct naming *naming = names_load(next, error);
	int err;

	daemon_feed_relays(daemon);
	if (!naming)
		return -EINVAL;
	err = store_tune(daemon->store, next);
	if (err)
		error_set(error, err, "cannot take over the keys of timers: out of memory");
	else
		err = outputs_update(&daemon->outputs, next, error);
	if (err) {
		/* Without memory for them, the new ones stay: the answer is a failure in any case. */
		store_tune(daemon->store, &daemon->config);
		naming_free(naming);
		return err;
	}
	naming_free(daemon->next_naming);
	daemon->next_naming = naming;
	config_update(&daemon->config, next, restart, RESTART_KEYS_BYTES);
	store_set_idle(daemon->store, &daemon->config.idle);
	store_set_buckets(daemon->store, outputs_want_buckets(&daemon->config));
	store_set_percentile_limit(daemon->store, daemon->config.percentile_limit);
	capture_set_ports(daemon->capture, daemon->config.capture.ports, daemon->config.capture.port_count);
	if (!daemon->verbose)
		log_set_level(daemon->config.log_level);
	if (beat)
		daemon_reschedule(daemon);
	return daemon_update_relays(daemon, error);
}

json_t *daemon_answer_reload(void *context)
{
	struct daemon *daemon = context;
	char restart[RESTART_KEYS_BYTES] = "";
	struct config next;
	struct error error = {};
	int err;

	if (!daemon->capture)
		return control_failure("kstatsd is leaving");
	err = config_load(&next, daemon->source, &error)
		      ?: daemon_reconfigure(daemon, &next, restart, &error);
	if (err) {
		daemon->counts.config_errors++;
		log_error("not reloaded, all is as it was: %s", error.text);
		return err == -EINVAL ? control_misuse(error.text) : control_failure(error.text);
	}
	if (*restart)
		log_warning("reloaded, but what needs a restart is as it was: %s", restart);
	else
		log_info("reloaded");
	return json_pack("{s:b, s:s}", "ok", 1, "restart", restart);
}
