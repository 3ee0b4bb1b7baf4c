// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * From datagrams to buckets: a timer sent as "ms" and as "h" has two cells in the kernel, is one
 * series behind them, and what the kernel put into buckets is what the daemon would have.
 */
#include <arpa/inet.h>
#include <math.h>
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
#include "core/histogram.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "probe/capture.h"
#include "probe/internal.h"

#define VALUES 400

struct bench {
	struct store *store;
	struct capture *capture;
	int listener, sender;
};

static void bench_init(struct bench *bench, bool exact)
{
	struct store_options store_options = { .series_max = 100,
					       .exact_timers = exact,
					       .keep_buckets = true };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	struct capture_options options;
	struct error error = {};

	bench->listener = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bench->sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(bench->listener >= 0 && bench->sender >= 0);
	assert_int_equal(bind(bench->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(bench->sender, (struct sockaddr *)&address, sizeof(address)), 0);
	capture_options_init(&options);
	options.ports[0] = ntohs(address.sin_port);
	options.exact_timers = exact;
	bench->store = store_new(&store_options);
	assert_non_null(bench->store);
	bench->capture = capture_new(&options, bench->store, &error);
	if (!bench->capture)
		fail_msg("%s", error.text);
}

static void bench_release(struct bench *bench)
{
	capture_free(bench->capture);
	store_free(bench->store);
	close(bench->listener);
	close(bench->sender);
}

static struct snapshot *bench_close(struct bench *bench)
{
	struct snapshot *snapshot;
	struct error error = {};
	unsigned int window;

	if (capture_close_window(bench->capture, &window, &error))
		fail_msg("%s", error.text);
	snapshot = store_close(bench->store, window, 1, 1);
	assert_non_null(snapshot);
	return snapshot;
}

static void send_line(const struct bench *bench, const char *name, double value, const char *type)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s:%.6f|%s", name, value, type);

	assert_int_equal(send(bench->sender, line, (size_t)len, 0), len);
}

/* The same values, put into buckets here. */
static void assert_same_buckets(const struct metric *metric, const double *values)
{
	struct histogram histogram = {};

	for (size_t i = 0; i < VALUES; i++)
		assert_int_equal(histogram_add(&histogram, histogram_index(metric->unit, values[i]), 1), 0);
	assert_int_equal(metric->bucket_count, histogram.used);
	for (size_t i = 0; i < histogram.used; i++) {
		assert_int_equal(metric->buckets[i].index, histogram.buckets[i].index);
		assert_true(metric->buckets[i].count == histogram.buckets[i].count);
	}
	histogram_release(&histogram);
}

/* The same name and values as "ms" and as "h", in windows of their own, are put into different buckets. */
static void check_units(bool exact)
{
	static const char *const types[] = { "ms", "h" };
	static const enum timer_unit units[] = { UNIT_MILLISECONDS, UNIT_NONE };
	double values[VALUES];
	struct snapshot *snapshot;
	struct bench bench;

	bench_init(&bench, exact);
	for (size_t i = 0; i < VALUES; i++)
		values[i] = round((double)(random() % 10000000) / (i % 2 ? 1 : 1000) / 64 * MICROS) / MICROS;
	values[0] = 1000;
	values[1] = 0;
	for (size_t unit = 0; unit < 2; unit++)
		for (size_t i = 0; i < VALUES; i++)
			send_line(&bench, types[unit], values[i], types[unit]);
	snapshot = bench_close(&bench);
	assert_int_equal(snapshot->count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct metric *metric = &snapshot->metrics[!i]; /* "h" comes before "ms" */

		assert_string_equal(metric->name, types[i]);
		assert_int_equal(metric->unit, units[i]);
		assert_same_buckets(metric, values);
	}
	snapshot_free(snapshot);
	assert_int_equal(capture_ledger(bench.capture)->n[LEDGER_SLOW_LINES], 0);
	bench_release(&bench);
}

static void check_mixed(bool exact)
{
	struct snapshot *snapshot;
	struct bench bench;

	bench_init(&bench, exact);
	for (int turn = 0; turn < 3; turn++) {
		send_line(&bench, "a", 1000, "ms");
		for (int i = 1; i <= 100; i++)
			send_line(&bench, "a", i, i % 3 ? "h" : i % 2 ? "ms" : "d");
		snapshot = bench_close(&bench);
		assert_int_equal(slots_used(bench.capture), 2);
		assert_int_equal(snapshot->count, 1);
		assert_int_equal(snapshot->metrics->unit, UNIT_MILLISECONDS);
		assert_true(snapshot->metrics->timer.count == 101);
		assert_true(snapshot->metrics->timer.sum == 6050);
		assert_true(snapshot->metrics->timer.median > 51 * 0.989 &&
			    snapshot->metrics->timer.median < 51 * 1.011);
		snapshot_free(snapshot);
	}
	assert_int_equal(capture_ledger(bench.capture)->n[LEDGER_SLOW_LINES], 0);
	bench_release(&bench);
}

static void test_units(void **state)
{
	(void)state;
	srandom(4);
	check_units(false);
	check_units(true);
}

static void test_mixed(void **state)
{
	(void)state;
	check_mixed(false);
	check_mixed(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
