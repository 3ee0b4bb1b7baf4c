// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From nanoseconds to what libevent wants to hear, in one place. */
#include <event2/event.h>
#include "lib/clock.h"
#include "sink/transport/timer.h"

void timer_start(struct event *timer, int64_t nanoseconds)
{
	const struct timeval delay = {
		.tv_sec = nanoseconds / NS_PER_SECOND,
		.tv_usec = nanoseconds % NS_PER_SECOND / 1000,
	};

	event_add(timer, &delay);
}
