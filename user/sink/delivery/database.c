// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * SQLite, set up for a file that only this process uses: WAL, whose commits are a write() and
 * survive SIGKILL; locking_mode EXCLUSIVE, so that nobody can hold up a write and no memory is
 * shared through a file; no mmap, as a file that is cut short would end the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "sink/delivery/database.h"
#include "sink/delivery/database_file.h"

/* A larger file is not read from one end to the other at the start: what is wrong is found when it is used. */
#define CHECK_BYTES (64 << 20)

struct database {
	struct database_options options;
	sqlite3 *handle; /* NULL: could not be renewed */
	sqlite3_stmt **statements;
	int lock;
	unsigned int generation;
	bool noticed;
	bool begun; /* the old file is set aside, a new one could not be made yet */
	char path[DATABASE_PATH_BYTES];
	char problem[160];
	struct error notice;
};

static const char settings[] = "PRAGMA page_size = 4096;"
			       "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA wal_autocheckpoint = 2000;"
			       "PRAGMA journal_size_limit = 4194304;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA temp_store = MEMORY;"
			       /* Freed pages need not be overwritten, which Debian's SQLite does. */
			       "PRAGMA secure_delete = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA trusted_schema = OFF;";

static int error_of(sqlite3 *handle, int code)
{
	const int os = sqlite3_system_errno(handle);

	switch (code & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return os > 0 ? -os : -EIO;
	default:
		return -EIO;
	}
}

static int database_failed(struct database *database, int code)
{
	snprintf(database->problem, sizeof(database->problem), "%s", sqlite3_errmsg(database->handle));
	return error_of(database->handle, code);
}

int database_execute(struct database *database, const char *sql)
{
	int code;

	if (!database->handle)
		return -EBADF;
	code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : database_failed(database, code);
}

void database_rollback(struct database *database)
{
	if (database->handle)
		sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* The first column of the first row. */
static int database_number(struct database *database, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		code = SQLITE_OK;
	}
	code = code == SQLITE_OK ? 0 : database_failed(database, code);
	sqlite3_finalize(statement);
	return code;
}

/* -EUCLEAN if SQLite finds a fault in the file's structure. */
static int database_check(struct database *database)
{
	sqlite3_stmt *statement = NULL;
	const char *answer, *line;
	struct stat file;
	int code, err;

	if (stat(database->path, &file) || file.st_size > CHECK_BYTES)
		return 0;
	code = sqlite3_prepare_v2(database->handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		err = database_failed(database, code);
	} else {
		answer = (const char *)sqlite3_column_text(statement, 0);
		err = answer && !strcmp(answer, "ok") ? 0 : -EUCLEAN;
		/* The line behind the headline. */
		line = answer ? strrchr(answer, '\n') : NULL;
		snprintf(database->problem, sizeof(database->problem), "%s",
			 line	  ? line + 1
			 : answer ? answer
				  : "no answer to a check");
	}
	sqlite3_finalize(statement);
	return err;
}

static int database_upgrade(struct database *database, int64_t version)
{
	const struct database_options *options = &database->options;
	char sql[96];
	int err = database_execute(database, "BEGIN IMMEDIATE");

	for (; !err && version < options->version; version++)
		err = database_execute(database, options->upgrades[version]);
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		 (int)options->application, options->version);
	return err ? err : database_execute(database, sql);
}

/* Whose file it is, and of which version. */
static int database_identify(struct database *database, struct error *error)
{
	const struct database_options *options = &database->options;
	int64_t application = 0, version = 0, tables = 0;
	int err = database_number(database, "PRAGMA application_id", &application);

	if (!err)
		err = database_number(database, "PRAGMA user_version", &version);
	if (!err)
		err = database_number(database, "SELECT count(*) FROM sqlite_master", &tables);
	if (err)
		return err;
	if (tables && (uint32_t)application != options->application)
		return error_set(error, -EINVAL,
				 "cannot use %s: it is a database of another program; move it away",
				 database->path);
	if (version > options->version)
		return error_set(
			error, -EINVAL,
			"cannot use %s: a later version of kstatsd made it (%d, and %d is the latest known here); run that version, or move the file away",
			database->path, (int)version, options->version);
	return version < options->version ? database_upgrade(database, version) : 0;
}

static int database_prepare(struct database *database)
{
	const struct database_options *options = &database->options;

	for (size_t i = 0; i < options->statement_count; i++) {
		int code = sqlite3_prepare_v3(database->handle, options->statements[i], -1,
					      SQLITE_PREPARE_PERSISTENT, &database->statements[i], NULL);

		/* The file says that it is of this version, but lacks a table or a column. */
		if (code != SQLITE_OK)
			return database_failed(database, code == SQLITE_ERROR ? SQLITE_CORRUPT : code);
	}
	return 0;
}

static void database_stop(struct database *database, bool corrupt)
{
	for (size_t i = 0; i < database->options.statement_count; i++) {
		sqlite3_finalize(database->statements[i]);
		database->statements[i] = NULL;
	}
	/* What is corrupt is not to be written any more. */
	if (corrupt && database->handle)
		sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(database->handle);
	database->handle = NULL;
}

static int database_start(struct database *database, struct error *error)
{
	int code = sqlite3_open_v2(database->path, &database->handle,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	int err = code == SQLITE_OK ? 0 : database_failed(database, code);

	if (!err)
		sqlite3_extended_result_codes(database->handle, 1);
	if (!err)
		err = database_execute(database, settings);
	if (!err)
		err = database_check(database);
	if (!err)
		err = database_identify(database, error);
	else
		error_set(error, err, "cannot open %s: %s", database->path, database->problem);
	if (!err)
		err = database_prepare(database);
	return err;
}

int database_renew(struct database *database)
{
	char aside[DATABASE_PATH_BYTES + 32], why[sizeof(database->problem)];
	int err = 0;

	snprintf(why, sizeof(why), "%s", database->problem);
	database_stop(database, true);
	if (!database->begun) {
		err = database_set_aside(database->path, aside, sizeof(aside));
		if (err)
			return err;
		error_set(&database->notice, 0,
			  "%s is corrupt (%s): it was set aside as %s, to begin an empty one", database->path,
			  why, aside);
		database->noticed = false;
		database->generation++;
	}
	err = database_start(database, NULL);
	database->begun = err && err != -EUCLEAN;
	if (err)
		database_stop(database, true);
	return err;
}

struct database *database_open(const struct database_options *options, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));
	int err = -ENOMEM;

	if (database)
		database->statements = calloc(options->statement_count + 1, sizeof(*database->statements));
	if (!database || !database->statements) {
		error_set(error, err, "cannot open %s/%s: out of memory", options->directory, options->name);
		goto out_free;
	}
	database->options = *options;
	database->noticed = true;
	err = -ENAMETOOLONG;
	if (snprintf(database->path, sizeof(database->path), "%s/%s", options->directory, options->name) >=
	    (int)sizeof(database->path)) {
		error_set(error, err, "cannot open %s/%s: %s", options->directory, options->name,
			  strerror(-err));
		goto out_free;
	}
	err = directory_make(options->directory);
	if (err) {
		error_set(error, err, "cannot create the directory %s: %s; " DATABASE_REMEDY,
			  options->directory, strerror(-err));
		goto out_free;
	}
	err = database->lock = database_lock(database->path, error);
	if (err < 0)
		goto out_free;
	err = database_start(database, error);
	if (err == -EUCLEAN) {
		err = database_renew(database);
		if (err)
			error_set(error, err, "cannot open %s: %s: %s", database->path, database->problem,
				  strerror(-err));
	}
	if (!err)
		return database;
	database_stop(database, true);
	close(database->lock);
out_free:
	if (database)
		free(database->statements);
	free(database);
	return NULL;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	database_stop(database, false);
	close(database->lock);
	free(database->statements);
	free(database);
}

const char *database_notice(struct database *database)
{
	const char *notice = database->noticed ? NULL : database->notice.text;

	database->noticed = true;
	return notice;
}

struct sqlite3_stmt *database_statement(struct database *database, size_t index)
{
	return database->statements[index];
}

int database_step(struct database *database, struct sqlite3_stmt *statement)
{
	int code, err;

	if (!database->handle)
		return -EBADF;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return 1;
	err = code == SQLITE_DONE ? 0 : database_failed(database, code);
	database_done(statement);
	return err;
}

void database_done(struct sqlite3_stmt *statement)
{
	if (!statement)
		return;
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

int database_run(struct database *database, struct sqlite3_stmt *statement)
{
	int err = database_step(database, statement);

	if (err <= 0)
		return err;
	database_done(statement);
	return 0;
}

uint64_t database_log_bytes(const struct database *database)
{
	char name[DATABASE_PATH_BYTES + 8];
	struct stat log;

	snprintf(name, sizeof(name), "%s-wal", database->path);
	return stat(name, &log) ? 0 : (uint64_t)log.st_size;
}

unsigned int database_generation(const struct database *database)
{
	return database->generation;
}

const char *database_problem(const struct database *database)
{
	return database->problem;
}
