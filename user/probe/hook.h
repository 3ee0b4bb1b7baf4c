/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The hooks that capture datagrams: which of them this kernel offers, and which is best.
 */
#ifndef PROBE_HOOK_H
#define PROBE_HOOK_H

#include "probe/capture.h"

struct bpf_link;
struct bpf_program;

/* Attaches one program the way its section says; cgroup programs to the root of cgroup v2. NULL and errno. */
struct bpf_link *hook_attach(struct bpf_program *program, enum capture_hook hook);

/* Descriptor of the root of cgroup v2, wherever it is mounted; -errno if it is nowhere. */
int hook_cgroup_open(void);

/* Tries `hook` with a minimal program where these sockets send. 0, or -errno with the reason in `reason`. */
int hook_try(enum capture_hook hook, enum socket_kind kind, char *reason, size_t size);

/* The order in which `auto` tries, best first; HOOKS - 1 entries. Absorbing needs the cgroup hook. */
const enum capture_hook *hook_order(bool preemption, bool absorb);

#endif /* PROBE_HOOK_H */
