/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Pieces of TCP connections -> whole lines. Lines may span sends; each connection keeps the
 * one that is not complete yet. Bounded: in connections, and in the length of a line.
 *
 * A piece says where in the stream it lies. When that is not where the last one ended,
 * something was missed: what follows up to the next newline is not taken for a line.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"

/* What a line may have; of longer ones this and one byte are passed on, so that they are seen to be too long. */
#define STREAM_LINE_MAX (PAYLOAD_FAST_MAX - 1)

struct streams;

/* Takes whole lines, with newlines between them and perhaps behind the last. */
typedef void stream_lines_fn(void *context, const void *lines, size_t len);

/*
 * NULL when out of memory. Free with streams_free(). At most `max` connections are known at a time: one that is not
 * in the middle of a line makes room, and only its place is remembered, of about 4 * `max`.
 */
struct streams *streams_new(size_t max);
void streams_free(struct streams *streams);

/*
 * Takes one piece (`len` bytes of data; time in nanoseconds of a clock that does not go back),
 * and hands the lines that it completes to `take`. A line whose beginning or end was missed
 * counts in the ledger as seen and unterminated.
 */
void streams_add(struct streams *streams, const struct stream_piece *piece, const void *data, size_t len,
		 uint64_t time, struct ledger *ledger, stream_lines_fn *take, void *context);

/* The connection has ended. */
void streams_end(struct streams *streams, const struct stream_piece *piece, struct ledger *ledger);

/* Gives up the lines that were begun before `time` and not gone on with. */
void streams_expire(struct streams *streams, uint64_t time, struct ledger *ledger);

/* Connections that are known. */
size_t streams_count(const struct streams *streams);

/* How often one made room in the middle of a line, which is lost then. */
uint64_t streams_cut(const struct streams *streams);

#endif /* CORE_STREAM_H */
