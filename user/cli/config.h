/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The daemon's configuration: defaults, then the file, then -s KEY=VALUE. Loading touches
 * nothing but the struct, so that a reload can look at a whole new one before it acts.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/store.h"
#include "core/naming.h"
#include "core/template.h"
#include "lib/error.h"
#include "lib/log.h"
#include "probe/capture.h"
#include "sink/format.h"
#include "sink/options.h"
#include "sink/prometheus/prometheus.h"
#include "sink/relay/relay.h"
#include "sink/sink_file.h"
#include "sink/graphite/sink_graphite.h"
#include "sink/otlp/sink_otlp.h"
#include "sink/sink_stdout.h"
#include "sink/wavefront/sink_wavefront.h"

#define CONFIG_DEFAULT_FILE "/etc/kstatsd/kstatsd.yaml"
#define OUTPUTS_MAX 8 /* of one kind */
#define BIN_RULES_MAX 32
#define RUNTIME_DIR_MAX 256
#define LISTEN_MAX 256
#define MAPPING_PATH_MAX 512
#define STATE_DIR_MAX 256

enum attribution {
	ATTRIBUTION_NONE,
};

/* What rates are divided by. */
enum rates {
	RATES_ELAPSED,	/* the time that passed */
	RATES_INTERVAL, /* flush.interval, as statsd does */
};

struct config {
	int64_t interval; /* nanoseconds */
	bool align;
	enum rates rates;
	bool statsd_enabled;
	struct capture_options capture;
	uint64_t series_max;
	double percentiles[PERCENTILES_MAX];
	size_t percentile_count;
	uint64_t percentile_limit;
	struct bin_rule bin_rules[BIN_RULES_MAX]; /* timers.histogram */
	size_t bin_rule_count;
	struct idle_options idle;
	enum attribution attribution;
	struct naming_tags tags;
	char metric_separator[SEPARATOR_BYTES];
	char templates[TEMPLATES_MAX][TEMPLATE_BYTES];
	size_t template_count;
	char mapping[MAPPING_PATH_MAX]; /* "": none */
	bool table_enabled;		/* outputs.stdout is mentioned, or there is no output at all */
	struct stdout_options table;
	struct graphite_options graphite[OUTPUTS_MAX];
	size_t graphite_count;
	struct otlp_options otlp[OUTPUTS_MAX];
	size_t otlp_count;
	struct relay_options relays[OUTPUTS_MAX];
	size_t relay_count;
	size_t relay_ring; /* bytes: limits.relay_ring */
	struct file_options file[OUTPUTS_MAX];
	size_t file_count;
	struct wavefront_options wavefront[OUTPUTS_MAX];
	size_t wavefront_count;
	struct prometheus_options prometheus;
	bool prometheus_enabled;    /* outputs.prometheus is mentioned */
	struct queue_options queue; /* of outputs that say nothing else */
	int64_t jitter;		    /* nanoseconds; flush.jitter */
	char global_tags[GLOBAL_TAGS_BYTES];
	char state_dir[STATE_DIR_MAX];
	struct format_options names;
	char console[LISTEN_MAX]; /* where the management console listens; "": nowhere */
	char runtime_dir[RUNTIME_DIR_MAX];
	int64_t shutdown_timeout; /* nanoseconds */
	enum log_level log_level;
};

/* Where a configuration comes from. The strings are the caller's. */
struct config_source {
	const char *file;	      /* NULL: CONFIG_DEFAULT_FILE if it exists */
	const char *const *overrides; /* "flush.interval=1s" */
	size_t override_count;
};

/*
 * Fills *config from the defaults and the source. -EINVAL or another negative errno, with
 * a sentence that names file, line, key and reason.
 */
int config_load(struct config *config, const struct config_source *source, struct error *error);

/* Says of each key that is set and has no effect, beside other keys, why, in a sentence. */
void config_warn(const struct config *config, void (*warn)(const char *text));

/* The file that config_load() reads for this source; "" for none. */
const char *config_file(const struct config_source *source);

/*
 * Takes over into *config what `next` changes and a running daemon can change. Writes the
 * keys that would need a restart, separated by ", ", into restart; those keep their value.
 */
void config_update(struct config *config, const struct config *next, char *restart, size_t restart_size);

#endif /* CLI_CONFIG_H */
