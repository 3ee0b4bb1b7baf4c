/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Capture of statsd datagrams: loads and attaches the BPF programs, drains their maps
 * and their ring into a store. The only room that knows libbpf.
 */
#ifndef PROBE_CAPTURE_H
#define PROBE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"
#include "lib/error.h"

struct store;
struct capture;

enum capture_hook {
	HOOK_AUTO,
	HOOK_FENTRY,
	HOOK_KPROBE,
	HOOK_CGROUP,
	HOOKS,
};
/* "auto", "fentry", "kprobe", "cgroup". */
const char *capture_hook_name(enum capture_hook hook);

#define CAPTURE_PORTS_MAX 64

struct capture_options {
	uint16_t ports[CAPTURE_PORTS_MAX]; /* host byte order */
	size_t port_count;
	enum capture_hook hook;
	bool absorb;				 /* needs HOOK_CGROUP or HOOK_AUTO */
	bool exact_timers;			 /* timers.mode: exact */
	bool weighted_timers;			 /* timers.weighted: a sample at rate r counts 1/r times */
	uint32_t counters, timers, gauges, sets; /* series of each type that the kernel holds */
	uint32_t buckets;			 /* histogram buckets per window, all timers, all CPUs */
	uint32_t samples;			 /* raw samples per window (exact_timers) */
	uint32_t members;			 /* set members per window, all sets */
	uint32_t set_exact_max;			 /* distinct values of one set before it is estimated */
	uint32_t ring_bytes;			 /* power of two */
	double absorb_seconds;			 /* absorb only while the daemon drained within this time */
	uint32_t retire_closings; /* a series untouched for so many windows gives its slot back */
};
/* Fills in the defaults (ports: 8125). */
void capture_options_init(struct capture_options *options);

/*
 * Loads, attaches, opens window 0. NULL with the sentence in `error`. `store` must outlive
 * the capture. The caller frees with capture_free(), which detaches.
 */
struct capture *capture_new(const struct capture_options *options, struct store *store, struct error *error);
void capture_free(struct capture *capture);

/*
 * Ends the capturing: when it returns no program starts any more, and nothing is absorbed.
 * What was captured is drained by one more capture_close_window().
 */
void capture_detach(struct capture *capture);

/* The hook that is attached; never HOOK_AUTO. */
enum capture_hook capture_hook(const struct capture *capture);
/* Changes the captured ports while running. */
void capture_set_ports(struct capture *capture, const uint16_t *ports, size_t count);

/*
 * Names every series of the kernel anew, after store_set_naming(). To be called when a window
 * is closed and computed: what is drained from then on goes to the new names.
 */
void capture_rename(struct capture *capture);

/* A descriptor that polls readable when the ring wants draining. */
int capture_fd(const struct capture *capture);
/* Drains the ring into the store. Negative errno on failure. */
int capture_consume(struct capture *capture, struct error *error);

/*
 * Closes the open window: swaps, waits until no program writes to the old one, drains
 * cells and ring into the store. *window is then ready for store_close(). Negative errno
 * on failure.
 */
int capture_close_window(struct capture *capture, unsigned int *window, struct error *error);

/*
 * Brings all that was sent so far into the window of the store that stays open, without a
 * flush: closes the kernel's window, drains it and carries it over, and what it counted with
 * it. Negative errno on failure.
 */
int capture_gather(struct capture *capture, struct error *error);
/* The open window, for store_visit_window() and store_delete(). */
unsigned int capture_open_window(const struct capture *capture);

/* What the open window counted so far, as far as capture_gather() brought it here. */
const struct ledger *capture_open_ledger(const struct capture *capture);
/* The ledger of the window that was closed last. */
const struct ledger *capture_closed_ledger(const struct capture *capture);
/* The ledger since start, kernel and daemon together, up to the last closed window. */
const struct ledger *capture_ledger(const struct capture *capture);

struct capture_program {
	char name[32];
	uint64_t runs, nanoseconds; /* zeros unless the kernel's bpf_stats are enabled */
	uint64_t misses;	    /* times the kernel skipped it */
};
struct capture_map {
	const char *name;
	uint64_t used, size; /* entries */
	uint64_t bytes;	     /* memory, as the kernel accounts it; 0: unknown */
};
/* Fill at most `max` rows, return how many. */
size_t capture_programs(const struct capture *capture, struct capture_program *rows, size_t max);
size_t capture_maps(const struct capture *capture, struct capture_map *rows, size_t max);

/* What `kstatsd check` prints: one row per hook. */
struct hook_report {
	enum capture_hook hook;
	bool usable;
	bool chosen;
	char reason[512]; /* why not usable, or why chosen or not preferred */
};
/* Tries each hook on this kernel for real, with a minimal program. Fills HOOKS - 1 rows. */
int capture_check(const struct capture_options *options, struct hook_report rows[HOOKS - 1],
		  struct error *error);

#endif /* PROBE_CAPTURE_H */
