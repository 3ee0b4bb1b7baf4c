// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * gzip by zlib. Level 4, as Wavefront's own proxy: metrics are so alike that more effort saves
 * little, and the event loop waits meanwhile.
 */
#include <errno.h>
#include <limits.h>
#include <zlib.h>
#include "sink/transport/gzip.h"

#define LEVEL 4
#define WINDOW_BITS (15 + 16) /* 16: gzip's header and not zlib's */
#define MEMORY_LEVEL 8
#define PIECE 16384

int gzip_add(struct text *text, const char *data, size_t len)
{
	unsigned char piece[PIECE];
	z_stream stream = {};
	int state;

	if (len > UINT_MAX ||
	    deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	stream.next_in = (Bytef *)data;
	stream.avail_in = (uInt)len;
	do {
		stream.next_out = piece;
		stream.avail_out = sizeof(piece);
		state = deflate(&stream, Z_FINISH);
		text_add(text, (const char *)piece, sizeof(piece) - stream.avail_out);
	} while (state == Z_OK);
	deflateEnd(&stream);
	return state == Z_STREAM_END && !text->failed ? 0 : -ENOMEM;
}
