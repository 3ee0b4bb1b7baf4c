/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * When the next window closes. Pure: the caller reads the clocks, in nanoseconds.
 *
 * Aligned windows end where the wall clock is a multiple of the interval. A timer that
 * fires a little early, or a clock that was set back a little, must not close two windows
 * at one boundary; so what decides is not the timer but the number of the interval that
 * the wall clock is in.
 *
 *	wall      10          20          30		interval 10 s
 *	          |-----------|-----------|
 *	number      1           2			due when it is beyond that of the last flush
 */
#ifndef CLI_SCHEDULE_H
#define CLI_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	int64_t interval;
	bool align;
	int64_t number; /* aligned: wall / interval at the last flush */
	int64_t due;	/* not aligned: monotonic time of the next */
};

/* Starts to count at `wall` and `monotonic`, now. */
void schedule_init(struct schedule *schedule, int64_t interval, bool align, int64_t wall, int64_t monotonic);
bool schedule_is_due(const struct schedule *schedule, int64_t wall, int64_t monotonic);
/* A window closed now, on schedule or by hand. */
void schedule_flushed(struct schedule *schedule, int64_t wall, int64_t monotonic);
/* Nanoseconds to wait; at least 1. */
int64_t schedule_delay(const struct schedule *schedule, int64_t wall, int64_t monotonic);
/* Unix seconds to be written beside the values of a window that ends on schedule at `wall`. */
int64_t schedule_timestamp(const struct schedule *schedule, int64_t wall);

#endif /* CLI_SCHEDULE_H */
