/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Where the bytes of a datagram lie when a hook sees it, and how to read them: the
 * iov_iter of a message at the entry of a send, or a packet on its way out.
 *
 * The layouts of iov_iter that differ between kernels are all here.
 */
#ifndef SOURCE_BPF_H
#define SOURCE_BPF_H

#include "maps.bpf.h"
#include "stream_room.h"
#include "verifier.bpf.h"
#include <bpf/bpf_core_read.h>

#define SEGMENTS_MAX 1024 /* UIO_MAXIOV */

enum source_kind {
	SOURCE_NONE,   /* bytes that no program can read: pages spliced into the message */
	SOURCE_USER,   /* base: one user buffer */
	SOURCE_VECTOR, /* base: array of struct iovec, user buffers */
	SOURCE_KERNEL, /* base: array of struct kvec, kernel buffers */
	SOURCE_PACKET, /* an skb; offset: of the payload */
};

struct source {
	__u64 base;
	__u64 segments; /* entries of the array at base */
	__u64 offset;	/* bytes to skip at the start */
	__u32 len;	/* bytes of payload */
	__u16 kind;	/* enum source_kind */
	__u16 segment;	/* UDP_SEGMENT: bytes per datagram; 0: one datagram */
	void *packet;	/* struct __sk_buff, SOURCE_PACKET */
};

/* Before 6.4 the vector was `iov`, since then `__iov`: commit 747b1f65d39a ("iov_iter: overlay struct iovec and ubuf/len"). */
struct iov_iter___before_6_4 {
	const struct iovec *iov;
} __attribute__((preserve_access_index));

static __always_inline __u64 iter_vector(const struct iov_iter *iter)
{
	if (bpf_core_field_exists(iter->__iov))
		return (__u64)BPF_CORE_READ(iter, __iov);
	return (__u64)BPF_CORE_READ((const struct iov_iter___before_6_4 *)iter, iov);
}

/* 6.0 sends a single buffer as ITER_UBUF: commit fcb14cb1bdac ("new iov_iter flavour - ITER_UBUF"). */
static __always_inline bool iter_is_single(__u8 type)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       type == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

/* A vector of one buffer, as all sends have before 6.4, is that buffer. */
static __always_inline void source_simplify(struct source *source)
{
	struct iovec only = {};

	if (source->segments != 1 || bpf_probe_read_kernel(&only, sizeof(only), (void *)source->base))
		return;
	source->kind = SOURCE_USER;
	source->base = (__u64)only.iov_base;
}

static __always_inline void source_from_message(struct source *source, const struct msghdr *msg, __u32 len)
{
	const struct iov_iter *iter = &msg->msg_iter;
	__u8 type = BPF_CORE_READ(iter, iter_type);

	source->len = len;
	source->offset = BPF_CORE_READ(iter, iov_offset);
	source->segments = 1;
	if (iter_is_single(type)) {
		source->kind = SOURCE_USER;
		source->base = (__u64)BPF_CORE_READ(iter, ubuf);
	} else if (type == bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		source->kind = SOURCE_VECTOR;
		source->base = iter_vector(iter);
		source->segments = BPF_CORE_READ(iter, nr_segs);
		source_simplify(source);
	} else if (type == bpf_core_enum_value(enum iter_type, ITER_KVEC)) {
		source->kind = SOURCE_KERNEL;
		source->base = (__u64)BPF_CORE_READ(iter, kvec);
		source->segments = BPF_CORE_READ(iter, nr_segs);
	}
}

struct gather {
	__u8 *target;
	struct source *source;
	__u64 skip; /* bytes of the next buffer that are behind the iterator */
	__u64 filled;
	__s64 error;
};

/* Appends one buffer of the vector. */
static long gather_step(__u32 i, struct gather *gather, __u32 mask)
{
	struct source *source = gather->source;
	struct iovec vector = {};
	__u64 left = source->len - gather->filled, len;
	long error;

	if (i >= source->segments || gather->filled >= source->len)
		return 1;
	error = bpf_probe_read_kernel(&vector, sizeof(vector), (void *)(source->base + i * sizeof(vector)));
	if (error) {
		gather->error = error;
		return 1;
	}
	len = vector.iov_len;
	if (len <= gather->skip) {
		gather->skip = launder(gather->skip - len, len);
		return 0;
	}
	len -= gather->skip;
	if (len > left)
		len = left;
	len = at_least_1(len, mask);
	if (source->kind == SOURCE_KERNEL)
		error = bpf_probe_read_kernel(gather->target + (gather->filled & mask), len,
					      vector.iov_base + gather->skip);
	else
		error = bpf_probe_read_user(gather->target + (gather->filled & mask), len,
					    vector.iov_base + gather->skip);
	gather->skip = launder(0, vector.iov_len);
	gather->filled = launder(gather->filled + len, vector.iov_len);
	gather->error = error;
	return error != 0;
}

static long gather_small(__u32 i, struct gather *gather)
{
	return gather_step(i, gather, STREAM_PIECE_SMALL - 1);
}

static long gather_medium(__u32 i, struct gather *gather)
{
	return gather_step(i, gather, STREAM_PIECE_MEDIUM - 1);
}

static long gather_fast(__u32 i, struct gather *gather)
{
	return gather_step(i, gather, PAYLOAD_FAST_MAX - 1);
}

static long gather_slow(__u32 i, struct gather *gather)
{
	return gather_step(i, gather, 65535);
}

/* Reads the payload, which must not be longer than mask + 1, to 2 * (mask + 1) bytes of memory. Negative on a fault. */
static __always_inline int source_gather(struct source *source, __u8 *target, __u32 mask)
{
	struct gather gather = { .target = target, .source = source, .skip = source->offset };

	if (mask == STREAM_PIECE_SMALL - 1)
		bpf_loop(SEGMENTS_MAX, gather_small, &gather, 0);
	else if (mask == STREAM_PIECE_MEDIUM - 1)
		bpf_loop(SEGMENTS_MAX, gather_medium, &gather, 0);
	else if (mask == PAYLOAD_FAST_MAX - 1)
		bpf_loop(SEGMENTS_MAX, gather_fast, &gather, 0);
	else
		bpf_loop(SEGMENTS_MAX, gather_slow, &gather, 0);
	if (gather.error)
		return gather.error;
	return gather.filled == source->len ? 0 : -14;
}

/* SOURCE_USER only; mask + 1 bytes of memory are enough. */
static __always_inline int single_read(struct source *source, __u8 *target, __u32 mask)
{
	return bpf_probe_read_user(target, at_least_1(source->len, mask),
				   (void *)(source->base + source->offset));
}

static __always_inline int message_read(struct source *source, __u8 *target, __u32 mask)
{
	if (source->kind == SOURCE_USER)
		return single_read(source, target, mask);
	if (source->kind == SOURCE_NONE)
		return -14;
	return source_gather(source, target, mask);
}

static __always_inline int packet_read(struct source *source, __u8 *target, __u32 mask)
{
	return bpf_skb_load_bytes(source->packet, source->offset, target, at_least_1(source->len, mask));
}

#endif /* SOURCE_BPF_H */
