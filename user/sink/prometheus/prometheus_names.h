/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Names and labels as Prometheus takes them, by the rules of statsd_exporter. Pure. */
#ifndef SINK_PROMETHEUS_NAMES_H
#define SINK_PROMETHEUS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include "sink/text.h"

/*
 * Appends `len` bytes of a name: letters, digits and '_' stay, each other byte becomes '_' (several
 * '-' together one), and what begins with a digit gets a '_' before it. Nothing becomes "_".
 */
void prometheus_name_add(struct text *text, const char *name, size_t len);

/*
 * Appends the labels that tags "k=v;k2=v2" become, as "k" NUL "v" NUL "k2" NUL ..., sorted by key.
 * Of keys that become equal the last stays, and a value of nothing is no label. A key that Prometheus
 * has for itself (it begins with "__"; in a timer also "le" and "quantile") gets "exported_" before it.
 * `work` is emptied and used. Out of memory: text->failed.
 */
void prometheus_labels_add(struct text *text, const char *tags, bool timer, struct text *work);

/* The key at `labels`; its value lies behind its NUL. */
static inline const char *prometheus_label_value(const char *key)
{
	while (*key++)
		;
	return key;
}

#endif /* SINK_PROMETHEUS_NAMES_H */
