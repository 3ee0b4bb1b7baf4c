// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the sinks count becomes metrics: kstatsd.sinks.KIND.NAME, of all sinks of a kind together; of kind
 * "spool" is what waited for outputs that are not configured any more. What an output never counted is not
 * told: most of it stays 0 for ever, and there are receivers that charge by points.
 */
#include <stdio.h>
#include "cli/outputs_internal.h"
#include "core/store.h"
#include "sink/encoder.h"
#include "sink/spool.h"

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
	for (struct output *output = outputs->first; output && !err; output = output->next)
		err = output_count_self(output, &telling);
	return err;
}
