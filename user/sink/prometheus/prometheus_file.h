/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Counters' and timers' totals on disk (DIRECTORY/prometheus.db), so that they outlive the daemon:
 * to Prometheus a counter that steps back was reset. Blocks: for the worker's thread only.
 */
#ifndef SINK_PROMETHEUS_FILE_H
#define SINK_PROMETHEUS_FILE_H

#include <stdint.h>
#include "lib/error.h"
#include "sink/prometheus/prometheus_totals.h"

struct prometheus_file;

/* Opens or creates it. `directory` must outlive it. NULL with the sentence in `error`. */
struct prometheus_file *prometheus_file_open(const char *directory, struct error *error);
/* Safe on NULL. */
void prometheus_file_close(struct prometheus_file *file);

/*
 * Adds to `totals` what they do not have: a series that is there already was begun anew, and stays so.
 * From now on keeps account of what goes from them. `now` is of
 * totals_begin(), `wall` the time of day, both in nanoseconds. -errno with the sentence in `error`: what
 * could be read is there.
 */
int prometheus_file_load(struct prometheus_file *file, struct totals *totals, int64_t now, int64_t wall,
			 struct error *error);
/*
 * Writes what changed since the last time that this succeeded, in one transaction. -errno with the
 * sentence in `error`: nothing was written, and the next call tries all of it again.
 */
int prometheus_file_save(struct prometheus_file *file, struct totals *totals, int64_t now, int64_t wall,
			 struct error *error);
/* A sentence for the log, of a file that was corrupt; NULL: none. Each once. */
const char *prometheus_file_notice(struct prometheus_file *file);

#endif /* SINK_PROMETHEUS_FILE_H */
