// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The Graphite sink against a carbon in this process that is absent, late, slow or hangs up
 * in the middle. Everything runs in one event loop, bounded in time; only loopback is used.
 */
#include <arpa/inet.h>
#include <errno.h>
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
#include "core/snapshot.h"
#include "lib/log.h"
#include "sink/graphite/sink_graphite.h"
#include "sink/text.h"

#define SECONDS_MAX 10
#define CLIENTS_MAX 16

/* A listener that keeps what it reads, connection by connection. */
struct carbon {
	struct event_base *base;
	int listener;
	uint16_t port;
	struct event *accepting;
	size_t hang_up_at; /* bytes of a connection after which it is reset; 0: never */
	bool deaf;	   /* accepts, but does not read */
	size_t connections;
	struct client {
		struct carbon *carbon;
		int fd; /* -1: closed */
		struct event *readable;
		struct text received;
	} clients[CLIENTS_MAX];
};

static void client_close(struct client *client)
{
	const struct linger reset = { .l_onoff = 1 };

	if (client->fd < 0)
		return;
	event_free(client->readable);
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(client->fd);
	client->fd = -1;
}

static void client_read(evutil_socket_t fd, short events, void *context)
{
	struct client *client = context;
	struct carbon *carbon = client->carbon;
	size_t most = 65536;
	char buffer[65536];
	ssize_t got;

	(void)events;
	if (carbon->hang_up_at && carbon->hang_up_at - client->received.len < most)
		most = carbon->hang_up_at - client->received.len;
	got = recv(fd, buffer, most, MSG_DONTWAIT);
	if (got > 0)
		text_add(&client->received, buffer, (size_t)got);
	if (got == 0 || (carbon->hang_up_at && client->received.len == carbon->hang_up_at))
		client_close(client);
}

static void carbon_accept(evutil_socket_t fd, short events, void *context)
{
	struct carbon *carbon = context;
	struct client *client = &carbon->clients[carbon->connections];

	(void)events;
	assert_true(carbon->connections < CLIENTS_MAX);
	carbon->connections++;
	client->carbon = carbon;
	client->fd = accept(fd, NULL, NULL);
	assert_true(client->fd >= 0);
	client->readable = event_new(carbon->base, client->fd, EV_READ | EV_PERSIST, client_read, client);
	if (!carbon->deaf)
		event_add(client->readable, NULL);
}

static void carbon_listen(struct carbon *carbon)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(carbon->port) };
	socklen_t len = sizeof(address);
	const int yes = 1, small = 4096;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	carbon->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(carbon->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	if (carbon->deaf)
		setsockopt(carbon->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(bind(carbon->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(carbon->listener, 8), 0);
	assert_int_equal(getsockname(carbon->listener, (struct sockaddr *)&address, &len), 0);
	carbon->port = ntohs(address.sin_port);
	carbon->accepting =
		event_new(carbon->base, carbon->listener, EV_READ | EV_PERSIST, carbon_accept, carbon);
	event_add(carbon->accepting, NULL);
}

static void carbon_stop(struct carbon *carbon)
{
	if (carbon->listener < 0)
		return;
	event_free(carbon->accepting);
	close(carbon->listener);
	carbon->listener = -1;
	for (size_t i = 0; i < carbon->connections; i++)
		client_close(&carbon->clients[i]);
}

/* Takes a port of its own; listens until told to stop. */
static struct carbon *carbon_new(struct event_base *base, bool deaf)
{
	struct carbon *carbon = calloc(1, sizeof(*carbon));

	assert_non_null(carbon);
	carbon->base = base;
	carbon->deaf = deaf;
	carbon_listen(carbon);
	return carbon;
}

static void carbon_free(struct carbon *carbon)
{
	carbon_stop(carbon);
	for (size_t i = 0; i < carbon->connections; i++)
		text_release(&carbon->clients[i].received);
	free(carbon);
}

static void carbon_hear(struct carbon *carbon)
{
	carbon->deaf = false;
	for (size_t i = 0; i < carbon->connections; i++)
		if (carbon->clients[i].fd >= 0)
			event_add(carbon->clients[i].readable, NULL);
}

static bool carbon_has(const struct carbon *carbon, size_t connection, const char *text)
{
	const struct text *received = &carbon->clients[connection].received;

	return received->len && memmem(received->data, received->len, text, strlen(text));
}

static void on_tick(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	(void)context;
}

/* Runs the loop until the condition holds, or fails. */
#define run_until(base, condition)                                                       \
	do {                                                                             \
		const struct timeval tick_ = { .tv_usec = 2000 };                        \
		struct event *ticker_ = event_new(base, -1, EV_PERSIST, on_tick, NULL);  \
		int turns_ = SECONDS_MAX * 500;                                          \
                                                                                         \
		event_add(ticker_, &tick_);                                              \
		while (!(condition) && turns_-- > 0)                                     \
			event_base_loop(base, EVLOOP_ONCE);                              \
		event_free(ticker_);                                                     \
		if (!(condition))                                                        \
			fail_msg("waited %d s in vain for %s", SECONDS_MAX, #condition); \
	} while (0)

static void run_for(struct event_base *base, int msec)
{
	const struct timeval time = { .tv_sec = msec / 1000, .tv_usec = msec % 1000 * 1000 };

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}

static struct sink *sink_patient(struct event_base *base, const char *host, uint16_t port, size_t queue_bytes,
				 int64_t timeout)
{
	const struct sink_environment environment = { .base = base, .state_dir = "" };
	struct graphite_options options = { .push = { .destination_count = 1,
						      .queue.memory = queue_bytes,
						      .batch_bytes = 256 << 10,
						      .batch_points = 10000,
						      .timeout = timeout,
						      .retry_min = 10000000,
						      .retry_max = 50000000 } };
	struct error error = {};
	struct sink *sink;

	snprintf(options.push.destinations[0], ADDRESS_BYTES, "%s:%u", host, port);
	sink = sink_graphite_new(&environment, &options, &error);
	if (!sink)
		fail_msg("%s", error.text);
	return sink;
}

static struct sink *sink_to(struct event_base *base, const char *host, uint16_t port, size_t queue_bytes)
{
	return sink_patient(base, host, port, queue_bytes, 10000000000);
}

static struct sink_stats stats_of(const struct sink *sink)
{
	struct sink_stats stats;

	sink_stats(sink, &stats);
	return stats;
}

/* One snapshot of `count` gauges "name.0" ... */
static void deliver(struct sink *sink, const char *name, size_t count)
{
	const size_t name_bytes = 64;
	void *room;
	struct snapshot *snapshot =
		snapshot_derive(NULL, count * (sizeof(struct metric) + name_bytes), &room);
	struct metric *metrics = room;
	char *text = (char *)(metrics + count);

	assert_non_null(snapshot);
	for (size_t i = 0; i < count; i++, text += name_bytes) {
		snprintf(text, name_bytes, "%s.%zu", name, i);
		metrics[i] =
			(struct metric){ .type = METRIC_GAUGE, .name = text, .tags = "", .gauge = (double)i };
	}
	snapshot->timestamp = 1700000000;
	snapshot->seconds = 1;
	snapshot->metrics = metrics;
	snapshot->count = count;
	sink_deliver(sink, snapshot);
	snapshot_free(snapshot);
}

static int setup(void **state)
{
	*state = event_base_new();
	return 0;
}

static int teardown(void **state)
{
	event_base_free(*state);
	return 0;
}

static void test_delivers(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 1 << 20);
	struct sink_stats stats;

	assert_true(sink_idle(sink));
	for (int i = 0; i < 3; i++) {
		deliver(sink, "depth", 2);
		assert_false(sink_idle(sink));
		run_until(*state, sink_idle(sink));
	}
	run_until(*state,
		  carbon->clients[0].received.len == 3 * 2 * strlen("stats.gauges.depth.0 0 1700000000\n"));
	assert_true(carbon_has(carbon, 0,
			       "stats.gauges.depth.0 0 1700000000\nstats.gauges.depth.1 1 1700000000\n"));
	assert_int_equal(carbon->connections, 1);
	stats = stats_of(sink);
	assert_string_equal(stats.kind, "graphite");
	assert_true(stats.connected);
	assert_int_equal(stats.lines_sent, 6);
	assert_int_equal(stats.bytes_sent, carbon->clients[0].received.len);
	assert_int_equal(stats.batches_sent, 3);
	assert_int_equal(stats.reconnects, 0);
	assert_string_equal(stats.last_error, "");
	sink_free(sink);
	carbon_free(carbon);
}

static void test_absent_then_there(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink;

	carbon_stop(carbon);
	sink = sink_to(*state, "127.0.0.1", carbon->port, 1 << 20);
	deliver(sink, "early", 1);
	run_until(*state, stats_of(sink).last_error[0]);
	assert_false(sink_idle(sink));
	assert_false(stats_of(sink).connected);
	assert_int_equal(stats_of(sink).batches_queued, 1);
	carbon_listen(carbon);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 0, "stats.gauges.early.0 0 1700000000\n"));
	assert_string_equal(stats_of(sink).last_error, "");
	sink_free(sink);
	carbon_free(carbon);
}

static void test_comes_back(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 1 << 20);

	deliver(sink, "before", 1);
	run_until(*state, sink_idle(sink));
	carbon_stop(carbon);
	run_until(*state, !stats_of(sink).connected);
	deliver(sink, "between", 1);
	run_for(*state, 100);
	assert_false(sink_idle(sink));
	carbon_listen(carbon);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 1, "stats.gauges.between.0 0 1700000000\n"));
	assert_false(carbon_has(carbon, 1, "before"));
	assert_int_equal(stats_of(sink).reconnects, 1);
	assert_int_equal(stats_of(sink).lines_sent, 2);
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	sink_free(sink);
	carbon_free(carbon);
}

/* The first three connections die at 1000 bytes; then the batch comes whole, from its first line. */
static void test_hangs_up_in_the_middle(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 16 << 20);
	size_t last;

	carbon->hang_up_at = 1000;
	deliver(sink, "whole", 5000);
	run_until(*state, carbon->connections == 3 && carbon->clients[2].fd < 0);
	assert_false(sink_idle(sink));
	assert_int_equal(stats_of(sink).lines_sent, 0);
	carbon->hang_up_at = 0;
	run_until(*state, sink_idle(sink));
	last = carbon->connections - 1;
	run_until(*state, carbon_has(carbon, last, "stats.gauges.whole.4999 4999 1700000000\n"));
	assert_memory_equal(carbon->clients[last].received.data, "stats.gauges.whole.0 0 ", 23);
	assert_int_equal(stats_of(sink).bytes_sent, carbon->clients[last].received.len);
	assert_int_equal(stats_of(sink).lines_sent, 5000);
	assert_true(stats_of(sink).reconnects >= 3);
	sink_free(sink);
	carbon_free(carbon);
}

/* What its kernel has not acknowledged has not left; nothing is dropped while there is room. */
static void test_slow(void **state)
{
	struct carbon *carbon = carbon_new(*state, true);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 64 << 20);
	struct sink_stats stats;

	deliver(sink, "slow", 200000);
	run_until(*state, stats_of(sink).connected);
	run_for(*state, 300);
	stats = stats_of(sink);
	assert_false(sink_idle(sink));
	assert_true(stats.batches_queued > 1);
	/* the socket took at least one batch, its peer has not */
	assert_int_equal(stats.batches_sent, 0);
	assert_int_equal(stats.lines_dropped, 0);
	carbon_hear(carbon);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 0, "stats.gauges.slow.199999 199999 1700000000\n"));
	assert_int_equal(carbon->connections, 1);
	assert_int_equal(stats_of(sink).lines_sent, 200000);
	sink_free(sink);
	carbon_free(carbon);
}

/* One that accepts and never reads is left after a while, and tried again; when it reads, all comes. */
static void test_never_reads(void **state)
{
	struct carbon *carbon = carbon_new(*state, true);
	struct sink *sink = sink_patient(*state, "127.0.0.1", carbon->port, 64 << 20, 100000000);
	size_t last;

	deliver(sink, "stuck", 200000);
	run_until(*state, carbon->connections == 3);
	assert_false(sink_idle(sink));
	assert_int_equal(stats_of(sink).lines_dropped, 0);
	assert_true(stats_of(sink).report.last_exception > 0);
	carbon_hear(carbon);
	run_until(*state, sink_idle(sink));
	last = carbon->connections - 1;
	run_until(*state, carbon_has(carbon, last, "stats.gauges.stuck.199999 199999 1700000000\n"));
	assert_int_equal(stats_of(sink).lines_sent, 200000);
	sink_free(sink);
	carbon_free(carbon);
}

static void test_full_queue(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink_stats stats;
	struct sink *sink;
	char name[32];

	carbon_stop(carbon);
	sink = sink_to(*state, "127.0.0.1", carbon->port, 65536);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "flush%02d", i);
		deliver(sink, name, 200);
	}
	stats = stats_of(sink);
	assert_true(stats.bytes_queued <= 65536);
	assert_true(stats.lines_dropped > 0);
	carbon_listen(carbon);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 0, "stats.gauges.flush19.199 199 "));
	assert_false(carbon_has(carbon, 0, "flush00"));
	stats = stats_of(sink);
	assert_int_equal(stats.lines_sent + stats.lines_dropped, 20 * 200);
	assert_int_equal(stats.bytes_queued, 0);
	sink_free(sink);
	carbon_free(carbon);
}

static void test_lost_while_idle(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 1 << 20);

	run_until(*state, carbon->connections == 1);
	client_close(&carbon->clients[0]);
	run_until(*state, carbon->connections == 2);
	assert_true(sink_idle(sink));
	deliver(sink, "after", 1);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 1, "stats.gauges.after.0 0 "));
	sink_free(sink);
	carbon_free(carbon);
}

/* By name: evdns reads /etc/hosts. Of its addresses the one that answers is taken. */
static void test_host_name(void **state)
{
	struct carbon *carbon = carbon_new(*state, false);
	struct sink *sink = sink_to(*state, "localhost", carbon->port, 1 << 20);

	deliver(sink, "named", 1);
	run_until(*state, sink_idle(sink));
	run_until(*state, carbon_has(carbon, 0, "stats.gauges.named.0 0 "));
	sink_free(sink);
	carbon_free(carbon);
}

/* Freed while a name is being looked up: no callback comes back into what is gone. */
static void test_freed_while_resolving(void **state)
{
	struct sink *sink = sink_to(*state, "nowhere.invalid", 2003, 1 << 20);

	run_for(*state, 5);
	sink_free(sink);
	run_for(*state, 50);
}

static void test_freed_while_sending(void **state)
{
	struct carbon *carbon = carbon_new(*state, true);
	struct sink *sink = sink_to(*state, "127.0.0.1", carbon->port, 64 << 20);

	deliver(sink, "unsent", 200000);
	run_until(*state, stats_of(sink).connected);
	run_for(*state, 50);
	assert_false(sink_idle(sink));
	sink_free(sink);
	sink_free(NULL);
	run_for(*state, 20);
	carbon_free(carbon);
}

static void test_bad_addresses(void **state)
{
	static const char *const addresses[] = { "",	    "host",	  "host:",    ":2003",
						 "host:0",  "host:65536", "host:80x", "::1:2003",
						 "[]:2003", "[::1]2003",  "host:-1" };
	const struct sink_environment environment = { .base = *state, .state_dir = "" };
	struct graphite_options options = { .push = { .destination_count = 1, .queue.memory = 65536 } };
	struct error error;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		error = (struct error){};
		snprintf(options.push.destinations[0], ADDRESS_BYTES, "%s", addresses[i]);
		if (sink_graphite_new(&environment, &options, &error))
			fail_msg("'%s' was taken for an address", addresses[i]);
		assert_non_null(strstr(error.text, addresses[i]));
	}
}

#define sink_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		sink_test(test_delivers),
		sink_test(test_absent_then_there),
		sink_test(test_comes_back),
		sink_test(test_hangs_up_in_the_middle),
		sink_test(test_slow),
		sink_test(test_never_reads),
		sink_test(test_full_queue),
		sink_test(test_lost_while_idle),
		sink_test(test_host_name),
		sink_test(test_freed_while_resolving),
		sink_test(test_freed_while_sending),
		sink_test(test_bad_addresses),
	};

	/* What the sink says of its troubles is not this test's output. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
