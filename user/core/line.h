/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * One line taken apart into its values, each with its verdict. The kernel's parser says
 * where the parts are; here is what it leaves: several values in a line, numbers that only
 * JavaScript's rules read, times. Pure: keeps nothing, reads no clock.
 *
 *     load:1|ms|@0.5:2:3|ms|#env:prod
 *          ^^^^^^^^^            1, twice
 *                    ^  ^^^     2
 *                      ^^^^     3
 *                           ^^^^^^^^^ of all three
 */
#ifndef CORE_LINE_H
#define CORE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kstatsd.h"
#include "parse.h"

#define LINE_BYTES_MAX (PAYLOAD_FAST_MAX - 1)

/* A sender's clock may be ahead of the daemon's by so many seconds: values from the future are none. */
#define LINE_AHEAD_MAX 10

/* One value of a line. Of one that is rejected, only the first three are filled. */
struct observation {
	enum ledger_counter verdict; /* LEDGER_LINES_ACCEPTED, or why it is rejected */
	size_t at;		     /* the byte of the line where the fault is */
	const char *why;	     /* more than the ledger says of it, in words; NULL: nothing */
	enum metric_type type;
	enum timer_unit unit;
	char sign;     /* of a gauge without a time: '+', '-', or 0 for an absolute value */
	double value;  /* finite, in units; 0 for a set */
	double weight; /* 1/rate; value times weight is finite */
	int64_t time;  /* Unix seconds, as sent behind "T"; 0: none */
	/* The value of a set, at least a byte, readable to the end of its last 8 bytes; until the next line_begin(). */
	const uint8_t *member;
	size_t member_len;
};

/* The line being read. All of it is the reader's own. */
struct line_reader {
	struct scratch scratch;
	struct text tags;
	struct text left;	   /* of the text of values that share what follows: not yet taken */
	struct observation shared; /* what they share */
	int64_t now;
	__u32 next;	   /* where the next value begins */
	bool more, pieces; /* at `next`; in `left` */
};

/* Begins with a line of `len` bytes, without its newline, at the time `now` (Unix seconds). */
void line_begin(struct line_reader *reader, const void *line, size_t len, int64_t now);

/* Takes the line's next value. False: there is none. A line that is not empty has at least one. */
bool line_next(struct line_reader *reader, struct observation *seen);

/* Name and tags of the line's values, if one of them was accepted. */
static inline const char *line_name(const struct line_reader *reader, size_t *len)
{
	*len = reader->scratch.line.name.len;
	return (const char *)reader->scratch.payload + reader->scratch.line.name.at;
}

static inline const char *line_tags(const struct line_reader *reader, size_t *len)
{
	*len = reader->tags.len;
	return (const char *)reader->scratch.payload + reader->tags.at;
}

#endif /* CORE_LINE_H */
