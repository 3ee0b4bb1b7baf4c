// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The lowest real-time priority, for the microseconds of a call.
 */
#include <errno.h>
#include <string.h>
#include "lib/log.h"
#include "probe/undisturbed.h"

void undisturbed_begin(struct undisturbed *before)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	before->policy = sched_getscheduler(0);
	if (before->policy < 0 || sched_getparam(0, &before->parameters) ||
	    sched_setscheduler(0, SCHED_FIFO, &lowest)) {
		before->policy = -1;
		log_warning(
			"cannot change maps at real-time priority: %s; on a preemptible kernel kprobes may be "
			"skipped meanwhile; give this process CAP_SYS_NICE",
			strerror(errno));
	}
}

void undisturbed_end(const struct undisturbed *before)
{
	if (before->policy >= 0)
		sched_setscheduler(0, before->policy, &before->parameters);
}
