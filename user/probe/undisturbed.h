/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * System calls that change a map, made so that nothing is missed meanwhile.
 *
 * While such a call runs, the kernel lets no kprobe program run on its CPU
 * (bpf_disable_instrumentation()). On a preemptible kernel the call may be preempted in the
 * middle, and every send on that CPU goes unseen until it goes on; before 6.7 not even
 * counted. At real-time priority no ordinary task preempts it.
 */
#ifndef PROBE_UNDISTURBED_H
#define PROBE_UNDISTURBED_H

#include <sched.h>

struct undisturbed {
	int policy; /* what it was before; negative: nothing was changed */
	struct sched_param parameters;
};

/* Raises the calling thread. Where that is refused the calls are made all the same. */
void undisturbed_begin(struct undisturbed *before);
void undisturbed_end(const struct undisturbed *before);

#endif /* PROBE_UNDISTURBED_H */
