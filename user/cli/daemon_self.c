// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the daemon says about itself with each flush, in two families that the configuration
 * chooses from: its own (kstatsd.*, with the ledger) and statsd's (statsd.*), made of the same
 * ledger. numStats and its like are the Graphite formatter's.
 */
#include <stdio.h>
#include <string.h>
#include "cli/daemon.h"
#include "cli/ledger.h"
#include "core/store.h"
#include "lib/clock.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OWN_NAME_MAX (NAME_PART_BYTES + 32)

static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in struct daemon_counts */
} counters[] = {
	{ "kstatsd.daemon.flushes", offsetof(struct daemon_counts, flushes) },
	{ "kstatsd.daemon.config_errors", offsetof(struct daemon_counts, config_errors) },
	{ "kstatsd.daemon.flush_errors", offsetof(struct daemon_counts, flush_errors) },
	{ "kstatsd.daemon.ring_errors", offsetof(struct daemon_counts, ring_errors) },
	{ "kstatsd.mapping.failed", offsetof(struct daemon_counts, names_failed) },
	{ "kstatsd.mapping.dropped", offsetof(struct daemon_counts, names_dropped) },
};

static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in struct statsd_counts */
} statsd_counters[] = {
	{ "bad_lines_seen", offsetof(struct statsd_counts, bad_lines_seen) },
	{ "packets_received", offsetof(struct statsd_counts, packets_received) },
	{ "metrics_received", offsetof(struct statsd_counts, metrics_received) },
};

static int ledger_count(struct daemon *daemon, unsigned int window)
{
	const struct ledger *ledger = capture_closed_ledger(daemon->capture);
	int err = 0;

	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		err = store_count_self(daemon->store, window, ledger_rows[i].self_name, ledger->n[i]) ?: err;
	return err;
}

/* What was counted while nobody wanted to know is not told later. */
static int kstatsd_count(struct daemon *daemon, unsigned int window, bool tell)
{
	int err = tell ? ledger_count(daemon, window) : 0;

	daemon->counts.names_dropped += store_dropped(daemon->store, window);
	err = outputs_count_self(&daemon->outputs, daemon->store, window, tell) ?: err;
	for (size_t i = 0; !err && i < COUNT(counters); i++) {
		uint64_t total = *(uint64_t *)((char *)&daemon->counts + counters[i].offset);
		uint64_t *counted = (void *)((char *)&daemon->counted + counters[i].offset);

		if (tell)
			err = store_count_self(daemon->store, window, counters[i].name, total - *counted);
		if (!err)
			*counted = total;
	}
	return err;
}

void statsd_counts_make(const struct ledger *ledger, struct statsd_counts *counts)
{
	*counts = (struct statsd_counts){
		.packets_received = ledger->n[LEDGER_DATAGRAMS_SEEN] + ledger->n[LEDGER_STREAMS_SEEN],
		.metrics_received = ledger->n[LEDGER_LINES_SEEN] - ledger->n[LEDGER_LINES_CONTINUED],
		.bad_lines_seen = ledger_sum(ledger, "lines.rejected."),
	};
}

void daemon_note_messages(struct daemon *daemon)
{
	struct statsd_counts closed, open;
	uint64_t count;

	statsd_counts_make(capture_ledger(daemon->capture), &closed);
	statsd_counts_make(capture_open_ledger(daemon->capture), &open);
	count = closed.packets_received + open.packets_received;
	if (count != daemon->messages.count)
		daemon->messages.seen_at = clock_read(CLOCK_MONOTONIC);
	daemon->messages.count = count;
}

/* "statsd.NAME" */
static void statsd_name(const struct daemon *daemon, const char *name, char text[OWN_NAME_MAX])
{
	const char *prefix = daemon->config.names.prefix_stats;

	snprintf(text, OWN_NAME_MAX, "%s%s%s", prefix, *prefix ? "." : "", name);
}

/* How many seconds more than the interval lie between two flushes. Not known of the first. */
static int statsd_lag(struct daemon *daemon, unsigned int window, int64_t timestamp)
{
	double interval = (double)daemon->config.interval / NS_PER_SECOND;
	char name[OWN_NAME_MAX];

	if (!daemon->last_flush.timestamp)
		return 0;
	statsd_name(daemon, "timestamp_lag", name);
	return store_set_self(daemon->store, window, name,
			      (double)(timestamp - daemon->last_flush.timestamp) - interval);
}

static int statsd_count(struct daemon *daemon, unsigned int window, int64_t timestamp)
{
	struct statsd_counts counts;
	char name[OWN_NAME_MAX];
	int err = 0;

	statsd_counts_make(capture_closed_ledger(daemon->capture), &counts);
	for (size_t i = 0; i < COUNT(statsd_counters); i++) {
		uint64_t value = *(uint64_t *)((char *)&counts + statsd_counters[i].offset);

		statsd_name(daemon, statsd_counters[i].name, name);
		err = store_count_self(daemon->store, window, name, value) ?: err;
	}
	return statsd_lag(daemon, window, timestamp) ?: err;
}

int daemon_count_self(struct daemon *daemon, unsigned int window, int64_t timestamp)
{
	uint32_t families = daemon->config.names.internal_metrics;
	int err = kstatsd_count(daemon, window, families & INTERNAL_KSTATSD);

	if (families & INTERNAL_STATSD)
		err = statsd_count(daemon, window, timestamp) ?: err;
	return err;
}
