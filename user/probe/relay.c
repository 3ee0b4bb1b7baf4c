// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     parsed in the kernel ----- copy of the datagram ---> relay ring --> relay_record_take() --.
 *     left whole to the daemon - record of the slow path -> ring -------> relay_datagrams() ----+-> pass()
 *     lines of TCP connections                                            relay_lines() --------'
 *
 * Lines that the kernel took out of a datagram for the slow path are in its copy already.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/log.h"
#include "probe/copies.h"
#include "probe/internal.h"
#include "probe/relay.h"
#include "probe/watching.h"
#include "statsd.skel.h"

struct relay {
	struct copies *copies;
	void (*pass)(void *context, const void *data, size_t len);
	void *context;
};

static void relay_record_take(void *context, const void *data, size_t size)
{
	const struct relay_record *record = data;
	const struct relay *relay = context;

	if (size > sizeof(*record))
		relay->pass(relay->context, record->data, size - sizeof(*record));
}

static void relay_catch_up(const struct relay *relay, uint64_t until)
{
	if (copies_catch_up(relay->copies, until))
		log_debug("cannot read the copies of datagrams that are older");
}

void relay_datagrams(struct capture *capture, const struct record *record)
{
	const struct relay *relay = capture->relay;
	size_t at, size;

	if (!relay)
		return;
	relay_catch_up(relay, record->time);
	for (at = 0; at < record->len; at += size) {
		size = record->len - at;
		if (record->segment && record->segment < size)
			size = record->segment;
		relay->pass(relay->context, record->data + at, size);
	}
}

void relay_lines(struct capture *capture, const struct record *record, const void *lines, size_t len)
{
	const struct relay *relay = capture->relay;
	const uint8_t *line = lines, *end = line + len, *newline;

	if (!relay)
		return;
	relay_catch_up(relay, record->time);
	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			newline = end;
		if (newline > line)
			relay->pass(relay->context, line, (size_t)(newline - line));
	}
}

void relay_free(struct capture *capture)
{
	struct relay *relay = capture->relay;

	if (!relay)
		return;
	watching_set(capture, WATCH_RELAY, 0);
	copies_free(relay->copies);
	free(relay);
	capture->relay = NULL;
}

static int relay_new(struct capture *capture, size_t ring_bytes, struct error *error)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int err = 0;

	if (!relay)
		return error_set(error, -ENOMEM, "cannot relay datagrams: out of memory");
	relay->copies = copies_new(capture->skeleton->maps.relay_rings, ring_bytes,
				   sizeof(struct relay_record), relay_record_take, relay, &err);
	if (!relay->copies) {
		free(relay);
		return error_set(error, err,
				 "cannot relay datagrams: no ring of %zu bytes for their copies: %s",
				 ring_bytes, strerror(-err));
	}
	capture->relay = relay;
	return 0;
}

int capture_relay(struct capture *capture, size_t ring_bytes,
		  void (*pass)(void *context, const void *data, size_t len), void *context,
		  struct error *error)
{
	int err;

	if (!pass) {
		relay_free(capture);
		return 0;
	}
	err = capture->relay ? 0 : relay_new(capture, ring_bytes, error);
	if (err)
		return err;
	capture->relay->pass = pass;
	capture->relay->context = context;
	watching_set(capture, WATCH_RELAY, WATCH_RELAY);
	return 0;
}

int capture_relay_fd(const struct capture *capture)
{
	return capture->relay ? copies_fd(capture->relay->copies) : -1;
}

int capture_relay_consume(struct capture *capture, struct error *error)
{
	int err;

	if (!capture->relay)
		return 0;
	err = copies_consume(capture->relay->copies, capture->taken, CAPTURE_RELAY_BYTES);
	return err ? error_set(error, err, "cannot read the copies of datagrams: %s", strerror(-err)) : 0;
}

uint64_t capture_relay_missed(const struct capture *capture)
{
	return capture->skeleton->bss->relay_missed;
}

void capture_relay_sockets(struct capture *capture, const uint64_t *cookies, size_t count)
{
	struct statsd_bpf *s = capture->skeleton;
	size_t i;

	for (i = 0; i < RELAY_SOCKETS_MAX; i++)
		s->bss->relay_cookies[i] = i < count ? cookies[i] : 0;
	__atomic_store_n(&s->bss->relay_sockets, (uint32_t)count, __ATOMIC_SEQ_CST);
}
