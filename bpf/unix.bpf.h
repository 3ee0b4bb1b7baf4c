/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A send at the entry of unix_dgram_sendmsg: is it for a captured socket, where are its
 * bytes. Counts what is sent, whatever the call returns, as the UDP hooks do.
 *
 * A socket is known by the text of its address: of the one in the message, as the sender
 * wrote it, or of the one its peer was bound to, as the binder wrote it. No path is
 * resolved, so links, working directories and mount namespaces do not matter.
 */
#ifndef UNIX_BPF_H
#define UNIX_BPF_H

#include "send.bpf.h"

#define UNIX_PATH_AT 2 /* sun_path in struct sockaddr_un */

/* The captured ones; the daemon fills it before it attaches. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UNIX_NAMES_MAX);
	__type(key, struct unix_name);
	__type(value, __u8);
} unix_names SEC(".maps");

/* `len`: of the address, as in msg_namelen. A path may or may not have its NUL in it. */
static __always_inline bool unix_name_read(struct unix_name *name, const void *address, __u32 len)
{
	const char *path = address + UNIX_PATH_AT;
	char first = 0;
	long copied;

	if (len <= UNIX_PATH_AT || len > UNIX_PATH_AT + UNIX_NAME_MAX + 1)
		return false;
	len -= UNIX_PATH_AT;
	if (bpf_probe_read_kernel(&first, sizeof(first), path))
		return false;
	if (!first) {
		name->len = len;
		return !bpf_probe_read_kernel(name->path, at_least_1(len, 127), path);
	}
	copied = bpf_probe_read_kernel_str(name->path, at_least_1(len + 1, 127), path);
	name->len = copied - 1;
	return copied > 0;
}

/* By itself, so that the name is off the stack when the payload is read. */
static __noinline int unix_is_captured(const struct sock *sk, const struct msghdr *msg)
{
	const struct unix_address *address;
	struct unix_name name = {};
	struct sock *peer;

	if (BPF_CORE_READ(msg, msg_namelen)) {
		if (!unix_name_read(&name, BPF_CORE_READ(msg, msg_name), BPF_CORE_READ(msg, msg_namelen)))
			return 0;
	} else {
		peer = BPF_CORE_READ((const struct unix_sock *)sk, peer);
		address = peer ? BPF_CORE_READ((const struct unix_sock *)peer, addr) : NULL;
		if (!address || !unix_name_read(&name, &address->name, BPF_CORE_READ(address, len)))
			return 0;
	}
	return bpf_map_lookup_elem(&unix_names, &name) != NULL;
}

static __always_inline int on_unix_send(const struct socket *socket, const struct msghdr *msg, __u64 len)
{
	struct source source = {};
	struct run run = {};

	if (!unix_is_captured(BPF_CORE_READ(socket, sk), msg) || !run_begin(&run))
		return 0;
	retry_forget(&run);
	if (!len) {
		lose(&run, LEDGER_DATAGRAMS_EMPTY);
		return 0;
	}
	if (len > DATAGRAM_MAX) {
		lose(&run, LEDGER_DATAGRAMS_OVERSIZE);
		return 0;
	}
	source_from_message(&source, msg, len);
	if (capture(&run, &source, message_read) == CAPTURE_UNREADABLE)
		retry_later(&run, &source);
	return 0;
}

#endif /* UNIX_BPF_H */
