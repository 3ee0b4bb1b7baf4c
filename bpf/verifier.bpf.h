/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Arithmetic that changes no value and only helps the verifier.
 */
#ifndef VERIFIER_BPF_H
#define VERIFIER_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Bounds a length from 1 to mask + 1 so that every verifier believes it: 6.1 forgets `!= 0`. */
static __always_inline __u32 at_least_1(__u32 len, __u32 mask)
{
	return ((len - 1) & mask) + 1;
}

/* The same value, of which the verifier knows nothing: so that a loop's states are all one. */
static __always_inline __u64 launder(__u64 value, __u64 unknown)
{
	value ^= unknown;
	barrier_var(value);
	return value ^ unknown;
}

#endif /* VERIFIER_BPF_H */
