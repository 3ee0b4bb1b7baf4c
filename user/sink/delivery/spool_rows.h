/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The table of batches, for spool.c only. All of it blocks; -errno as database.h says. */
#ifndef SINK_SPOOL_ROWS_H
#define SINK_SPOOL_ROWS_H

#include "sink/delivery/database.h"
#include "sink/delivery/spool.h"

#define FORGOTTEN_MAX 32
#define FORGOTTEN_NAME_BYTES 300

/* What waits for a destination that no output has. */
struct forgotten {
	char destination[FORGOTTEN_NAME_BYTES];
	uint64_t batches, points;
	uint64_t batches_dropped, points_dropped; /* of these, just now */
};

struct database *rows_open(const char *directory, struct error *error);
/* The greatest row; 0: there is none. */
int rows_last(struct database *database, uint64_t *row);
/* Between these, all or nothing. The end takes back what was done if there was an error, and returns it. */
int rows_begin(struct database *database);
int rows_end(struct database *database, int err);
int rows_write(struct database *database, uint64_t row, const char *destination, const struct batch *batch);
int rows_delete(struct database *database, const uint64_t *rows, size_t count);
/* The caller frees *found. */
int rows_list(struct database *database, const char *destination, uint64_t before, struct spool_row **found,
	      size_t *count);
/* -ENOENT: no such row. -EBADMSG: it is not what was written. */
int rows_read(struct database *database, uint64_t row, struct batch **batch);
/* Of destinations that are not among `known`; those created before `before` are deleted. */
int rows_forget(struct database *database, char *const *known, size_t known_count, int64_t before,
		struct forgotten *forgotten, size_t *count);
/* Copies all of the log into the file, and makes it empty. */
int rows_checkpoint(struct database *database);
/* Bytes of free pages in the file, and bytes of the log. */
int rows_room(struct database *database, uint64_t *free_bytes, uint64_t *log_bytes);
/* Gives the room of a file back that holds nothing any more. */
int rows_shrink(struct database *database);

#endif /* SINK_SPOOL_ROWS_H */
