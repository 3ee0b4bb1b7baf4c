/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Records, which are points with what they are points of, and requests made of them. Pure. */
#ifndef SINK_OTLP_FRAME_H
#define SINK_OTLP_FRAME_H

#include <stddef.h>
#include "sink/otlp/otlp_point.h"
#include "sink/text.h"

/* Appends a record: a packed point of the metric of this name. */
void otlp_record_add(struct text *records, enum otlp_kind kind, const char *name, const void *point,
		     size_t point_len);

/*
 * Appends what stands once in each request: a packed Resource, and the scope's name and version.
 * -ENOMEM: `head` is not to be used.
 */
int otlp_head_add(struct text *head, const void *resource, size_t resource_len, const char *scope,
		  const char *version);

/*
 * Appends an ExportMetricsServiceRequest of whole records. Neighbours of one kind and name become one
 * Metric. -ENOMEM: `request` is not to be used.
 */
int otlp_request_add(struct text *request, const struct text *head, const char *records, size_t len);

#endif /* SINK_OTLP_FRAME_H */
