/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Can this kernel preempt a task inside a BPF program? It decides which hook loses nothing
 * (fentry skips runs then) and whether sums must be added atomically.
 */
#ifndef PROBE_PREEMPT_H
#define PROBE_PREEMPT_H

#include <stdbool.h>

struct preemption {
	bool possible;	  /* true also when nothing tells */
	char reason[160]; /* what says so, for people */
};

/* Asks debugfs, the kernel's version, its command line and its configuration, in this order. */
void preemption_read(struct preemption *preemption);

#endif /* PROBE_PREEMPT_H */
