// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Graphite: the formatter as an encoder, and one connection to each carbon. What arrives twice is
 * harmless: carbon keeps the last value of a timestamp.
 */
#include <errno.h>
#include <stdlib.h>
#include "core/snapshot.h"
#include "lib/log.h"
#include "sink/transport/connection.h"
#include "sink/transport/datagram.h"
#include "sink/encoder.h"
#include "sink/format.h"
#include "sink/graphite/graphite_path.h"
#include "sink/graphite/graphite_pickle.h"
#include "sink/delivery/push.h"
#include "sink/graphite/sink_graphite.h"

#define NAME_SHOWN 100 /* bytes of a metric's name in a message */

enum graphite_counter {
	VALUES_NOT_FINITE,
	LINES_TOO_LONG,
	NAMES_TOO_LONG,
	GRAPHITE_COUNTERS,
};

struct graphite {
	struct encoder encoder;
	struct graphite_options options;
	const struct format_options *names;
	struct format_options current; /* of these, for the flush at hand */
	struct graphite_template template;
	struct graphite_format format;
	struct sink_count counts[GRAPHITE_COUNTERS];
	bool told; /* of a name too long for a file */
};

static void names_tell(struct graphite *graphite, const char *name)
{
	if (!graphite->format.no_file || graphite->told)
		return;
	graphite->told = true;
	log_warning(
		"a value of %.*s... is not sent to Graphite, as carbon has no file for it: a component of a path "
		"without tags is at most %d bytes long, the path %d; others like it are only counted "
		"(kstatsd.sinks.graphite.names_too_long)",
		NAME_SHOWN, name, GRAPHITE_FILE_NAME_MAX, GRAPHITE_PATH_MAX);
}

static int graphite_begin(struct encoder *encoder, const struct snapshot *snapshot)
{
	struct graphite *graphite = (struct graphite *)encoder;

	graphite->current = *graphite->names;
	graphite_format_begin(&graphite->format, snapshot, &graphite->current);
	return 0;
}

static int graphite_metric(struct encoder *encoder, const struct snapshot *snapshot,
			   const struct metric *metric, struct records *records)
{
	struct graphite *graphite = (struct graphite *)encoder;

	graphite->format.points = 0;
	graphite_format_metric(&graphite->format, snapshot, metric, &records->text[0]);
	names_tell(graphite, metric->name);
	records->points[0] += graphite->format.points;
	return records->text[0].failed ? -ENOMEM : 0;
}

static int graphite_end(struct encoder *encoder, const struct snapshot *snapshot,
			const struct delivery_report *report, struct records *records)
{
	struct graphite *graphite = (struct graphite *)encoder;

	graphite->format.points = 0;
	graphite_format_self(&graphite->format, snapshot, report, &records->text[0]);
	records->points[0] += graphite->format.points;
	return records->text[0].failed ? -ENOMEM : 0;
}

static int graphite_frame(struct encoder *encoder, unsigned int kind, const char *data, size_t len,
			  size_t points, struct text *batch)
{
	(void)encoder;
	(void)kind;
	(void)points;
	pickle_frame(data, len, batch);
	return batch->failed ? -ENOMEM : 0;
}

static const struct sink_count *graphite_counts(const struct encoder *encoder, size_t *count)
{
	struct graphite *graphite = (struct graphite *)encoder;

	graphite->counts[VALUES_NOT_FINITE] =
		(struct sink_count){ "values_not_finite", graphite->format.not_finite };
	graphite->counts[LINES_TOO_LONG] = (struct sink_count){ "lines_too_long", graphite->format.too_long };
	graphite->counts[NAMES_TOO_LONG] = (struct sink_count){ "names_too_long", graphite->format.no_file };
	*count = GRAPHITE_COUNTERS;
	return graphite->counts;
}

static void graphite_free(struct encoder *encoder)
{
	struct graphite *graphite = (struct graphite *)encoder;

	graphite_format_release(&graphite->format);
	free(graphite);
}

static const struct encoder_operations line_operations = {
	.begin = graphite_begin,
	.metric = graphite_metric,
	.end = graphite_end,
	.counts = graphite_counts,
	.free = graphite_free,
};

static const struct encoder_operations pickle_operations = {
	.begin = graphite_begin,
	.metric = graphite_metric,
	.end = graphite_end,
	.frame = graphite_frame,
	.counts = graphite_counts,
	.free = graphite_free,
};

static const char *const protocols[] = {
	[GRAPHITE_PLAINTEXT] = "plaintext",
	[GRAPHITE_PICKLE] = "pickle",
	[GRAPHITE_UDP] = "udp",
};

static struct transport *graphite_connect(const void *context, struct event_base *base, const char *address,
					  const struct transport_events *events, struct error *error)
{
	const struct graphite *graphite = context;
	const struct connection_options options =
		connection_options_of("graphite", address, &graphite->options.push);

	if (graphite->options.protocol == GRAPHITE_UDP)
		return datagram_new(base, &options, events, error);
	return connection_new(base, &options, events, error);
}

static int graphite_init(struct graphite *graphite, const struct graphite_options *options,
			 struct error *error)
{
	struct graphite_format *format = &graphite->format;
	const char *problem;

	graphite->options = *options;
	format->for_files = true;
	format->pickle = options->protocol == GRAPHITE_PICKLE;
	format->line_max = options->protocol == GRAPHITE_UDP ? DATAGRAM_BYTES : GRAPHITE_LINE_MAX;
	graphite->encoder.operations = format->pickle ? &pickle_operations : &line_operations;
	problem = graphite_template_parse(&graphite->template, options->template, options->missing_tag,
					  options->drop_tags);
	if (problem)
		return error_set(error, -EINVAL, "the template '%s' is not valid: %s", options->template,
				 problem);
	if (*options->template || options->drop_tags)
		format->template = &graphite->template;
	return 0;
}

struct sink *sink_graphite_new(const struct sink_environment *environment, const void *options,
			       struct error *error)
{
	struct graphite *graphite = calloc(1, sizeof(*graphite));
	struct push_plan plan = { .kind = "graphite", .connect = graphite_connect, .context = graphite };

	if (!graphite) {
		error_set(error, -ENOMEM, "cannot create an output for graphite: out of memory");
		return NULL;
	}
	if (graphite_init(graphite, options, error)) {
		free(graphite);
		return NULL;
	}
	graphite->names = environment->names ? environment->names : &format_defaults;
	plan.protocol = protocols[graphite->options.protocol];
	plan.options = graphite->options.push;
	plan.encoder = &graphite->encoder;
	return push_new(environment, &plan, error);
}
