// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From the open window to the outputs. */
#include <errno.h>
#include "cli/daemon.h"
#include "core/naming.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"

#define NS_PER_MSEC 1000000.0

static void daemon_count_names(struct daemon *daemon)
{
	uint64_t total = naming_failures(daemon->naming), failed = total - daemon->naming_failures;

	daemon->naming_failures = total;
	daemon->counts.names_failed += failed;
	if (failed)
		log_warning("mapping: a regular expression took too long on a name, or a rule made an empty "
			    "name: it stays unmapped; kstatsd.mapping.failed counts them");
}

/* A reload changed how series are named. What the closed window held has gone by the old names. */
static void daemon_rename(struct daemon *daemon)
{
	if (!daemon->next_naming)
		return;
	store_set_naming(daemon->store, daemon->next_naming);
	naming_free(daemon->naming);
	daemon->naming = daemon->next_naming;
	daemon->next_naming = NULL;
	daemon->naming_failures = 0;
	capture_rename(daemon->capture);
}

/* Unix seconds. A Graphite point overwrites an earlier one of the same time. */
static int64_t flush_timestamp(const struct schedule *schedule, enum flush_reason reason, int64_t wall)
{
	switch (reason) {
	case FLUSH_SCHEDULED:
		return schedule_timestamp(schedule, wall);
	case FLUSH_LEAVING:
		return schedule->align ? schedule_timestamp(schedule, wall + schedule->interval)
				       : wall / NS_PER_SECOND;
	default:
		return wall / NS_PER_SECOND;
	}
}

/* Computes the window. NULL: out of memory. */
static struct snapshot *window_close(struct daemon *daemon, unsigned int window, int64_t timestamp,
				     double elapsed)
{
	int64_t began = clock_read(CLOCK_MONOTONIC);
	struct snapshot *snapshot = store_close(daemon->store, window, timestamp, elapsed);

	if (!snapshot)
		return NULL;
	snapshot->processing_ms = (double)(clock_read(CLOCK_MONOTONIC) - began) / NS_PER_MSEC;
	if (daemon->config.rates == RATES_INTERVAL)
		snapshot->seconds = (double)daemon->config.interval / NS_PER_SECOND;
	return snapshot;
}

int daemon_flush(struct daemon *daemon, enum flush_reason reason, struct error *error)
{
	int64_t wall = clock_read(CLOCK_REALTIME), now = clock_read(CLOCK_MONOTONIC);
	int64_t timestamp = flush_timestamp(&daemon->schedule, reason, wall);
	double seconds = (double)(now - daemon->window_opened) / NS_PER_SECOND;
	struct snapshot *snapshot;
	unsigned int window;
	int err;

	schedule_flushed(&daemon->schedule, wall, now);
	err = capture_close_window(daemon->capture, &window, error);
	if (err)
		goto out_failed;
	daemon->window_opened = now;
	daemon_note_messages(daemon);
	daemon->counts.flushes++;
	daemon_count_names(daemon);
	err = daemon_count_self(daemon, window, timestamp);
	if (err) {
		error_set(error, err, "cannot count what the daemon did: out of memory");
		goto out_failed;
	}
	snapshot = window_close(daemon, window, timestamp, seconds);
	if (!snapshot) {
		err = error_set(error, -ENOMEM,
				"cannot compute a window: out of memory; it is kept for later");
		goto out_failed;
	}
	daemon->last_flush.timestamp = timestamp;
	daemon->last_flush.seconds = seconds;
	daemon->last_flush.metrics = snapshot->count;
	outputs_deliver(&daemon->outputs, snapshot, daemon->config.shutdown_timeout);
	snapshot_free(snapshot);
	daemon_rename(daemon); /* only now: the snapshot has rules of the mapping in it */
	return 0;

out_failed:
	daemon->counts.flush_errors++;
	return err;
}
