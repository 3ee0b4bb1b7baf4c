/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The contract between the kernel side and the daemon: every shape that crosses
 * a map or the ring, its units, and the counters of the ledger. What both sides
 * must compute alike lives beside it: parse.h, bucket.h, hash.h.
 *
 * Values are fixed-point "micros": 1 unit = 1,000,000 micros. A counter or timer
 * value that needs more digits or range than that takes the slow path.
 */
#ifndef KSTATSD_H
#define KSTATSD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define MICROS 1000000

/* Payloads that may be in the middle of being parsed on one CPU, by tasks that preempt each other. */
#define SCRATCHES 4

/* Two windows: one open for the kernel to write, one closed for the daemon to read. */
#define WINDOWS 2

/* Longest datagram UDP over IPv4 carries, and the longest the kernel parses itself. */
#define DATAGRAM_MAX 65507
#define PAYLOAD_FAST_MAX 8192

/* Name and tags of a series together, in bytes, on the fast path. */
#define KEY_MAX 256
/* Name and tags each start on an 8-byte boundary and are padded with zeros. */
#define KEY_BYTES (KEY_MAX + 40) /* and whole cache lines for an entry */

/* A set keeps a HyperLogLog sketch of 2^HLL_BITS one-byte registers: 1.6 % standard error. */
#define HLL_BITS 12
#define HLL_REGISTERS (1 << HLL_BITS)

enum metric_type {
	METRIC_COUNTER,
	METRIC_TIMER,
	METRIC_GAUGE,
	METRIC_SET,
	METRIC_TYPES,
};

/* What a timer's values are, by the type they were sent with; of other types UNIT_NONE. */
enum timer_unit {
	UNIT_NONE,	   /* h, d */
	UNIT_MILLISECONDS, /* ms */
	TIMER_UNITS,
};

/*
 * One series that the kernel knows: an entry of its hash table, which is an array with linear
 * probing. Everything but the tag is written once, before the entry is live.
 */
struct series_entry {
	__u64 tag;	/* hash of type, unit, name and tags; the lowest bits: enum entry_state */
	__u32 cell;	/* index among the cells of its type */
	__u16 name_len; /* bytes, without padding */
	__u16 tags_len; /* bytes; 0: no tags. Text after "|#", as sent */
	__u8 type;	/* enum metric_type */
	__u8 unit;	/* enum timer_unit: a timer sent in two units has two cells */
	__u8 pad[6];
	__u8 key[KEY_BYTES]; /* name at 0, tags at the next multiple of 8 behind the name */
};

/* An entry moves down this list, by the kernel until it is live, then by the daemon; a tag of 0 is free. */
enum entry_state {
	ENTRY_FREE,
	ENTRY_WRITING, /* a program enters it at this moment */
	ENTRY_LIVE,
	ENTRY_RETIRED, /* no program takes it any more; it only holds the chain together */
	ENTRY_STATES,
};
#define ENTRY_STATE_MASK (ENTRY_STATES - 1)
#define SERIES_PROBES 32 /* entries looked at, from the one that the hash names */

/* Where the search for a tag begins. */
static inline __attribute__((always_inline)) __u32 series_home(__u64 tag, __u32 table_mask)
{
	return (__u32)(tag >> 24) & table_mask;
}

/*
 * Cells: the folded values of one series. Those of counters and timers exist once per
 * (window, CPU, series), those of gauges and sets once per (window, series).
 * A cell of zeros is an untouched one.
 */
struct counter_cell {
	__s64 sum; /* micros, value times 1/rate */
	__u64 used;
};

struct timer_cell {
	__u64 count;  /* samples received */
	__u64 weight; /* sum of 1/rate */
	__u64 sum_lo; /* sum of values, 128-bit two's complement, micros */
	__u64 sum_hi;
	__u64 squares_lo; /* sum of squared values, 128-bit, micros squared */
	__u64 squares_hi;
	__u64 min_key; /* ~order_key(smallest value); 0: none */
	__u64 max_key; /* order_key(largest value); 0: none */
};

struct gauge_cell {
	__s64 value; /* micros: absolute if set, else the sum of deltas in this window */
	__u32 set;   /* an absolute value was written in this window */
	__u32 touched;
	__u32 slow; /* enum gauge_slow; if not 0, all writes of this window take the slow path, in order */
	__u32 pad;
};

enum gauge_slow {
	GAUGE_FAST,
	GAUGE_SLOW,	    /* the daemon says so: the series has several cells */
	GAUGE_SLOW_WRITTEN, /* and a write did */
};

struct set_cell {
	__u64 members;	 /* distinct values in the window's member map */
	__u32 estimated; /* the limit was reached: the rest is in the sketch only */
	__u32 touched;
};

/* Key of a histogram bucket: how often values of one series fell there on one CPU. */
struct bucket_key {
	__u32 cell;  /* timer cell index, as in series */
	__s16 index; /* bucket.h, of the cell's unit */
	__u16 cpu;
};

/* Key of one distinct value of a set. */
struct member_key {
	__u64 cell;    /* set cell index */
	__u64 hash[2]; /* keyed 128-bit hash of the value's bytes */
};

/* One raw sample of timers.mode: exact. */
struct raw_sample {
	__s64 value;  /* micros */
	__u32 cell;   /* timer cell index */
	__u32 weight; /* 1/rate; 0: a sample that was reserved and never written */
};

/* The name of a program, as the kernel keeps it: zeros behind it, one at least. */
#define COMMAND_BYTES 16

/* What the fast path hands over, through the ring. */
enum record_kind {
	RECORD_DATAGRAM = 1, /* whole and unparsed; the daemon decides whether it is accepted */
	RECORD_LINES,	     /* unparsed rest of a datagram that is accounted for already */
	RECORD_STREAM,	     /* a struct stream_piece: bytes that a TCP connection took, accounted for */
	RECORD_STREAM_END,   /* a struct stream_piece without data: the connection was closed */
};

struct record {
	__u64 time;    /* CLOCK_MONOTONIC, nanoseconds */
	__u32 len;     /* bytes of data */
	__u32 segment; /* bytes per datagram in data (UDP_SEGMENT); 0: one datagram */
	__u32 pid;     /* thread group of the sender; 0 while nobody watches */
	__u16 window;
	__u16 kind;		     /* enum record_kind */
	__u8 command[COMMAND_BYTES]; /* of the sender; zeros while nobody watches */
	__u8 data[];
};

/* What somebody wants to see of the traffic at this moment, bit by bit. */
enum watching {
	WATCH_LINES = 1,    /* every datagram */
	WATCH_REJECTED = 2, /* those with lines that are bad, or may be */
	WATCH_SENDERS = 4,  /* who sends how much */
	WATCH_RELAY = 8,    /* every datagram, to be passed on to another statsd */
};

/* A datagram that was parsed in the kernel, for relays; as long as the ring's record. */
struct relay_record {
	__u64 time; /* CLOCK_MONOTONIC, nanoseconds */
	__u8 data[];
};
/* Sockets that relays send from. */
#define RELAY_SOCKETS_MAX 32

/* A datagram that was parsed in the kernel, for kstatsd tail. */
struct tail_record {
	__u64 time; /* CLOCK_MONOTONIC, nanoseconds */
	__u32 len;  /* bytes of data */
	__u32 pid;  /* thread group of the sender */
	__u8 command[COMMAND_BYTES];
	__u8 data[];
};

/* What one process sent, for kstatsd top. */
struct sender {
	__u64 sends; /* datagrams, and sends on TCP connections */
	__u64 bytes;
	__u64 lines;	/* parsed in the kernel */
	__u64 rejected; /* of these */
	__u8 command[COMMAND_BYTES];
};
/* The key of those that found no room; no process has this number. */
#define SENDER_OTHERS 0
/* Where a connection begins whose accepting side sends: the kernel counts the SYN of the other side only. */
#define STREAM_BEGINS_ACCEPTED (~0ULL)
/* Data of a RECORD_STREAM. A connection is known by its socket's address, reused ones by their ports too. */
struct stream_piece {
	__u64 socket;
	__u64 position; /* of the first byte; of a connection's first: 0, or STREAM_BEGINS_ACCEPTED */
	__u16 local_port, remote_port;
	__u32 pad;
	__u8 data[];
};

/*
 * Address of a Unix socket as its user wrote it: sun_path without the NUL that ends a path,
 * with the NUL that begins an abstract name. Zeros behind.
 */
#define UNIX_NAMES_MAX 16
#define UNIX_NAME_MAX 108
struct unix_name {
	__u32 len;
	__u8 path[128]; /* a power of two, for the verifier */
};

/*
 * The ledger: for datagrams, sends on TCP streams and lines, seen = accepted + rejected + lost,
 * reason by reason. Each row is (enum suffix, exported name, meaning). Kernel and daemon each keep
 * one per window; the sum of both is what is exported.
 */
#define LEDGER(X)                                                                                         \
	X(DATAGRAMS_SEEN, "datagrams.seen", "sent to a captured port or socket")                          \
	X(DATAGRAMS_ACCEPTED, "datagrams.accepted", "parsed, in the kernel or in the daemon")             \
	X(DATAGRAMS_EMPTY, "datagrams.rejected.empty", "no payload")                                      \
	X(DATAGRAMS_OVERSIZE, "datagrams.rejected.oversize", "longer than UDP can carry")                 \
	X(DATAGRAMS_RING_FULL, "datagrams.lost.ring_full", "slow path: the ring was full")                \
	X(DATAGRAMS_UNREADABLE, "datagrams.lost.unreadable", "payload could not be read")                 \
	X(DATAGRAMS_CORKED, "datagrams.lost.corked", "piece of a corked datagram (MSG_MORE, UDP_CORK)")   \
	X(DATAGRAMS_SKIPPED, "datagrams.lost.skipped", "kernel skipped the program (recursion_misses)")   \
	X(LINES_SEEN, "lines.seen", "non-empty lines in accepted datagrams and streams")                  \
	X(LINES_ACCEPTED, "lines.accepted", "folded into a series")                                       \
	X(LINES_NAME, "lines.rejected.name", "no name before the colon")                                  \
	X(LINES_VALUE, "lines.rejected.value", "no value, or not a finite number")                        \
	X(LINES_TYPE, "lines.rejected.type", "no type, or not c, ms, g, s, h, d")                         \
	X(LINES_RATE, "lines.rejected.rate", "sample rate not above 0 and at most 1")                     \
	X(LINES_FIELD, "lines.rejected.field", "a field that is neither rate nor tags nor known")         \
	X(LINES_TOO_LONG, "lines.rejected.too_long", "longer than the daemon accepts")                    \
	X(LINES_TIMESTAMP, "lines.rejected.timestamp",                                                    \
	  "timestamp in the future, not a time, or on a type other than c and g")                         \
	X(LINES_EVENT, "lines.rejected.event", "malformed event or service check")                        \
	X(LINES_UNTERMINATED, "lines.rejected.unterminated",                                              \
	  "a TCP line whose beginning or end was not seen")                                               \
	X(LINES_SERIES_LIMIT, "lines.lost.series_limit",                                                  \
	  "limits.series, or the most values with a time, or events, reached")                            \
	X(LINES_RING_FULL, "lines.lost.ring_full", "slow path: the ring was full")                        \
	X(LINES_CONTINUED, "lines.continued", "values behind the first of a line; each counts as a line") \
	X(EVENTS, "lines.events", "events among the accepted lines")                                      \
	X(SERVICE_CHECKS, "lines.service_checks", "service checks among the accepted lines")              \
	X(STREAMS_SEEN, "streams.seen", "sends on TCP connections to a captured port")                    \
	X(STREAMS_ACCEPTED, "streams.accepted", "read; their lines are counted as lines")                 \
	X(STREAMS_RING_FULL, "streams.lost.ring_full", "the ring was full")                               \
	X(STREAMS_UNREADABLE, "streams.lost.unreadable", "bytes could not be read")                       \
	X(SLOW_DATAGRAMS, "slow.datagrams", "datagrams that took the slow path whole")                    \
	X(SLOW_LINES, "slow.lines", "lines that took the slow path")                                      \
	X(RETRIED, "slow.retried", "payloads read at the return of the send, after a page fault")         \
	X(ABSORBED, "absorbed", "datagrams ended at the sender")

enum ledger_counter {
#define LEDGER_ENUM(suffix, name, meaning) LEDGER_##suffix,
	LEDGER(LEDGER_ENUM)
#undef LEDGER_ENUM
		LEDGER_COUNTERS,
};

/* One per (window, CPU) in the kernel; sized to whole cache lines. */
struct ledger {
	__u64 n[40];
};

#define SIZE_IS(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), "contract: " #type " is not " #bytes " bytes")
SIZE_IS(struct series_entry, 320);
SIZE_IS(struct counter_cell, 16);
SIZE_IS(struct timer_cell, 64);
SIZE_IS(struct gauge_cell, 24);
SIZE_IS(struct set_cell, 16);
SIZE_IS(struct bucket_key, 8);
SIZE_IS(struct member_key, 24);
SIZE_IS(struct raw_sample, 16);
SIZE_IS(struct record, 40);
SIZE_IS(struct tail_record, 32);
SIZE_IS(struct relay_record, 8);
SIZE_IS(struct sender, 48);
SIZE_IS(struct stream_piece, 24);
SIZE_IS(struct unix_name, 132);
SIZE_IS(struct ledger, 320);
_Static_assert(LEDGER_COUNTERS <= 40, "contract: struct ledger is too small");

#endif /* KSTATSD_H */
