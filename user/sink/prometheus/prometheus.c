// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The sink: flushes go to prometheus_count.h, scrapes come from prometheus_http.h, and between two
 * flushes each form of the answer is made once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/encoder.h"
#include "sink/operations.h"
#include "sink/prometheus/prometheus.h"
#include "sink/prometheus/prometheus_count.h"
#include "sink/prometheus/prometheus_http.h"
#include "sink/view.h"

#define COUNTS_MAX 16
#define ZIPPED 2

TAILQ_HEAD(scrape_list, scrape);

/* One form of the answer. */
struct form {
	struct response *response; /* NULL: to be made */
	bool rendering;
};

struct prometheus {
	struct sink sink;
	struct prometheus_options options;
	struct prometheus_count *count;
	struct prometheus_http *http;
	struct form forms[EXPOSITIONS][ZIPPED];
	struct scrape_list waiting;
	bool leaving;
	uint64_t events_without_place, lines;
	struct delivery_report report;
	struct sink_count counts[COUNTS_MAX];
};

static struct form *form_of(struct prometheus *prometheus, const struct scrape *scrape)
{
	return &prometheus->forms[scrape->exposition][scrape->gzip];
}

static void scrape_answer(struct prometheus *prometheus, struct scrape *scrape, struct response *response)
{
	struct prometheus_count_stats stats;

	prometheus_count_stats(prometheus->count, &stats);
	if (response)
		prometheus->lines += stats.totals.series;
	prometheus_http_answer(prometheus->http, scrape, response);
}

static void on_scraped(void *context, struct scrape *scrape)
{
	struct prometheus *prometheus = context;
	struct form *form = form_of(prometheus, scrape);

	if (form->response) {
		scrape_answer(prometheus, scrape, form->response);
		return;
	}
	if (!form->rendering &&
	    prometheus_count_render(prometheus->count, scrape->exposition, scrape->gzip)) {
		scrape_answer(prometheus, scrape, NULL);
		return;
	}
	form->rendering = true;
	TAILQ_INSERT_TAIL(&prometheus->waiting, scrape, next);
}

static void on_rendered(void *context, enum exposition exposition, bool gzip, struct text *text)
{
	struct prometheus *prometheus = context;
	struct form *form = &prometheus->forms[exposition][gzip];
	struct scrape *scrape, *next;

	form->rendering = false;
	response_free(form->response);
	form->response = response_new(text);
	for (scrape = TAILQ_FIRST(&prometheus->waiting); scrape; scrape = next) {
		next = TAILQ_NEXT(scrape, next);
		if (form_of(prometheus, scrape) != form)
			continue;
		TAILQ_REMOVE(&prometheus->waiting, scrape, next);
		scrape_answer(prometheus, scrape, form->response);
	}
}

static void on_changed(void *context)
{
	struct prometheus *prometheus = context;

	for (size_t i = 0; i < EXPOSITIONS * ZIPPED; i++) {
		struct form *form = &prometheus->forms[i / ZIPPED][i % ZIPPED];

		response_free(form->response);
		form->response = NULL;
	}
}

static bool on_is_ready(const void *context)
{
	const struct prometheus *prometheus = context;
	struct prometheus_count_stats stats;

	prometheus_count_stats(prometheus->count, &stats);
	return stats.loaded && !prometheus->leaving;
}

static void prometheus_deliver(struct sink *sink, struct snapshot *snapshot)
{
	struct prometheus *prometheus = (struct prometheus *)sink;
	struct snapshot *view = view_make(snapshot, &prometheus->options.view);

	prometheus->report.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	prometheus->events_without_place += snapshot->event_count;
	prometheus_http_refresh(prometheus->http);
	if (!view)
		log_warning("cannot filter a flush for Prometheus: out of memory; it is counted whole");
	prometheus_count_flush(prometheus->count, view ? view : snapshot);
	snapshot_free(view);
}

/* All is counted and on disk. */
static bool prometheus_idle(const struct sink *sink)
{
	struct prometheus_count_stats stats;

	prometheus_count_stats(((const struct prometheus *)sink)->count, &stats);
	return !stats.flushes_waiting;
}

static void prometheus_hurry(struct sink *sink)
{
	((struct prometheus *)sink)->leaving = true;
}

/* Nobody scrapes it any more; what it counted is on its way to the disk. An update takes it in use again. */
static void prometheus_retire(struct sink *sink)
{
	prometheus_http_close(((struct prometheus *)sink)->http);
}

/* The counters of this kind alone; those in sink_stats are not repeated. */
static size_t counts_fill(struct sink_count *counts, const struct prometheus_count_stats *count,
			  const struct prometheus_http_counts *http)
{
	const struct sink_count rows[] = {
		{ "conflicts", count->totals.conflicts },
		{ "negative", count->totals.negative },
		{ "not_finite", count->totals.not_finite },
		{ "series_evicted", count->totals.evicted },
		{ "series_expired", count->totals.expired },
		{ "no_memory", count->totals.no_memory },
		{ "save_errors", count->save_errors },
		{ "connections", http->connections.accepted },
		{ "connections_refused", http->connections.refused },
		{ "connections_timed_out", http->connections.timed_out },
		{ "unauthorized", http->unauthorized },
		{ "not_found", http->not_found },
	};
	_Static_assert(sizeof(rows) / sizeof(rows[0]) <= COUNTS_MAX, "raise COUNTS_MAX");

	memcpy(counts, rows, sizeof(rows));
	return sizeof(rows) / sizeof(rows[0]);
}

static void prometheus_stats(const struct sink *sink, struct sink_stats *stats)
{
	struct prometheus *prometheus = (struct prometheus *)sink;
	struct prometheus_count_stats count;
	struct prometheus_http_counts http;

	prometheus_count_stats(prometheus->count, &count);
	prometheus_http_counts(prometheus->http, &http);
	*stats = (struct sink_stats){
		.kind = "prometheus",
		.address = prometheus->options.listen,
		.connected = true,
		.lines_sent = prometheus->lines,
		.bytes_sent = http.bytes,
		.batches_sent = http.answers,
		.batches_dropped = count.flushes_dropped,
		.lines_dropped = count.metrics_dropped,
		.batches_queued = count.flushes_waiting,
		.events_without_place = prometheus->events_without_place,
		.report = prometheus->report,
		.counts = prometheus->counts,
		.count_count = counts_fill(prometheus->counts, &count, &http),
	};
	snprintf(stats->last_error, sizeof(stats->last_error), "%s", count.error);
}

static int prometheus_update(struct sink *sink, const void *options, struct error *error)
{
	struct prometheus *prometheus = (struct prometheus *)sink;
	int err = prometheus_http_update(prometheus->http, options, error);

	if (err)
		return err;
	prometheus->options = *(const struct prometheus_options *)options;
	err = prometheus_count_update(prometheus->count, options);
	return err ? error_set(error, err, "cannot change the metrics for Prometheus: out of memory") : 0;
}

static void prometheus_free(struct sink *sink)
{
	struct prometheus *prometheus = (struct prometheus *)sink;
	struct scrape *scrape;

	prometheus_http_free(prometheus->http);
	while ((scrape = TAILQ_FIRST(&prometheus->waiting))) {
		TAILQ_REMOVE(&prometheus->waiting, scrape, next);
		free(scrape);
	}
	on_changed(prometheus);
	prometheus_count_free(prometheus->count);
	explicit_bzero(prometheus->options.token, sizeof(prometheus->options.token));
	free(prometheus);
}

static const struct sink_operations prometheus_operations = {
	.deliver = prometheus_deliver,
	.idle = prometheus_idle,
	.hurry = prometheus_hurry,
	.retire = prometheus_retire,
	.stats = prometheus_stats,
	.update = prometheus_update,
	.free = prometheus_free,
};

int sink_prometheus_check(const struct prometheus_options *options, struct error *error)
{
	return prometheus_http_check(options, error);
}

struct sink *sink_prometheus_new(const struct sink_environment *environment, const void *options,
				 struct error *error)
{
	struct prometheus *prometheus = calloc(1, sizeof(*prometheus));
	const struct prometheus_http_events http_events = { on_scraped, on_is_ready, prometheus };
	const struct prometheus_count_events count_events = { on_changed, on_rendered, prometheus };

	if (!prometheus) {
		error_set(error, -ENOMEM, "cannot create the output for Prometheus: out of memory");
		return NULL;
	}
	prometheus->sink.operations = &prometheus_operations;
	prometheus->options = *(const struct prometheus_options *)options;
	prometheus->report.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	TAILQ_INIT(&prometheus->waiting);
	/* First, as it is the one that fails. */
	prometheus->http = prometheus_http_new(environment->base, options, &http_events, error);
	if (prometheus->http)
		prometheus->count = prometheus_count_new(environment->base, environment->state_dir, options,
							 &count_events, error);
	if (prometheus->count)
		return &prometheus->sink;
	prometheus_free(&prometheus->sink);
	return NULL;
}
