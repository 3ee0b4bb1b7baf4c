/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Histograms of the protobuf format, for prometheus_message.c. */
#ifndef SINK_PROMETHEUS_NATIVE_H
#define SINK_PROMETHEUS_NATIVE_H

#include <stdbool.h>
#include "prometheus.pb-c.h"
#include "lib/arena.h"
#include "sink/prometheus/prometheus_totals.h"

#define MESSAGE(name) Io__Prometheus__Client__##name

/* 64 buckets per octave: Prometheus' schema is the power of two of that. */
#define NATIVE_SCHEMA 6
/* No bucket holds a value as near to zero; the one of zeros reaches to here. Other senders' default, too. */
#define NATIVE_ZERO_THRESHOLD 0x1p-128

/*
 * A timer as a message in `arena`, with classic buckets, and with the exponential ones if `native`.
 * NULL: out of memory.
 */
MESSAGE(Histogram) * native_histogram(const struct total *total, const struct prometheus_shape *shape,
				      bool native, struct arena *arena);

#endif /* SINK_PROMETHEUS_NATIVE_H */
