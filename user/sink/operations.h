/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a kind of sink implements, for user/sink only. sink.h says what each call means. */
#ifndef SINK_OPERATIONS_H
#define SINK_OPERATIONS_H

#include "sink/sink.h"

struct sink_operations {
	void (*deliver)(struct sink *sink, struct snapshot *snapshot);
	bool (*idle)(const struct sink *sink);
	bool (*safe)(const struct sink *sink); /* NULL: as idle() */
	void (*hurry)(struct sink *sink);      /* NULL: nothing to do */
	void (*retire)(struct sink *sink);     /* the same */
	void (*stats)(const struct sink *sink, struct sink_stats *stats);
	int (*update)(struct sink *sink, const void *options,
		      struct error *error); /* NULL: a new one is needed */
	void (*free)(struct sink *sink);
};

/* The first member of every sink. */
struct sink {
	const struct sink_operations *operations;
};

#endif /* SINK_OPERATIONS_H */
