// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The smallest program for each hook. Their only job: to be loaded and attached, so that
 * `kstatsd check` knows what this kernel can do before anything large is tried.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?fentry/udp_sendmsg")
int BPF_PROG(try_fentry)
{
	return 0;
}

SEC("?kprobe/udp_sendmsg")
int BPF_KPROBE(try_kprobe)
{
	return 0;
}

SEC("?fentry/unix_dgram_sendmsg")
int BPF_PROG(try_fentry_unix)
{
	return 0;
}

SEC("?kprobe/unix_dgram_sendmsg")
int BPF_KPROBE(try_kprobe_unix)
{
	return 0;
}

SEC("?fentry/tcp_sendmsg_locked")
int BPF_PROG(try_fentry_tcp)
{
	return 0;
}

SEC("?kprobe/tcp_sendmsg_locked")
int BPF_KPROBE(try_kprobe_tcp)
{
	return 0;
}

SEC("?cgroup_skb/egress")
int try_cgroup(struct __sk_buff *skb)
{
	return 1;
}
