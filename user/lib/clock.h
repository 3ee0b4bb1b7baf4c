/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Clocks as one number: nanoseconds. The core reads none; it is told the time. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ll

/* CLOCK_MONOTONIC for what passed, CLOCK_REALTIME for what the wall clock says. */
static inline int64_t clock_read(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

#endif /* LIB_CLOCK_H */
