// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two sources of lines, one consumer:
 *
 *     parsed in the kernel --- copy of the datagram ---> tail ring --> tail_record_take()
 *     left to the daemon ----- record of the slow path -> ring -----> tail_datagrams(), tail_bytes()
 *                                                                         `--> tail_line()
 *
 * Lines that the kernel took out of a datagram for the slow path are in its copy already.
 * Before a record of the slow path is shown, the copies that are older are: the order is that
 * of the sends, as far as two CPUs have one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "probe/internal.h"
#include "probe/watching.h"
#include "statsd.skel.h"

#define TAIL_RING_BYTES (1 << 20)
#define TAIL_CONSUME_BYTES (TAIL_RING_BYTES / 4) /* between two looks at timers and signals */
#define ENOUGH (-ECANCELED)

struct tail {
	int map_fd;
	struct ring_buffer *ring;
	void (*show)(void *context, const struct tail_line *line);
	void *context;
	int64_t consume; /* bytes that this call may still take */
	uint64_t until;	 /* it shows what is not younger */
	bool is_held;	 /* a record that was younger waits here */
	_Alignas(struct tail_record) uint8_t held[sizeof(struct tail_record) + PAYLOAD_FAST_MAX];
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

static void tail_record_show(struct capture *capture, const struct tail_record *record)
{
	struct tail_line line = { .time = record->time,
				  .pid = record->pid,
				  .command = (const char *)record->command };

	tail_lines(capture, line, record->data, record->len);
}

static int tail_record_take(void *context, void *data, size_t size)
{
	const struct tail_record *record = data;
	struct capture *capture = context;
	struct tail *tail = capture->tail;

	tail->consume -= (int64_t)size;
	if (size < sizeof(*record) || record->len > size - sizeof(*record) || size > sizeof(tail->held))
		return 0;
	if (record->time > tail->until) {
		memcpy(tail->held, data, size);
		tail->is_held = true;
		return ENOUGH;
	}
	tail_record_show(capture, record);
	return tail->consume > 0 ? 0 : ENOUGH;
}

/* Shows the copies that are not younger than `until`, of a part of the ring at most. Negative errno. */
static int tail_catch_up(struct capture *capture, uint64_t until)
{
	struct tail *tail = capture->tail;
	const struct tail_record *held = (const void *)tail->held;
	int err;

	if (tail->is_held) {
		if (held->time > until)
			return 0;
		tail->is_held = false;
		tail_record_show(capture, held);
	}
	tail->consume = TAIL_CONSUME_BYTES;
	tail->until = until;
	err = ring_buffer__consume(tail->ring);
	return err < 0 && err != ENOUGH ? err : 0;
}

void tail_bytes(struct capture *capture, const struct record *record, const void *data, size_t len)
{
	struct tail_line line = { .time = record->time,
				  .pid = record->pid,
				  .command = (const char *)record->command };

	if (!capture->tail)
		return;
	if (tail_catch_up(capture, record->time))
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
	ring_buffer__free(tail->ring);
	watching_remove(capture->skeleton->maps.tail_rings);
	if (tail->map_fd >= 0)
		close(tail->map_fd);
	free(tail);
	capture->tail = NULL;
}

static int tail_new(struct capture *capture, struct error *error)
{
	struct tail *tail = calloc(1, sizeof(*tail));
	int err;

	if (!tail)
		return error_set(error, -ENOMEM, "cannot watch lines: out of memory");
	capture->tail = tail;
	tail->map_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tail", 0, 0, TAIL_RING_BYTES, NULL);
	err = tail->map_fd < 0 ? tail->map_fd : 0;
	if (!err) {
		tail->ring = ring_buffer__new(tail->map_fd, tail_record_take, capture, NULL);
		err = tail->ring ? 0 : -errno;
	}
	if (!err)
		err = watching_install(capture->skeleton->maps.tail_rings, tail->map_fd);
	if (!err)
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
	return capture->tail ? ring_buffer__epoll_fd(capture->tail->ring) : -1;
}

int capture_tail_consume(struct capture *capture, struct error *error)
{
	int err;

	if (!capture->tail)
		return 0;
	err = tail_catch_up(capture, UINT64_MAX);
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
