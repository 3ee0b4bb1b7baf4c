// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two tables: families, with what the mapping said of them, so that a timer is a summary again before
 * its next observation; and series. Buckets are a blob of (index, count), 10 bytes each. Gauges are
 * not kept: the daemon itself forgets them.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include "lib/clock.h"
#include "sink/prometheus/prometheus_rows.h"

#define APPLICATION 0x6b737072 /* "kspr" */

static const char *const statements[] = {
	[FAMILIES_READ] =
		"SELECT id, kind, base, origin, shaped, summary, bounds, quantiles, max_age, ages, ttl, help "
		"FROM family ORDER BY id",
	[SERIES_READ] =
		"SELECT id, family, labels, value, sum, buckets, updated FROM series ORDER BY updated DESC",
	[FAMILY_WRITE] = "INSERT OR REPLACE INTO family VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SERIES_WRITE] = "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)",
	[FAMILY_DELETE] = "DELETE FROM family WHERE id = ?",
	[SERIES_DELETE] = "DELETE FROM series WHERE id = ?",
	[ORPHANS_DELETE] = "DELETE FROM series WHERE family NOT IN (SELECT id FROM family)",
};

/* updated: Unix seconds. */
static const char *const upgrades[] = {
	"CREATE TABLE family (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, base TEXT NOT NULL,"
	" origin TEXT NOT NULL, shaped INTEGER, summary INTEGER, bounds BLOB, quantiles BLOB, max_age INTEGER,"
	" ages INTEGER, ttl INTEGER, help TEXT);"
	"CREATE TABLE series (id INTEGER PRIMARY KEY, family INTEGER NOT NULL, labels BLOB NOT NULL,"
	" value REAL NOT NULL, sum REAL NOT NULL, buckets BLOB, updated INTEGER NOT NULL);",
};

void ids_add(struct ids *ids, int64_t id)
{
	size_t size = ids->size ? 2 * ids->size : 64;
	int64_t *grown = ids->count < ids->size ? ids->ids : realloc(ids->ids, size * sizeof(*grown));

	if (!grown)
		return;
	if (ids->count == ids->size)
		ids->size = size;
	ids->ids = grown;
	ids->ids[ids->count++] = id;
}

struct prometheus_file *prometheus_file_open(const char *directory, struct error *error)
{
	struct prometheus_file *file = calloc(1, sizeof(*file));

	if (!file) {
		error_set(error, -ENOMEM, "cannot open %s/prometheus.db: out of memory", directory);
		return NULL;
	}
	file->options = (struct database_options){
		.directory = directory,
		.name = "prometheus.db",
		.application = APPLICATION,
		.version = sizeof(upgrades) / sizeof(upgrades[0]),
		.upgrades = upgrades,
		.statements = statements,
		.statement_count = sizeof(statements) / sizeof(statements[0]),
	};
	file->database = database_open(&file->options, error);
	/* After a power failure, too, no total may be behind what was shown. */
	if (file->database)
		database_execute(file->database, "PRAGMA synchronous = FULL");
	if (file->database)
		return file;
	free(file);
	return NULL;
}

void prometheus_file_close(struct prometheus_file *file)
{
	if (!file)
		return;
	database_close(file->database);
	free(file->families.ids);
	free(file->series.ids);
	text_release(&file->blob);
	free(file);
}

const char *prometheus_file_notice(struct prometheus_file *file)
{
	return database_notice(file->database);
}

static void bind_numbers(sqlite3_stmt *statement, int column, const double *numbers, size_t count)
{
	sqlite3_bind_blob(statement, column, numbers, (int)(count * sizeof(*numbers)), SQLITE_STATIC);
}

static int family_write(struct prometheus_file *file, struct family *family)
{
	sqlite3_stmt *row = database_statement(file->database, FAMILY_WRITE);
	const struct prometheus_rule *rule = family->rule;

	if (!family->id)
		family->id = ++file->last_family;
	sqlite3_bind_int64(row, 1, family->id);
	sqlite3_bind_int(row, 2, family->kind);
	sqlite3_bind_text(row, 3, family->base, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 4, family->origin, -1, SQLITE_STATIC);
	if (rule) {
		sqlite3_bind_int(row, 5, rule->shaped);
		sqlite3_bind_int(row, 6, rule->shape.summary);
		bind_numbers(row, 7, rule->shape.bounds, rule->shape.bound_count);
		bind_numbers(row, 8, rule->shape.quantiles, rule->shape.quantile_count);
		sqlite3_bind_int64(row, 9, rule->shape.max_age);
		sqlite3_bind_int(row, 10, (int)rule->shape.ages);
		sqlite3_bind_int64(row, 11, rule->ttl);
		sqlite3_bind_text(row, 12, rule->help, -1, SQLITE_STATIC);
	}
	return database_run(file->database, row);
}

/* `since`: what is to be added to the clock of the totals for the time of day. */
static int series_write(struct prometheus_file *file, struct total *total, int64_t since)
{
	sqlite3_stmt *row = database_statement(file->database, SERIES_WRITE);
	struct text *blob = &file->blob;

	if (!total->id)
		total->id = ++file->last_series;
	blob->len = 0;
	for (size_t i = 0; i < total->buckets.used; i++) {
		const struct bucket *bucket = &total->buckets.buckets[i];

		text_add(blob, (const char *)&bucket->index, sizeof(bucket->index));
		text_add(blob, (const char *)&bucket->count, sizeof(bucket->count));
	}
	if (blob->failed) {
		text_release(blob);
		return -ENOMEM;
	}
	sqlite3_bind_int64(row, 1, total->id);
	sqlite3_bind_int64(row, 2, total->family->id);
	sqlite3_bind_blob(row, 3, total->labels, (int)total->labels_len, SQLITE_STATIC);
	sqlite3_bind_double(row, 4, total->value);
	sqlite3_bind_double(row, 5, total->sum);
	sqlite3_bind_blob(row, 6, blob->data, (int)blob->len, SQLITE_STATIC);
	sqlite3_bind_int64(row, 7, (total->updated + since) / NS_PER_SECOND);
	return database_run(file->database, row);
}

static int ids_delete(struct prometheus_file *file, const struct ids *ids, enum statement which)
{
	sqlite3_stmt *row = database_statement(file->database, which);
	int err = 0;

	for (size_t i = 0; !err && i < ids->count; i++) {
		sqlite3_bind_int64(row, 1, ids->ids[i]);
		err = database_run(file->database, row);
	}
	return err;
}

static int changes_write(struct prometheus_file *file, struct totals *totals, int64_t since)
{
	struct total *total;
	int err;

	err = ids_delete(file, &file->series, SERIES_DELETE);
	if (!err)
		err = ids_delete(file, &file->families, FAMILY_DELETE);
	file->saves++;
	TAILQ_FOREACH(total, totals_changed(totals), changed)
	{
		struct family *family = total->family;

		if (!err && family->dirty && family->saved != file->saves) {
			err = family_write(file, family);
			family->saved = file->saves;
		}
		if (!err)
			err = series_write(file, total, since);
	}
	return err;
}

static int transaction(struct prometheus_file *file, struct totals *totals, int64_t since)
{
	int err = database_execute(file->database, "BEGIN IMMEDIATE");

	if (err)
		return err;
	err = changes_write(file, totals, since);
	if (!err)
		err = database_execute(file->database, "COMMIT");
	if (err)
		database_execute(file->database, "ROLLBACK");
	return err;
}

int prometheus_file_save(struct prometheus_file *file, struct totals *totals, int64_t now, int64_t wall,
			 struct error *error)
{
	int err = transaction(file, totals, wall - now);
	struct total *total;

	if (err == -EUCLEAN && !database_renew(file->database)) {
		prometheus_file_forget(file, totals);
		err = transaction(file, totals, wall - now);
	}
	if (err)
		return error_set(
			error, err,
			"cannot save totals to %s/prometheus.db: %s; they are shown nevertheless, and "
			"tried again with the next flush: counters step back if the daemon ends before",
			file->options.directory, strerror(-err));
	while ((total = TAILQ_FIRST(totals_changed(totals)))) {
		total->family->dirty = false;
		totals_saved(totals, total);
	}
	file->series.count = file->families.count = 0;
	return 0;
}

void prometheus_file_forget(struct prometheus_file *file, struct totals *totals)
{
	totals_unsave(totals);
	file->series.count = file->families.count = 0;
}
