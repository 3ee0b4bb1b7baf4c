/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A SQLite database that is this daemon's alone: DIRECTORY/NAME, in WAL mode. It is locked against
 * other processes as long as it is open, knows whose it is and how old its shape is, and a file
 * that turns out to be corrupt is set aside and replaced by an empty one.
 *
 * Nothing here logs. After the opening it may be used by another thread, by one at a time.
 *
 *     spool.db  spool.db-wal           spool.db.lock           spool.db.corrupt-1700000000
 */
#ifndef SINK_DATABASE_H
#define SINK_DATABASE_H

#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct database;
struct sqlite3_stmt;

struct database_options {
	const char *directory; /* created (0700), with those above it */
	const char *name;      /* of the file */
	uint32_t application;  /* PRAGMA application_id: tells whose file it is */
	int version;	       /* PRAGMA user_version: of the schema; a file with a greater one is refused */
	/* SQL that brings a file from version i to i + 1, `version` of these; the first begins with nothing. */
	const char *const *upgrades;
	/* SQL of the statements that database_statement() returns, prepared at the opening. */
	const char *const *statements;
	size_t statement_count;
};

/*
 * Opens or creates it; blocks, for as long as the disk does. What the options point to must outlive
 * it, but for the directory. NULL with the
 * sentence in `error`: no such directory can be made, another process has it open, it is somebody else's
 * or a later version's.
 */
struct database *database_open(const struct database_options *options, struct error *error);
/* Safe on NULL. */
void database_close(struct database *database);

/* A sentence for the log: a corrupt file was set aside since the last call, which forgets it. NULL: none. */
const char *database_notice(struct database *database);

/*
 * A prepared statement, to be bound and stepped; another one after database_renew(). NULL, which SQLite's
 * bind functions and step() refuse, only if that failed.
 */
struct sqlite3_stmt *database_statement(struct database *database, size_t index);
/*
 * One step: 1, there is a row to be read; 0, there is none (any more), and the statement was reset; or
 * -errno: -ENOSPC the disk is full, -EUCLEAN the file is corrupt, -EIO, -ENOMEM and others.
 */
int database_step(struct database *database, struct sqlite3_stmt *statement);
/* Resets a statement of which more rows might be read. Safe on NULL. */
void database_done(struct sqlite3_stmt *statement);
/* step() for what returns no row. */
int database_run(struct database *database, struct sqlite3_stmt *statement);
/* SQL without parameters and results: "BEGIN". -errno as above. */
int database_execute(struct database *database, const char *sql);
/* After an error, whether or not SQLite has done so itself. */
void database_rollback(struct database *database);
/* The size of the log, which holds what is not in the file yet. */
uint64_t database_log_bytes(const struct database *database);
/* How many files were set aside: a row belongs to the one that was there when it was written. */
unsigned int database_generation(const struct database *database);
/* The last problem in SQLite's words, for sentences. */
const char *database_problem(const struct database *database);

/*
 * After -EUCLEAN: sets the file aside and begins an empty one. -errno if that fails; then each call but
 * close and renew fails with -EBADF.
 */
int database_renew(struct database *database);

#endif /* SINK_DATABASE_H */
