// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Batches over UDP: where they are cut, and what is known of a receiver that is not there. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/batch.h"
#include "sink/transport/datagram.h"
#include "sink/encoder.h"
#include "sink/text.h"

struct told {
	struct event_base *base;
	struct transport *transport;
	unsigned int ready, sent, lost, refused;
};

static void on_ready(void *context)
{
	((struct told *)context)->ready++;
}

static void on_sent(void *context)
{
	struct told *told = context;

	told->sent++;
	event_base_loopbreak(told->base);
}

static void on_lost(void *context)
{
	((struct told *)context)->lost++;
}

static void on_refused(void *context)
{
	((struct told *)context)->refused++;
}

static int receiver_open(char address[32])
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(name.sin_port));
	return fd;
}

#define PAUSE 200000000 /* nanoseconds */

static void told_open(struct told *told, const char *address, int64_t pause)
{
	const struct transport_events events = { on_ready, on_sent, on_lost, NULL, on_refused, told };
	const struct connection_options options = {
		.what = "graphite", .address = address, .retry_min = pause, .retry_max = pause
	};
	struct error error = {};

	*told = (struct told){ .base = event_base_new() };
	told->transport = datagram_new(told->base, &options, &events, &error);
	if (!told->transport)
		fail_msg("%s", error.text);
	for (int i = 0; i < 1000 && !transport_is_ready(told->transport); i++)
		event_base_loop(told->base, EVLOOP_ONCE);
	assert_true(transport_is_ready(told->transport));
}

static void told_close(struct told *told)
{
	transport_free(told->transport);
	event_base_free(told->base);
}

/* Sends the text as one batch, until it is gone. */
static void told_send(struct told *told, const struct text *text)
{
	struct batch *batch = batch_new(0, 0, 1, text->len);

	memcpy(batch->data, text->data, text->len);
	for (int i = 0; i < 1000 && !transport_is_ready(told->transport); i++)
		event_base_loop(told->base, EVLOOP_ONCE);
	transport_send(told->transport, batch);
	event_base_dispatch(told->base);
	batch_release(batch);
}

static uint64_t count_of(const struct told *told, const char *name)
{
	size_t count;
	const struct sink_count *counts = told->transport->operations->counts(told->transport, &count);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(counts[i].name, name))
			return counts[i].value;
	fail_msg("there is no counter %s", name);
	return 0;
}

#define LINES 500

/* Every line arrives, whole, in datagrams that are as full as they may be. */
static void test_cuts(void **state)
{
	struct text text = {}, received = {};
	char address[32], line[64], buffer[65536];
	int fd = receiver_open(address), datagrams = 0;
	struct told told;
	ssize_t got;

	(void)state;
	told_open(&told, address, 1000000);
	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "stats.gauges.name.%d %d 1700000000\n", i, i);
		text_add_string(&text, line);
	}
	told_send(&told, &text);
	while ((got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		assert_in_range(got, 1, DATAGRAM_BYTES);
		assert_int_equal(buffer[got - 1], '\n');
		text_add(&received, buffer, (size_t)got);
		datagrams++;
	}
	assert_int_equal(received.len, text.len);
	assert_memory_equal(received.data, text.data, text.len);
	assert_in_range(datagrams, 1 + (int)(text.len / DATAGRAM_BYTES), 2 + (int)(text.len / 1380));
	assert_int_equal(told.sent, 1);
	assert_true(transport_is_up(told.transport));
	told_close(&told);
	text_release(&text);
	text_release(&received);
	close(fd);
}

static void test_line_too_long(void **state)
{
	char address[32], buffer[65536], long_line[DATAGRAM_BYTES + 1];
	int fd = receiver_open(address);
	struct text text = {};
	struct told told;

	(void)state;
	told_open(&told, address, 1000000);
	memset(long_line, 'a', sizeof(long_line));
	text_add_string(&text, "before\n");
	text_add(&text, long_line, sizeof(long_line));
	text_add_string(&text, "\nbehind\n");
	told_send(&told, &text);
	assert_int_equal(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 7);
	assert_memory_equal(buffer, "before\n", 7);
	assert_int_equal(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 7);
	assert_memory_equal(buffer, "behind\n", 7);
	assert_int_equal(count_of(&told, "lines_over_datagram"), 1);
	told_close(&told);
	text_release(&text);
	close(fd);
}

/* It is only known when the next is sent; then it is counted, and the way is looked up again. */
static void test_nobody_listens(void **state)
{
	char address[32];
	struct text text = {};
	struct told told;
	int fd = receiver_open(address);

	(void)state;
	close(fd);
	told_open(&told, address, 1000000);
	for (int i = 0; i < 100; i++)
		text_add_string(&text, "stats.gauges.of.some.forty.bytes.or.so 1 1700000000\n");
	told_send(&told, &text);
	assert_true(count_of(&told, "datagrams_refused") > 0);
	assert_string_equal(transport_error(told.transport), "Connection refused");
	assert_false(transport_is_ready(told.transport));
	assert_int_equal(told.sent, 1);
	assert_int_equal(told.refused, 1);
	told_send(&told, &text);
	assert_int_equal(told.sent, 2);
	assert_int_equal(told.lost, 0);
	told_close(&told);
	text_release(&text);
}

/* Pauses differ by chance: of twelve at least one is clearly shorter than the longest. */
static void test_pauses_differ(void **state)
{
	char address[32];
	struct text text = {};
	struct told told;
	int fd = receiver_open(address);
	int64_t shortest = INT64_MAX;

	(void)state;
	close(fd);
	told_open(&told, address, PAUSE);
	for (int i = 0; i < 100; i++)
		text_add_string(&text, "stats.gauges.of.some.forty.bytes.or.so 1 1700000000\n");
	for (int i = 0; i < 12 && shortest > PAUSE * 8 / 10; i++) {
		int64_t began, took;

		told_send(&told, &text);
		began = clock_read(CLOCK_MONOTONIC);
		while (!transport_is_ready(told.transport))
			event_base_loop(told.base, EVLOOP_ONCE);
		took = clock_read(CLOCK_MONOTONIC) - began;
		assert_true(took > PAUSE * 4 / 10);
		shortest = took < shortest ? took : shortest;
	}
	assert_true(shortest <= PAUSE * 8 / 10);
	told_close(&told);
	text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_line_too_long),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_pauses_differ),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
