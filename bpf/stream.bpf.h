/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Sends on TCP connections to a captured port: what the kernel took of each, with its place
 * in the stream, to the daemon, which puts the lines together.
 *
 *     tcp_sendmsg -> lock_sock -> tcp_sendmsg_locked -> release_sock
 *                                 ^ entry: where the bytes lie, their position
 *                                                   ^ return: how many were taken; they are read
 *
 * The socket is locked from the one to the other, so records are in the ring in the order
 * of the stream. Only while a send waits for room in the socket's buffer another thread's
 * may slip in.
 *
 * The position counts bytes from the beginning of the connection. By it the daemon sees what
 * it missed, for whatever reason.
 */
#ifndef STREAM_BPF_H
#define STREAM_BPF_H

#include <bpf/bpf_endian.h>
#include "capture.bpf.h"
#include "stream_room.h"

#define TCP_CLOSE 7
#define STREAM_PIECES_MAX 1024 /* of one send; what is beyond is lost */
#define RECORD_STREAM_BYTES(payload) RECORD_BYTES(sizeof(struct stream_piece) + (payload))

/* A send that has begun. */
struct stream_send {
	struct source source;
	struct stream_piece piece;
};

/* By thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct stream_send);
} stream_sends SEC(".maps");
/* How many entries that is: all other TCP returns without a look when it is none. */
__u32 streams_waiting;

/* Destination port, host byte order. With MSG_FASTOPEN the send is what connects. */
static __always_inline __u16 stream_port(const struct sock *sk, const struct msghdr *msg)
{
	__u16 port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));

	return port ?: message_port(sk, msg, false);
}

/*
 * Bytes written to the connection before: those acknowledged and those not yet.
 * tcp_snd_una_update() keeps the sum; nothing changes it but the owner. Of a connection that
 * connect() made the SYN is one of these bytes. One that accept() returned begins behind its
 * SYN: its first position is STREAM_BEGINS_ACCEPTED, and those that follow are one less, too.
 */
static __always_inline __u64 stream_position(const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	__u32 unacknowledged = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_una);

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		return 0;
	return BPF_CORE_READ(tp, bytes_acked) + unacknowledged - 1;
}

static __always_inline void stream_identify(struct stream_piece *piece, const struct sock *sk, __u16 port)
{
	piece->socket = (__u64)sk;
	/* Not skc_num: a connection that was reset has lost that. */
	piece->local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	piece->remote_port = port;
}

static __always_inline void stream_lose(struct run *run, enum ledger_counter counter)
{
	count(run, STREAMS_SEEN);
	add_to(&run->ledger->n[counter], 1);
}

/* An earlier send of this thread, whose return was not seen: it is lost. */
static __always_inline void stream_forget(struct run *run, __u64 thread)
{
	if (!streams_waiting || bpf_map_delete_elem(&stream_sends, &thread))
		return;
	__sync_fetch_and_add(&streams_waiting, -1);
	stream_lose(run, LEDGER_STREAMS_UNREADABLE);
}

static __always_inline int on_stream_send(const struct sock *sk, const struct msghdr *msg)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u16 port = stream_port(sk, msg);
	struct stream_send send = {};
	struct run run = {};

	if (!is_captured(port) || !run_begin(&run))
		return 0;
	stream_forget(&run, thread);
	source_from_message(&send.source, msg, 0);
	send.piece.socket = (__u64)sk;
	send.piece.remote_port = port;
	send.piece.position = stream_position(sk);
	if (bpf_map_update_elem(&stream_sends, &thread, &send, BPF_ANY))
		stream_lose(&run, LEDGER_STREAMS_UNREADABLE);
	else
		__sync_fetch_and_add(&streams_waiting, 1);
	return 0;
}

/* What is left of a send. No pointers, so that it can be handed to a global function. */
struct streaming {
	__u64 left;
	__u32 lost; /* enum ledger_counter of why; 0: nothing */
	__u32 window;
	struct stream_send send;
};

static __always_inline int stream_record(struct streaming *streaming, struct record *record, __u32 len,
					 __u32 mask, READER(read))
{
	struct stream_send *send = &streaming->send;
	struct run run = { .window = streaming->window };
	struct stream_piece *piece;

	if (!record)
		return LEDGER_STREAMS_RING_FULL;
	piece = (void *)record->data;
	record_head(record, &run, RECORD_STREAM, sizeof(*piece) + len);
	*piece = send->piece;
	send->source.len = len;
	if (read(&send->source, piece->data, mask)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return LEDGER_STREAMS_UNREADABLE;
	}
	bpf_ringbuf_submit(record, ring_flags());
	return 0;
}

/* A record with constant room for a piece, filled; enum ledger_counter of why not, or 0. */
#define STREAM_SEND(room, size, read)                                                                     \
	stream_record(streaming, bpf_ringbuf_reserve(&ring, RECORD_STREAM_BYTES(room), 0), len, (size)-1, \
		      read)

static __always_inline int stream_send_single(struct streaming *streaming, __u32 len)
{
	switch (stream_room(len, true)) {
	case STREAM_PIECE_SMALL:
		return STREAM_SEND(STREAM_PIECE_SMALL, STREAM_PIECE_SMALL, single_read);
	case STREAM_PIECE_MEDIUM:
		return STREAM_SEND(STREAM_PIECE_MEDIUM, STREAM_PIECE_MEDIUM, single_read);
	default:
		return STREAM_SEND(STREAM_PIECE, STREAM_PIECE, single_read);
	}
}

static __always_inline int stream_send_gathered(struct streaming *streaming, __u32 len)
{
	switch (stream_room(len, false)) {
	case 2 * STREAM_PIECE_SMALL:
		return STREAM_SEND(2 * STREAM_PIECE_SMALL, STREAM_PIECE_SMALL, message_read);
	case 2 * STREAM_PIECE_MEDIUM:
		return STREAM_SEND(2 * STREAM_PIECE_MEDIUM, STREAM_PIECE_MEDIUM, message_read);
	default:
		return STREAM_SEND(2 * STREAM_PIECE, STREAM_PIECE, message_read);
	}
}

/*
 * One piece. Global, so that the verifier checks it once and by itself: newer ones keep the states of a loop in a loop
 * until the outer is done, and that was half a gigabyte.
 */
__noinline int stream_next(struct streaming *streaming)
{
	__u32 len;

	if (!streaming || !streaming->left)
		return 1;
	len = streaming->left < STREAM_PIECE ? streaming->left : STREAM_PIECE;
	if (streaming->send.source.kind == SOURCE_USER)
		streaming->lost = stream_send_single(streaming, len);
	else
		streaming->lost = stream_send_gathered(streaming, len);
	if (streaming->lost)
		return 1;
	streaming->left -= len;
	streaming->send.source.offset += len;
	streaming->send.piece.position += len;
	return 0;
}

static long stream_step(__u32 i, struct streaming *streaming)
{
	return stream_next(streaming) != 0;
}

/* What a send took, which is more than nothing, to the daemon. Counted as a whole: a send that lost a piece is lost. */
static __always_inline void stream_take(struct run *run, struct streaming *streaming, __u32 taken)
{
	streaming->left = taken;
	streaming->window = run->window;
	gauges_follow[run->window & (WINDOWS - 1)] = 1;
	bpf_loop(STREAM_PIECES_MAX, stream_step, streaming, 0);
	if (watched)
		watch_unparsed(taken);
	if (streaming->lost == LEDGER_STREAMS_UNREADABLE)
		stream_lose(run, LEDGER_STREAMS_UNREADABLE);
	else if (streaming->left)
		stream_lose(run, LEDGER_STREAMS_RING_FULL);
	else
		stream_lose(run, LEDGER_STREAMS_ACCEPTED);
}

/* The kernel has copied what it took by now, so its pages are there. */
static __always_inline int on_stream_return(long taken)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct streaming streaming = {};
	struct stream_send *saved;
	struct run run = {};

	if (!streams_waiting)
		return 0;
	saved = bpf_map_lookup_elem(&stream_sends, &thread);
	if (!saved)
		return 0;
	streaming.send = *saved;
	bpf_map_delete_elem(&stream_sends, &thread);
	__sync_fetch_and_add(&streams_waiting, -1);
	if ((int)taken <= 0 || !run_begin(&run))
		return 0;
	/* Only now: a send with MSG_FASTOPEN begins without a local port. */
	stream_identify(&streaming.send.piece, (const struct sock *)streaming.send.piece.socket,
			streaming.send.piece.remote_port);
	stream_take(&run, &streaming, (int)taken);
	return 0;
}

/* The application lets go of the connection: what it began is not finished any more. */
static __always_inline int on_stream_close(const struct sock *sk)
{
	__u16 port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	struct stream_piece *piece;
	struct record *record;
	struct run run = {};

	if (!is_captured(port) || !run_begin(&run))
		return 0;
	record = bpf_ringbuf_reserve(&ring, RECORD_STREAM_BYTES(0), 0);
	if (!record)
		return 0; /* the daemon forgets the connection when it was idle for long */
	record_head(record, &run, RECORD_STREAM_END, sizeof(*piece));
	piece = (void *)record->data;
	*piece = (struct stream_piece){};
	stream_identify(piece, sk, port);
	bpf_ringbuf_submit(record, ring_flags());
	return 0;
}

#endif /* STREAM_BPF_H */
