/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A UDP datagram as BPF_PROG_RUN wants it: Ethernet, IPv4 and UDP headers before the payload.
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdint.h>
#include <string.h>

#define PACKET_HEADERS (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr))
#define PACKET_BYTES 2048

/* Fills `packet` and returns its length. The payload must fit. */
static inline size_t packet_make(uint8_t packet[PACKET_BYTES], uint16_t port, const char *payload)
{
	struct ethhdr ethernet = { .h_proto = htons(ETH_P_IP) };
	size_t len = strlen(payload);
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = 17,
		.tot_len = htons((uint16_t)(sizeof(struct iphdr) + sizeof(struct udphdr) + len)),
		.saddr = htonl(0x7f000001),
		.daddr = htonl(0x7f000001),
	};
	struct udphdr udp = { .source = htons(40000),
			      .dest = htons(port),
			      .len = htons((uint16_t)(sizeof(struct udphdr) + len)) };

	memcpy(packet, &ethernet, sizeof(ethernet));
	memcpy(packet + sizeof(ethernet), &ip, sizeof(ip));
	memcpy(packet + sizeof(ethernet) + sizeof(ip), &udp, sizeof(udp));
	memcpy(packet + PACKET_HEADERS, payload, len);
	return PACKET_HEADERS + len;
}

#endif /* BENCH_PACKET_H */
