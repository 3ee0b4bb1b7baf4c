/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* libevent's timers by nanoseconds. */
#ifndef SINK_TIMER_H
#define SINK_TIMER_H

#include <stdint.h>

struct event;

/* Once, after so long; one that is pending begins anew. */
void timer_start(struct event *timer, int64_t nanoseconds);

#endif /* SINK_TIMER_H */
