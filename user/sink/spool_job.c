// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The worker's side of the spool. Deletions come first, as they make room; they and the writes
 * are transactions of their own, so that a disk that is full for one is not for the other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "sink/spool_internal.h"

/*
 * Not filled by the spool: the log of SQLite needs room for deletions, and its contents must find
 * room in the file. A disk that is full to the last byte would keep it from ever becoming smaller.
 */
#define RESERVE_BYTES (16 << 20)

/* The database, if it is corrupt, is exchanged for an empty one. */
static int job_check(struct spool_job *job, int err)
{
	const char *notice;

	if (err != -EUCLEAN && err != -EBADF)
		return err;
	if (!database_renew(job->database) || err == -EUCLEAN)
		job->lost = true;
	notice = database_notice(job->database);
	if (notice) {
		error_set(&job->error, 0, "%s", notice);
		job->notice = true;
	}
	return err;
}

static int job_check_room(const struct spool_job *job, size_t bytes)
{
	struct statvfs disk;

	if (statvfs(job->directory, &disk) || disk.f_bavail >= (RESERVE_BYTES + bytes) / disk.f_frsize)
		return 0;
	return -ENOSPC;
}

static int job_insert(struct spool_job *job, struct operation *first)
{
	struct operation *operation;
	int err = rows_begin(job->database);

	for (operation = first; !err && operation && operation->kind == OPERATION_WRITE;
	     operation = TAILQ_NEXT(operation, next))
		err = rows_write(job->database, operation->row, operation->client->destination,
				 operation->batch);
	err = rows_end(job->database, err);
	if (err)
		snprintf(job->problem, sizeof(job->problem), "%s", database_problem(job->database));
	return err;
}

/* All writes of a job stand together, and are done or not. The last one is returned. */
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
	err = job_check_room(job, bytes);
	if (err)
		snprintf(job->problem, sizeof(job->problem), "less than %d MiB are free there",
			 (int)(RESERVE_BYTES >> 20));
	else
		err = job_check(job, job_insert(job, first));
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
	job->lost = false;
	job->notice = false;
	if (job->deletes.count)
		job->delete_error =
			job_check(job, rows_delete(job->database, job->deletes.rows, job->deletes.count));
	TAILQ_FOREACH(operation, &job->operations, next)
	{
		if (operation->kind == OPERATION_WRITE)
			operation = job_write(job, operation);
		else
			job_do(job, operation);
	}
}
