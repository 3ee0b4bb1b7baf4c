/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The rules of a statsd_exporter mapping file, and which of them a name falls under. Globs
 * come before regular expressions, wherever they stand; among each, the first that matches
 * wins. Reads no file: user/cli/mapping_file.c makes the rules.
 */
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/expand.h"
#include "core/glob.h"
#include "core/pattern.h"
#include "kstatsd.h"
#include "lib/error.h"

enum mapping_match_type {
	MATCH_GLOB,
	MATCH_REGEX,
};

enum mapping_action {
	ACTION_MAP,
	ACTION_DROP,
};

/* How a sink for Prometheus is to show a timer. */
enum mapping_observer {
	OBSERVER_DEFAULT, /* a summary */
	OBSERVER_SUMMARY,
	OBSERVER_HISTOGRAM,
};

struct mapping_quantile {
	double quantile, error;
};

/* Zeros where nothing is said. */
struct mapping_summary {
	struct mapping_quantile *quantiles;
	size_t quantile_count;
	int64_t max_age; /* nanoseconds */
	uint32_t age_buckets, buf_cap;
};

struct mapping_histogram {
	double *buckets;
	size_t bucket_count;
	double native_factor;
	uint32_t native_max;
};

struct mapping_label {
	const char *key, *value;
	struct expansion expansion; /* of the value */
};

/* Strings are NUL-terminated and in the mapping's arena. */
struct mapping_rule {
	const char *match, *name, *help;
	enum mapping_match_type match_type;
	unsigned int types; /* a bit for each metric type that it is for */
	struct mapping_label *labels;
	size_t label_count;
	bool honor_labels; /* a tag that was sent wins over a label */
	enum mapping_action action;
	double scale; /* values are multiplied by it; 1: as they are */
	int64_t ttl;  /* nanoseconds; 0: none */
	enum mapping_observer observer;
	struct mapping_summary summary;
	struct mapping_histogram histogram;
	/* Made by mapping_build(). */
	struct expansion expansion; /* of the name */
	struct pattern *pattern;    /* of a regular expression */
};

/* Filled by whoever read the rules; see mapping_build(). */
struct mapping {
	struct arena arena; /* rules and all that they point to */
	struct mapping_rule *rules;
	size_t count;
	bool unordered; /* of several globs the most specific wins, not the first */
	int64_t ttl;	/* of names that no rule matches, nanoseconds; 0: none */
	/* How these are shown: ttl, observer and its options, and nothing else. NULL: nothing is said of it. */
	const struct mapping_rule *fallback;
	/* Made by mapping_build(). */
	struct glob_tree *globs;
	uint32_t *regexes; /* rules with one, in their order */
	size_t regex_count;
	struct mapping_memory *memory;
	uint64_t given_up; /* searches that reached their limit */
	bool looking;	   /* somebody only looks: searches are not counted */
};

/* What a name matched. */
struct mapping_match {
	const struct mapping_rule *rule;
	struct piece groups[GLOB_PARTS_MAX + 1]; /* into the name; [0]: the whole */
	size_t group_count;
};

struct mapping *mapping_new(void);
/* Safe on NULL. */
void mapping_free(struct mapping *mapping);

/*
 * Compiles the rules, which must not change afterwards. On failure *bad is the rule at fault:
 * -EINVAL with the reason in `error`, or -ENOMEM.
 */
int mapping_build(struct mapping *mapping, size_t *bad, struct error *error);

/*
 * Which rule a name falls under, as it was sent, without its tags. False: none, or a regular
 * expression gave up on it.
 */
bool mapping_find(struct mapping *mapping, enum metric_type type, struct piece name,
		  struct mapping_match *match);

#endif /* CORE_MAPPING_H */
