/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One of the places that a push sink brings its batches to: what waits for it, and the way there. */
#ifndef SINK_DESTINATION_H
#define SINK_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include "sink/delivery/push.h"

struct destination;

/* Whose it is. */
struct destination_owner {
	struct delivery_report *report; /* gets told of deliveries and failures */
	/* destination_room() may say otherwise than before. Must not call it at once. */
	void (*changed)(void *context);
	void *context;
};

/* All arguments, and the report, outlive it. NULL with the sentence in `error`. */
struct destination *destination_new(const struct sink_environment *environment, const struct push_plan *plan,
				    const char *address, const struct destination_owner *owner,
				    struct error *error);
/* Safe on NULL. */
void destination_free(struct destination *destination);

enum destination_room {
	DESTINATION_ROOM, /* what is added stays */
	DESTINATION_BUSY, /* the oldest would go, unless more is written to disk first, which is under way */
	DESTINATION_FULL, /* the oldest would go, unless some are sent first: the other side is there */
	DESTINATION_ABSENT, /* the oldest must go: nobody is there */
	DESTINATION_ROOMS,
};
/* What becomes of `len` bytes more. */
enum destination_room destination_room(const struct destination *destination, size_t len);
/* Takes a copy of a batch that is to be delivered. */
void destination_add(struct destination *destination, unsigned int kind, size_t points, const char *data,
		     size_t len);
/* Holds back what waits, or lets it go. */
void destination_hold(struct destination *destination, bool hold);

/* The daemon leaves: nothing is held back, and what waits goes to disk. */
void destination_hurry(struct destination *destination);

bool destination_is_idle(const struct destination *destination);
/* What waits is on disk, is not being sent, and could not be sent at once. */
bool destination_is_safe(const struct destination *destination);
/* Adds to what `stats` says of the others. `connected` stays true only if this one is, too. */
void destination_add_stats(const struct destination *destination, struct sink_stats *stats);
/* Its transport's own counters; NULL: none. */
const struct sink_count *destination_counts(const struct destination *destination, size_t *count);

#endif /* SINK_DESTINATION_H */
