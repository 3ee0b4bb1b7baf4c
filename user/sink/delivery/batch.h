/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Some records in the form in which they are sent, all of them or none. A batch never changes;
 * who needs it holds it, and the last one to release it frees it. Only the event loop does that.
 */
#ifndef SINK_BATCH_H
#define SINK_BATCH_H

#include <stddef.h>
#include <stdint.h>

struct batch {
	int64_t created;   /* Unix nanoseconds */
	unsigned int kind; /* encoder.h */
	unsigned int holders;
	size_t len, points;
	char data[];
};

/* Room for `len` bytes of data, with one holder. NULL: out of memory. */
struct batch *batch_new(unsigned int kind, int64_t created, size_t points, size_t len);
struct batch *batch_hold(struct batch *batch);
/* Safe on NULL. */
void batch_release(struct batch *batch);

#endif /* SINK_BATCH_H */
