/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * One thread for what may block: writes to disk. Jobs are done one after the other, in the order
 * in which they were submitted; their ends are told in the event loop.
 */
#ifndef SINK_WORKER_H
#define SINK_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "lib/error.h"

struct event_base;
struct worker;

/* A part of whatever the job is about. */
struct job {
	TAILQ_ENTRY(job) next;
	void (*work)(struct job *job); /* in the thread */
	void (*done)(struct job *job); /* in the loop, afterwards; frees the job if it is to be freed */
	void (*drop)(
		struct job *job); /* instead of done(), in any thread: see worker_dismiss(). NULL: nothing */
};

/* NULL with the sentence in `error`. */
struct worker *worker_new(struct event_base *base, struct error *error);
/* Does all jobs that were submitted, tells their ends, ends the thread. Safe on NULL. */
void worker_free(struct worker *worker);
/*
 * The same if that is done by `until` (CLOCK_MONOTONIC); else dismisses it, and returns false: what its jobs
 * point to has to stay.
 */
bool worker_free_until(struct worker *worker, int64_t until);
/*
 * Frees it without waiting: what the thread has begun it ends, however long that takes, the rest is not
 * begun. Each job that was not told is dropped.
 */
void worker_dismiss(struct worker *worker);
/* The loop in which ends are told. */
struct event_base *worker_base(const struct worker *worker);
/* Never blocks, but for as long as the thread takes a job from its queue. From the loop only, as all of this. */
void worker_submit(struct worker *worker, struct job *job);
/* Blocks until all that was submitted is done and told. */
void worker_finish(struct worker *worker);
/* Not beyond `until` (CLOCK_MONOTONIC). False: not all is done. */
bool worker_finish_until(struct worker *worker, int64_t until);

#endif /* SINK_WORKER_H */
