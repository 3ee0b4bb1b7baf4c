// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     loop     submit -> [queue]                        [ended] -> done()
 *                           |                              ^
 *     thread                '-> work() --------------------'  and an eventfd wakes the loop
 *
 * The thread takes no signal: the daemon's are the loop's. A disk may hang for ever: whoever cannot
 * wait dismisses the worker, whose thread is then the last to hold what its jobs hold.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include "lib/clock.h"
#include "sink/delivery/worker.h"

TAILQ_HEAD(job_list, job);

struct worker {
	struct event_base *base;
	struct event *readable;
	int eventfd;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t submitted, ended_one;
	struct job_list queue, ended;
	bool working, leaving, dismissed;
};

static void worker_release(struct worker *worker)
{
	if (worker->readable)
		event_free(worker->readable);
	if (worker->eventfd >= 0)
		close(worker->eventfd);
	pthread_cond_destroy(&worker->ended_one);
	pthread_cond_destroy(&worker->submitted);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

static void job_drop(struct job *job)
{
	if (job->drop)
		job->drop(job);
}

/* With the lock, which it gives up while it waits. NULL: there is nothing more to do. */
static struct job *worker_next(struct worker *worker)
{
	struct job *job;

	while (!(job = TAILQ_FIRST(&worker->queue)) && !worker->leaving)
		pthread_cond_wait(&worker->submitted, &worker->lock);
	if (!job)
		return NULL;
	TAILQ_REMOVE(&worker->queue, job, next);
	worker->working = true;
	return job;
}

/* With the lock. */
static void job_ended(struct worker *worker, struct job *job)
{
	const uint64_t one = 1;
	ssize_t written;

	worker->working = false;
	if (worker->dismissed) {
		job_drop(job);
		return;
	}
	TAILQ_INSERT_TAIL(&worker->ended, job, next);
	pthread_cond_signal(&worker->ended_one);
	/* Fails only when it is full of wakes that nobody has read. */
	written = write(worker->eventfd, &one, sizeof(one));
	(void)written;
}

static void *worker_run(void *context)
{
	struct worker *worker = context;
	struct job *job;
	bool dismissed;

	pthread_mutex_lock(&worker->lock);
	while ((job = worker_next(worker))) {
		pthread_mutex_unlock(&worker->lock);
		job->work(job);
		pthread_mutex_lock(&worker->lock);
		job_ended(worker, job);
	}
	dismissed = worker->dismissed;
	pthread_mutex_unlock(&worker->lock);
	if (dismissed)
		worker_release(worker);
	return NULL;
}

static struct job *worker_take_ended(struct worker *worker)
{
	struct job *job;

	pthread_mutex_lock(&worker->lock);
	job = TAILQ_FIRST(&worker->ended);
	if (job)
		TAILQ_REMOVE(&worker->ended, job, next);
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void on_readable(evutil_socket_t fd, short events, void *context)
{
	struct job *job;
	uint64_t wakes;
	ssize_t got = read(fd, &wakes, sizeof(wakes));

	(void)got;
	(void)events;
	while ((job = worker_take_ended(context)))
		job->done(job);
}

/* 0, or a positive errno. */
static int thread_start(struct worker *worker)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	err = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (err)
		return err;
	err = pthread_create(&worker->thread, NULL, worker_run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void conditions_init(struct worker *worker)
{
	pthread_condattr_t steady;

	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->submitted, &steady);
	pthread_cond_init(&worker->ended_one, &steady);
	pthread_condattr_destroy(&steady);
}

struct worker *worker_new(struct event_base *base, struct error *error)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err = ENOMEM;

	if (!worker)
		goto out_error;
	worker->base = base;
	TAILQ_INIT(&worker->queue);
	TAILQ_INIT(&worker->ended);
	pthread_mutex_init(&worker->lock, NULL);
	conditions_init(worker);
	worker->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->eventfd < 0) {
		err = errno;
		goto out_release;
	}
	worker->readable = event_new(base, worker->eventfd, EV_READ | EV_PERSIST, on_readable, worker);
	if (!worker->readable || event_add(worker->readable, NULL))
		goto out_release;
	err = thread_start(worker);
	if (!err)
		return worker;
out_release:
	worker_release(worker);
out_error:
	error_set(error, -err, "cannot start the thread that writes to disk: %s", strerror(err));
	return NULL;
}

struct event_base *worker_base(const struct worker *worker)
{
	return worker->base;
}

void worker_submit(struct worker *worker, struct job *job)
{
	pthread_mutex_lock(&worker->lock);
	TAILQ_INSERT_TAIL(&worker->queue, job, next);
	pthread_cond_signal(&worker->submitted);
	pthread_mutex_unlock(&worker->lock);
}

/* With the lock. False: `until` is over, and the thread is still at work. */
static bool worker_wait(struct worker *worker, int64_t until)
{
	const struct timespec end = { .tv_sec = until / NS_PER_SECOND, .tv_nsec = until % NS_PER_SECOND };
	int err = 0;

	while (!err && TAILQ_EMPTY(&worker->ended) && (worker->working || !TAILQ_EMPTY(&worker->queue)))
		err = pthread_cond_timedwait(&worker->ended_one, &worker->lock, &end);
	return !err;
}

bool worker_finish_until(struct worker *worker, int64_t until)
{
	bool more = true, in_time = true;
	struct job *job;

	while (more && in_time) {
		pthread_mutex_lock(&worker->lock);
		in_time = worker_wait(worker, until);
		more = !TAILQ_EMPTY(&worker->ended);
		pthread_mutex_unlock(&worker->lock);
		/* Which may submit others. */
		while ((job = worker_take_ended(worker)))
			job->done(job);
	}
	return in_time;
}

void worker_finish(struct worker *worker)
{
	worker_finish_until(worker, INT64_MAX);
}

void worker_dismiss(struct worker *worker)
{
	struct job_list untold = TAILQ_HEAD_INITIALIZER(untold);
	struct job *job;

	event_free(worker->readable);
	pthread_detach(worker->thread);
	pthread_mutex_lock(&worker->lock);
	worker->readable = NULL;
	TAILQ_CONCAT(&untold, &worker->ended, next);
	TAILQ_CONCAT(&untold, &worker->queue, next);
	worker->leaving = worker->dismissed = true;
	pthread_cond_signal(&worker->submitted);
	pthread_mutex_unlock(&worker->lock);
	/* From here on the worker is the thread's. */
	while ((job = TAILQ_FIRST(&untold))) {
		TAILQ_REMOVE(&untold, job, next);
		job_drop(job);
	}
}

bool worker_free_until(struct worker *worker, int64_t until)
{
	if (!worker)
		return true;
	if (!worker_finish_until(worker, until)) {
		worker_dismiss(worker);
		return false;
	}
	pthread_mutex_lock(&worker->lock);
	worker->leaving = true;
	pthread_cond_signal(&worker->submitted);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	worker_release(worker);
	return true;
}

void worker_free(struct worker *worker)
{
	worker_free_until(worker, INT64_MAX);
}
