// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * An encoder for push.h whose batches are requests, and HTTP to send them by. A collector may take a
 * request and refuse some of its points; its answer says how many, and they are counted.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/snapshot.h"
#include "lib/log.h"
#include "lib/version.h"
#include "otlp.pb-c.h"
#include "sink/encoder.h"
#include "sink/transport/http_transport.h"
#include "sink/otlp/otlp_frame.h"
#include "sink/delivery/push.h"
#include "sink/otlp/sink_otlp.h"

#define MESSAGE_BYTES 160

enum otlp_count {
	POINTS_REFUSED, /* of requests that were taken */
	POINTS_CLAMPED, /* their counts were too large */
	VALUES_NOT_FINITE,
	OTLP_COUNTS,
};

static const char *const count_names[OTLP_COUNTS] = {
	[POINTS_REFUSED] = "points_refused",
	[POINTS_CLAMPED] = "points_clamped",
	[VALUES_NOT_FINITE] = "values_not_finite",
};

struct otlp {
	struct encoder encoder;
	struct otlp_options options;
	struct otlp_packer packer;
	struct text head;
	const char *headers[OTLP_HEADERS_MAX + 2];
	struct sink_count counts[OTLP_COUNTS];
};

static int otlp_metric(struct encoder *encoder, const struct snapshot *snapshot, const struct metric *metric,
		       struct records *records)
{
	struct otlp *otlp = (struct otlp *)encoder;
	const void *point;
	ptrdiff_t len = otlp_point_pack(&otlp->packer, snapshot, metric, &point);

	otlp->counts[VALUES_NOT_FINITE].value += len >= 0 && otlp->packer.not_finite;
	if (len <= 0)
		return (int)len;
	otlp_record_add(&records->text[0], otlp_kind_of(metric), metric->name, point, (size_t)len);
	records->points[0]++;
	otlp->counts[POINTS_CLAMPED].value += otlp->packer.clamped;
	return records->text[0].failed ? -ENOMEM : 0;
}

static int otlp_frame(struct encoder *encoder, unsigned int kind, const char *data, size_t len, size_t points,
		      struct text *batch)
{
	const struct otlp *otlp = (const struct otlp *)encoder;

	(void)kind;
	(void)points;
	return otlp_request_add(batch, &otlp->head, data, len);
}

static const struct sink_count *otlp_counts(const struct encoder *encoder, size_t *count)
{
	*count = OTLP_COUNTS;
	return ((const struct otlp *)encoder)->counts;
}

static void otlp_free(struct encoder *encoder)
{
	struct otlp *otlp = (struct otlp *)encoder;

	otlp_packer_release(&otlp->packer);
	text_release(&otlp->head);
	free(otlp);
}

static const struct encoder_operations otlp_operations = {
	.metric = otlp_metric,
	.frame = otlp_frame,
	.counts = otlp_counts,
	.free = otlp_free,
};

/* What the other side says, as far as a log may show it. */
static void message_copy(char text[MESSAGE_BYTES], const char *message)
{
	size_t i;

	for (i = 0; message[i] && i + 1 < MESSAGE_BYTES; i++)
		text[i] = message[i] < ' ' || message[i] > '~' ? '?' : message[i];
	text[i] = '\0';
}

static void on_answered(void *context, unsigned int kind, const char *body, size_t len)
{
	struct otlp *otlp = context;
	Otlp__ExportMetricsServiceResponse *response =
		otlp__export_metrics_service_response__unpack(NULL, len, (const uint8_t *)body);
	const Otlp__ExportMetricsPartialSuccess *partial = response ? response->partial_success : NULL;
	char message[MESSAGE_BYTES];

	(void)kind;
	if (partial && partial->rejected_data_points > 0) {
		otlp->counts[POINTS_REFUSED].value += (uint64_t)partial->rejected_data_points;
		message_copy(message, partial->error_message);
		log_warning("otlp: a request was taken without some of its points: %s",
			    *message ? message : "the answer does not say why");
	}
	if (response)
		otlp__export_metrics_service_response__free_unpacked(response, NULL);
}

static struct transport *otlp_connect(const void *context, struct event_base *base, const char *address,
				      const struct transport_events *events, struct error *error)
{
	const struct otlp *otlp = context;
	const struct push_options *push = &otlp->options.push;
	const struct http_options options = {
		.what = "otlp",
		.address = address,
		.urls = { address },
		.headers = otlp->headers,
		.gzip = otlp->options.gzip,
		.token_file = otlp->options.token_file,
		.token = otlp->options.token,
		.tls = &push->tls,
		.retry_min = push->retry_min,
		.retry_max = push->retry_max,
		.timeout = push->timeout,
		.answered = on_answered,
		.context = (void *)otlp,
	};

	return http_transport_new(base, &options, events, error);
}

static bool has_attribute(const char *attributes, const char *key)
{
	size_t len = strlen(key);

	for (; *attributes; attributes += strcspn(attributes, ";"), attributes += *attributes == ';')
		if (!strncmp(attributes, key, len) && attributes[len] == '=')
			return true;
	return false;
}

/* What the options say of the resource, and what every resource should have. */
static int head_make(struct otlp *otlp)
{
	char attributes[OTLP_RESOURCE_BYTES + HOST_NAME_MAX + 64], host[HOST_NAME_MAX + 1] = "";
	const char *own = otlp->options.resource;
	const void *resource;
	ptrdiff_t len;
	int used;

	gethostname(host, sizeof(host) - 1);
	used = snprintf(attributes, sizeof(attributes), "%s", own);
	if (!has_attribute(own, "service.name"))
		used += snprintf(attributes + used, sizeof(attributes) - (size_t)used,
				 "%sservice.name=kstatsd", used ? ";" : "");
	if (*host && !has_attribute(own, "host.name"))
		snprintf(attributes + used, sizeof(attributes) - (size_t)used, "%shost.name=%s",
			 used ? ";" : "", host);
	len = otlp_resource_pack(&otlp->packer, attributes, &resource);
	if (len < 0)
		return (int)len;
	return otlp_head_add(&otlp->head, resource, (size_t)len, "kstatsd", KSTATSD_VERSION);
}

static void headers_make(struct otlp *otlp)
{
	size_t count = 0;

	otlp->headers[count++] = "Content-Type: application/x-protobuf";
	for (size_t i = 0; i < OTLP_HEADERS_MAX && *otlp->options.headers[i]; i++)
		otlp->headers[count++] = otlp->options.headers[i];
}

struct sink *sink_otlp_new(const struct sink_environment *environment, const void *options,
			   struct error *error)
{
	struct otlp *otlp = calloc(1, sizeof(*otlp));
	struct push_plan plan = {
		.kind = "otlp", .protocol = "http", .connect = otlp_connect, .context = otlp
	};

	if (otlp) {
		otlp->encoder.operations = &otlp_operations;
		memcpy(&otlp->options, options, sizeof(otlp->options));
		for (size_t i = 0; i < OTLP_COUNTS; i++)
			otlp->counts[i].name = count_names[i];
		headers_make(otlp);
	}
	if (!otlp || head_make(otlp)) {
		error_set(error, -ENOMEM, "cannot create an output for otlp: out of memory");
		if (otlp)
			otlp_free(&otlp->encoder);
		return NULL;
	}
	plan.options = otlp->options.push;
	plan.encoder = &otlp->encoder;
	return push_new(environment, &plan, error);
}
