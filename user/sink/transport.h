/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a transport implements to be a sink, for user/sink only. sink.h says what each call means. */
#ifndef SINK_TRANSPORT_H
#define SINK_TRANSPORT_H

#include "sink/sink.h"

struct sink_operations {
	void (*deliver)(struct sink *sink, const struct snapshot *snapshot);
	bool (*idle)(const struct sink *sink);
	void (*stats)(const struct sink *sink, struct sink_stats *stats);
	void (*free)(struct sink *sink);
};

/* The first member of every transport. */
struct sink {
	const struct sink_operations *operations;
};

#endif /* SINK_TRANSPORT_H */
