// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The flush schedule: arithmetic on two clocks that it is told. */
#include "cli/schedule.h"
#include "lib/clock.h"

void schedule_init(struct schedule *schedule, int64_t interval, bool align, int64_t wall, int64_t monotonic)
{
	*schedule = (struct schedule){
		.interval = interval,
		.align = align,
		.number = wall / interval,
		.due = monotonic + interval,
	};
}

bool schedule_is_due(const struct schedule *schedule, int64_t wall, int64_t monotonic)
{
	int64_t number = wall / schedule->interval;

	if (!schedule->align)
		return monotonic >= schedule->due;
	/* One less: the clock was set back over the boundary just passed. Fewer: it is another time. */
	return number > schedule->number || number < schedule->number - 1;
}

void schedule_flushed(struct schedule *schedule, int64_t wall, int64_t monotonic)
{
	bool in_time = monotonic >= schedule->due && monotonic < schedule->due + schedule->interval;

	schedule->number = wall / schedule->interval;
	/* A little late keeps the beat; by hand, or a whole interval late, begins a new one. */
	schedule->due = (in_time ? schedule->due : monotonic) + schedule->interval;
}

int64_t schedule_delay(const struct schedule *schedule, int64_t wall, int64_t monotonic)
{
	int64_t delay =
		schedule->align ? schedule->interval - wall % schedule->interval : schedule->due - monotonic;

	return delay > 0 ? delay : 1;
}

int64_t schedule_timestamp(const struct schedule *schedule, int64_t wall)
{
	return (schedule->align ? wall - wall % schedule->interval : wall) / NS_PER_SECOND;
}
