/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * For those who look on: copies of datagrams (kstatsd tail) and counts by sender (kstatsd top).
 * Nobody looking costs one load and branch. What is not there for a copy is counted and never
 * disturbs the capture. The maps exist only while somebody looks: the daemon puts them into the
 * maps of maps below, and such an update waits for the programs that use the one before.
 */
#ifndef WATCH_BPF_H
#define WATCH_BPF_H

#include "maps.bpf.h"
#include "verifier.bpf.h"
#include <bpf/bpf_core_read.h>

/* Bits of enum watching. */
volatile __u32 watched;
/* Datagrams that the ring of copies had no room for. */
__u64 tail_missed;

struct tail_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct tail_ring);
} tail_rings SEC(".maps");

struct sender_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sender));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct sender_map);
} sender_maps SEC(".maps");

/*
 * The process that sends: its number, its command to `command`. The helpers that say so are
 * not for packets before 6.10; the task itself is there for every program.
 */
static __always_inline __u32 process_read(__u8 command[COMMAND_BYTES])
{
	const struct task_struct *task = (const void *)bpf_get_current_task();

	BPF_CORE_READ_INTO((char(*)[COMMAND_BYTES])command, task, group_leader, comm);
	return BPF_CORE_READ(task, tgid);
}

/* The daemon looks often, and is woken only when a quarter of the ring is filled. */
static __always_inline __u64 wakeup_flags(void *ring)
{
	__u64 filled = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);

	return filled >= size / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* The payload, of which `mask` + 1 bytes at most are there, to the ring. */
static __always_inline bool tail_send(void *ring, const struct scratch *s, struct tail_record *record,
				      __u32 mask)
{
	record->time = bpf_ktime_get_ns();
	record->len = s->len;
	record->pid = process_read(record->command);
	if (bpf_probe_read_kernel(record->data, at_least_1(s->len, mask), s->payload)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return false;
	}
	bpf_ringbuf_submit(record, wakeup_flags(ring));
	return true;
}

/* The ring reserves constant sizes only: most datagrams are one short line. */
#define TAIL_SMALL 64
#define TAIL_MEDIUM 512
#define TAIL_BYTES(payload) (sizeof(struct tail_record) + (payload))

static __always_inline bool tail_copy(const struct scratch *s)
{
	struct tail_record *record;
	__u32 zero = 0;
	void *ring = bpf_map_lookup_elem(&tail_rings, &zero);

	if (!ring)
		return false;
	if (s->len <= TAIL_SMALL) {
		record = bpf_ringbuf_reserve(ring, TAIL_BYTES(TAIL_SMALL), 0);
		return record && tail_send(ring, s, record, TAIL_SMALL - 1);
	}
	if (s->len <= TAIL_MEDIUM) {
		record = bpf_ringbuf_reserve(ring, TAIL_BYTES(TAIL_MEDIUM), 0);
		return record && tail_send(ring, s, record, TAIL_MEDIUM - 1);
	}
	record = bpf_ringbuf_reserve(ring, TAIL_BYTES(PAYLOAD_FAST_MAX), 0);
	return record && tail_send(ring, s, record, PAYLOAD_FAST_MAX - 1);
}

/* The entry of the process that sends, or that of all others when the map is full. */
static __always_inline struct sender *sender_find(void *map)
{
	struct sender fresh = {}, *sender;
	__u32 pid = process_read(fresh.command), others = SENDER_OTHERS;

	sender = bpf_map_lookup_elem(map, &pid);
	if (sender)
		return sender;
	bpf_map_update_elem(map, &pid, &fresh, BPF_NOEXIST);
	sender = bpf_map_lookup_elem(map, &pid);
	return sender ? sender : bpf_map_lookup_elem(map, &others);
}

static __always_inline void sender_count(__u64 bytes, __u64 lines, __u64 rejected)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&sender_maps, &zero);
	struct sender *sender = map ? sender_find(map) : NULL;

	if (!sender)
		return;
	__sync_fetch_and_add(&sender->sends, 1);
	__sync_fetch_and_add(&sender->bytes, bytes);
	__sync_fetch_and_add(&sender->lines, lines);
	__sync_fetch_and_add(&sender->rejected, rejected);
}

/*
 * A payload that was parsed here. Lines that went to the daemon may turn out bad there.
 * Global, so that the verifier checks it once and by itself.
 */
__noinline int watch_parsed(struct scratch *s)
{
	__u32 wanted = watched, rejected;

	if (!s)
		return 0;
	rejected = s->seen - s->accepted - s->lost;
	if (wanted & WATCH_LINES || (wanted & WATCH_REJECTED && (rejected || s->slow))) {
		if (!tail_copy(s))
			__sync_fetch_and_add(&tail_missed, 1);
	}
	if (wanted & WATCH_SENDERS)
		sender_count(s->len, s->seen, rejected);
	return 0;
}

/* A datagram, or a send on a connection, that goes whole to the daemon, which shows it and counts its lines. */
__noinline int watch_unparsed(__u32 len)
{
	if (watched & WATCH_SENDERS)
		sender_count(len, 0, 0);
	return 0;
}

#endif /* WATCH_BPF_H */
