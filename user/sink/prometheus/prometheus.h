/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Prometheus: totals over all flushes, for who comes and scrapes them by HTTP.
 *
 *     snapshot -> [worker's thread: totals -> file -> exposition, gzip] -> HTTP server (the loop)
 */
#ifndef SINK_PROMETHEUS_H
#define SINK_PROMETHEUS_H

#include "sink/options.h"
#include "sink/prometheus/prometheus_rule.h"
#include "sink/sink.h"

#define PROMETHEUS_PATH_BYTES 128
#define PROMETHEUS_TOKEN_BYTES 512

enum prometheus_timers {
	PROMETHEUS_HISTOGRAM,
	PROMETHEUS_SUMMARY,
};

struct prometheus_options {
	char listen[ADDRESS_BYTES];	  /* "host:port" */
	char path[PROMETHEUS_PATH_BYTES]; /* "/metrics" */
	enum prometheus_timers timers;	  /* of which the mapping says nothing */
	double bounds[PROMETHEUS_BOUNDS_MAX];
	size_t bound_count;
	double quantiles[PROMETHEUS_QUANTILES_MAX];
	size_t quantile_count;
	bool native; /* histograms of the protobuf format are native ones, too */
	bool total_suffix;
	int64_t ttl; /* nanoseconds without an observation after which a series goes; 0: never */
	size_t series;
	struct view_options view;
	size_t connections_max;
	int64_t timeout;	/* nanoseconds that a request may take to arrive */
	struct tls_options tls; /* certificate and key are ours; ca_file is of the clients; no server_name */
	char token[PROMETHEUS_TOKEN_BYTES], token_file[FILE_PATH_BYTES];
};

/* Can its files be read: those of TLS and the token? -errno with the sentence in `error`: it would not begin. */
int sink_prometheus_check(const struct prometheus_options *options, struct error *error);
/* `options` are struct prometheus_options. NULL with the sentence in `error`: nobody can scrape it. */
struct sink *sink_prometheus_new(const struct sink_environment *environment, const void *options,
				 struct error *error);

#endif /* SINK_PROMETHEUS_H */
