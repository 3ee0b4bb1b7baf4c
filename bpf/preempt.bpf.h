/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Keeps the CPU to one run of the program, where the kernel offers that.
 */
#ifndef PREEMPT_BPF_H
#define PREEMPT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Where the program may be preempted and the kernel lets it say no (6.10), it does not share its CPU. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

static __always_inline void preempt_stop(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_disable();
}

static __always_inline void preempt_go(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_enable();
}

#endif /* PREEMPT_BPF_H */
