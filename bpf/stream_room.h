/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * How much of the ring a piece of a TCP connection takes, where sizes must be constants. What
 * lies in one buffer is read at once; what is gathered from several needs twice the room, so
 * that the verifier believes that each fits behind those before it.
 */
#ifndef KSTATSD_STREAM_ROOM_H
#define KSTATSD_STREAM_ROOM_H

#include "kstatsd.h"

#define STREAM_PIECE PAYLOAD_FAST_MAX
#define STREAM_PIECE_SMALL 256
#define STREAM_PIECE_MEDIUM 2048 /* what clients collect to send at once: 1,432 bytes and the like */

/* The smallest of the sizes that holds `len` bytes, which are STREAM_PIECE at most. */
static inline __attribute__((always_inline)) __u32 stream_room(__u32 len, int single)
{
	__u32 room = STREAM_PIECE;

	if (len <= STREAM_PIECE_SMALL)
		room = STREAM_PIECE_SMALL;
	else if (len <= STREAM_PIECE_MEDIUM)
		room = STREAM_PIECE_MEDIUM;
	return single ? room : 2 * room;
}

#endif /* KSTATSD_STREAM_ROOM_H */
