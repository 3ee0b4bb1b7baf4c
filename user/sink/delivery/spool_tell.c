// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What became of operations is told to the clients, and to the log what concerns all of them: a
 * disk that cannot be written is complained about once, by whichever batch finds out first. On a
 * full disk small batches may find room where large ones do not: that is no end of it.
 */
#include <errno.h>
#include <inttypes.h>
#include "lib/log.h"
#include "sink/delivery/spool_internal.h"

void spool_stats(const struct spool *spool, struct spool_stats *stats)
{
	*stats = spool->stats;
}

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

static bool has_failed(const struct trouble *trouble, uint64_t row)
{
	for (size_t i = 0; i < trouble->count; i++)
		if (trouble->rows[i] == row)
			return true;
	return false;
}

static void spool_note_failure(struct spool *spool, uint64_t row)
{
	struct trouble *trouble = &spool->trouble;

	if (!spool->complained)
		log_warning(
			"cannot write to the spool in %s: %s; what cannot be sent waits in memory only, until it can be written again",
			spool->directory, spool->current.problem);
	spool->complained = true;
	trouble->failed = trouble->failing = true;
	if (trouble->count < FAILED_ROWS_MAX && !has_failed(trouble, row))
		trouble->rows[trouble->count++] = row;
}

static void spool_recover(struct spool *spool)
{
	log_info("the spool in %s can be written again", spool->directory);
	spool->complained = false;
	spool->trouble = (struct trouble){};
}

void spool_tell_recovered(struct spool *spool)
{
	struct trouble *trouble = &spool->trouble;
	const struct operation *next = TAILQ_FIRST(&spool->pending);

	/* What is tried again together is judged together, be it several jobs. */
	if (next && next->kind == OPERATION_WRITE)
		return;
	if (spool->complained && trouble->healed && !trouble->failed)
		spool_recover(spool);
	trouble->failed = trouble->healed = false;
}

/* Those that failed may all have been sent, or dropped. */
void spool_tell_quiet(struct spool *spool)
{
	struct trouble *trouble = &spool->trouble;

	if (spool->complained && trouble->storing && !trouble->failing)
		spool_recover(spool);
	trouble->storing = trouble->failing = false;
}

static void spool_tell_write(struct spool *spool, const struct operation *operation)
{
	const struct spool_client *client = operation->client;

	if (!operation->err) {
		spool->trouble.storing = true;
		spool->trouble.healed |= has_failed(&spool->trouble, operation->row);
	} else if (operation->err != -EUCLEAN) {
		spool_note_failure(spool, operation->row);
	}
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

	/* It has a sentence of its own. */
	spool->complained = false;
	spool->trouble = (struct trouble){};
	for (client = TAILQ_FIRST(&spool->clients); client; client = next) {
		next = TAILQ_NEXT(client, next);
		client->events.lost(client->events.context);
	}
}
