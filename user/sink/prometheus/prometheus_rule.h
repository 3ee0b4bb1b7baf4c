/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the mapping says of a metric, for Prometheus: a copy that needs no mapping any more.
 */
#ifndef SINK_PROMETHEUS_RULE_H
#define SINK_PROMETHEUS_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/mapping.h"

#define PROMETHEUS_BOUNDS_MAX 64
#define PROMETHEUS_QUANTILES_MAX 16
#define PROMETHEUS_AGES_MAX 60

/* What a summary looks back on, unless the mapping says otherwise. */
#define PROMETHEUS_MAX_AGE (600 * 1000000000ll)
#define PROMETHEUS_AGES 5

struct snapshot;

/* How timers are shown. */
struct prometheus_shape {
	bool summary;	      /* else a histogram */
	const double *bounds; /* ascending, finite */
	size_t bound_count;
	const double *quantiles; /* 0 to 1 */
	size_t quantile_count;
	int64_t max_age; /* nanoseconds that a summary looks back, in `ages` steps */
	uint32_t ages;
};

/* One allocation, counted references, for one thread at a time. */
struct prometheus_rule {
	unsigned int refs;
	bool shaped; /* else the output's own shape holds */
	struct prometheus_shape shape;
	int64_t ttl;	  /* nanoseconds; 0: the output's */
	const char *help; /* "": none */
};

/*
 * A rule with one reference. More bounds, quantiles or ages than the limits are cut, bounds are
 * sorted, and what is no number is left out. NULL: out of memory.
 */
struct prometheus_rule *prometheus_rule_new(const struct prometheus_rule *like);
/* The same of what the mapping has; `fallback` for what it leaves open. */
struct prometheus_rule *prometheus_rule_copy(const struct mapping_rule *rule,
					     const struct prometheus_shape *fallback);
struct prometheus_rule *prometheus_rule_ref(struct prometheus_rule *rule);
/* Safe on NULL. */
void prometheus_rule_free(struct prometheus_rule *rule);
bool prometheus_rule_equal(const struct prometheus_rule *one, const struct prometheus_rule *other);

/* Of the metrics of one snapshot. */
struct prometheus_rules {
	struct prometheus_rule **of;	/* each metric, or NULL; NULL: none of any */
	struct prometheus_rule **known; /* each once: the references */
	size_t known_count;
};

/* Copies what the mapping says, which may be another one before the metrics are looked at. -ENOMEM. */
int prometheus_rules_copy(struct prometheus_rules *rules, const struct snapshot *snapshot);
void prometheus_rules_release(struct prometheus_rules *rules);

#endif /* SINK_PROMETHEUS_RULE_H */
