/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The mapping's `scale`: every value of a series times a number, say milliseconds to seconds. */
#ifndef CORE_SCALE_H
#define CORE_SCALE_H

#include <stddef.h>
#include "core/snapshot.h"

/*
 * Multiplies the values that `metric`, and its `count` percentiles, were computed from. Counts
 * of samples stay, and so do sets. Where `scale` is negative, the lowest values are the highest
 * now: the caller has computed percentile -P where P is to be sent.
 */
void metric_scale(struct metric *metric, double scale, struct percentile_stats *percentiles, size_t count);

#endif /* CORE_SCALE_H */
