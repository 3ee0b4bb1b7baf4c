/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the two sides of the spool share: spool.c in the loop, spool_job.c in the worker. */
#ifndef SINK_SPOOL_INTERNAL_H
#define SINK_SPOOL_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>
#include "sink/delivery/spool_rows.h"
#include "sink/delivery/worker.h"

struct event;

struct spool_client {
	TAILQ_ENTRY(spool_client) next;
	struct spool *spool;
	char *destination;
	struct spool_events events;
	unsigned int holders; /* operations, and the client itself */
	uint64_t since;	      /* rows from here on are its own, or those of others of its time */
	bool listed;	      /* found() was called, or will be */
	bool gone;
};

enum operation_kind {
	OPERATION_WRITE,
	OPERATION_READ,
	OPERATION_LIST,
	OPERATION_FORGET,
	OPERATION_SHRINK,
};

/* Something to be done by the worker, and what became of it. */
struct operation {
	TAILQ_ENTRY(operation) next;
	enum operation_kind kind;
	struct spool_client *client; /* of WRITE, READ, LIST */
	uint64_t row;
	struct batch *batch;
	int err;
	bool lost;		/* the database was set aside: what was told before is not there any more */
	struct spool_row *rows; /* found by LIST */
	struct forgotten *forgotten; /* found by FORGET, FORGOTTEN_MAX */
	size_t count;		     /* of these */
	char **known;		     /* to FORGET */
	size_t known_count;
	int64_t before; /* Unix nanoseconds: what FORGET deletes */
	bool first;	/* says what it finds, not only what it deletes */
};

TAILQ_HEAD(operation_list, operation);
TAILQ_HEAD(client_list, spool_client);

struct row_numbers {
	uint64_t *rows;
	size_t count, room;
};

/* What the worker has now. */
struct spool_job {
	struct job job;
	struct database *database;
	const char *directory;
	struct row_numbers deletes;
	struct operation_list operations;
	int delete_error;
	bool lost;	   /* the database was set aside, by the operation at hand */
	bool deletes_lost; /* or by the deletions */
	bool notice;	   /* with this sentence */
	struct error error;
	char problem[160]; /* why the last write failed */
};

#define FAILED_ROWS_MAX 64

/* What tells whether a disk that could not be written can be again. */
struct trouble {
	uint64_t rows[FAILED_ROWS_MAX]; /* the first that failed */
	size_t count;
	bool failed, healed;   /* in these jobs: a write; one that had failed before was stored */
	bool failing, storing; /* since the last tick: a write failed, another did not */
};

struct spool {
	struct spool_job current; /* the first: on_done() has nothing else */
	struct worker *worker;
	char *directory;
	struct event *tick;
	struct client_list clients;
	struct operation_list pending, reads;
	struct row_numbers deletes;
	uint64_t next_row;
	int64_t max_age;
	unsigned int ticks;
	bool working;	     /* the worker has the job */
	bool settled;	     /* spool_settle() was called */
	bool deletes_failed; /* they alone are no reason for a job */
	bool shrinkable;     /* something was deleted since */
	bool complained;     /* that it cannot be written, since it could */
	struct trouble trouble;
	uint64_t batches_lost; /* that were to be written after their client had left */
	struct spool_stats stats;
};

/* In the worker: does what the job's lists say, and fills in what became of it. */
void spool_job_work(struct job *job);

/* In the loop: what became of one operation, whose batch may be taken over. */
void spool_tell(struct spool *spool, struct operation *operation);
/* To the log: what is not written, as the disk hangs. */
void spool_tell_left(const struct spool *spool);
/* After all operations of a job, and each minute: the disk may have been made whole. */
void spool_tell_recovered(struct spool *spool);
void spool_tell_quiet(struct spool *spool);
/* To all clients: no row is there any more. */
void spool_tell_lost(struct spool *spool);

#endif /* SINK_SPOOL_INTERNAL_H */
