/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The slow path: bytes that the fast path cannot do exactly go through the ring to the
 * daemon, which parses them with the same parser and folds them into the same window.
 */
#ifndef SLOW_BPF_H
#define SLOW_BPF_H

#include "maps.bpf.h"
#include "verifier.bpf.h"
#include "watch.bpf.h"

/*
 * The ring reserves constant sizes only. Lines, which are in a scratch already, take the
 * smaller that holds them; unread payloads need twice their room, for source_gather().
 */
#define LINES_SMALL 256
#define RECORD_BYTES(payload) (sizeof(struct record) + (payload))
#define RECORD_PAYLOAD_FAST RECORD_BYTES(2 * PAYLOAD_FAST_MAX)
#define RECORD_PAYLOAD_MAX RECORD_BYTES(2 * 65536)

/* The daemon drains at each flush; it is woken early when a quarter of the ring is filled. */
static __always_inline __u64 ring_flags(void)
{
	__u64 filled = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);

	return filled >= size / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void record_head(struct record *record, struct run *run, __u32 kind, __u32 len)
{
	record->time = bpf_ktime_get_ns();
	record->len = len;
	record->segment = 0;
	record->pid = 0;
	__builtin_memset(record->command, 0, COMMAND_BYTES);
	if (watched)
		record->pid = process_read(record->command);
	record->window = run->window;
	record->kind = kind;
}

/* len is at most mask + 1, and that much room is behind the record's head. */
static __always_inline bool record_send(struct run *run, const struct scratch *s, __u32 at, __u32 len,
					__u32 mask, struct record *record)
{
	record_head(record, run, RECORD_LINES, len);
	if (bpf_probe_read_kernel(record->data, at_least_1(len, mask), s->payload + (at & CURSOR_MASK))) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return false;
	}
	bpf_ringbuf_submit(record, ring_flags());
	return true;
}

/* Sends payload bytes [at, at + len) of a datagram that is accounted for. False: the ring is full. */
static __noinline int slow_lines(struct run *run, struct scratch *s, __u32 at, __u32 len)
{
	struct record *record;

	if (!len || len > PAYLOAD_FAST_MAX)
		return 0;
	s->slow = 1;
	if (len <= LINES_SMALL) {
		record = bpf_ringbuf_reserve(&ring, RECORD_BYTES(LINES_SMALL), 0);
		return record && record_send(run, s, at, len, LINES_SMALL - 1, record);
	}
	record = bpf_ringbuf_reserve(&ring, RECORD_BYTES(PAYLOAD_FAST_MAX), 0);
	return record && record_send(run, s, at, len, PAYLOAD_FAST_MAX - 1, record);
}

#endif /* SLOW_BPF_H */
