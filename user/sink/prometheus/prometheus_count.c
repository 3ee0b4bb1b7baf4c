// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     loop      flush, flush, render, flush ...       changed()          rendered()
 *                  |                                      ^                  ^
 *     thread       '-> add to totals, commit to the file -'  ... render, zip '
 *
 * A flush is shown when it is on disk: a daemon that is killed never shows less than before, which
 * Prometheus would take for a reset. If the disk refuses, it is shown nevertheless, and said.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/prometheus/prometheus_count.h"
#include "sink/prometheus/prometheus_file.h"
#include "sink/transport/gzip.h"
#include "sink/delivery/worker.h"

/* Flushes that may wait for a disk that hangs. */
#define WAITING_MAX 16
/* How long what was given is waited for at the end. */
#define LEAVE_NS (2 * NS_PER_SECOND)

struct prometheus_count {
	struct worker *worker;
	struct prometheus_count_events events;
	struct prometheus_count_stats stats;
	bool leaving;
	bool complained; /* about the file, and it was not well since */
	const char *state_dir;
	/* The thread's alone. */
	struct prometheus_options options;
	struct totals_options totals_options;
	struct totals *totals;
	struct prometheus_file *file;
};

/* What the thread found, for the loop to tell. */
struct findings {
	struct totals_counts counts;
	struct text notices; /* sentences, each with a newline */
	struct error error;  /* "": none */
};

struct load {
	struct job job;
	struct prometheus_count *count;
	struct findings findings;
};

struct flush {
	struct job job;
	struct prometheus_count *count;
	struct snapshot *snapshot;
	struct prometheus_rules rules;
	int64_t now, wall;
	struct findings findings;
};

struct render {
	struct job job;
	struct prometheus_count *count;
	enum exposition exposition;
	bool gzip;
	struct text text;
};

struct update {
	struct job job;
	struct prometheus_count *count;
	struct prometheus_options options;
	struct findings findings;
};

static void options_take(struct prometheus_count *count, const struct prometheus_options *options)
{
	count->options = *options;
	count->totals_options = (struct totals_options){
		.shape = {
			.summary = options->timers == PROMETHEUS_SUMMARY,
			.bounds = count->options.bounds,
			.bound_count = options->bound_count,
			.quantiles = count->options.quantiles,
			.quantile_count = options->quantile_count,
			.max_age = PROMETHEUS_MAX_AGE,
			.ages = PROMETHEUS_AGES,
		},
		.total_suffix = options->total_suffix,
		.ttl = options->ttl,
		.series_max = options->series,
	};
}

static void findings_collect(struct findings *findings, struct prometheus_count *count)
{
	struct text *notices = totals_notices(count->totals);
	const char *notice = count->file ? prometheus_file_notice(count->file) : NULL;

	totals_counts(count->totals, &findings->counts);
	text_add(&findings->notices, notices->data, notices->len);
	notices->len = 0;
	if (notice) {
		text_add_string(&findings->notices, notice);
		text_add_string(&findings->notices, "\n");
	}
}

static void findings_tell(struct findings *findings, struct prometheus_count *count)
{
	const char *at = findings->notices.data, *end = at ? at + findings->notices.len : at;

	count->stats.totals = findings->counts;
	while (at < end) {
		size_t len = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);

		log_warning("%.*s", (int)len, at);
		at += len + 1;
	}
	text_release(&findings->notices);
}

/* What became of the file: said once, until it is well again. */
static void error_tell(const struct findings *findings, struct prometheus_count *count)
{
	bool failed = *findings->error.text;

	if (failed && !count->complained)
		log_warning("%s", findings->error.text);
	if (!failed && count->complained)
		log_info("totals for Prometheus are saved again");
	count->complained = failed;
	snprintf(count->stats.error, sizeof(count->stats.error), "%.*s", (int)sizeof(count->stats.error) - 1,
		 findings->error.text);
}

/* Opens and reads the file, if there is to be one and there is none yet. */
static void file_take(struct prometheus_count *count, int64_t now, int64_t wall, struct error *error)
{
	if (count->file || !*count->state_dir)
		return;
	count->file = prometheus_file_open(count->state_dir, error);
	if (count->file)
		prometheus_file_load(count->file, count->totals, now, wall, error);
}

static void load_work(struct job *job)
{
	struct load *load = (struct load *)job;
	struct prometheus_count *count = load->count;

	file_take(count, clock_read(CLOCK_MONOTONIC), clock_read(CLOCK_REALTIME), &load->findings.error);
	findings_collect(&load->findings, count);
}

static void load_done(struct job *job)
{
	struct load *load = (struct load *)job;
	struct prometheus_count *count = load->count;

	findings_tell(&load->findings, count);
	error_tell(&load->findings, count);
	if (!*count->state_dir || *load->findings.error.text)
		log_warning(
			"Prometheus' counters begin at zero, as there is nothing they could be read from");
	count->stats.loaded = true;
	if (!count->leaving)
		count->events.changed(count->events.context);
	free(load);
}

static void flush_free(struct flush *flush)
{
	prometheus_rules_release(&flush->rules);
	snapshot_free(flush->snapshot);
	free(flush);
}

static void flush_work(struct job *job)
{
	struct flush *flush = (struct flush *)job;
	struct prometheus_count *count = flush->count;

	/* Another daemon had it, or its disk was not there: whatever it holds that is not shown yet comes back. */
	file_take(count, flush->now, flush->wall, &flush->findings.error);
	totals_begin(count->totals, flush->now);
	for (size_t i = 0; i < flush->snapshot->count; i++)
		totals_add(count->totals, &flush->snapshot->metrics[i],
			   flush->rules.of ? flush->rules.of[i] : NULL);
	if (count->file)
		prometheus_file_save(count->file, count->totals, flush->now, flush->wall,
				     &flush->findings.error);
	findings_collect(&flush->findings, count);
	/* Here, where the totals may have references to rules. */
	prometheus_rules_release(&flush->rules);
}

static void flush_done(struct job *job)
{
	struct flush *flush = (struct flush *)job;
	struct prometheus_count *count = flush->count;

	count->stats.save_errors += *flush->findings.error.text != '\0';
	count->stats.flushes_waiting--;
	findings_tell(&flush->findings, count);
	error_tell(&flush->findings, count);
	if (!count->leaving)
		count->events.changed(count->events.context);
	flush_free(flush);
}

static void render_work(struct job *job)
{
	struct render *render = (struct render *)job;
	struct prometheus_count *count = render->count;

	struct text zipped = {};

	exposition_render(count->totals, render->exposition, count->options.native, &render->text);
	if (!render->gzip || render->text.failed)
		return;
	if (gzip_add(&zipped, render->text.data, render->text.len))
		zipped.failed = true;
	text_release(&render->text);
	render->text = zipped;
}

static void render_done(struct job *job)
{
	struct render *render = (struct render *)job;
	struct prometheus_count *count = render->count;

	if (count->leaving)
		text_release(&render->text);
	else
		count->events.rendered(count->events.context, render->exposition, render->gzip,
				       &render->text);
	free(render);
}

static void update_work(struct job *job)
{
	struct update *update = (struct update *)job;
	struct prometheus_count *count = update->count;
	bool renamed = count->options.total_suffix != update->options.total_suffix;

	options_take(count, &update->options);
	if (renamed)
		totals_rename(count->totals);
	findings_collect(&update->findings, count);
}

static void update_done(struct job *job)
{
	struct update *update = (struct update *)job;
	struct prometheus_count *count = update->count;

	findings_tell(&update->findings, count);
	if (!count->leaving)
		count->events.changed(count->events.context);
	free(update);
}

struct prometheus_count *prometheus_count_new(struct event_base *base, const char *state_dir,
					      const struct prometheus_options *options,
					      const struct prometheus_count_events *events,
					      struct error *error)
{
	struct prometheus_count *count = calloc(1, sizeof(*count));
	struct load *load = calloc(1, sizeof(*load));

	if (count) {
		options_take(count, options);
		count->totals = totals_new(&count->totals_options);
	}
	if (!count || !load || !count->totals) {
		error_set(error, -ENOMEM, "cannot count for Prometheus: out of memory");
		goto out_free;
	}
	count->events = *events;
	count->state_dir = state_dir;
	count->worker = worker_new(base, error);
	if (!count->worker)
		goto out_free;
	load->count = count;
	load->job.work = load_work;
	load->job.done = load_done;
	worker_submit(count->worker, &load->job);
	return count;

out_free:
	if (count)
		totals_free(count->totals);
	free(count);
	free(load);
	return NULL;
}

void prometheus_count_free(struct prometheus_count *count)
{
	if (!count)
		return;
	count->leaving = true;
	/* A disk that hangs keeps what it has. */
	if (!worker_free_until(count->worker, clock_read(CLOCK_MONOTONIC) + LEAVE_NS)) {
		log_error(
			"left without waiting for the disk: %zu flushes were not added to Prometheus's totals in %s in time, and are lost",
			count->stats.flushes_waiting, count->state_dir);
		return;
	}
	prometheus_file_close(count->file);
	totals_free(count->totals);
	free(count);
}

void prometheus_count_flush(struct prometheus_count *count, struct snapshot *snapshot)
{
	struct flush *flush = count->stats.flushes_waiting < WAITING_MAX ? calloc(1, sizeof(*flush)) : NULL;

	if (flush) {
		flush->count = count;
		flush->snapshot = snapshot_ref(snapshot);
		flush->now = clock_read(CLOCK_MONOTONIC);
		flush->wall = clock_read(CLOCK_REALTIME);
		flush->job.work = flush_work;
		flush->job.done = flush_done;
	}
	if (!flush || prometheus_rules_copy(&flush->rules, snapshot)) {
		if (flush)
			flush_free(flush);
		count->stats.flushes_dropped++;
		count->stats.metrics_dropped += snapshot->count;
		log_warning("dropped a flush for Prometheus: those before it still wait for the disk, or "
			    "memory has run out");
		return;
	}
	count->stats.flushes_waiting++;
	worker_submit(count->worker, &flush->job);
}

int prometheus_count_render(struct prometheus_count *count, enum exposition exposition, bool gzip)
{
	struct render *render = calloc(1, sizeof(*render));

	if (!render)
		return -ENOMEM;
	render->count = count;
	render->exposition = exposition;
	render->gzip = gzip;
	render->job.work = render_work;
	render->job.done = render_done;
	worker_submit(count->worker, &render->job);
	return 0;
}

int prometheus_count_update(struct prometheus_count *count, const struct prometheus_options *options)
{
	struct update *update = calloc(1, sizeof(*update));

	if (!update)
		return -ENOMEM;
	update->count = count;
	update->options = *options;
	update->job.work = update_work;
	update->job.done = update_done;
	worker_submit(count->worker, &update->job);
	return 0;
}

void prometheus_count_stats(const struct prometheus_count *count, struct prometheus_count_stats *stats)
{
	*stats = count->stats;
}
