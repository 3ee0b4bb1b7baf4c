// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the words of the management console mean: statsd's, with statsd's answers, and sets and
 * delsets beside them. Before anything is shown or deleted, what the kernel holds of the open
 * window is brought into the store; nothing is flushed.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/daemon.h"
#include "cli/inspect.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define END "END\n\n"
#define ERROR_ANSWER "ERROR\n"
#define SHOWN_KEY_BYTES 8256 /* a canonical name and its tags (core/name.h), or one of statsd's own */

void console_line(struct text *text, const char *name, const char *value)
{
	text_add_string(text, name);
	text_add_string(text, ": ");
	text_add_string(text, value);
	text_add(text, "\n", 1);
}

void console_number(struct text *text, const char *name, double value)
{
	char number[NUMBER_BYTES];

	number_format(value, number);
	console_line(text, name, number);
}

static bool gather(struct daemon *daemon)
{
	struct error error = {};

	if (!capture_gather(daemon->capture, &error)) {
		daemon_note_messages(daemon);
		return true;
	}
	log_error("%s", error.text);
	return false;
}

static void answer_help(void *daemon, char *arguments, struct text *text)
{
	(void)daemon;
	(void)arguments;
	text_add_string(text, "Commands: stats, counters, timers, gauges, sets, delcounters, deltimers, "
			      "delgauges, delsets, health, config, quit\n\n");
}

static void answer_health(void *context, char *arguments, struct text *text)
{
	struct daemon *daemon = context;
	const char *word = strsep(&arguments, " ");

	if (!strcasecmp(word, "up") || !strcasecmp(word, "down"))
		daemon->unhealthy = !strcasecmp(word, "down");
	console_line(text, "health", daemon->unhealthy ? "down" : "up");
}

/* Outputs of a kind, or all, as one: of several, what is worst. */
struct deliveries {
	const char *kind; /* NULL: all */
	size_t outputs;
	struct delivery_report report;
};

static void deliveries_add(void *context, const struct sink_stats *stats)
{
	struct deliveries *deliveries = context;
	struct delivery_report *all = &deliveries->report;

	if (deliveries->kind && strcmp(deliveries->kind, stats->kind))
		return;
	if (!deliveries->outputs++) {
		*all = stats->report;
		return;
	}
	if (stats->report.last_flush < all->last_flush)
		all->last_flush = stats->report.last_flush;
	if (stats->report.last_exception > all->last_exception)
		all->last_exception = stats->report.last_exception;
	all->flush_ms = fmax(all->flush_ms, stats->report.flush_ms);
	all->flush_length += stats->report.flush_length;
}

/* statsd shows what is called last_... as the seconds since then. */
static void delivery_lines(struct text *text, const char *prefix, const struct delivery_report *report)
{
	const double now = round((double)clock_read(CLOCK_REALTIME) / NS_PER_SECOND);
	const struct {
		const char *name;
		double value;
	} rows[] = {
		{ "last_flush", now - (double)report->last_flush },
		{ "last_exception", now - (double)report->last_exception },
		{ "flush_time", report->flush_ms },
		{ "flush_length", (double)report->flush_length },
	};
	char name[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(name, sizeof(name), "%s.%s", prefix, rows[i].name);
		console_number(text, name, rows[i].value);
	}
}

/* Scripts look for graphite.last_flush, wherever the values go to: once, and always. */
static void outputs_lines(const struct outputs *outputs, struct text *text)
{
	struct deliveries graphite = { .kind = "graphite" }, any = {}, standard = { .kind = "stdout" };

	outputs_visit(outputs, deliveries_add, &graphite);
	outputs_visit(outputs, deliveries_add, &any);
	outputs_visit(outputs, deliveries_add, &standard);
	delivery_lines(text, "graphite", graphite.outputs ? &graphite.report : &any.report);
	if (standard.outputs)
		delivery_lines(text, "stdout", &standard.report);
}

static void answer_stats(void *context, char *arguments, struct text *text)
{
	struct daemon *daemon = context;
	struct statsd_counts closed, open;
	int64_t now = clock_read(CLOCK_MONOTONIC);

	(void)arguments;
	if (!gather(daemon)) {
		text_add_string(text, ERROR_ANSWER);
		return;
	}
	statsd_counts_make(capture_ledger(daemon->capture), &closed);
	statsd_counts_make(capture_open_ledger(daemon->capture), &open);
	console_number(text, "uptime", round((double)(now - daemon->started) / NS_PER_SECOND));
	console_number(text, "messages.last_msg_seen",
		       round((double)(now - daemon->messages.seen_at) / NS_PER_SECOND));
	console_number(text, "messages.bad_lines_seen",
		       (double)(closed.bad_lines_seen + open.bad_lines_seen));
	outputs_lines(&daemon->outputs, text);
	text_add_string(text, END);
}

/* What is known of a timer whose samples are not kept. */
static void show_histogram(struct inspect *inspect, const char *key, const struct timer_stats *timer)
{
	struct inspect inner = {};

	inspect_number(&inner, "samples", (double)timer->samples);
	inspect_number(&inner, "count", timer->count);
	inspect_number(&inner, "lower", timer->lower);
	inspect_number(&inner, "upper", timer->upper);
	inspect_number(&inner, "sum", timer->sum);
	inspect_number(&inner, "mean", timer->mean);
	inspect_number(&inner, "median", timer->median);
	inspect_number(&inner, "std", timer->std);
	inspect_object(inspect, key, &inner);
}

static void show_timer(struct inspect *inspect, const char *key, const struct window_view *view)
{
	double *values;

	if (!view->samples && view->metric->timer.samples) {
		show_histogram(inspect, key, &view->metric->timer);
		return;
	}
	values = calloc(view->sample_count + 1, sizeof(*values));
	if (!values) {
		inspect->entries.failed = true;
		return;
	}
	for (size_t i = 0; i < view->sample_count; i++)
		values[i] = view->samples[i].value * view->scale;
	inspect_numbers(inspect, key, values, view->sample_count);
	free(values);
}

/* Series of one type, as they are shown. */
struct showing {
	struct inspect inspect;
	struct daemon *daemon;
	enum metric_type type;
};

/* Of the daemon's own, those of statsd are shown apart, and statsd has no others. */
static bool is_own(const struct daemon *daemon, const char *name)
{
	const char *prefix = daemon->config.names.prefix_stats;
	size_t length = strlen(prefix);

	if (!strncmp(name, "kstatsd.", strlen("kstatsd.")))
		return true;
	if (!(daemon->config.names.internal_metrics & INTERNAL_STATSD) || strncmp(name, prefix, length))
		return false;
	name += length + (length && name[length] == '.');
	return !strcmp(name, "bad_lines_seen") || !strcmp(name, "packets_received") ||
	       !strcmp(name, "metrics_received");
}

static void show_series(void *context, const struct window_view *view)
{
	const struct metric *metric = view->metric;
	struct showing *showing = context;
	struct inspect *inspect = &showing->inspect;
	char key[SHOWN_KEY_BYTES];

	if (metric->type == METRIC_COUNTER && is_own(showing->daemon, metric->name))
		return;
	snprintf(key, sizeof(key), "%s%s%s", metric->name, *metric->tags ? ";" : "", metric->tags);
	switch (metric->type) {
	case METRIC_COUNTER:
		inspect_number(inspect, key, metric->counter);
		break;
	case METRIC_TIMER:
		show_timer(inspect, key, view);
		break;
	case METRIC_GAUGE:
		inspect_number(inspect, key, metric->gauge);
		break;
	default:
		inspect_number(inspect, key, metric->set.count);
		break;
	}
}

/* statsd's own counters come first, as it creates them first. */
static void show_own(struct showing *showing)
{
	const struct daemon *daemon = showing->daemon;
	const char *prefix = daemon->config.names.prefix_stats;
	struct statsd_counts counts;
	const struct {
		const char *name;
		const uint64_t *value;
	} rows[] = {
		{ "bad_lines_seen", &counts.bad_lines_seen },
		{ "packets_received", &counts.packets_received },
		{ "metrics_received", &counts.metrics_received },
	};
	char key[SHOWN_KEY_BYTES];

	if (showing->type != METRIC_COUNTER || !(daemon->config.names.internal_metrics & INTERNAL_STATSD))
		return;
	statsd_counts_make(capture_open_ledger(daemon->capture), &counts);
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", rows[i].name);
		inspect_number(&showing->inspect, key, (double)*rows[i].value);
	}
}

static void answer_type(struct daemon *daemon, enum metric_type type, struct text *text)
{
	const struct visit_filter filter = { .types = 1U << type, .idle = true };
	struct showing showing = { .daemon = daemon, .type = type };

	if (!gather(daemon)) {
		text_add_string(text, ERROR_ANSWER);
		return;
	}
	show_own(&showing);
	if (store_visit_window(daemon->store, capture_open_window(daemon->capture), &filter, show_series,
			       &showing))
		showing.inspect.entries.failed = true;
	inspect_finish(&showing.inspect, text);
	text_add_string(text, "\n" END);
}

/* The answer to a deletion: what each pattern found. */
struct deleting {
	struct text *text;
	const char **patterns;
	size_t count, told; /* patterns, and those of them about which all is said */
};

/* Of the patterns before `end`, those of which nothing was heard. */
static void not_found_lines(struct deleting *deleting, size_t end)
{
	for (; deleting->told < end; deleting->told++) {
		text_add_string(deleting->text, "metric ");
		text_add_string(deleting->text, deleting->patterns[deleting->told]);
		text_add_string(deleting->text, " not found\n");
	}
}

static void deleted_line(void *context, size_t pattern, const char *key)
{
	struct deleting *deleting = context;

	not_found_lines(deleting, pattern);
	deleting->told = pattern + 1;
	console_line(deleting->text, "deleted", key);
}

/* "delcounters a folder.* b" */
static void answer_delete(struct daemon *daemon, enum metric_type type, char *arguments, struct text *text)
{
	/* Each pattern takes a byte at least. */
	struct deleting deleting = { .text = text,
				     .patterns = calloc(strlen(arguments) + 1, sizeof(const char *)) };

	if (!gather(daemon)) {
		text_add_string(text, ERROR_ANSWER);
		goto out;
	}
	while (deleting.patterns && arguments && *arguments)
		deleting.patterns[deleting.count++] = strsep(&arguments, " ");
	if (!deleting.patterns ||
	    store_delete(daemon->store, capture_open_window(daemon->capture), type, deleting.patterns,
			 deleting.count, deleted_line, &deleting) < 0)
		text->failed = true;
	else
		not_found_lines(&deleting, deleting.count);
	text_add_string(text, END);
out:
	free(deleting.patterns);
}

#define ANSWER_TYPE(plural, TYPE)                                                        \
	static void answer_##plural(void *daemon, char *arguments, struct text *text)    \
	{                                                                                \
		(void)arguments;                                                         \
		answer_type(daemon, TYPE, text);                                         \
	}                                                                                \
	static void answer_del##plural(void *daemon, char *arguments, struct text *text) \
	{                                                                                \
		answer_delete(daemon, TYPE, arguments, text);                            \
	}
ANSWER_TYPE(counters, METRIC_COUNTER)
ANSWER_TYPE(timers, METRIC_TIMER)
ANSWER_TYPE(gauges, METRIC_GAUGE)
ANSWER_TYPE(sets, METRIC_SET)

const struct console_command daemon_console[] = {
	{ "help", answer_help },
	{ "stats", answer_stats },
	{ "counters", answer_counters },
	{ "timers", answer_timers },
	{ "gauges", answer_gauges },
	{ "sets", answer_sets },
	{ "delcounters", answer_delcounters },
	{ "deltimers", answer_deltimers },
	{ "delgauges", answer_delgauges },
	{ "delsets", answer_delsets },
	{ "health", answer_health },
	{ "config", daemon_console_config },
	{ "quit", NULL },
	{},
};
