/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The HTTP server that is scraped: who may ask, what for, and in which form the answer leaves. What
 * the answer says is not its business.
 */
#ifndef SINK_PROMETHEUS_HTTP_H
#define SINK_PROMETHEUS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include "lib/error.h"
#include "sink/prometheus/prometheus.h"
#include "sink/prometheus/prometheus_exposition.h"
#include "sink/prometheus/prometheus_guard.h"

struct event_base;
struct evhttp_request;
struct prometheus_http;

/* Text that several answers send, without a copy. */
struct response {
	unsigned int refs;
	struct text text;
};

/* Somebody waits for metrics. */
struct scrape {
	TAILQ_ENTRY(scrape) next; /* for whoever it was given to */
	struct evhttp_request *request;
	enum exposition exposition;
	bool gzip, head;
};

struct prometheus_http_events {
	/* The scrape is the callback's, who calls prometheus_http_answer() in the end. */
	void (*scraped)(void *context, struct scrape *scrape);
	bool (*is_ready)(const void *context);
	void *context;
};

struct prometheus_http_counts {
	uint64_t answers, bytes; /* to scrapes */
	uint64_t unauthorized, not_found;
	struct guard_counts connections;
};

/* Takes over `text`. NULL: out of memory, and the text was freed. */
struct response *response_new(struct text *text);
/* Safe on NULL. */
void response_free(struct response *response);

/* Can the files that the options name be read? -errno with the sentence in `error`. */
int prometheus_http_check(const struct prometheus_options *options, struct error *error);
/* Listens. NULL with the sentence in `error`. */
struct prometheus_http *prometheus_http_new(struct event_base *base, const struct prometheus_options *options,
					    const struct prometheus_http_events *events, struct error *error);
/* Scrapes that were not answered are gone: to be freed without an answer. Safe on NULL. */
void prometheus_http_free(struct prometheus_http *http);
/* Neither listens nor talks any more, until the next update. */
void prometheus_http_close(struct prometheus_http *http);
/* Other options, or, with the sentence in `error` and a negative errno, those before. */
int prometheus_http_update(struct prometheus_http *http, const struct prometheus_options *options,
			   struct error *error);
/* Looks whether the files of the certificate and the token are others now. */
void prometheus_http_refresh(struct prometheus_http *http);
/* Frees the scrape. `response` NULL: there is none, and the client is told to come later. */
void prometheus_http_answer(struct prometheus_http *http, struct scrape *scrape, struct response *response);
void prometheus_http_counts(const struct prometheus_http *http, struct prometheus_http_counts *counts);

#endif /* SINK_PROMETHEUS_HTTP_H */
