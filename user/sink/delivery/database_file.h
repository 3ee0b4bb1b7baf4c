/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The files around a database, for database.c only. */
#ifndef SINK_DATABASE_FILE_H
#define SINK_DATABASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "lib/error.h"

#define DATABASE_PATH_BYTES 512
/* Ends the sentence of whoever cannot use a file there. */
#define DATABASE_REMEDY "set state_dir to a directory that can be written to"

/* Makes the directory and those above it, 0700, where they do not exist. -errno. */
int directory_make(const char *directory);
/*
 * Creates PATH (0600) and takes the lock of PATH.lock, without waiting. The file descriptor that keeps
 * it, or -errno with the sentence in `error`.
 */
int database_lock(const char *path, struct error *error);
/*
 * Renames PATH and its -wal to PATH.corrupt-SECONDS, whose name is written to `aside`, and removes what was
 * set aside before, but for the last few. -errno.
 */
int database_set_aside(const char *path, char *aside, size_t aside_len);

#endif /* SINK_DATABASE_FILE_H */
