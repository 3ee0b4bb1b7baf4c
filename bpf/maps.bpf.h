/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Every map and every setting of the capture programs. The daemon sets sizes and the
 * constants below before it loads; after that it changes open_window, ports_mask and
 * absorb_until.
 *
 * Windows: every cell is indexed by window. A program reads the number of the open one once,
 * when it begins. To close a window the daemon changes the number and then updates the map of
 * maps `grace`, which no program reads: the kernel promises that such an update returns only
 * when no program still runs that began before it (maybe_wait_bpf_programs, commit
 * 1ae80cf31938). One number moves every map at once; a datagram never straddles two windows.
 */
#ifndef MAPS_BPF_H
#define MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "kstatsd.h"
#include "parse.h"

/* CPUs the kernel may ever bring up; cells and scratches exist for each. */
const volatile __u32 cpu_count = 1;
const volatile bool exact_timers = false;
const volatile bool weighted_timers = false;
const volatile bool absorb = false;
const volatile __u32 cells_max[METRIC_TYPES] = { 1, 1, 1, 1 };
const volatile __u32 series_mask = 0; /* entries of the table, a power of two, less one */
const volatile __u32 samples_max = 1; /* per window */
const volatile __u32 set_exact_max = 1;
const volatile __u64 key_seed[2] = { 1, 2 };

/* The window that programs write to. */
volatile __u32 open_window;
/* One bit per UDP port. */
volatile __u64 ports_mask[1024];
/* CLOCK_MONOTONIC ns: datagrams are absorbed until then, unless the daemon says further. */
volatile __u64 absorb_until;
/* Cells handed out so far of each type; recycled ones come back through `recycled_*`. */
__u32 cells_used[METRIC_TYPES];
__u32 samples_used[WINDOWS];
/* An unparsed datagram of this window took the slow path: its gauges may, so all of them do, in order. */
volatile __u32 gauges_follow[WINDOWS];

struct nothing {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};
struct nothing inside_grace SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct nothing);
} grace SEC(".maps") = {
	.values = { &inside_grace },
};

/* Sizes of 1 are placeholders: the daemon sets them from its limits. */
#define CELL_MAP(name, cell)                       \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(max_entries, 1);            \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__type(key, __u32);                \
		__type(value, cell);               \
	} name SEC(".maps")

CELL_MAP(series, struct series_entry);	 /* the table of series: series_mask + 1 entries */
CELL_MAP(owners, __u32);		 /* [first of the type + cell]: 1 + index of its series, 0: none */
CELL_MAP(counters, struct counter_cell); /* [(window * cpu_count + cpu) * cells_max[type] + cell] */
CELL_MAP(timers, struct timer_cell);	 /* the same */
CELL_MAP(gauges, struct gauge_cell);	 /* [window * cells_max[type] + cell] */
CELL_MAP(sets, struct set_cell);	 /* the same */
CELL_MAP(samples, struct raw_sample);	 /* [window * samples_max + n] */
CELL_MAP(ledgers, struct ledger);	 /* [window * cpu_count + cpu] */

struct sketch {
	__u64 words[HLL_REGISTERS / 8]; /* eight registers each */
};
CELL_MAP(sketches, struct sketch); /* [window * cells_max[type] + cell] */

/* Cells of series that the daemon retired. */
#define RECYCLED_MAP(name)                        \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_QUEUE); \
		__uint(max_entries, 1);           \
		__type(value, __u32);             \
	} name SEC(".maps")

RECYCLED_MAP(recycled_counters);
RECYCLED_MAP(recycled_timers);
RECYCLED_MAP(recycled_gauges);
RECYCLED_MAP(recycled_sets);

struct bucket_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct bucket_key);
	__type(value, __u64);
};
struct bucket_map buckets_0 SEC(".maps");
struct bucket_map buckets_1 SEC(".maps");

struct member_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct member_key);
	__type(value, __u8);
};
struct member_map members_0 SEC(".maps");
struct member_map members_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* One cache line per CPU: which of its scratches are taken. */
struct cpu_state {
	__u64 taken;
	__u64 pad[7];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* A run of a program: where it writes. */
struct run {
	__u32 window;
	__u32 cpu;
	struct ledger *ledger;
};

/*
 * Adds to what only this CPU writes: atomically all the same, since a task may be preempted
 * in the middle by one that adds to it too. On a line nobody else touches that costs little.
 */
#define add_to(target, amount) __sync_fetch_and_add((target), (amount))

#define count(run, counter) add_to(&(run)->ledger->n[LEDGER_##counter], 1)

/* False only if the map is smaller than the daemon promised. */
static __always_inline bool run_begin(struct run *run)
{
	__u32 index;

	run->cpu = bpf_get_smp_processor_id();
	if (run->cpu >= cpu_count)
		return false;
	run->window = open_window & (WINDOWS - 1);
	index = run->window * cpu_count + run->cpu;
	run->ledger = bpf_map_lookup_elem(&ledgers, &index);
	return run->ledger;
}

#endif /* MAPS_BPF_H */
