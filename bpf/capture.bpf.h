/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What happens to a datagram, whichever hook saw it: read it into a scratch of this CPU,
 * parse and fold its lines; or send it whole to the daemon.
 */
#ifndef CAPTURE_BPF_H
#define CAPTURE_BPF_H

#include "fold.bpf.h"
#include "maps.bpf.h"
#include "relay.bpf.h"
#include "slow.bpf.h"
#include "source.bpf.h"
#include "watch.bpf.h"

enum capture_result {
	CAPTURE_DONE,	    /* every line is accounted for, or on its way to the daemon */
	CAPTURE_LOST,	    /* the ring was full for it or one of its lines; counted */
	CAPTURE_UNREADABLE, /* a page was not there; nothing counted yet */
};

/* Reads len <= mask + 1 bytes to memory of 2 * (mask + 1). message_read() or packet_read(), always inlined. */
#define READER(name) int (*name)(struct source *, __u8 *, __u32)

static __always_inline bool is_captured(__u16 port)
{
	return ports_mask[port >> 6 & 1023] >> (port & 63) & 1;
}

static __always_inline void lose(struct run *run, enum ledger_counter counter)
{
	count(run, DATAGRAMS_SEEN);
	add_to(&run->ledger->n[counter], 1);
	if (counter == LEDGER_DATAGRAMS_CORKED || counter == LEDGER_DATAGRAMS_UNREADABLE)
		relay_miss();
}

struct parsing {
	struct run *run;
	struct scratch *s;
};

static __always_inline void lose_line(struct run *run, struct scratch *s)
{
	s->seen++;
	s->lost++;
	count(run, LINES_RING_FULL);
}

/* The line just parsed, at [start, cursor - 1), to the daemon. */
static __always_inline void send_line(struct run *run, struct scratch *s)
{
	__u32 start = s->line.name.at & CURSOR_MASK;

	if (!slow_lines(run, s, start, cursor(s) - 1 - start))
		lose_line(run, s);
}

/* The same of a line that the parser leaves to the daemon; any gauge may be in it. */
static __always_inline void send_deferred(struct run *run, struct scratch *s)
{
	if (!is_message(s, s->line.name.at))
		gauges_follow[run->window & (WINDOWS - 1)] = 1;
	send_line(run, s);
}

/* The rest from the line that began at `start` on, unparsed, to the daemon. */
static __always_inline void send_rest(struct run *run, struct scratch *s, __u32 start)
{
	gauges_follow[run->window & (WINDOWS - 1)] = 1;
	if (!slow_lines(run, s, start, s->len - start))
		lose_line(run, s);
}

/* Global, so that the verifier checks it once and by itself. */
__noinline int parse_next(struct scratch *s)
{
	return s ? parse_line(s) : PARSE_SLOW;
}

static long line_step(__u32 i, struct parsing *parsing)
{
	struct scratch *s = parsing->s;
	struct run *run = parsing->run;
	__u32 start = cursor(s);

	if (start >= s->len)
		return 1;
	switch (parse_next(s)) {
	case PARSE_OK:
		if (fold_line(s, run->window, run->cpu)) {
			s->seen++;
			s->accepted++;
		} else {
			send_line(run, s);
		}
		return 0;
	case PARSE_REJECT:
		s->seen++;
		if (s->line.reason < LEDGER_COUNTERS)
			add_to(&run->ledger->n[s->line.reason], 1);
		return 0;
	case PARSE_EMPTY:
		return 0;
	case PARSE_DEFER:
		send_deferred(run, s);
		return 0;
	default:
		send_rest(run, s, start);
		return 1;
	}
}

/* Takes a free scratch of this CPU: its number, or SCRATCHES when all are in use. */
static __always_inline __u32 scratch_take(struct cpu_state *cpu)
{
	__u32 i;

	no_unroll for (i = 0; i < SCRATCHES; i++)
	{
		if (!(__sync_fetch_and_or(&cpu->taken, 1ULL << i) & 1ULL << i))
			break;
	}
	return i;
}

static __always_inline void scratch_return(struct cpu_state *cpu, __u32 number)
{
	__sync_fetch_and_and(&cpu->taken, ~(1ULL << (number & (SCRATCHES - 1))));
}

static __always_inline int parse_payload(struct run *run, struct scratch *s, struct source *source,
					 READER(read))
{
	struct parsing parsing = { .run = run, .s = s };
	int error;

	error = read(source, s->payload, PAYLOAD_FAST_MAX - 1);
	if (error)
		return CAPTURE_UNREADABLE;
	s->len = source->len;
	s->payload[source->len & CURSOR_MASK] = '\n';
	s->seen = 0;
	s->accepted = 0;
	s->lost = 0;
	s->slow = 0;
	cursor_set(s, 0);
	bpf_loop(PAYLOAD_FAST_MAX, line_step, &parsing, 0);
	add_to(&run->ledger->n[LEDGER_LINES_SEEN], s->seen);
	add_to(&run->ledger->n[LEDGER_LINES_ACCEPTED], s->accepted);
	count(run, DATAGRAMS_SEEN);
	count(run, DATAGRAMS_ACCEPTED);
	if (watched) {
		watch_parsed(s);
		relay_parsed(s);
	}
	return s->lost ? CAPTURE_LOST : CAPTURE_DONE;
}

static __always_inline int record_read(struct run *run, struct source *source, struct record *record,
				       __u32 mask, READER(read))
{
	record_head(record, run, RECORD_DATAGRAM, source->len);
	record->segment = source->segment;
	if (read(source, record->data, mask)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return CAPTURE_UNREADABLE;
	}
	bpf_ringbuf_submit(record, ring_flags());
	return CAPTURE_DONE;
}

/* Two reservations only: memory twice the payload, as source_gather() wants it. */
static __always_inline int send_datagram(struct run *run, struct source *source, READER(read))
{
	struct record *record;
	int result = CAPTURE_LOST;

	gauges_follow[run->window & (WINDOWS - 1)] = 1;
	if (source->len <= PAYLOAD_FAST_MAX) {
		record = bpf_ringbuf_reserve(&ring, RECORD_PAYLOAD_FAST, 0);
		if (record)
			result = record_read(run, source, record, PAYLOAD_FAST_MAX - 1, read);
	} else {
		record = bpf_ringbuf_reserve(&ring, RECORD_PAYLOAD_MAX, 0);
		if (record)
			result = record_read(run, source, record, 65535, read);
	}
	if (result == CAPTURE_UNREADABLE)
		return result;
	count(run, SLOW_DATAGRAMS);
	count(run, DATAGRAMS_SEEN);
	if (result == CAPTURE_LOST) {
		count(run, DATAGRAMS_RING_FULL);
		relay_miss();
	}
	if (watched)
		watch_unparsed(source->len);
	return result;
}

static __always_inline int capture(struct run *run, struct source *source, READER(read))
{
	struct cpu_state *cpu = bpf_map_lookup_elem(&cpus, &run->cpu);
	struct scratch *s;
	__u32 number, index;
	int result;

	if (source->len > PAYLOAD_FAST_MAX || source->segment || !cpu)
		return send_datagram(run, source, read);
	number = scratch_take(cpu);
	index = run->cpu * SCRATCHES + number;
	s = number < SCRATCHES ? bpf_map_lookup_elem(&scratches, &index) : NULL;
	if (!s)
		return send_datagram(run, source, read);
	result = parse_payload(run, s, source, read);
	scratch_return(cpu, number);
	return result;
}

#endif /* CAPTURE_BPF_H */
