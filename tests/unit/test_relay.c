// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Relays, as sockets see them: joining, the bound of a batch, order, what is counted. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
#include <event2/event.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "lib/log.h"
#include "sink/encoder.h"
#include "sink/relay/relay.h"

#define DELAY 100000000LL

struct fixture {
	struct event_base *base;
	struct relay_feed feed;
	struct relay_options options;
	struct sink *sink;
	int fd; /* of who listens */
	char got[70000];
	unsigned int opened;
};

static void on_opened(void *context, const char *name, const struct sockaddr *to)
{
	struct fixture *f = context;
	uint64_t cookie = 0;

	assert_string_equal(name, f->options.address);
	assert_int_equal(to->sa_family, AF_INET);
	assert_int_equal(relay_feed_cookies(&f->feed, &cookie, 1), 1);
	assert_true(cookie);
	f->opened++;
}

static int listen_somewhere(char *address, size_t size)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_false(bind(fd, (struct sockaddr *)&own, sizeof(own)));
	assert_false(getsockname(fd, (struct sockaddr *)&own, &len));
	snprintf(address, size, "127.0.0.1:%u", ntohs(own.sin_port));
	return fd;
}

static struct fixture *relay_begin(struct fixture *f, size_t batch_bytes)
{
	struct sink_environment environment = { .relays = &f->feed };
	struct error error = {};

	*f = (struct fixture){ .feed = { .opened = on_opened, .context = f } };
	log_set_level(LOG_LEVEL_ERROR);
	f->base = environment.base = event_base_new();
	f->options.batch_bytes = batch_bytes;
	f->options.delay = DELAY;
	f->fd = listen_somewhere(f->options.address, sizeof(f->options.address));
	f->sink = sink_relay_new(&environment, &f->options, &error);
	assert_non_null(f->sink);
	assert_int_equal(f->opened, 1);
	return f;
}

static void relay_end(struct fixture *f)
{
	sink_free(f->sink);
	assert_int_equal(relay_feed_delay(&f->feed), 0);
	if (f->fd >= 0)
		close(f->fd);
	event_base_free(f->base);
}

static void pass(struct fixture *f, const char *text)
{
	relay_feed_pass(&f->feed, text, strlen(text));
}

/* The next datagram that arrived; "" if there is none. */
static const char *received(struct fixture *f)
{
	ssize_t len = recv(f->fd, f->got, sizeof(f->got) - 1, MSG_DONTWAIT);

	f->got[len < 0 ? 0 : len] = '\0';
	return f->got;
}

static uint64_t counted(const struct fixture *f, const char *name)
{
	struct sink_stats stats;

	sink_stats(f->sink, &stats);
	for (size_t i = 0; i < stats.count_count; i++)
		if (!strcmp(stats.counts[i].name, name))
			return stats.counts[i].value;
	fail_msg("no count %s", name);
	return 0;
}

static void test_joins(void **state)
{
	struct fixture fixture, *f = relay_begin(&fixture, 16);

	(void)state;
	pass(f, "aaaa:1");
	pass(f, "b:22\n"); /* 6 + 1 + 5 = 12 */
	pass(f, "c:3");	   /* 15 */
	assert_string_equal(received(f), "");
	assert_false(sink_idle(f->sink));
	pass(f, "d"); /* 15 + 1 + 1 would be 17 */
	assert_string_equal(received(f), "aaaa:1\nb:22\nc:3");
	pass(f, "0123456789abcd"); /* 1 + 1 + 14 = 16: just fits */
	assert_string_equal(received(f), "");
	pass(f, "\n");
	assert_string_equal(received(f), "d\n0123456789abcd");
	relay_feed_finish(&f->feed);
	assert_string_equal(received(f), "\n");
	assert_true(sink_idle(f->sink));
	assert_int_equal(counted(f, "datagrams"), 6);
	relay_end(f);
}

/* What is longer than a batch goes alone and unchanged, behind what came before it. */
static void test_long(void **state)
{
	static const char long_one[] = "0123456789abcdefg\n\nh";
	struct fixture fixture, *f = relay_begin(&fixture, 16);

	(void)state;
	pass(f, "a");
	pass(f, long_one);
	pass(f, "b");
	assert_string_equal(received(f), "a");
	assert_string_equal(received(f), long_one);
	assert_string_equal(received(f), "");
	sink_hurry(f->sink);
	assert_string_equal(received(f), "b");
	relay_end(f);
}

static void test_delay(void **state)
{
	struct fixture fixture, *f = relay_begin(&fixture, RELAY_BATCH_BYTES);
	int64_t now = 77 * DELAY;

	(void)state;
	assert_int_equal(relay_feed_delay(&f->feed), DELAY);
	relay_feed_tick(&f->feed, now);
	pass(f, "a");
	relay_feed_tick(&f->feed, now + DELAY / 2);
	assert_string_equal(received(f), "");
	relay_feed_tick(&f->feed, now + DELAY - 1000);
	assert_string_equal(received(f), "a");
	relay_end(f);
}

static void test_counts(void **state)
{
	struct fixture fixture, *f = relay_begin(&fixture, 8);
	struct sink_stats stats;

	(void)state;
	relay_feed_pass(&f->feed, "\n\0:1\n\n\xff", 7);
	pass(f, "b:1|c");
	relay_feed_miss(&f->feed, 5);
	relay_feed_finish(&f->feed);
	sink_stats(f->sink, &stats);
	assert_int_equal(stats.batches_sent, 2);
	assert_int_equal(stats.lines_sent, 3);
	assert_int_equal(stats.bytes_sent, 12);
	assert_true(stats.connected);
	assert_int_equal(counted(f, "missed"), 5);
	assert_int_equal(recv(f->fd, f->got, sizeof(f->got), MSG_DONTWAIT), 7);
	assert_memory_equal(f->got, "\n\0:1\n\n\xff", 7);
	relay_end(f);
}

/* Each refusal is counted, when it is known, and what refuses is no reason to stop. */
static void test_refused(void **state)
{
	struct fixture fixture, *f = relay_begin(&fixture, RELAY_BATCH_BYTES);
	struct sink_stats stats;

	(void)state;
	close(f->fd);
	f->fd = -1;
	for (int i = 0; i < 3; i++) {
		pass(f, "a:1|c");
		relay_feed_finish(&f->feed);
	}
	relay_feed_tick(&f->feed, 77 * DELAY);
	sink_stats(f->sink, &stats);
	assert_int_equal(counted(f, "refused"), 3);
	assert_int_equal(stats.batches_sent, 3);
	assert_int_equal(stats.lines_dropped, 0);
	assert_false(stats.connected);
	assert_string_equal(stats.last_error, strerror(ECONNREFUSED));
	relay_end(f);
}

/* Longer than UDP carries: counted, and the next one goes. */
static void test_oversize(void **state)
{
	static char large[65600];
	struct fixture fixture, *f = relay_begin(&fixture, RELAY_BATCH_BYTES);

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	pass(f, large);
	pass(f, "a");
	relay_feed_finish(&f->feed);
	assert_string_equal(received(f), "a");
	assert_int_equal(counted(f, "refused"), 1);
	relay_end(f);
}

/* One that is taken away sends what it has, and gets nothing any more. */
static void test_retire(void **state)
{
	struct fixture fixture, *f = relay_begin(&fixture, RELAY_BATCH_BYTES);
	uint64_t cookie;

	(void)state;
	pass(f, "last");
	sink_retire(f->sink);
	assert_string_equal(received(f), "last");
	pass(f, "after");
	relay_feed_tick(&f->feed, 77 * DELAY);
	assert_string_equal(received(f), "");
	assert_true(sink_idle(f->sink));
	assert_int_equal(relay_feed_cookies(&f->feed, &cookie, 1), 0);
	sink_hurry(f->sink);
	sink_retire(f->sink);
	relay_end(f);
}

static void test_bad_address(void **state)
{
	struct relay_feed feed = {};
	struct sink_environment environment = { .base = event_base_new(), .relays = &feed };
	struct relay_options options = { .address = "::1:8125", .batch_bytes = 64, .delay = DELAY };
	struct error error = {};

	(void)state;
	assert_null(sink_relay_new(&environment, &options, &error));
	assert_non_null(strstr(error.text, "::1:8125"));
	assert_int_equal(relay_feed_delay(&feed), 0);
	event_base_free(environment.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins),	cmocka_unit_test(test_long),
		cmocka_unit_test(test_delay),	cmocka_unit_test(test_counts),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_retire),	cmocka_unit_test(test_bad_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
