/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the files of this room share: the loaded programs, their maps in memory, and what
 * is known of each slot. Nobody outside probe/ includes this.
 */
#ifndef PROBE_INTERNAL_H
#define PROBE_INTERNAL_H

#include <stdint.h>
#include "probe/capture.h"

struct bpf_link;
struct bpf_map;
struct bpf_program;
struct relay;
struct ring_buffer;
struct senders;
struct statsd_bpf;
struct tail;
struct ingest;
struct streams;
struct series;

/* A memory-mapped array map. */
struct area {
	void *memory;
	size_t bytes;
	size_t stride; /* bytes from one element to the next */
};

/* A cell of the kernel's and its series, as the daemon sees it. */
struct slot {
	struct series *series; /* NULL: nothing was drained from it since it was entered */
	enum timer_unit unit;  /* of the series that the kernel entered */
	uint64_t used;	       /* number of the last closing that found it touched */
	bool retired;	       /* no program takes it any more; recycled at the next closing */
	bool nameless;	       /* the mapping makes a name of it that is too long: it has no series */
};

#define LINKS_MAX 16
#define STREAMS_MAX 16384 /* TCP connections that are known, at most in the middle of a line */
#define BATCH 4096	  /* entries of a hash map drained at once */
#define BATCH_BYTES (BATCH * (sizeof(struct member_key) + sizeof(uint64_t)))

struct capture {
	struct capture_options options;
	struct store *store;
	struct ingest *ingest;
	struct streams *streams;
	struct statsd_bpf *skeleton;
	struct ring_buffer *ring;
	struct bpf_link *links[LINKS_MAX];
	size_t link_count;
	enum capture_hook hook;
	struct socket_report sockets[SOCKET_REPORTS];
	unsigned int cpus;
	unsigned int window; /* the open one */
	uint64_t closings;
	uint32_t cells_max[METRIC_TYPES];
	uint32_t slot_base[METRIC_TYPES]; /* slots of the types lie behind each other */
	struct area series, owners, counters, timers, gauges, sets, samples, sketches, ledgers;
	struct slot *slots;
	struct ledger own[WINDOWS];  /* what the daemon counted, by window */
	struct ledger closed, total; /* of the window closed last; of all that were closed */
	uint64_t misses;	     /* accounted for */
	bool buckets_full, members_full, samples_full; /* since the last closing */
	bool gauges_marked[WINDOWS];		       /* see gauges_mark() */
	bool told_nameless;			       /* that there are slots without a name */
	uint8_t *batch;				       /* room for one batch of keys and values */
	uint64_t streams_cut;			       /* as it was when a window was closed last */
	int64_t consume;			       /* bytes of the ring that this call may still take */
	uint64_t consume_until;			       /* capture_time() at which it begins no more */
	uint64_t taken;				       /* what was sent until then is not in the ring */
	struct tail *tail;			       /* NULL: nobody watches lines */
	struct senders *senders;		       /* NULL: nobody watches senders */
	struct relay *relay;			       /* NULL: nothing is passed on */
	int64_t boot; /* nanoseconds of the wall clock at which CLOCK_MONOTONIC was 0 */
};

/* Element `index` of an area. */
static inline void *area_at(const struct area *area, size_t index)
{
	return (uint8_t *)area->memory + index * area->stride;
}

/* capture_load.c: the programs of one hook, loaded and attached. Negative errno. */
int capture_load(struct capture *capture, enum capture_hook hook, struct error *error);
/* Detaches; programs may run on for a moment. */
void capture_unlink(struct capture *capture);
void capture_unload(struct capture *capture);
/* Is it loaded, and does it see datagrams that nobody counts when the kernel skips it? */
bool capture_program_counts(const struct bpf_program *program);
/* Payloads that wait for the return of a send that no program will see any more. */
uint64_t capture_abandoned(const struct capture *capture);

/* Sends on TCP connections of which the same is true. */
uint64_t capture_abandoned_streams(const struct capture *capture);

/* capture.c: the clock of the records. */
uint64_t capture_time(void);

/* drain.c: everything that window `window` holds in the kernel's maps, into the store; the maps are empty then. */
int drain_window(struct capture *capture, unsigned int window, struct error *error);

static inline struct gauge_cell *gauge_at(const struct capture *capture, unsigned int window, uint32_t number)
{
	return area_at(&capture->gauges, (size_t)window * capture->cells_max[METRIC_GAUGE] + number);
}

/* slots.c: the series behind a slot, entered into the store at first sight; NULL: nameless, or out of memory. */
struct series *slot_series(struct capture *capture, enum metric_type type, uint32_t cell);
/* The unit of a slot that has a series: several slots of one series may differ in it. */
enum timer_unit slot_unit(const struct capture *capture, enum metric_type type, uint32_t cell);
bool slot_is_nameless(const struct capture *capture, enum metric_type type, uint32_t cell);
/* Takes the marks of gauges_mark() out of a closed window. */
void gauges_unmark(struct capture *capture, unsigned int window);
/* How many cells of a type were ever handed out. */
uint32_t slot_cells(const struct capture *capture, enum metric_type type);
/* How many series the kernel's table holds. */
uint32_t slots_used(const struct capture *capture);
/* Retires slots idle for options.retire_closings closings and recycles those retired at the last one. */
void slots_retire(struct capture *capture);

/* stats.c: how often the kernel skipped the programs since they were loaded. */
uint64_t capture_misses(const struct capture *capture);

#endif /* PROBE_INTERNAL_H */
