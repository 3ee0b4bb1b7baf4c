/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A packet on its way out of a socket, before it is fragmented: cgroup_skb/egress. The
 * packet begins with its IP header. What this hook sees has a route and a buffer; what the
 * socket refused before (ECONNREFUSED, no route) never gets here.
 *
 * Absorb: a datagram that was captured whole may end here. To return 2 drops it with a
 * congestion notice, which UDP reports to the application as success; 0 would be EPERM.
 */
#ifndef EGRESS_BPF_H
#define EGRESS_BPF_H

#include <bpf/bpf_endian.h>
#include "capture.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_DSTOPTS 60
#define IPPROTO_ICMPV6 58
#define IP_OFFSET 0x1fff /* of a fragment; only a raw socket sends one of its own */
#define IPV6_HEADERS_MAX 6

#define EGRESS_PASS 1
#define EGRESS_ABSORB 2

/* Offset of the UDP header behind an IPv4 header, 0 if there is none. */
static __always_inline __u32 udp_offset_v4(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != IPPROTO_UDP ||
	    ip.frag_off & bpf_htons(IP_OFFSET))
		return 0;
	return (__u32)(*(__u8 *)&ip & 15) * 4;
}

/* The same behind an IPv6 header and what extension headers a socket option may add. */
static __always_inline __u32 udp_offset_v6(struct __sk_buff *skb)
{
	struct ipv6_opt_hdr extension;
	struct ipv6hdr ip;
	__u32 offset = sizeof(ip), i;
	__u8 next;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return 0;
	next = ip.nexthdr;
	for (i = 0; i < IPV6_HEADERS_MAX; i++) {
		if (next == IPPROTO_UDP)
			return offset;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return 0;
		if (bpf_skb_load_bytes(skb, offset, &extension, sizeof(extension)))
			return 0;
		next = extension.nexthdr;
		offset += (extension.hdrlen + 1) * 8;
	}
	return 0;
}

static __always_inline __u32 udp_offset(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return udp_offset_v4(skb);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return udp_offset_v6(skb);
	return 0;
}

#define NOT_UDP 0
#define NOT_PLAIN (-1)

/*
 * The usual packet, read in place: the offset of its UDP header, and the port in *port.
 * NOT_PLAIN: it has options or extension headers, or is not linear, and udp_offset() must
 * read it by helper.
 */
static __always_inline int plain_udp(struct __sk_buff *skb, __u16 *port)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ipv6hdr *ip6 = data;
	const struct iphdr *ip = data;
	const struct udphdr *udp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		udp = data + sizeof(*ip);
		if ((void *)(udp + 1) > end)
			return NOT_PLAIN;
		if (ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(IP_OFFSET))
			return NOT_UDP;
		if (*(__u8 *)data != 0x45)
			return NOT_PLAIN;
	} else {
		udp = data + sizeof(*ip6);
		if (skb->protocol != bpf_htons(ETH_P_IPV6) || (void *)(udp + 1) > end)
			return NOT_PLAIN;
		if (ip6->nexthdr == IPPROTO_TCP || ip6->nexthdr == IPPROTO_ICMPV6)
			return NOT_UDP;
		if (ip6->nexthdr != IPPROTO_UDP)
			return NOT_PLAIN;
	}
	*port = bpf_ntohs(udp->dest);
	return (void *)udp - data;
}

/* The same for any packet. */
static __always_inline int any_udp(struct __sk_buff *skb, __u16 *port)
{
	__u32 offset = udp_offset(skb);
	struct udphdr udp;

	if (offset == NOT_UDP || bpf_skb_load_bytes(skb, offset, &udp, sizeof(udp)))
		return NOT_UDP;
	*port = bpf_ntohs(udp.dest);
	return offset;
}

static __always_inline bool may_absorb(void)
{
	return absorb && bpf_ktime_get_coarse_ns() < absorb_until;
}

static __always_inline int capture_packet(struct __sk_buff *skb, __u32 offset)
{
	struct source source = { .kind = SOURCE_PACKET, .packet = skb };
	struct run run = {};
	int result;

	if (!run_begin(&run))
		return EGRESS_PASS;
	source.offset = offset;
	source.len = skb->len - offset;
	source.segment = skb->gso_size;
	if (skb->len <= offset) {
		lose(&run, LEDGER_DATAGRAMS_EMPTY);
		return EGRESS_PASS;
	}
	result = capture(&run, &source, packet_read);
	if (result == CAPTURE_UNREADABLE)
		lose(&run, LEDGER_DATAGRAMS_UNREADABLE);
	if (result != CAPTURE_DONE || !may_absorb())
		return EGRESS_PASS;
	count(&run, ABSORBED);
	return EGRESS_ABSORB;
}

static __always_inline int on_egress(struct __sk_buff *skb)
{
	__u16 port = 0;
	int offset = plain_udp(skb, &port);

	if (offset == NOT_PLAIN)
		offset = any_udp(skb, &port);
	if (offset == NOT_UDP || !is_captured(port))
		return EGRESS_PASS;
	if (relay_sockets && is_relay(bpf_get_socket_cookie(skb)))
		return EGRESS_PASS;
	return capture_packet(skb, offset + sizeof(struct udphdr));
}

#endif /* EGRESS_BPF_H */
