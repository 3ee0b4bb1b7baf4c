// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The life of a capture: choose a hook, load, run windows, unload.
 *
 *     open window w ---- programs write cells[w] ----.
 *     capture_close_window():                        |
 *       open_window = 1 - w; grace    (returns when no program still writes to w)
 *       ring, cells[w], buckets_w, members_w  ->  store window w
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/ingest.h"
#include "core/store.h"
#include "lib/clock.h"
#include "core/stream.h"
#include "lib/log.h"
#include "probe/hook.h"
#include "probe/internal.h"
#include "probe/preempt.h"
#include "probe/sockets.h"
#include "probe/undisturbed.h"
#include "probe/watch.h"
#include "probe/watching.h"
#include "statsd.skel.h"

void capture_options_init(struct capture_options *options)
{
	*options = (struct capture_options){
		.ports = { 8125 },
		.port_count = 1,
		.hook = HOOK_AUTO,
		.counters = 32768,
		.timers = 8192,
		.gauges = 8192,
		.sets = 1024,
		.buckets = 131072,
		.samples = 1048576,
		.members = 65536,
		.set_exact_max = 16384,
		.ring_bytes = 8 << 20,
		.absorb_seconds = 10,
		.retire_closings = 60,
	};
}

/* The first hook of the order that loads and attaches. */
static int load_best(struct capture *capture, struct error *error)
{
	struct preemption preemption = {};
	const enum capture_hook *order;
	char reason[256] = "";
	int err = -ENOTSUP;
	size_t i;

	preemption_read(&preemption);
	order = hook_order(preemption.possible, capture->options.absorb);
	for (i = 0; i < HOOKS - 1 && order[i] != HOOK_AUTO; i++) {
		if (hook_try(order[i], SOCKETS_UDP, reason, sizeof(reason))) {
			log_debug("hook %s is not usable: %s", capture_hook_name(order[i]), reason);
			continue;
		}
		err = capture_load(capture, order[i], error);
		if (!err)
			return 0;
		snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(reason) - 1, error->text);
		log_warning("hook %s: %s; trying the next one", capture_hook_name(order[i]), reason);
	}
	return error_set(
		error, err,
		"cannot capture datagrams: no hook is usable on this kernel, not even the last tried: %s; "
		"kstatsd check shows all",
		reason);
}

static int load_one(struct capture *capture, enum capture_hook hook, struct error *error)
{
	char reason[256];
	int err = hook_try(hook, SOCKETS_UDP, reason, sizeof(reason));

	if (err)
		return error_set(error, err, "cannot use capture.statsd.hook %s: %s; set it to auto",
				 capture_hook_name(hook), reason);
	return capture_load(capture, hook, error);
}

uint64_t capture_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Says to the kernel that somebody drains: absorbing goes on. */
static void absorb_go_on(struct capture *capture)
{
	capture->skeleton->bss->absorb_until =
		capture_time() + (uint64_t)(capture->options.absorb_seconds * 1000000000.0);
}

/* What ends a call to libbpf before the ring is empty: senders may fill it as fast as it is emptied. */
#define ENOUGH (-ECANCELED)
#define RECORD_OVERHEAD 16 /* header and padding of a record in the ring, at most */
/* Between two looks at timers and signals: bytes say little about work, a line's name may be 8 kB of tags. */
#define CONSUME_BYTES (1 << 20)
#define CONSUME_NS 20000000

static int record_ingest(void *context, void *data, size_t size)
{
	struct capture *capture = context;
	const struct record *record = data;
	unsigned int window = record->window & (WINDOWS - 1);
	struct ledger before;

	capture->consume -= (int64_t)size + RECORD_OVERHEAD;
	if (size < sizeof(*record) || record->len > size - sizeof(*record))
		return 0;
	if (capture->senders)
		before = capture->own[window];
	capture->taken = record->time;
	ingest_set_time(capture->ingest, (capture->boot + (int64_t)record->time) / NS_PER_SECOND);
	if (record->kind == RECORD_DATAGRAM)
		ingest_datagrams(capture->ingest, window, record->data, record->len, record->segment,
				 &capture->own[window]);
	else if (record->kind == RECORD_STREAM || record->kind == RECORD_STREAM_END)
		sockets_take(capture, record);
	else
		ingest_lines(capture->ingest, window, record->data, record->len, &capture->own[window]);
	if (record->kind == RECORD_DATAGRAM) {
		tail_datagrams(capture, record);
		relay_datagrams(capture, record);
	}
	if (capture->senders)
		senders_add(capture, record, &before, &capture->own[window]);
	return capture->consume > 0 && capture_time() < capture->consume_until ? 0 : ENOUGH;
}

/*
 * Takes at most so many bytes of records, and begins none after `until` (capture_time()); a whole
 * ring's worth, for ever, takes all that was there when it began.
 */
static int ring_consume(struct capture *capture, int64_t bytes, uint64_t until, struct error *error)
{
	const uint64_t now = capture_time();
	int err;

	capture->consume = bytes;
	capture->consume_until = until;
	capture->boot = clock_read(CLOCK_REALTIME) - clock_read(CLOCK_MONOTONIC);
	err = ring_buffer__consume(capture->ring);
	absorb_go_on(capture);
	if (err < 0 && err != ENOUGH)
		return error_set(error, err, "cannot drain the ring: %s", strerror(-err));
	/* It is empty. */
	if (err >= 0 && capture->taken < now)
		capture->taken = now;
	return 0;
}

static int capture_begin(struct capture *capture, struct error *error)
{
	uint64_t key[2];
	int err;

	capture->ingest = ingest_new(capture->store);
	capture->streams = streams_new(STREAMS_MAX);
	if (!capture->ingest || !capture->streams)
		return error_set(error, -ENOMEM, "cannot start the capture: out of memory");
	sockets_choose(capture);
	err = capture->options.hook == HOOK_AUTO ? load_best(capture, error)
						 : load_one(capture, capture->options.hook, error);
	if (err)
		return err;
	key[0] = capture->skeleton->rodata->key_seed[0];
	key[1] = capture->skeleton->rodata->key_seed[1];
	ingest_set_key(capture->ingest, key);
	capture->ring =
		ring_buffer__new(bpf_map__fd(capture->skeleton->maps.ring), record_ingest, capture, NULL);
	if (!capture->ring)
		return error_set(error, -errno, "cannot map the ring: %s", strerror(errno));
	capture_set_ports(capture, capture->options.ports, capture->options.port_count);
	absorb_go_on(capture);
	return 0;
}

struct capture *capture_new(const struct capture_options *options, struct store *store, struct error *error)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture) {
		error_set(error, -ENOMEM, "cannot start the capture: out of memory");
		return NULL;
	}
	capture->options = *options;
	capture->store = store;
	if (capture_begin(capture, error)) {
		capture_free(capture);
		return NULL;
	}
	return capture;
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	tail_free(capture);
	senders_free(capture);
	relay_free(capture);
	ring_buffer__free(capture->ring);
	capture_unload(capture);
	ingest_free(capture->ingest);
	streams_free(capture->streams);
	free(capture);
}

enum capture_hook capture_hook(const struct capture *capture)
{
	return capture->hook;
}

void capture_set_ports(struct capture *capture, const uint16_t *ports, size_t count)
{
	uint64_t mask[1024] = {};
	size_t i;

	for (i = 0; i < count; i++)
		mask[ports[i] >> 6] |= 1ULL << (ports[i] & 63);
	for (i = 0; i < 1024; i++)
		capture->skeleton->bss->ports_mask[i] = mask[i];
}

int capture_fd(const struct capture *capture)
{
	return ring_buffer__epoll_fd(capture->ring);
}

int capture_consume(struct capture *capture, struct error *error)
{
	return ring_consume(capture, CONSUME_BYTES, capture_time() + CONSUME_NS, error);
}

/* Returns when no program runs any more that began before: bpf/maps.bpf.h says why. */
static int wait_for_programs(const struct capture *capture)
{
	const struct statsd_bpf *s = capture->skeleton;
	int fd = bpf_map__fd(s->maps.inside_grace), err;
	struct undisturbed before;
	uint32_t zero = 0;

	undisturbed_begin(&before);
	err = bpf_map__update_elem(s->maps.grace, &zero, sizeof(zero), &fd, sizeof(fd), BPF_ANY);
	undisturbed_end(&before);
	return err;
}

/* Returns when no program writes to the old window any more. */
static int swap_window(struct capture *capture, struct error *error)
{
	struct statsd_bpf *s = capture->skeleton;
	int err;

	__atomic_store_n(&s->bss->open_window, 1 - capture->window, __ATOMIC_SEQ_CST);
	err = wait_for_programs(capture);
	if (err) {
		/* What was written to the other window meanwhile is drained when that one closes. */
		s->bss->open_window = capture->window;
		return error_set(error, err, "cannot change the window: %s", strerror(-err));
	}
	capture->window = 1 - capture->window;
	return 0;
}

void capture_detach(struct capture *capture)
{
	capture_unlink(capture);
	/* One that runs still has not chosen its window perhaps, and must not choose one that nobody closes. */
	if (wait_for_programs(capture))
		log_warning("cannot wait for the last programs: what they saw may be lost");
}

/* What the kernel skipped since the last time, or will not finish any more, was sent and is lost. */
static void count_skipped(struct capture *capture, struct ledger *ledger)
{
	uint64_t misses = capture_misses(capture), abandoned = capture_abandoned(capture);
	uint64_t streams = capture_abandoned_streams(capture);

	if (misses < capture->misses) /* the kernel did not answer for one of the programs */
		misses = capture->misses;

	ledger->n[LEDGER_DATAGRAMS_SEEN] += misses - capture->misses + abandoned;
	ledger->n[LEDGER_DATAGRAMS_UNREADABLE] += abandoned;
	ledger->n[LEDGER_DATAGRAMS_SKIPPED] += misses - capture->misses;
	ledger->n[LEDGER_STREAMS_SEEN] += streams;
	ledger->n[LEDGER_STREAMS_UNREADABLE] += streams;
	capture->misses = misses;
}

/* Moves what the daemon and, by then, the kernel counted in `window` to the totals. */
static void close_ledger(struct capture *capture, unsigned int window)
{
	capture->closed = capture->own[window];
	capture->own[window] = (struct ledger){};
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		capture->total.n[i] += capture->closed.n[i];
}

/* Changes the window, and brings all that was sent until then into window *closed of the store. */
static int take_window(struct capture *capture, unsigned int *closed, struct error *error)
{
	unsigned int window = capture->window;
	int err;

	err = swap_window(capture, error);
	if (err)
		return err;
	*closed = window;
	/* What cannot be drained now does not keep the rest from being flushed. */
	if (ring_consume(capture, (int64_t)capture->options.ring_bytes + RECORD_OVERHEAD, UINT64_MAX, error))
		log_error("%s", error->text);
	if (drain_window(capture, window, error))
		log_error("%s", error->text);
	count_skipped(capture, &capture->own[window]);
	return 0;
}

int capture_gather(struct capture *capture, struct error *error)
{
	struct ledger *from, *to;
	unsigned int closed;
	size_t i;
	int err;

	err = take_window(capture, &closed, error);
	if (err)
		return err;
	from = &capture->own[closed];
	to = &capture->own[capture->window];
	for (i = 0; i < LEDGER_COUNTERS; i++)
		to->n[i] += from->n[i];
	*from = (struct ledger){};
	err = store_carry(capture->store, closed, capture->window);
	return err ? error_set(error, err, "cannot bring the window up to date: out of memory") : 0;
}

unsigned int capture_open_window(const struct capture *capture)
{
	return capture->window;
}

int capture_close_window(struct capture *capture, unsigned int *window, struct error *error)
{
	unsigned int closed;
	int err;

	err = take_window(capture, &closed, error);
	if (err)
		return err;
	*window = closed;
	sockets_close_window(capture, closed);
	watch_window(capture, &capture->own[closed]);
	capture->buckets_full = capture->members_full = capture->samples_full = false;
	slots_retire(capture);
	capture->closings++;
	close_ledger(capture, closed);
	return 0;
}

const struct ledger *capture_open_ledger(const struct capture *capture)
{
	return &capture->own[capture->window];
}

const struct ledger *capture_closed_ledger(const struct capture *capture)
{
	return &capture->closed;
}

const struct ledger *capture_ledger(const struct capture *capture)
{
	return &capture->total;
}

void capture_ledger_now(const struct capture *capture, struct ledger *ledger)
{
	const struct ledger *open = &capture->own[capture->window];

	*ledger = capture->total;
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		ledger->n[i] += open->n[i];
}
