/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Graphite's pickle protocol: Python's list of (path, (timestamp, value)), in the opcodes of
 * pickle's protocol 2, behind its length. https://docs.python.org/3/library/pickletools.html
 *
 *     length  \x80\x02 ] (                                        e   .
 *             PROTO 2  empty list, mark, points ...          APPENDS  STOP
 *
 *     X len path      \x8a\x08 timestamp  G value      \x86    \x86
 *     BINUNICODE      LONG1               BINFLOAT     TUPLE2  TUPLE2
 */
#ifndef SINK_GRAPHITE_PICKLE_H
#define SINK_GRAPHITE_PICKLE_H

#include <stddef.h>
#include <stdint.h>
#include "sink/text.h"

/* Of one pickle: carbon's own daemons send no more points at once, and it reads no more than 1 MiB. */
#define PICKLE_POINTS_MAX 500
#define PICKLE_BYTES_MAX (512 << 10)

/* Where the path of a point stands: behind 'X' and its length. */
#define PICKLE_PATH_AT 5

/* Begins a point; its path is to be appended. */
void pickle_begin(struct text *text);
/* Completes the point that begins at `begin`, once its path is there. */
void pickle_end(struct text *text, size_t begin, int64_t timestamp, double value);

/* Appends pickles of `len` bytes of whole points to `batch`, as many as the limits ask for. */
void pickle_frame(const char *data, size_t len, struct text *batch);

#endif /* SINK_GRAPHITE_PICKLE_H */
