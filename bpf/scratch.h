/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the parser works on: one payload, a cursor, and the parts of the line it is in.
 *
 * In the kernel the scans are short and the cursor goes through memory at every step, so
 * that the verifier forgets which iteration of a loop it came from.
 */
#ifndef KSTATSD_SCRATCH_H
#define KSTATSD_SCRATCH_H

#include "kstatsd.h"

#define parse_inline static inline __attribute__((always_inline))

#ifdef __bpf__
#define NAME_SCAN (KEY_MAX + 1)
#define TAGS_SCAN (KEY_MAX + 1)
#define VALUE_SCAN 129
#define LINE_SCAN 512
#define FIELDS_SCAN 6
#define BLANKS_SCAN 4
/* What the compiler holds in registers goes to memory, where the verifier forgets it. */
#define forget() asm volatile("" ::: "memory")
#define no_unroll _Pragma("clang loop unroll(disable)")
#else
#define NAME_SCAN PAYLOAD_FAST_MAX
#define TAGS_SCAN PAYLOAD_FAST_MAX
#define VALUE_SCAN PAYLOAD_FAST_MAX
#define LINE_SCAN PAYLOAD_FAST_MAX
#define FIELDS_SCAN 16
#define BLANKS_SCAN PAYLOAD_FAST_MAX
#define forget()
#define no_unroll
#endif

#define CURSOR_MASK 16383
/* Behind the last position a scan may read on, and a word may begin. */
#ifdef __bpf__
#define PAYLOAD_BYTES (CURSOR_MASK + 1 + LINE_SCAN + 8)
#else
#define PAYLOAD_BYTES (CURSOR_MASK + 1 + PAYLOAD_FAST_MAX + 8)
#endif

enum parse_result {
	PARSE_OK,     /* line is filled; see wide */
	PARSE_EMPTY,  /* nothing between two newlines */
	PARSE_REJECT, /* line.reason says why */
	PARSE_SLOW,   /* in the kernel only: longer than its limits; the cursor is lost */
	PARSE_DEFER,  /* the daemon's: an event, a service check, or perhaps several values */
};

/* What micros or an integer weight cannot hold exactly, and times: their text decides. */
#define WIDE_VALUE 1
#define WIDE_RATE 2
#define WIDE_TIME 4

/* Where a part of a line lies in scratch.payload. */
struct text {
	__u32 at;
	__u32 len;
};

struct statsd_line {
	struct text name;
	struct text value_text;
	struct text rate; /* len 0: none */
	struct text tags; /* len 0: none */
	struct text time; /* the seconds behind "T", if WIDE_TIME */
	__s64 value;	  /* micros, unless WIDE_VALUE; 0 for a set */
	__u64 weight;	  /* 1/rate, unless WIDE_RATE */
	__u8 type;	  /* enum metric_type */
	__u8 sign;	  /* '+', '-' or 0, as written */
	__u8 wide;
	__u8 reason; /* enum ledger_counter, if rejected */
	__u8 unit;   /* enum timer_unit: "ms", which may not be negative, as opposed to "h" and "d" */
	__u8 pad[3];
	__u32 count;  /* digits just read */
	__u64 number; /* what they make */
};

/* One payload being parsed. payload[len] must be '\n'. */
struct scratch {
	__u32 pos; /* cursor: first byte not yet read */
	__u32 len;
	__u32 seen, accepted, lost; /* lines of this payload */
	__u32 slow;		    /* lines of it went to the daemon */
	struct statsd_line line;
	__u64 time; /* with the payload behind it, a struct relay_record */
	__u8 payload[PAYLOAD_BYTES];
};
_Static_assert(__builtin_offsetof(struct scratch, payload) ==
		       __builtin_offsetof(struct scratch, time) + sizeof(struct relay_record),
	       "a payload and its time are a struct relay_record");

parse_inline void cursor_set(struct scratch *s, __u32 pos)
{
	*(volatile __u32 *)&s->pos = pos;
	forget();
}

parse_inline __u32 cursor(const struct scratch *s)
{
	return *(const volatile __u32 *)&s->pos & CURSOR_MASK;
}

/* Lengths are read afresh each time, for the verifier's sake again: it learns nothing from a comparison. */
parse_inline __u32 text_len(const struct text *text)
{
	return *(const volatile __u32 *)&text->len;
}

parse_inline __u8 cursor_byte(const struct scratch *s)
{
	return s->payload[cursor(s)];
}

#endif /* KSTATSD_SCRATCH_H */
