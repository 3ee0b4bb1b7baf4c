/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Formatters: a snapshot goes in, text comes out. They read no clock and know no socket.
 * Each appends to `text` and returns 0 or -ENOMEM.
 */
#ifndef SINK_FORMAT_H
#define SINK_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include "kstatsd.h"
#include "lib/number.h"
#include "sink/options.h"
#include "sink/text.h"

struct delivery_report;
struct graphite_template;
struct metric;
struct snapshot;

/* Carbon drops the connection over a longer line. */
#define GRAPHITE_LINE_MAX 16384

/* Room for a part of a path that the configuration gives, with the NUL. */
#define NAME_PART_BYTES 128

enum field_names {
	FIELD_NAMES_STATSD,
	FIELD_NAMES_TELEGRAF,
};

/* What is told of the daemon itself; bits. */
enum internal_metrics {
	INTERNAL_KSTATSD = 1, /* the ledger and what else is named kstatsd.* */
	INTERNAL_STATSD = 2,  /* statsd.packets_received, statsd.numStats and what else statsd tells */
};

/*
 * How things are called, statsd's options by its names (facts in docs/graphite.md). Parts of
 * paths are safe ([a-zA-Z0-9_-] between single dots) or "", which leaves the part out. Equal
 * bytes mean equal options: to be zeroed before it is filled.
 */
struct format_options {
	bool legacy_namespace; /* stats.K and stats_counts.K; the prefixes, but for stats, mean nothing then */
	enum field_names field_names;
	uint32_t timer_metrics;	   /* which statistics of timers leave: bits by timer_metric_names; 0: all */
	uint32_t internal_metrics; /* enum internal_metrics */
	char global_prefix[NAME_PART_BYTES], global_suffix[NAME_PART_BYTES];
	char prefix[METRIC_TYPES][NAME_PART_BYTES];
	char prefix_stats[NAME_PART_BYTES];  /* of statsd's own metrics */
	char global_tags[GLOBAL_TAGS_BYTES]; /* canonical; every series in a snapshot has them already */
};

/* statsd's without legacyNamespace. */
extern const struct format_options format_defaults;

/* Words for format_options.timer_metrics: the word at i is bit i. statsd's calculatedTimerMetrics. Ends with NULL. */
extern const char *const timer_metric_names[];

#define GRAPHITE_PREFIX_BYTES (2 * NAME_PART_BYTES + 1)
#define GRAPHITE_TIMESTAMP_BYTES 24

/* How points of Graphite's are written, and what was left out. To be zeroed before it is filled. */
struct graphite_format {
	/* The caller's. */
	const struct graphite_template *template; /* NULL: tags behind the path */
	bool pickle;				  /* points of graphite_pickle.h, else lines */
	size_t line_max;			  /* bytes; 0: GRAPHITE_LINE_MAX */
	bool for_files; /* leave out what carbon finds no file name for (graphite_path_is_storable()) */
	size_t points;	/* made, since the caller last zeroed it */
	uint64_t not_finite, too_long, no_file; /* left out, since the start */
	/* The formatter's, the same for many points. */
	const struct format_options *options;
	char prefixes[METRIC_TYPES][GRAPHITE_PREFIX_BYTES]; /* with a dot at the end, or "" */
	int64_t seconds;
	char timestamp[GRAPHITE_TIMESTAMP_BYTES]; /* with a space before and a newline behind */
	struct text before, behind;		  /* the path of the metric at hand */
};

/* Before the first metric of a snapshot. The counters stay. */
void graphite_format_begin(struct graphite_format *format, const struct snapshot *snapshot,
			   const struct format_options *options);
/* The points of one metric. What is left out is counted. */
void graphite_format_metric(struct graphite_format *format, const struct snapshot *snapshot,
			    const struct metric *metric, struct text *text);
/* Those that stand last in a flush: statsd.numStats and its like; nothing unless INTERNAL_STATSD. */
void graphite_format_self(struct graphite_format *format, const struct snapshot *snapshot,
			  const struct delivery_report *self, struct text *text);
void graphite_format_release(struct graphite_format *format);

/* Lines of all metrics. Events have no place there. */
int format_graphite(const struct snapshot *snapshot, const struct format_options *options, struct text *text);

/* The lines of graphite_format_self(). */
int format_graphite_self(const struct snapshot *snapshot, const struct format_options *options,
			 const struct delivery_report *self, struct text *text);

/* One JSON object per metric or event and line; docs/json.md. Values that are not finite are null. */
int format_json(const struct snapshot *snapshot, const struct format_options *options, struct text *text);

/* Aligned columns for people. `bold`: the terminal may be told to emphasise. */
int format_table(const struct snapshot *snapshot, bool bold, struct text *text);

/* Appends `string` as JSON writes it, with the quotes. What is not UTF-8 becomes U+FFFD. */
void json_string_add(struct text *text, const char *string);

/*
 * Fields of a metric, one by one, in the order that statsd sends them, under the names that
 * `options` asks for. The field that needs no name, as a gauge's, is "value".
 */
void fields_visit(const struct snapshot *snapshot, const struct metric *metric,
		  const struct format_options *options,
		  void (*visit)(void *context, const char *name, double value), void *context);

#define PERCENTILE_LABEL (NUMBER_BYTES + 4)

/* How names spell a percentile: 90 is "90", 99.9 is "99_9", -10 is "top10". */
void percentile_label(double percentile, char label[PERCENTILE_LABEL]);

#endif /* SINK_FORMAT_H */
