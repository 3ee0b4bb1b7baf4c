// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * One row for each batch. Its number tells the order, whatever the clock said; the index holds
 * all that a listing wants, so that a start reads no data. SQLite has no checksums: each batch has its
 * own, as what a bad disk made of it must not be sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "sink/encoder.h"
#include "sink/delivery/spool_rows.h"

/* A smaller file is not worth being shrunk, it will be as large again. */
#define SHRINK_PAGES 512
#define PAGE_BYTES 4096

enum {
	INSERT,
	DELETE,
	READ,
	LIST,
	LAST,
	DESTINATIONS,
	OLD,
	DELETE_OLD,
	ANY,
	PAGES,
	FREE_PAGES,
	STATEMENTS,
};

static const char *const statements[STATEMENTS] = {
	[INSERT] =
		"INSERT OR REPLACE INTO batches (row, destination, created, kind, points, len, checksum, data)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[DELETE] = "DELETE FROM batches WHERE row = ?",
	[READ] = "SELECT created, kind, points, checksum, data FROM batches WHERE row = ?",
	[LIST] =
		"SELECT row, created, len, points FROM batches WHERE destination = ? AND row < ? ORDER BY row",
	[LAST] = "SELECT max(row) FROM batches",
	[DESTINATIONS] = "SELECT destination, count(*), sum(points) FROM batches GROUP BY destination",
	[OLD] = "SELECT count(*), sum(points) FROM batches WHERE destination = ? AND created < ?",
	[DELETE_OLD] = "DELETE FROM batches WHERE destination = ? AND created < ?",
	[ANY] = "SELECT 1 FROM batches LIMIT 1",
	[PAGES] = "PRAGMA page_count",
	[FREE_PAGES] = "PRAGMA freelist_count",
};

static const char *const upgrades[] = {
	"CREATE TABLE batches (row INTEGER PRIMARY KEY, destination TEXT, created INTEGER, kind INTEGER,"
	" points INTEGER, len INTEGER, checksum INTEGER, data BLOB);"
	"CREATE INDEX listing ON batches (destination, created, len, points)",
};

static const struct database_options database_options = {
	.name = "spool.db",
	.application = 0x6b73706c, /* "kspl" */
	.version = 1,
	.upgrades = upgrades,
	.statements = statements,
	.statement_count = STATEMENTS,
};

struct database *rows_open(const char *directory, struct error *error)
{
	struct database_options options = database_options;

	options.directory = directory;
	return database_open(&options, error);
}

static uint64_t column_count(sqlite3_stmt *statement, int column)
{
	sqlite3_int64 number = sqlite3_column_int64(statement, column);

	return number > 0 ? (uint64_t)number : 0;
}

int rows_last(struct database *database, uint64_t *row)
{
	sqlite3_stmt *last = database_statement(database, LAST);
	int err = database_step(database, last);

	*row = 0;
	if (err == 1)
		*row = column_count(last, 0);
	database_done(last);
	return err < 0 ? err : 0;
}

int rows_begin(struct database *database)
{
	return database_execute(database, "BEGIN IMMEDIATE");
}

int rows_end(struct database *database, int err)
{
	if (!err)
		err = database_execute(database, "COMMIT");
	if (err)
		database_rollback(database);
	return err;
}

static uint32_t checksum(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

int rows_write(struct database *database, uint64_t row, const char *destination, const struct batch *batch)
{
	sqlite3_stmt *insert = database_statement(database, INSERT);

	sqlite3_bind_int64(insert, 1, (sqlite3_int64)row);
	sqlite3_bind_text(insert, 2, destination, -1, SQLITE_STATIC);
	sqlite3_bind_int64(insert, 3, batch->created);
	sqlite3_bind_int64(insert, 4, batch->kind);
	sqlite3_bind_int64(insert, 5, (sqlite3_int64)batch->points);
	sqlite3_bind_int64(insert, 6, (sqlite3_int64)batch->len);
	sqlite3_bind_int64(insert, 7, checksum(batch->data, batch->len));
	sqlite3_bind_blob64(insert, 8, batch->data, batch->len, SQLITE_STATIC);
	return database_run(database, insert);
}

int rows_delete(struct database *database, const uint64_t *rows, size_t count)
{
	int err = rows_begin(database);

	for (size_t i = 0; !err && i < count; i++) {
		sqlite3_stmt *statement = database_statement(database, DELETE);

		sqlite3_bind_int64(statement, 1, (sqlite3_int64)rows[i]);
		err = database_run(database, statement);
	}
	return rows_end(database, err);
}

static int row_append(struct spool_row **rows, size_t *count, size_t *room, const struct spool_row *row)
{
	struct spool_row *larger;

	if (*count == *room) {
		*room = *room ? *room * 2 : 64;
		larger = reallocarray(*rows, *room, sizeof(**rows));
		if (!larger)
			return -ENOMEM;
		*rows = larger;
	}
	(*rows)[(*count)++] = *row;
	return 0;
}

int rows_list(struct database *database, const char *destination, uint64_t before, struct spool_row **found,
	      size_t *count)
{
	sqlite3_stmt *list = database_statement(database, LIST);
	size_t room = 0;
	int err;

	*found = NULL;
	*count = 0;
	sqlite3_bind_text(list, 1, destination, -1, SQLITE_STATIC);
	sqlite3_bind_int64(list, 2, (sqlite3_int64)before);
	while ((err = database_step(database, list)) == 1) {
		const struct spool_row row = {
			.row = column_count(list, 0),
			.created = sqlite3_column_int64(list, 1),
			.len = column_count(list, 2),
			.points = column_count(list, 3),
		};

		err = row_append(found, count, &room, &row);
		if (err)
			break;
	}
	database_done(list);
	if (err) {
		free(*found);
		*found = NULL;
		*count = 0;
	}
	return err;
}

/* The row that `read` stands on. */
static int row_make(sqlite3_stmt *read, struct batch **batch)
{
	const void *data = sqlite3_column_blob(read, 4);
	const size_t len = (size_t)sqlite3_column_bytes(read, 4);
	const sqlite3_int64 kind = sqlite3_column_int64(read, 1);

	if (len && !data)
		return -ENOMEM;
	if (kind < 0 || kind >= RECORD_KINDS || sqlite3_column_int64(read, 3) != checksum(data, len))
		return -EBADMSG;
	*batch = batch_new((unsigned int)kind, sqlite3_column_int64(read, 0), column_count(read, 2), len);
	if (!*batch)
		return -ENOMEM;
	if (len)
		memcpy((*batch)->data, data, len);
	return 0;
}

int rows_read(struct database *database, uint64_t row, struct batch **batch)
{
	sqlite3_stmt *read = database_statement(database, READ);
	int err;

	sqlite3_bind_int64(read, 1, (sqlite3_int64)row);
	err = database_step(database, read);
	if (err == 1)
		err = row_make(read, batch);
	else if (!err)
		err = -ENOENT;
	database_done(read);
	return err;
}

static bool is_known(const char *destination, char *const *known, size_t count)
{
	while (count && strcmp(known[count - 1], destination))
		count--;
	return count;
}

/* Those of one destination that are too old. */
static int forget_old(struct database *database, struct forgotten *forgotten, int64_t before)
{
	sqlite3_stmt *statement = database_statement(database, OLD);
	int err;

	sqlite3_bind_text(statement, 1, forgotten->destination, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, before);
	err = database_step(database, statement);
	if (err == 1) {
		forgotten->batches_dropped = column_count(statement, 0);
		forgotten->points_dropped = column_count(statement, 1);
	}
	database_done(statement);
	if (err < 0 || !forgotten->batches_dropped)
		return err < 0 ? err : 0;
	statement = database_statement(database, DELETE_OLD);
	sqlite3_bind_text(statement, 1, forgotten->destination, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, before);
	return database_run(database, statement);
}

int rows_forget(struct database *database, char *const *known, size_t known_count, int64_t before,
		struct forgotten *forgotten, size_t *count)
{
	sqlite3_stmt *each = database_statement(database, DESTINATIONS);
	int err;

	*count = 0;
	while ((err = database_step(database, each)) == 1 && *count < FORGOTTEN_MAX) {
		const char *destination = (const char *)sqlite3_column_text(each, 0);

		if (!destination || is_known(destination, known, known_count))
			continue;
		forgotten[*count] = (struct forgotten){ .batches = column_count(each, 1),
							.points = column_count(each, 2) };
		snprintf(forgotten[*count].destination, sizeof(forgotten->destination), "%s", destination);
		(*count)++;
	}
	database_done(each);
	for (size_t i = 0; err >= 0 && i < *count; i++)
		err = forget_old(database, &forgotten[i], before);
	return err < 0 ? err : 0;
}

int rows_checkpoint(struct database *database)
{
	return database_execute(database, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static int pages_count(struct database *database, size_t which, uint64_t *pages)
{
	sqlite3_stmt *statement = database_statement(database, which);
	int err = database_step(database, statement);

	*pages = err == 1 ? column_count(statement, 0) : 0;
	database_done(statement);
	return err < 0 ? err : 0;
}

int rows_room(struct database *database, uint64_t *free_bytes, uint64_t *log_bytes)
{
	uint64_t pages;
	int err = pages_count(database, FREE_PAGES, &pages);

	*free_bytes = pages * PAGE_BYTES;
	*log_bytes = database_log_bytes(database);
	return err;
}

int rows_shrink(struct database *database)
{
	sqlite3_stmt *any = database_statement(database, ANY);
	int err = database_step(database, any);
	uint64_t pages;

	database_done(any);
	if (err)
		return err < 0 ? err : 0;
	err = pages_count(database, PAGES, &pages);
	if (err || pages <= SHRINK_PAGES)
		return err;
	err = database_execute(database, "VACUUM");
	return err ? err : rows_checkpoint(database);
}
