// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The loop's side of the spool. While one job is with the worker, what is wanted next gathers:
 *
 *     deletions ----.
 *     writings -----+--> one job: a transaction for all deletions, one for the writings, the
 *     readings -----'    readings --> the worker --> ends are told, the next job
 *
 * So a burst of writes shares a transaction, and what is delivered in time is never written. Only
 * the worker touches the database after the opening.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/spool_internal.h"

#define TICK_SECONDS 60
#define FORGET_TICKS 60

/* Bytes that one transaction writes: the next reading, or the end, does not wait for long. */
#define JOB_BYTES (4 << 20)

static void client_release(struct spool_client *client)
{
	if (--client->holders)
		return;
	free(client->destination);
	free(client);
}

static void operation_free(struct operation *operation)
{
	for (size_t i = 0; i < operation->known_count; i++)
		free(operation->known[i]);
	free(operation->known);
	if (operation->client)
		client_release(operation->client);
	batch_release(operation->batch);
	free(operation->rows);
	free(operation->forgotten);
	free(operation);
}

static struct operation *operation_new(enum operation_kind kind, struct spool_client *client, uint64_t row)
{
	struct operation *operation = calloc(1, sizeof(*operation));

	if (!operation)
		return NULL;
	*operation = (struct operation){ .kind = kind, .client = client, .row = row };
	if (client)
		client->holders++;
	return operation;
}

/* Takes as much of what waits as one job is to do. */
static void job_fill(struct spool *spool)
{
	struct spool_job *job = &spool->current;
	struct operation *operation;
	size_t bytes = 0;

	job->deletes = spool->deletes;
	spool->deletes = (struct row_numbers){};
	TAILQ_CONCAT(&job->operations, &spool->reads, next);
	while ((operation = TAILQ_FIRST(&spool->pending)) && bytes < JOB_BYTES) {
		TAILQ_REMOVE(&spool->pending, operation, next);
		TAILQ_INSERT_TAIL(&job->operations, operation, next);
		/* What is not a write is done alone, behind all that was wanted before it. */
		bytes += operation->kind == OPERATION_WRITE ? operation->batch->len : JOB_BYTES;
	}
}

static void spool_kick(struct spool *spool)
{
	if (spool->working)
		return;
	if (TAILQ_EMPTY(&spool->pending) && TAILQ_EMPTY(&spool->reads) &&
	    (!spool->deletes.count || spool->deletes_failed))
		return;
	spool->working = true;
	job_fill(spool);
	worker_submit(spool->worker, &spool->current.job);
}

static void row_numbers_add(struct row_numbers *numbers, uint64_t row)
{
	const size_t room = numbers->room ? numbers->room * 2 : 64;
	uint64_t *rows = numbers->rows;

	if (numbers->count == numbers->room) {
		rows = reallocarray(rows, room, sizeof(*rows));
		/* Then the row stays, and is sent again by the next daemon. */
		if (!rows)
			return;
		numbers->rows = rows;
		numbers->room = room;
	}
	rows[numbers->count++] = row;
}

/* What could not be deleted is tried again, with the next job or at the next tick. */
static void job_keep_deletes(struct spool *spool)
{
	struct row_numbers *deletes = &spool->current.deletes;

	spool->deletes_failed = spool->current.delete_error;
	if (spool->deletes_failed)
		for (size_t i = 0; i < deletes->count; i++)
			row_numbers_add(&spool->deletes, deletes->rows[i]);
	else
		spool->shrinkable |= deletes->count;
	free(deletes->rows);
	*deletes = (struct row_numbers){};
}

static void on_done(struct job *base)
{
	struct spool *spool = (struct spool *)base;
	struct spool_job *job = &spool->current;
	struct operation *operation;

	job_keep_deletes(spool);
	if (job->notice)
		log_error("%s", job->error.text);
	/* In the order in which it was done: what is written after the loss is in the new file. */
	if (job->deletes_lost)
		spool_tell_lost(spool);
	while ((operation = TAILQ_FIRST(&job->operations))) {
		TAILQ_REMOVE(&job->operations, operation, next);
		spool_tell(spool, operation);
		if (operation->lost)
			spool_tell_lost(spool);
		operation_free(operation);
	}
	spool_tell_recovered(spool);
	spool->working = false;
	spool_kick(spool);
}

static struct operation *forget_new(const struct spool *spool)
{
	struct operation *forget = operation_new(OPERATION_FORGET, NULL, 0);
	struct spool_client *client;
	size_t count = 0;

	if (!forget)
		return NULL;
	TAILQ_FOREACH(client, &spool->clients, next)
	count++;
	forget->forgotten = calloc(FORGOTTEN_MAX, sizeof(*forget->forgotten));
	forget->known = calloc(count + 1, sizeof(*forget->known));
	if (!forget->forgotten || !forget->known)
		goto out_free;
	/* Copies: clients may go before the worker has read the names. */
	TAILQ_FOREACH(client, &spool->clients, next)
	{
		forget->known[forget->known_count] = strdup(client->destination);
		if (!forget->known[forget->known_count])
			goto out_free;
		forget->known_count++;
	}
	return forget;

out_free:
	operation_free(forget);
	return NULL;
}

/* Without memory there is another time in an hour. */
static void spool_forget(struct spool *spool, bool first)
{
	struct operation *forget = forget_new(spool);

	if (!forget)
		return;
	forget->first = first;
	forget->before = spool->max_age ? clock_read(CLOCK_REALTIME) - spool->max_age : INT64_MIN;
	TAILQ_INSERT_TAIL(&spool->pending, forget, next);
}

static void on_tick(evutil_socket_t fd, short events, void *context)
{
	struct spool *spool = context;
	struct operation *shrink;

	(void)fd;
	(void)events;
	spool->deletes_failed = false;
	spool_tell_quiet(spool);
	if (spool->settled && ++spool->ticks % FORGET_TICKS == 0)
		spool_forget(spool, false);
	if (spool->shrinkable && (shrink = operation_new(OPERATION_SHRINK, NULL, 0))) {
		TAILQ_INSERT_TAIL(&spool->pending, shrink, next);
		spool->shrinkable = false;
	}
	spool_kick(spool);
}

static int spool_start(struct spool *spool, const char *directory, struct error *error)
{
	const struct timeval often = { .tv_sec = TICK_SECONDS };
	const char *notice;
	uint64_t last;
	int err = -ENOMEM;

	spool->directory = strdup(directory);
	spool->tick = event_new(worker_base(spool->worker), -1, EV_PERSIST, on_tick, spool);
	if (!spool->directory || !spool->tick || event_add(spool->tick, &often))
		return error_set(error, err, "cannot open the spool in %s: out of memory", directory);
	spool->current.directory = spool->directory;
	spool->current.database = rows_open(directory, error);
	if (!spool->current.database)
		return -EIO;
	err = rows_last(spool->current.database, &last);
	if (err == -EUCLEAN)
		err = database_renew(spool->current.database);
	if (err)
		return error_set(error, err, "cannot read the spool in %s: %s", directory,
				 database_problem(spool->current.database));
	spool->next_row = last + 1;
	notice = database_notice(spool->current.database);
	if (notice)
		log_error("%s", notice);
	return 0;
}

static void spool_release(struct spool *spool)
{
	database_close(spool->current.database);
	if (spool->tick)
		event_free(spool->tick);
	free(spool->deletes.rows);
	free(spool->directory);
	free(spool);
}

struct spool *spool_new(struct worker *worker, const char *directory, struct error *error)
{
	struct spool *spool = calloc(1, sizeof(*spool));

	if (!spool) {
		error_set(error, -ENOMEM, "cannot open the spool in %s: out of memory", directory);
		return NULL;
	}
	spool->worker = worker;
	spool->current.job = (struct job){ .work = spool_job_work, .done = on_done };
	TAILQ_INIT(&spool->current.operations);
	TAILQ_INIT(&spool->clients);
	TAILQ_INIT(&spool->pending);
	TAILQ_INIT(&spool->reads);
	if (spool_start(spool, directory, error)) {
		spool_release(spool);
		return NULL;
	}
	return spool;
}

bool spool_free_until(struct spool *spool, int64_t until)
{
	if (!spool)
		return true;
	spool->deletes_failed = false;
	spool_kick(spool);
	if (!worker_finish_until(spool->worker, until)) {
		spool_tell_left(spool);
		event_free(spool->tick);
		return false;
	}
	if (spool->batches_lost)
		log_error("%" PRIu64 " batches could not be written to the spool in %s, and are lost",
			  spool->batches_lost, spool->directory);
	spool_release(spool);
	return true;
}

void spool_free(struct spool *spool)
{
	spool_free_until(spool, INT64_MAX);
}

void spool_settle(struct spool *spool, int64_t max_age)
{
	spool->settled = true;
	spool->max_age = max_age;
	spool_forget(spool, true);
	spool_kick(spool);
}

static struct spool_client *client_of(struct spool *spool, const char *destination)
{
	struct spool_client *client;

	TAILQ_FOREACH(client, &spool->clients, next)
	if (!strcmp(client->destination, destination))
		return client;
	return NULL;
}

static bool client_list(struct spool_client *client)
{
	struct operation *list = operation_new(OPERATION_LIST, client, 0);

	if (!list)
		return false;
	client->listed = true;
	TAILQ_INSERT_TAIL(&client->spool->pending, list, next);
	spool_kick(client->spool);
	return true;
}

struct spool_client *spool_attach(struct spool *spool, const char *destination,
				  const struct spool_events *events, bool *waits)
{
	struct spool_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	*client = (struct spool_client){
		.spool = spool, .events = *events, .holders = 1, .since = spool->next_row
	};
	client->destination = strdup(destination);
	*waits = client_of(spool, destination);
	if (!client->destination || (!*waits && !client_list(client))) {
		client_release(client);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&spool->clients, client, next);
	return client;
}

void spool_detach(struct spool_client *client)
{
	struct spool_client *heir;

	if (!client)
		return;
	client->gone = true;
	TAILQ_REMOVE(&client->spool->clients, client, next);
	heir = client_of(client->spool, client->destination);
	/* Behind what this one has yet to write. Without memory, the next daemon finds it. */
	if (heir && !heir->listed)
		client_list(heir);
	client_release(client);
}

uint64_t spool_row(struct spool *spool)
{
	return spool->next_row++;
}

int spool_write(struct spool_client *client, uint64_t row, struct batch *batch)
{
	struct operation *write = operation_new(OPERATION_WRITE, client, row);

	if (!write)
		return -ENOMEM;
	write->batch = batch_hold(batch);
	TAILQ_INSERT_TAIL(&client->spool->pending, write, next);
	spool_kick(client->spool);
	return 0;
}

int spool_read(struct spool_client *client, uint64_t row)
{
	struct operation *read = operation_new(OPERATION_READ, client, row);

	if (!read)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&client->spool->reads, read, next);
	spool_kick(client->spool);
	return 0;
}

bool spool_cancel(struct spool_client *client, uint64_t row)
{
	struct operation *write;

	TAILQ_FOREACH(write, &client->spool->pending, next)
	{
		if (write->kind != OPERATION_WRITE || write->row != row)
			continue;
		TAILQ_REMOVE(&client->spool->pending, write, next);
		operation_free(write);
		return true;
	}
	return false;
}

void spool_delete(struct spool_client *client, uint64_t row)
{
	row_numbers_add(&client->spool->deletes, row);
	spool_kick(client->spool);
}
