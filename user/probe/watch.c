// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * One sentence per condition, the same each time: the log lets a repeated one back off.
 */
#include <bpf/libbpf.h>
#include "lib/log.h"
#include "probe/internal.h"
#include "probe/watch.h"

static const char *const type_limits[METRIC_TYPES] = {
	[METRIC_COUNTER] = "limits.counters",
	[METRIC_TIMER] = "limits.timers",
	[METRIC_GAUGE] = "limits.gauges",
	[METRIC_SET] = "limits.sets",
};

struct loss {
	enum ledger_counter counter;
	const char *text;
};

static const struct loss losses[] = {
	{ LEDGER_DATAGRAMS_RING_FULL,
	  "datagrams were lost: the ring to the daemon was full; raise limits.ring" },
	{ LEDGER_STREAMS_RING_FULL,
	  "sends on TCP connections were lost: the ring to the daemon was full; raise limits.ring" },
	{ LEDGER_STREAMS_UNREADABLE, "sends on TCP connections were lost: their bytes could not be read" },
	{ LEDGER_LINES_RING_FULL, "lines were lost: the ring to the daemon was full; raise limits.ring" },
	{ LEDGER_LINES_SERIES_LIMIT,
	  "lines were lost: their series would exceed limits.series; raise it, or send fewer names" },
	{ LEDGER_DATAGRAMS_SKIPPED,
	  "datagrams were lost: the kernel skipped the programs of this hook, as it does when a task is "
	  "preempted inside; see kstatsd check for a better hook" },
	{ LEDGER_DATAGRAMS_CORKED,
	  "datagrams were lost: sent in pieces (MSG_MORE, UDP_CORK); capture.statsd.hook: cgroup sees them whole" },
	{ LEDGER_DATAGRAMS_UNREADABLE,
	  "datagrams were lost: their payload could not be read; capture.statsd.hook: cgroup always can" },
};

void watch_window(const struct capture *capture, const struct ledger *ledger)
{
	const struct loss *loss;
	int type;

	for (loss = losses; loss < losses + sizeof(losses) / sizeof(losses[0]); loss++) {
		if (ledger->n[loss->counter])
			log_warning("%s", loss->text);
	}
	if (capture->members_full)
		log_warning(
			"the kernel's map is full: sets are estimated before limits.set_exact is reached; "
			"raise limits.members");
	if (!ledger->n[LEDGER_SLOW_LINES])
		return;
	for (type = 0; type < METRIC_TYPES; type++) {
		if (slot_cells(capture, type) == capture->cells_max[type])
			log_warning(
				"the kernel's map is full: new series take the slow path, which costs more; raise %s",
				type_limits[type]);
	}
	if (capture->buckets_full)
		log_warning(
			"the kernel's map is full: new histogram buckets take the slow path, which costs more; "
			"raise limits.buckets");
	if (capture->samples_full)
		log_warning("the kernel's map is full: further samples take the slow path, which costs more; "
			    "raise limits.samples");
}
