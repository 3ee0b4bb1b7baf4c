// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The worker's side of the spool. Deletions come first, as they make room; they and the writes
 * are transactions of their own, so that a disk that is full for one is not for the other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "sink/delivery/spool_internal.h"

#define MARGIN_BYTES (128 << 10)

/* The database, if it is corrupt, is exchanged for an empty one. */
static int job_check(struct spool_job *job, int err)
{
	const unsigned int generation = database_generation(job->database);
	const char *notice;

	if (err != -EUCLEAN && err != -EBADF)
		return err;
	database_renew(job->database);
	/* If it cannot be renewed, what could be read a moment ago cannot be either. */
	if (err == -EUCLEAN || database_generation(job->database) != generation)
		job->lost = true;
	notice = database_notice(job->database);
	if (notice) {
		error_set(&job->error, 0, "%s", notice);
		job->notice = true;
	}
	return err;
}

/*
 * Would the disk be filled to the last byte, nothing could be deleted any more: what is written goes to the
 * log first, which is copied into the file later. So there must be room for both, and afterwards for as
 * much in the log again; but where the file has free pages, for the log only.
 */
static bool job_has_room(const struct spool_job *job, size_t bytes)
{
	const uint64_t written = bytes + bytes / 16 + MARGIN_BYTES;
	uint64_t free_bytes = 0, log_bytes = 0, needed = written;
	struct statvfs disk;

	/* If it cannot be told, SQLite will. */
	if (statvfs(job->directory, &disk) || rows_room(job->database, &free_bytes, &log_bytes))
		return true;
	if (log_bytes + written > free_bytes)
		needed += log_bytes + written - free_bytes + written;
	return (uint64_t)disk.f_bavail * disk.f_frsize >= needed;
}

static int job_check_room(struct spool_job *job, size_t bytes)
{
	if (job_has_room(job, bytes))
		return 0;
	if (!rows_checkpoint(job->database) && job_has_room(job, bytes))
		return 0;
	snprintf(job->problem, sizeof(job->problem), "the disk is full");
	return -ENOSPC;
}

/* Those from `first` to `last` are done, or none. */
static int job_insert(struct spool_job *job, const struct operation *first, const struct operation *last)
{
	const struct operation *operation = first;
	int err = rows_begin(job->database);

	for (; !err; operation = TAILQ_NEXT(operation, next)) {
		err = rows_write(job->database, operation->row, operation->client->destination,
				 operation->batch);
		if (operation == last)
			break;
	}
	err = rows_end(job->database, err);
	if (err)
		snprintf(job->problem, sizeof(job->problem), "%s", database_problem(job->database));
	return err;
}

/* All writes of a job stand together. They share a transaction, if there is room for all. Returns the last one. */
static struct operation *job_write(struct spool_job *job, struct operation *first)
{
	struct operation *operation, *last = first;
	size_t bytes = 0;
	int err;

	for (operation = first; operation && operation->kind == OPERATION_WRITE;
	     operation = TAILQ_NEXT(operation, next)) {
		bytes += operation->batch->len;
		last = operation;
	}
	if (!job_has_room(job, bytes)) {
		bytes = first->batch->len;
		last = first;
	}
	err = job_check_room(job, bytes);
	if (!err)
		err = job_check(job, job_insert(job, first, last));
	for (operation = first;; operation = TAILQ_NEXT(operation, next)) {
		operation->err = err;
		if (operation == last)
			return last;
	}
}

static void job_do(struct spool_job *job, struct operation *operation)
{
	int err = 0;

	switch (operation->kind) {
	case OPERATION_READ:
		err = rows_read(job->database, operation->row, &operation->batch);
		break;
	case OPERATION_LIST:
		err = rows_list(job->database, operation->client->destination, operation->client->since,
				&operation->rows, &operation->count);
		break;
	case OPERATION_FORGET:
		err = rows_forget(job->database, operation->known, operation->known_count, operation->before,
				  operation->forgotten, &operation->count);
		break;
	case OPERATION_SHRINK:
		err = rows_shrink(job->database);
		break;
	case OPERATION_WRITE:
		break;
	}
	operation->err = job_check(job, err);
}

void spool_job_work(struct job *base)
{
	struct spool_job *job = (struct spool_job *)base;
	struct operation *operation;

	job->delete_error = 0;
	job->deletes_lost = job->lost = false;
	job->notice = false;
	if (job->deletes.count)
		job->delete_error =
			job_check(job, rows_delete(job->database, job->deletes.rows, job->deletes.count));
	job->deletes_lost = job->lost;
	TAILQ_FOREACH(operation, &job->operations, next)
	{
		job->lost = false;
		if (operation->kind == OPERATION_WRITE)
			operation = job_write(job, operation);
		else
			job_do(job, operation);
		operation->lost = job->lost;
	}
}
