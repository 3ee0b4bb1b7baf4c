// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     loop     submit -> [queue]                        [ended] -> done()
 *                           |                              ^
 *     thread                '-> work() --------------------'  and an eventfd wakes the loop
 *
 * The thread takes no signal: the daemon's are the loop's.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include "sink/worker.h"

TAILQ_HEAD(job_list, job);

struct worker {
	struct event_base *base;
	struct event *readable;
	int eventfd;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t submitted, ended_one;
	struct job_list queue, ended;
	bool working, leaving;
};

static void *worker_run(void *context)
{
	struct worker *worker = context;
	const uint64_t one = 1;
	struct job *job;
	ssize_t written;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (!(job = TAILQ_FIRST(&worker->queue)) && !worker->leaving)
			pthread_cond_wait(&worker->submitted, &worker->lock);
		if (!job)
			break;
		TAILQ_REMOVE(&worker->queue, job, next);
		worker->working = true;
		pthread_mutex_unlock(&worker->lock);
		job->work(job);
		pthread_mutex_lock(&worker->lock);
		worker->working = false;
		TAILQ_INSERT_TAIL(&worker->ended, job, next);
		pthread_cond_signal(&worker->ended_one);
		/* Fails only when it is full of wakes that nobody has read. */
		written = write(worker->eventfd, &one, sizeof(one));
		(void)written;
	}
	pthread_mutex_unlock(&worker->lock);
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
	pthread_cond_init(&worker->submitted, NULL);
	pthread_cond_init(&worker->ended_one, NULL);
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

void worker_finish(struct worker *worker)
{
	struct job *job;
	bool more = true;

	while (more) {
		pthread_mutex_lock(&worker->lock);
		while (TAILQ_EMPTY(&worker->ended) && (worker->working || !TAILQ_EMPTY(&worker->queue)))
			pthread_cond_wait(&worker->ended_one, &worker->lock);
		more = !TAILQ_EMPTY(&worker->ended);
		pthread_mutex_unlock(&worker->lock);
		/* Which may submit others. */
		while ((job = worker_take_ended(worker)))
			job->done(job);
	}
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	worker_finish(worker);
	pthread_mutex_lock(&worker->lock);
	worker->leaving = true;
	pthread_cond_signal(&worker->submitted);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	worker_release(worker);
}
