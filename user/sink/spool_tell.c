// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What became of operations is told to the clients, and to the log what concerns all of them: a
 * disk that cannot be written is complained about once, by whichever batch finds out first.
 */
#include <errno.h>
#include <inttypes.h>
#include "lib/log.h"
#include "sink/spool_internal.h"

void spool_lose(struct spool_client *client, uint64_t batches, uint64_t points)
{
	client->spool->stats.batches_dropped += batches;
	client->spool->stats.points_dropped += points;
	client->spool->batches_lost += batches;
}

static size_t writes_count(const struct operation_list *list)
{
	const struct operation *operation;
	size_t count = 0;

	TAILQ_FOREACH(operation, list, next)
	count += operation->kind == OPERATION_WRITE;
	return count;
}

bool spool_is_idle(const struct spool *spool)
{
	return !spool->working && TAILQ_EMPTY(&spool->pending) && TAILQ_EMPTY(&spool->reads);
}

void spool_tell_left(const struct spool *spool)
{
	/* The worker changes neither the list that it has, nor what is to be done. */
	const size_t batches = writes_count(&spool->current.operations) + writes_count(&spool->pending);

	log_error(
		"left without waiting for the disk: %zu batches were not written to the spool in %s in time, and are lost",
		batches, spool->directory);
}

static void spool_tell_write(struct spool *spool, const struct operation *operation)
{
	const struct spool_client *client = operation->client;
	/* A database that was set aside has a sentence of its own. */
	const bool complain = operation->err && operation->err != -EUCLEAN;

	if (complain && !spool->complained)
		log_warning(
			"cannot write to the spool in %s: %s; what cannot be sent waits in memory only, until it can be written again",
			spool->directory, spool->current.problem);
	else if (!operation->err && spool->complained)
		log_info("the spool in %s can be written again", spool->directory);
	spool->complained = complain;
	if (!client->gone)
		client->events.written(client->events.context, operation->row, operation->err);
	else if (operation->err)
		spool_lose(operation->client, 1, operation->batch->points);
}

static void spool_tell_forgotten(struct spool *spool, const struct operation *operation)
{
	for (size_t i = 0; i < operation->count; i++) {
		const struct forgotten *forgotten = &operation->forgotten[i];

		spool->stats.batches_dropped += forgotten->batches_dropped;
		spool->stats.points_dropped += forgotten->points_dropped;
		if (forgotten->batches_dropped)
			log_warning(
				"%" PRIu64 " batches (%" PRIu64
				" points) for %s, which is no output any more, were too old and are deleted from the spool",
				forgotten->batches_dropped, forgotten->points_dropped,
				forgotten->destination);
		if (operation->first && forgotten->batches > forgotten->batches_dropped)
			log_info("%" PRIu64 " batches (%" PRIu64
				 " points) for %s wait in the spool, for which there is no output now",
				 forgotten->batches - forgotten->batches_dropped,
				 forgotten->points - forgotten->points_dropped, forgotten->destination);
	}
}

void spool_tell(struct spool *spool, struct operation *operation)
{
	const struct spool_client *client = operation->client;

	switch (operation->kind) {
	case OPERATION_WRITE:
		spool_tell_write(spool, operation);
		break;
	case OPERATION_READ:
		if (client->gone)
			break;
		client->events.read(client->events.context, operation->row, operation->batch, operation->err);
		operation->batch = NULL;
		break;
	case OPERATION_LIST:
		if (!client->gone)
			client->events.found(client->events.context, operation->rows, operation->count,
					     operation->err);
		break;
	case OPERATION_FORGET:
		spool_tell_forgotten(spool, operation);
		break;
	case OPERATION_SHRINK:
		break;
	}
}

void spool_tell_lost(struct spool *spool)
{
	struct spool_client *client, *next;

	for (client = TAILQ_FIRST(&spool->clients); client; client = next) {
		next = TAILQ_NEXT(client, next);
		client->events.lost(client->events.context);
	}
}
