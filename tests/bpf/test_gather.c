// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * capture_gather() under a flood: windows are gathered and closed at random times while
 * threads send; what the closings yield, together, is what was sent, and the ledger balances.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/snapshot.h"
#include "core/store.h"
#include "probe/capture.h"

#define THREADS 2
#define TURNS 300

/* One datagram: a counter, a timer, a gauge, a set, and a counter that takes the slow path. */
static const char payload[] = "hits:1|c\nload:7|ms\ndepth:+1|g\nusers:x|s\nslow:0.0000001|c\n";
#define LINES 5

struct flood {
	pthread_t thread;
	uint16_t port;
	bool stop;
	uint64_t sent;
};

static void *flood_run(void *context)
{
	struct flood *flood = context;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(flood->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (fd >= 0 && !__atomic_load_n(&flood->stop, __ATOMIC_RELAXED))
		if (sendto(fd, payload, sizeof(payload) - 1, 0, (struct sockaddr *)&to, sizeof(to)) > 0)
			flood->sent++;
	close(fd);
	return NULL;
}

/* A port at which somebody listens, so that no send is refused. */
static int listener_new(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

struct totals {
	double hits, loads, load_sum, depth, users, slow;
	unsigned int looks; /* into an open window, that found something */
};

static void snapshot_count(const struct snapshot *snapshot, struct totals *totals)
{
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct metric *metric = &snapshot->metrics[i];

		if (!strcmp(metric->name, "hits"))
			totals->hits += metric->counter;
		else if (!strcmp(metric->name, "slow"))
			totals->slow += metric->counter;
		else if (metric->type == METRIC_GAUGE)
			totals->depth = metric->gauge;
		else if (metric->type == METRIC_SET && metric->set.count > totals->users)
			totals->users = metric->set.count;
		else if (metric->type == METRIC_TIMER) {
			totals->loads += metric->timer.count;
			totals->load_sum += metric->timer.sum;
		}
	}
}

static void close_window(struct capture *capture, struct store *store, struct totals *totals)
{
	struct snapshot *snapshot;
	struct error error = {};
	unsigned int window;

	if (capture_close_window(capture, &window, &error))
		fail_msg("%s", error.text);
	snapshot = store_close(store, window, 1, 1);
	assert_non_null(snapshot);
	snapshot_count(snapshot, totals);
	snapshot_free(snapshot);
}

static void hits_view(void *context, const struct window_view *view)
{
	if (!strcmp(view->metric->name, "hits"))
		*(double *)context = view->metric->counter;
}

static const struct visit_filter all = { .types = VISIT_ALL_TYPES, .idle = true };

/* One turn of what a daemon does, by chance. */
static void turn_take(struct capture *capture, struct store *store, struct totals *totals)
{
	struct error error = {};
	double open = 0;

	switch (random() % 4) {
	case 0:
		close_window(capture, store, totals);
		break;
	case 1:
		if (capture_consume(capture, &error) < 0)
			fail_msg("%s", error.text);
		break;
	default:
		if (capture_gather(capture, &error))
			fail_msg("%s", error.text);
		/* Somebody sends all the time: the window that is open holds something now. */
		assert_int_equal(
			store_visit_window(store, capture_open_window(capture), &all, hits_view, &open), 0);
		totals->looks += open > 0;
		break;
	}
	usleep((useconds_t)random() % 3000);
}

static void assert_ledger(const struct ledger *ledger, uint64_t sent)
{
	assert_int_equal(ledger->n[LEDGER_DATAGRAMS_SEEN], sent);
	assert_int_equal(ledger->n[LEDGER_DATAGRAMS_ACCEPTED], sent);
	assert_int_equal(ledger->n[LEDGER_LINES_SEEN], LINES * sent);
	assert_int_equal(ledger->n[LEDGER_LINES_ACCEPTED], LINES * sent);
}

static void check_flood(bool exact)
{
	struct store_options store_options = { .series_max = 100,
					       .exact_timers = exact,
					       .set_exact_max = 100 };
	struct store *store = store_new(&store_options);
	struct flood floods[THREADS] = {};
	struct capture_options options;
	struct totals totals = {};
	struct capture *capture;
	struct error error = {};
	uint64_t sent = 0;
	uint16_t port;
	int listener = listener_new(&port);

	assert_non_null(store);
	capture_options_init(&options);
	options.ports[0] = port;
	options.exact_timers = exact;
	options.ring_bytes = 64 << 20;
	capture = capture_new(&options, store, &error);
	if (!capture)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < THREADS; i++) {
		floods[i].port = port;
		assert_int_equal(pthread_create(&floods[i].thread, NULL, flood_run, &floods[i]), 0);
	}
	usleep(20000);
	for (int i = 0; i < TURNS; i++)
		turn_take(capture, store, &totals);
	for (size_t i = 0; i < THREADS; i++) {
		__atomic_store_n(&floods[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(floods[i].thread, NULL);
		sent += floods[i].sent;
	}
	assert_int_equal(capture_gather(capture, &error), 0);
	assert_int_equal(capture_gather(capture, &error), 0);
	close_window(capture, store, &totals);
	close_window(capture, store, &totals);
	assert_ledger(capture_ledger(capture), sent);
	assert_true(totals.hits == (double)sent);
	assert_true(totals.loads == (double)sent);
	assert_true(totals.load_sum == 7 * (double)sent);
	assert_true(totals.depth == (double)sent);
	assert_true(totals.users == 1);
	assert_true(totals.looks > 0);
	/* Each window's sum is rounded once. */
	assert_true(totals.slow > 0.999999 * 1e-7 * (double)sent &&
		    totals.slow < 1.000001 * 1e-7 * (double)sent);
	print_message("%s: %llu datagrams\n", exact ? "exact" : "histogram", (unsigned long long)sent);
	capture_free(capture);
	store_free(store);
	close(listener);
}

static void test_histogram(void **state)
{
	(void)state;
	srandom(1);
	check_flood(false);
}

static void test_exact(void **state)
{
	(void)state;
	srandom(2);
	check_flood(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
