// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The hooks: three ways to see a datagram on its way to a statsd port, one body behind
 * them (capture.bpf.h). The daemon loads the programs of one hook only.
 *
 *     sendto() -> udp_sendmsg, udpv6_sendmsg   fentry or kprobe: at entry, whatever the call returns
 *                   -> ip_finish_output        cgroup_skb/egress: what really leaves the socket
 *
 * Two more, where they are asked for and the kernel has entry hooks:
 *
 *     sendto() -> unix_dgram_sendmsg           datagrams to Unix sockets, the same body
 *     send()   -> tcp_sendmsg_locked           bytes of TCP connections (stream.bpf.h)
 *
 * A message to an IPv4-mapped address enters udpv6_sendmsg and then udp_sendmsg; it counts
 * at the first.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "egress.bpf.h"
#include "send.bpf.h"
#include "stream.bpf.h"
#include "unix.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?fentry/udp_sendmsg")
int BPF_PROG(fentry_udp, struct sock *sk, struct msghdr *msg, size_t len)
{
	return on_send(sk, msg, len, false);
}

SEC("?fentry/udpv6_sendmsg")
int BPF_PROG(fentry_udpv6, struct sock *sk, struct msghdr *msg, size_t len)
{
	return on_send(sk, msg, len, true);
}

SEC("?fexit/udp_sendmsg")
int BPF_PROG(fexit_udp)
{
	return on_return();
}

SEC("?fexit/udpv6_sendmsg")
int BPF_PROG(fexit_udpv6)
{
	return on_return();
}

SEC("?kprobe/udp_sendmsg")
int BPF_KPROBE(kprobe_udp, struct sock *sk, struct msghdr *msg, size_t len)
{
	return on_send(sk, msg, len, false);
}

SEC("?kprobe/udpv6_sendmsg")
int BPF_KPROBE(kprobe_udpv6, struct sock *sk, struct msghdr *msg, size_t len)
{
	return on_send(sk, msg, len, true);
}

SEC("?kretprobe/udp_sendmsg")
int BPF_KRETPROBE(kretprobe_udp)
{
	return on_return();
}

SEC("?kretprobe/udpv6_sendmsg")
int BPF_KRETPROBE(kretprobe_udpv6)
{
	return on_return();
}

SEC("?fentry/unix_dgram_sendmsg")
int BPF_PROG(fentry_unix, struct socket *socket, struct msghdr *msg, size_t len)
{
	return on_unix_send(socket, msg, len);
}

SEC("?fexit/unix_dgram_sendmsg")
int BPF_PROG(fexit_unix)
{
	return on_return();
}

SEC("?kprobe/unix_dgram_sendmsg")
int BPF_KPROBE(kprobe_unix, struct socket *socket, struct msghdr *msg, size_t len)
{
	return on_unix_send(socket, msg, len);
}

SEC("?kretprobe/unix_dgram_sendmsg")
int BPF_KRETPROBE(kretprobe_unix)
{
	return on_return();
}

SEC("?fentry/tcp_sendmsg_locked")
int BPF_PROG(fentry_tcp, struct sock *sk, struct msghdr *msg)
{
	return on_stream_send(sk, msg);
}

SEC("?fexit/tcp_sendmsg_locked")
int BPF_PROG(fexit_tcp, struct sock *sk, struct msghdr *msg, size_t len, int taken)
{
	return on_stream_return(taken);
}

SEC("?fentry/tcp_close")
int BPF_PROG(fentry_tcp_close, struct sock *sk)
{
	return on_stream_close(sk);
}

SEC("?kprobe/tcp_sendmsg_locked")
int BPF_KPROBE(kprobe_tcp, struct sock *sk, struct msghdr *msg)
{
	return on_stream_send(sk, msg);
}

SEC("?kretprobe/tcp_sendmsg_locked")
int BPF_KRETPROBE(kretprobe_tcp, long taken)
{
	return on_stream_return(taken);
}

SEC("?kprobe/tcp_close")
int BPF_KPROBE(kprobe_tcp_close, struct sock *sk)
{
	return on_stream_close(sk);
}

SEC("?cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	return on_egress(skb);
}
