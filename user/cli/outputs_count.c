// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the sinks count becomes metrics: kstatsd.sinks.KIND.NAME, of all sinks of a kind together; of kind
 * "spool" is what waited for outputs that are not configured any more, or could not be written for them. What
 * an output still has when it goes is counted as dropped. What an output never counted is not told: most of it
 * stays 0 for ever, and there are receivers that charge by points.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/outputs_internal.h"
#include "core/store.h"
#include "lib/log.h"
#include "sink/encoder.h"
#include "sink/delivery/spool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in struct sink_stats that only grows */
} counters[] = {
	{ "lines_sent", offsetof(struct sink_stats, lines_sent) },
	{ "bytes_sent", offsetof(struct sink_stats, bytes_sent) },
	{ "batches_sent", offsetof(struct sink_stats, batches_sent) },
	{ "batches_dropped", offsetof(struct sink_stats, batches_dropped) },
	{ "lines_dropped", offsetof(struct sink_stats, lines_dropped) },
	{ "batches_rejected", offsetof(struct sink_stats, batches_rejected) },
	{ "lines_rejected", offsetof(struct sink_stats, lines_rejected) },
	{ "spool_errors", offsetof(struct sink_stats, spool_errors) },
	{ "reconnects", offsetof(struct sink_stats, reconnects) },
	{ "events_without_place", offsetof(struct sink_stats, events_without_place) },
};

/* Where the counters of the sinks go: to `store`, unless it is NULL. */
struct telling {
	struct store *store;
	unsigned int window;
};

static int counter_tell(const struct telling *telling, const char *kind, const char *counter, uint64_t total,
			uint64_t *counted)
{
	char name[128];
	int err = 0;

	snprintf(name, sizeof(name), "kstatsd.sinks.%s.%s", kind, counter);
	if (telling->store && total)
		err = store_count_self(telling->store, telling->window, name, total - *counted);
	if (!err)
		*counted = total;
	return err;
}

static int output_count_self(struct output *output, const struct telling *telling)
{
	struct sink_stats now;
	int err = 0;

	sink_stats(output->sink, &now);
	for (size_t i = 0; !err && i < COUNT(counters); i++)
		err = counter_tell(telling, now.kind, counters[i].name,
				   *(uint64_t *)((char *)&now + counters[i].offset),
				   (void *)((char *)&output->counted + counters[i].offset));
	for (size_t i = 0; !err && i < now.count_count && i < COUNTS_MAX; i++)
		err = counter_tell(telling, now.kind, now.counts[i].name, now.counts[i].value,
				   &output->counts_counted[i]);
	return err;
}

void output_lose(struct outputs *outputs, const struct output *output)
{
	struct output_losses *losses = outputs->losses;
	struct sink_stats now;

	sink_stats(output->sink, &now);
	if (!now.batches_unsaved)
		return;
	log_warning(
		"%" PRIu64 " batches (%" PRIu64
		" lines) for %s at %s, which is no output any more, have not left within shutdown_timeout and are dropped",
		now.batches_unsaved, now.lines_unsaved, now.kind, now.address);
	while (losses->kind && strcmp(losses->kind, now.kind) && losses < outputs->losses + OUTPUT_KINDS - 1)
		losses++;
	losses->kind = now.kind;
	losses->batches += now.batches_unsaved;
	losses->lines += now.lines_unsaved;
}

static int losses_count_self(struct output_losses *losses, const struct telling *telling)
{
	return counter_tell(telling, losses->kind, "batches_dropped", losses->batches,
			    &losses->batches_counted)
		       ?: counter_tell(telling, losses->kind, "lines_dropped", losses->lines,
				       &losses->lines_counted);
}

int outputs_count_self(struct outputs *outputs, struct store *store, unsigned int window, bool tell)
{
	const struct telling telling = { tell ? store : NULL, window };
	int err = 0;

	if (outputs->spool) {
		struct spool_stats now;

		spool_stats(outputs->spool, &now);
		err = counter_tell(&telling, "spool", "batches_dropped", now.batches_dropped,
				   &outputs->spool_counted.batches_dropped)
			      ?: counter_tell(&telling, "spool", "lines_dropped", now.points_dropped,
					      &outputs->spool_counted.points_dropped);
	}
	for (size_t i = 0; !err && i < OUTPUT_KINDS && outputs->losses[i].kind; i++)
		err = losses_count_self(&outputs->losses[i], &telling);
	for (struct output *output = outputs->first; output && !err; output = output->next)
		err = output_count_self(output, &telling);
	return err;
}
