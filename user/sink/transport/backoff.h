/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Pauses between attempts: they grow, and differ by chance, so that many daemons do not come back in step. */
#ifndef SINK_BACKOFF_H
#define SINK_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t min, max; /* nanoseconds */
	int64_t next;	  /* before chance */
};

void backoff_init(struct backoff *backoff, int64_t min, int64_t max);
/* The next pause in nanoseconds; the one behind it is twice as long, up to the longest. */
int64_t backoff_take(struct backoff *backoff);
/* It went well: the next pause is the shortest. */
void backoff_reset(struct backoff *backoff);

/* Between half of `pause` and the whole of it. */
int64_t backoff_spread(int64_t pause);

#endif /* SINK_BACKOFF_H */
