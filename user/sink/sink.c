// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Hands calls on a sink to its transport. */
#include "sink/operations.h"

void sink_deliver(struct sink *sink, struct snapshot *snapshot)
{
	sink->operations->deliver(sink, snapshot);
}

bool sink_idle(const struct sink *sink)
{
	return sink->operations->idle(sink);
}

bool sink_safe(const struct sink *sink)
{
	return sink->operations->safe ? sink->operations->safe(sink) : sink_idle(sink);
}

void sink_hurry(struct sink *sink)
{
	if (sink->operations->hurry)
		sink->operations->hurry(sink);
}

bool sink_can_update(const struct sink *sink)
{
	return sink->operations->update != NULL;
}

int sink_update(struct sink *sink, const void *options, struct error *error)
{
	return sink->operations->update(sink, options, error);
}

void sink_retire(struct sink *sink)
{
	if (sink->operations->retire)
		sink->operations->retire(sink);
}

void sink_stats(const struct sink *sink, struct sink_stats *stats)
{
	*stats = (struct sink_stats){};
	sink->operations->stats(sink, stats);
}

void sink_free(struct sink *sink)
{
	if (sink)
		sink->operations->free(sink);
}
