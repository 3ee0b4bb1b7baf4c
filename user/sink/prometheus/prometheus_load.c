// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From the file to the totals, once: at the start, or when it can be had. What is not understood is passed over and deleted. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include "lib/clock.h"
#include "sink/prometheus/prometheus_rows.h"

static void on_series_gone(void *context, int64_t id)
{
	ids_add(&((struct prometheus_file *)context)->series, id);
}

static void on_family_gone(void *context, int64_t id)
{
	ids_add(&((struct prometheus_file *)context)->families, id);
}

static const char *column_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

/* Numbers of a blob, into room[max]; returns how many. */
static size_t column_numbers(sqlite3_stmt *row, int column, double *room, size_t max)
{
	const void *blob = sqlite3_column_blob(row, column);
	size_t count = (size_t)sqlite3_column_bytes(row, column) / sizeof(*room);

	if (count > max)
		count = max;
	if (count)
		memcpy(room, blob, count * sizeof(*room));
	return count;
}

/* What the mapping said of it. NULL: nothing, or no memory. */
static struct prometheus_rule *rule_read(sqlite3_stmt *row)
{
	double bounds[PROMETHEUS_BOUNDS_MAX], quantiles[PROMETHEUS_QUANTILES_MAX];
	const struct prometheus_rule rule = {
		.shaped = sqlite3_column_int(row, 4),
		.shape = {
			.summary = sqlite3_column_int(row, 5),
			.bounds = bounds,
			.bound_count = column_numbers(row, 6, bounds, PROMETHEUS_BOUNDS_MAX),
			.quantiles = quantiles,
			.quantile_count = column_numbers(row, 7, quantiles, PROMETHEUS_QUANTILES_MAX),
			.max_age = sqlite3_column_int64(row, 8),
			.ages = (uint32_t)sqlite3_column_int(row, 9),
		},
		.ttl = sqlite3_column_int64(row, 10),
		.help = column_text(row, 11),
	};

	return sqlite3_column_type(row, 4) == SQLITE_NULL ? NULL : prometheus_rule_new(&rule);
}

struct family_row {
	int64_t id;
	struct family *family;
};

struct family_rows {
	struct family_row *rows;
	size_t count, size;
};

static int family_row_compare(const void *a, const void *b)
{
	int64_t one = ((const struct family_row *)a)->id, other = ((const struct family_row *)b)->id;

	return (one > other) - (one < other);
}

static int family_rows_add(struct family_rows *rows, int64_t id, struct family *family)
{
	if (rows->count == rows->size) {
		size_t size = rows->size ? 2 * rows->size : 64;
		struct family_row *grown = realloc(rows->rows, size * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rows->rows = grown;
		rows->size = size;
	}
	rows->rows[rows->count++] = (struct family_row){ id, family };
	return 0;
}

static int families_load(struct prometheus_file *file, struct totals *totals, struct family_rows *rows,
			 int64_t now)
{
	sqlite3_stmt *row = database_statement(file->database, FAMILIES_READ);
	int err;

	while ((err = database_step(file->database, row)) > 0) {
		struct prometheus_rule *rule = rule_read(row);
		int64_t id = sqlite3_column_int64(row, 0);
		struct family *family = NULL;
		int kind = sqlite3_column_int(row, 1);

		if (kind == FAMILY_COUNTER || kind == FAMILY_TIMER)
			family = totals_load_family(totals, (enum family_kind)kind, column_text(row, 2),
						    column_text(row, 3), rule, now);
		prometheus_rule_free(rule);
		file->last_family = id;
		/* Two rows of one name: the second is not ours. */
		if (!family || family->id) {
			ids_add(&file->families, id);
			continue;
		}
		family->id = id;
		err = family_rows_add(rows, id, family);
		if (err)
			break;
	}
	sqlite3_reset(row);
	return err;
}

static int buckets_read(struct total *total, const char *blob, size_t len)
{
	int err = 0;

	for (; !err && len >= BUCKET_BYTES; blob += BUCKET_BYTES, len -= BUCKET_BYTES) {
		struct bucket bucket = {};

		memcpy(&bucket.index, blob, sizeof(bucket.index));
		memcpy(&bucket.count, blob + sizeof(bucket.index), sizeof(bucket.count));
		err = histogram_add(&total->buckets, bucket.index, bucket.count);
	}
	return err;
}

static int series_read(struct prometheus_file *file, struct totals *totals, const struct family_rows *rows,
		       sqlite3_stmt *row, int64_t since, int64_t now)
{
	const struct family_row key = { .id = sqlite3_column_int64(row, 1) };
	const struct family_row *found =
		rows->count ? bsearch(&key, rows->rows, rows->count, sizeof(key), family_row_compare) : NULL;
	size_t len = (size_t)sqlite3_column_bytes(row, 2);
	const char *labels = len ? sqlite3_column_blob(row, 2) : "";
	int64_t id = sqlite3_column_int64(row, 0),
		updated = sqlite3_column_int64(row, 6) * NS_PER_SECOND - since;
	struct total *total;
	int err;

	if (file->last_series < id)
		file->last_series = id;
	if (!found || (len && labels[len - 1]) || !isfinite(sqlite3_column_double(row, 3)) ||
	    !isfinite(sqlite3_column_double(row, 4))) {
		ids_add(&file->series, id);
		return 0;
	}
	/* Of a clock that was ahead: as if it had been now. */
	if (totals_has_series(found->family, labels, len)) {
		ids_add(&file->series, id);
		return 0;
	}
	total = totals_load_series(totals, found->family, labels, len, updated > now ? now : updated);
	if (!total)
		return -ENOMEM;
	total->id = id;
	total->value = sqlite3_column_double(row, 3);
	total->sum = sqlite3_column_double(row, 4);
	err = buckets_read(total, sqlite3_column_blob(row, 5), (size_t)sqlite3_column_bytes(row, 5));
	totals_loaded(totals, total);
	return err;
}

int prometheus_file_load(struct prometheus_file *file, struct totals *totals, int64_t now, int64_t wall,
			 struct error *error)
{
	const struct totals_gone gone = { on_series_gone, on_family_gone, file };
	sqlite3_stmt *row = database_statement(file->database, SERIES_READ);
	struct family_rows rows = {};
	int err = families_load(file, totals, &rows, now);

	while (!err && (err = database_step(file->database, row)) > 0)
		err = series_read(file, totals, &rows, row, wall - now, now);
	sqlite3_reset(row);
	totals_set_gone(totals, &gone);
	for (size_t i = 0; i < rows.count; i++)
		totals_load_end(totals, rows.rows[i].family);
	free(rows.rows);
	if (!err)
		return database_run(file->database, database_statement(file->database, ORPHANS_DELETE));
	error_set(error, err, "cannot read all totals from %s/prometheus.db: %s; counters may step back",
		  file->options.directory, strerror(-err));
	if (err == -EUCLEAN && !database_renew(file->database))
		prometheus_file_forget(file, totals);
	return err;
}
