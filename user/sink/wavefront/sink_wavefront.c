// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * One encoder, and to each destination the way that its address asks for:
 *
 *     127.0.0.1:2878                    lines over TCP, points and histograms on one connection
 *     http://10.0.0.1:2878              POST /report?f=wavefront, /report?f=histogram; a proxy's
 *     https://metrics.wavefront.com     the same, with a token: the service itself
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lib/log.h"
#include "sink/transport/connection.h"
#include "sink/format.h"
#include "sink/transport/http_transport.h"
#include "sink/delivery/push.h"
#include "sink/wavefront/sink_wavefront.h"
#include "sink/wavefront/wavefront.h"

#define KIND "wavefront"
#define URL_BYTES (ADDRESS_BYTES + 32)
#define NAME_SHOWN 100 /* bytes of a metric's name in a message */

void wavefront_options_init(struct wavefront_options *options)
{
	snprintf(options->metric_separator, sizeof(options->metric_separator), ".");
	snprintf(options->cluster, sizeof(options->cluster), "none");
	snprintf(options->shard, sizeof(options->shard), "none");
	options->convert_paths = true;
	options->timer_points = true;
	options->heartbeat = true;
	options->histograms = WAVEFRONT_MINUTE;
}

static bool is_url(const char *address)
{
	return !strncmp(address, "http://", 7) || !strncmp(address, "https://", 8);
}

static void on_refused(void *context, enum wavefront_refusal refusal, const char *name)
{
	(void)context;
	log_warning("a value of %.*s is not sent to Wavefront, which would refuse it: %s; others like it "
		    "are only counted (kstatsd.sinks.wavefront.refused.*)",
		    NAME_SHOWN, name, wavefront_refusal_text(refusal));
}

static struct transport *url_connect(const struct wavefront_options *options, struct event_base *base,
				     const char *address, const struct transport_events *events,
				     struct error *error)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	const char *slash = address[strlen(address) - 1] == '/' ? "" : "/";
	char points[URL_BYTES], histograms[URL_BYTES];
	const struct http_options http = {
		.what = KIND,
		.address = address,
		.urls = { [WAVEFRONT_POINTS] = points, [WAVEFRONT_HISTOGRAMS] = histograms },
		.headers = headers,
		.gzip = true,
		.token_file = options->token_file,
		.token = options->token,
		.tls = &options->push.tls,
		.retry_min = options->push.retry_min,
		.retry_max = options->push.retry_max,
		.timeout = options->push.timeout,
	};

	snprintf(points, sizeof(points), "%s%sreport?f=wavefront", address, slash);
	snprintf(histograms, sizeof(histograms), "%s%sreport?f=histogram", address, slash);
	return http_transport_new(base, &http, events, error);
}

static struct transport *wavefront_connect(const void *context, struct event_base *base, const char *address,
					   const struct transport_events *events, struct error *error)
{
	const struct wavefront_options *options = context;
	const struct connection_options connection = connection_options_of(KIND, address, &options->push);

	return is_url(address) ? url_connect(options, base, address, events, error)
			       : connection_new(base, &connection, events, error);
}

static void options_free(void *context)
{
	explicit_bzero(context, sizeof(struct wavefront_options));
	free(context);
}

static struct wavefront_options *options_copy(const struct wavefront_options *options)
{
	struct wavefront_options *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *options;
	if (!*copy->source && gethostname(copy->source, sizeof(copy->source) - 1))
		copy->source[0] = '\0';
	return copy;
}

struct sink *sink_wavefront_new(const struct sink_environment *environment, const void *options,
				struct error *error)
{
	struct wavefront_options *copy = options_copy(options);
	const struct format_options *names = environment->names ? environment->names : &format_defaults;
	struct push_plan plan = {
		.kind = KIND,
		.protocol = "lines",
		.connect = wavefront_connect,
		.context = copy,
		.free_context = options_free,
	};

	if (copy)
		plan.encoder = wavefront_encoder_new(copy, names, on_refused, NULL);
	if (!plan.encoder) {
		free(copy);
		error_set(error, -ENOMEM, "cannot create an output for %s: out of memory", KIND);
		return NULL;
	}
	plan.options = copy->push;
	return push_new(environment, &plan, error);
}
