/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What passes through a window without being aggregated: values that came with a time of
 * their own, events and service checks. In the order in which they came, bounded in number
 * and in bytes.
 */
#ifndef CORE_PASSING_H
#define CORE_PASSING_H

#include <stddef.h>
#include <stdint.h>
#include "core/name.h"
#include "core/snapshot.h"

/* Defaults of store_options.stamped_max and .events_max. */
#define STAMPED_MAX 65536
#define EVENTS_MAX 1024
/* Bytes of text that each of them may have on average. */
#define STAMPED_TEXT 256
#define EVENT_TEXT PAYLOAD_FAST_MAX

/* Text that only grows, as it is being copied from it moves. */
struct texts {
	char *bytes;
	size_t used, room;
};

struct stamped;
struct kept_event;

/* Of one window. Zeros: nothing. */
struct passing {
	struct stamped *stamped;
	size_t stamped_count, stamped_room;
	struct kept_event *events;
	size_t event_count, event_room;
	struct texts names, messages;
};

void passing_release(struct passing *passing);

/* Copies a value of the type METRIC_COUNTER or METRIC_GAUGE. -ENOSPC: `max` are there; -ENOMEM. */
int passing_add_stamped(struct passing *passing, size_t max, enum metric_type type,
			const struct canonical_name *name, double value, int64_t time);

/* Copies an event; a timestamp of 0 is that of the snapshot. -ENOSPC, -ENOMEM. */
int passing_add_event(struct passing *passing, size_t max, const struct event *event);

/* Moves all of `from` before what `to` holds. -ENOMEM: both are as they were. */
int passing_carry(struct passing *from, struct passing *to);

/* The naming that made the names is about to go: the values have no rule any more. */
void passing_forget_rules(struct passing *passing);

/* Bytes that passing_fill() writes to `text`. */
size_t passing_text_bytes(const struct passing *passing);

/*
 * Writes stamped_count metrics and event_count events, whose text goes to `text`: in the order
 * in which they came, both they and their text.
 */
void passing_fill(const struct passing *passing, int64_t timestamp, struct metric *metrics,
		  struct event *events, char *text);

#endif /* CORE_PASSING_H */
