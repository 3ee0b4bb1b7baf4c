/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Inside of prometheus_file.h: prometheus_file.c writes, prometheus_load.c reads. */
#ifndef SINK_PROMETHEUS_ROWS_H
#define SINK_PROMETHEUS_ROWS_H

#include "sink/delivery/database.h"
#include "sink/prometheus/prometheus_file.h"

/* A bucket in the blob of a series: index and count. */
#define BUCKET_BYTES (sizeof(int16_t) + sizeof(double))

enum statement {
	FAMILIES_READ,
	SERIES_READ,
	FAMILY_WRITE,
	SERIES_WRITE,
	FAMILY_DELETE,
	SERIES_DELETE,
	ORPHANS_DELETE,
};

/* Rows to be deleted with the next save. */
struct ids {
	int64_t *ids;
	size_t count, size;
};

struct prometheus_file {
	struct database_options options;
	struct database *database;
	int64_t last_family, last_series; /* the greatest ids in use */
	struct ids families, series;
	uint64_t saves;
	struct text blob; /* scratch */
};

/* Without memory the row stays, and the series comes back after a restart. */
void ids_add(struct ids *ids, int64_t id);
/* The file is another one, an empty one: all is to be saved again. */
void prometheus_file_forget(struct prometheus_file *file, struct totals *totals);

#endif /* SINK_PROMETHEUS_ROWS_H */
