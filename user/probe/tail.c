// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two sources of lines, one consumer:
 *
 *     parsed in the kernel --- copy of the datagram ---> tail ring --> tail_record_take()
 *     left to the daemon ----- record of the slow path -> ring -----> tail_datagrams(), tail_bytes()
 *                                                                         `--> tail_line()
 *
 * Lines that the kernel took out of a datagram for the slow path are in its copy already.
 * copies.h says in which order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "probe/copies.h"
#include "probe/internal.h"
#include "probe/watching.h"
#include "statsd.skel.h"

#define TAIL_RING_BYTES (1 << 20)
#define TAIL_CONSUME_BYTES (TAIL_RING_BYTES / 4) /* between two looks at timers and signals */

struct tail {
	struct copies *copies;
	void (*show)(void *context, const struct tail_line *line);
	void *context;
};

void tail_line(struct capture *capture, const struct tail_line *line)
{
	if (capture->tail && line->len)
		capture->tail->show(capture->tail->context, line);
}

/* Each line of one datagram; `line` says whose. */
static void tail_lines(struct capture *capture, struct tail_line line, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len, *newline;

	for (; data < end; data = newline + 1) {
		newline = memchr(data, '\n', (size_t)(end - data));
		if (!newline)
			newline = end;
		line.text = data;
		line.len = (size_t)(newline - data);
		tail_line(capture, &line);
	}
}

static void tail_record_take(void *context, const void *data, size_t size)
{
	const struct tail_record *record = data;
	struct tail_line line = { .time = record->time,
				  .pid = record->pid,
				  .command = (const char *)record->command };

	if (record->len <= size - sizeof(*record))
		tail_lines(context, line, record->data, record->len);
}

void tail_bytes(struct capture *capture, const struct record *record, const void *data, size_t len)
{
	struct tail_line line = { .time = record->time,
				  .pid = record->pid,
				  .command = (const char *)record->command };

	if (!capture->tail)
		return;
	if (copies_catch_up(capture->tail->copies, record->time))
		log_debug("cannot read the copies of lines that are older");
	tail_lines(capture, line, data, len);
}

void tail_datagrams(struct capture *capture, const struct record *record)
{
	size_t at, size;

	if (!capture->tail)
		return;
	for (at = 0; at < record->len; at += size) {
		size = record->len - at;
		if (record->segment && record->segment < size)
			size = record->segment;
		tail_bytes(capture, record, record->data + at, size);
	}
}

void tail_free(struct capture *capture)
{
	struct tail *tail = capture->tail;

	if (!tail)
		return;
	copies_free(tail->copies);
	free(tail);
	capture->tail = NULL;
}

static int tail_new(struct capture *capture, struct error *error)
{
	struct tail *tail = calloc(1, sizeof(*tail));
	int err = 0;

	if (!tail)
		return error_set(error, -ENOMEM, "cannot watch lines: out of memory");
	capture->tail = tail;
	tail->copies = copies_new(capture->skeleton->maps.tail_rings, TAIL_RING_BYTES,
				  sizeof(struct tail_record), tail_record_take, capture, &err);
	if (tail->copies)
		return 0;
	tail_free(capture);
	return error_set(error, err, "cannot watch lines: no ring for their copies: %s", strerror(-err));
}

int capture_tail(struct capture *capture, enum tail_mode mode,
		 void (*show)(void *context, const struct tail_line *line), void *context,
		 struct error *error)
{
	static const uint32_t bits[] = { [TAIL_REJECTED] = WATCH_REJECTED, [TAIL_ALL] = WATCH_LINES };
	int err = capture->tail || mode == TAIL_OFF ? 0 : tail_new(capture, error);

	if (err)
		return err;
	watching_set(capture, WATCH_LINES | WATCH_REJECTED, bits[mode]);
	if (mode == TAIL_OFF) {
		tail_free(capture);
	} else {
		capture->tail->show = show;
		capture->tail->context = context;
	}
	return 0;
}

int capture_tail_fd(const struct capture *capture)
{
	return capture->tail ? copies_fd(capture->tail->copies) : -1;
}

int capture_tail_consume(struct capture *capture, struct error *error)
{
	int err;

	if (!capture->tail)
		return 0;
	err = copies_consume(capture->tail->copies, capture->taken, TAIL_CONSUME_BYTES);
	return err ? error_set(error, err, "cannot read the copies of lines: %s", strerror(-err)) : 0;
}

uint64_t capture_tail_missed(const struct capture *capture)
{
	return capture->skeleton->bss->tail_missed;
}

size_t capture_explain(struct capture *capture, const struct tail_line *line, struct line_fault *faults,
		       size_t max)
{
	return ingest_explain(capture->ingest, line->text, line->len,
			      clock_read(CLOCK_REALTIME) / NS_PER_SECOND, faults, max);
}
