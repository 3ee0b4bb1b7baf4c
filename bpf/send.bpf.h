/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A send at the entry of udp_sendmsg or udpv6_sendmsg: is it for a captured port, is it a
 * whole datagram, where are its bytes. Counts what is sent, whatever the call returns.
 */
#ifndef SEND_BPF_H
#define SEND_BPF_H

#include <bpf/bpf_endian.h>
#include "capture.bpf.h"

#define AF_UNSPEC 0
#define AF_INET6 10
#define SOL_UDP 17
#define UDP_SEGMENT 103
#define MSG_MORE 0x8000
#define CONTROLS_MAX 16
#define UDP4_PAYLOAD_MAX 65507
#define UDP6_PAYLOAD_MAX 65527

/* Datagrams whose page was not resident at entry, by thread: read again when the send returns. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct source);
} retries SEC(".maps");
/* How many entries that is, so that a return that need not look does not. */
__u32 retries_waiting;

/* Destination port of a message, host byte order; 0: none. */
static __always_inline __u16 message_port(const struct sock *sk, const struct msghdr *msg, bool v6)
{
	struct {
		__u16 family;
		__be16 port;
	} address = {};
	const void *name = BPF_CORE_READ(msg, msg_name);

	if (name && bpf_probe_read_kernel(&address, sizeof(address), name))
		return 0;
	/* udpv6_sendmsg takes an address without a family for none. */
	if (name && !(v6 && address.family == AF_UNSPEC))
		return bpf_ntohs(address.port);
	return bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Since 6.7 a bit: commit a0002127cd74 ("udp: move udp->no_check6_tx to udp->udp_flags") and its series. */
struct udp_sock___before_6_7 {
	unsigned int corkflag;
} __attribute__((preserve_access_index));

static __always_inline bool is_corked(const struct sock *sk, const struct msghdr *msg)
{
	const struct udp_sock *up = (const struct udp_sock *)sk;
	const struct udp_sock___before_6_7 *old = (const void *)sk;

	if (BPF_CORE_READ(msg, msg_flags) & MSG_MORE || BPF_CORE_READ(up, pending))
		return true;
	if (bpf_core_field_exists(old->corkflag))
		return BPF_CORE_READ_BITFIELD_PROBED(old, corkflag);
	return BPF_CORE_READ(up, udp_flags) & 1;
}

/* Bytes per datagram when one send makes several: the socket's, or a control message's. */
static __always_inline __u16 message_segment(const struct sock *sk, const struct msghdr *msg)
{
	struct {
		struct cmsghdr head;
		__u16 size;
	} control = {};
	__u64 at, len = BPF_CORE_READ(msg, msg_controllen);
	__u32 i;

	if (len) {
		at = (__u64)BPF_CORE_READ(msg, msg_control);
		for (i = 0; i < CONTROLS_MAX && len >= sizeof(control.head); i++) {
			if (bpf_probe_read_kernel(&control, sizeof(control), (void *)at))
				break;
			/* Nobody has checked the sender's lengths yet. */
			if (control.head.cmsg_len < sizeof(control.head) || control.head.cmsg_len > len)
				break;
			if (control.head.cmsg_level == SOL_UDP && control.head.cmsg_type == UDP_SEGMENT)
				return control.size;
			at += (control.head.cmsg_len + 7) & ~7ULL;
			len -= (control.head.cmsg_len + 7) & ~7ULL;
		}
	}
	return BPF_CORE_READ((const struct udp_sock *)sk, gso_size);
}

static __always_inline void retry_later(struct run *run, struct source *source)
{
	__u64 thread = bpf_get_current_pid_tgid();

	if (bpf_map_update_elem(&retries, &thread, source, BPF_ANY))
		lose(run, LEDGER_DATAGRAMS_UNREADABLE);
	else
		__sync_fetch_and_add(&retries_waiting, 1);
}

/* An earlier payload of this thread, whose return was not seen: it is lost. */
static __always_inline void retry_forget(struct run *run)
{
	__u64 thread = bpf_get_current_pid_tgid();

	if (!retries_waiting || bpf_map_delete_elem(&retries, &thread))
		return;
	__sync_fetch_and_add(&retries_waiting, -1);
	lose(run, LEDGER_DATAGRAMS_UNREADABLE);
}

static __always_inline void capture_message(const struct sock *sk, const struct msghdr *msg, __u64 len,
					    bool v6)
{
	struct source source = {};
	struct run run = {};

	if (!run_begin(&run))
		return;
	retry_forget(&run);
	if (is_corked(sk, msg)) {
		lose(&run, LEDGER_DATAGRAMS_CORKED);
		return;
	}
	if (!len) {
		lose(&run, LEDGER_DATAGRAMS_EMPTY);
		return;
	}
	if (len > (v6 ? UDP6_PAYLOAD_MAX : UDP4_PAYLOAD_MAX)) {
		lose(&run, LEDGER_DATAGRAMS_OVERSIZE);
		return;
	}
	source_from_message(&source, msg, len);
	source.segment = message_segment(sk, msg);
	if (source.segment >= len)
		source.segment = 0;
	if (capture(&run, &source, message_read) == CAPTURE_UNREADABLE)
		retry_later(&run, &source);
}

static __always_inline int on_send(const struct sock *sk, const struct msghdr *msg, __u64 len, bool v6)
{
	if (!is_captured(message_port(sk, msg, v6)))
		return 0;
	if (!v6 && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6)
		return 0; /* counted in udpv6_sendmsg */
	if (relay_sockets && is_relay(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter)))
		return 0;
	capture_message(sk, msg, len, v6);
	return 0;
}

/* The kernel has copied the payload by now, so its pages are there. */
static __always_inline int on_return(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct source *saved, source;
	struct run run = {};

	if (!retries_waiting)
		return 0;
	saved = bpf_map_lookup_elem(&retries, &thread);
	if (!saved)
		return 0;
	source = *saved;
	bpf_map_delete_elem(&retries, &thread);
	__sync_fetch_and_add(&retries_waiting, -1);
	if (run_begin(&run)) {
		if (capture(&run, &source, message_read) == CAPTURE_UNREADABLE)
			lose(&run, LEDGER_DATAGRAMS_UNREADABLE);
		else
			count(&run, RETRIED);
	}
	return 0;
}

#endif /* SEND_BPF_H */
