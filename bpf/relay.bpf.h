/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * For relays: datagrams as they are, to be passed on to another statsd, and the sockets of the
 * relays themselves, whose datagrams are not captured: they may go to a captured port.
 *
 *     scratch: ... | time | payload ...      one record of the ring, of just the size it needs
 *                  ^^^^^^^^^^^^^^^^
 * Without a relay both cost one load and branch.
 */
#ifndef RELAY_BPF_H
#define RELAY_BPF_H

#include "watch.bpf.h"

/* Datagrams that no relay got to see: the ring had no room, or they could not be read. */
__u64 relay_missed;
/* Cookies of sockets; zeros behind. The daemon writes both, the number last. */
volatile __u64 relay_cookies[RELAY_SOCKETS_MAX];
volatile __u32 relay_sockets;

/* It exists only while there is a relay; watch.bpf.h says how. */
struct relay_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct relay_ring);
} relay_rings SEC(".maps");

/* A socket that was never asked for its cookie may have none: 0. */
static __always_inline bool is_relay(__u64 cookie)
{
	__u32 i;

	if (!cookie)
		return false;
	no_unroll for (i = 0; i < RELAY_SOCKETS_MAX; i++)
	{
		if (relay_cookies[i] == cookie)
			return true;
	}
	return false;
}

static __always_inline void relay_miss(void)
{
	if (watched & WATCH_RELAY)
		__sync_fetch_and_add(&relay_missed, 1);
}

static __always_inline bool relay_copy(struct scratch *s)
{
	__u32 zero = 0;
	void *ring = bpf_map_lookup_elem(&relay_rings, &zero);

	if (!ring)
		return false;
	s->time = bpf_ktime_get_ns();
	return !bpf_ringbuf_output(ring, &s->time, sizeof(s->time) + at_least_1(s->len, PAYLOAD_FAST_MAX - 1),
				   wakeup_flags(ring));
}

/* A payload that was parsed here. Global, so that the verifier checks it once and by itself. */
__noinline int relay_parsed(struct scratch *s)
{
	if (s && watched & WATCH_RELAY && !relay_copy(s))
		relay_miss();
	return 0;
}

#endif /* RELAY_BPF_H */
