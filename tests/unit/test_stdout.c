// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Standard output as a pipe: read, not read for a while, and closed. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/sink_stdout.h"
#include "sink/text.h"

#define METRICS 10000
#define LARGE 600000 /* metrics of more than 16 MiB */

static struct metric metrics[METRICS];
static char names[METRICS][32];
static const struct snapshot nothing = { .timestamp = 1700000000, .seconds = 1 };

/* The test's own stdout, while a pipe stands in for it. */
static int saved = -1, reading = -1;
static struct event_base *base;

static struct snapshot snapshot_of(size_t count)
{
	return (struct snapshot){ .timestamp = 1700000000, .seconds = 1, .metrics = metrics, .count = count };
}

static int pipe_open(void **state)
{
	int ends[2];

	(void)state;
	for (size_t i = 0; i < METRICS; i++) {
		snprintf(names[i], sizeof(names[i]), "depth.%zu", i);
		metrics[i] = (struct metric){
			.type = METRIC_GAUGE, .name = names[i], .tags = "", .gauge = (double)i
		};
	}
	base = event_base_new();
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	if (saved < 0 || pipe2(ends, O_CLOEXEC) || dup2(ends[1], STDOUT_FILENO) < 0)
		return -1;
	close(ends[1]);
	reading = ends[0];
	fcntl(reading, F_SETFL, O_NONBLOCK);
	return 0;
}

static int pipe_close(void **state)
{
	(void)state;
	dup2(saved, STDOUT_FILENO);
	close(saved);
	if (reading >= 0)
		close(reading);
	reading = -1;
	event_base_free(base);
	return 0;
}

static void read_all(struct text *text)
{
	char buffer[65536];
	ssize_t got;

	while ((got = read(reading, buffer, sizeof(buffer))) > 0)
		text_add(text, buffer, (size_t)got);
}

static struct sink *sink_of(enum stdout_format format)
{
	const struct stdout_options options = { .format = format };
	const struct sink_environment environment = { .base = base, .state_dir = "" };
	struct sink *sink = sink_stdout_new(&environment, &options, NULL);

	assert_non_null(sink);
	return sink;
}

static void test_formats(void **state)
{
	static const struct {
		enum stdout_format format;
		const char *wanted;
	} cases[] = {
		{ STDOUT_GRAPHITE, "stats.gauges.depth.0 0 1700000000\n" },
		{ STDOUT_JSON, "\"name\":\"depth.0\"" },
		{ STDOUT_TABLE, "depth.0  gauge" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sink *sink = sink_of(cases[i].format);
		struct snapshot snapshot = snapshot_of(1);
		struct text text = {};

		sink_deliver(sink, &snapshot);
		assert_true(sink_idle(sink));
		read_all(&text);
		text_add(&text, "", 1);
		assert_non_null(strstr(text.data, cases[i].wanted));
		/* a pipe is no terminal */
		assert_null(strchr(text.data, '\033'));
		text_release(&text);
		sink_free(sink);
	}
}

static void test_reader_sleeps(void **state)
{
	struct sink *sink = sink_of(STDOUT_GRAPHITE);
	struct snapshot snapshot = snapshot_of(METRICS);
	struct text text = {};
	int64_t begin = clock_read(CLOCK_MONOTONIC);
	struct sink_stats stats;
	size_t lines = 0;

	(void)state;
	sink_deliver(sink, &snapshot);
	assert_true(clock_read(CLOCK_MONOTONIC) - begin < NS_PER_SECOND / 2);
	assert_false(sink_idle(sink));
	/* it wakes up: what is left comes as it reads, or with the next flushes, without a gap */
	snapshot = nothing;
	for (int i = 0; i < 100 && !sink_idle(sink); i++) {
		read_all(&text);
		if (i % 2)
			sink_deliver(sink, &snapshot);
		else
			event_base_loop(base, EVLOOP_ONCE);
	}
	assert_true(sink_idle(sink));
	read_all(&text);
	sink_stats(sink, &stats);
	assert_int_equal(stats.lines_sent, METRICS);
	assert_int_equal(stats.lines_dropped, 0);
	assert_int_equal(stats.bytes_sent, text.len);
	text_add(&text, "", 1);
	for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		char want[64];

		snprintf(want, sizeof(want), "stats.gauges.depth.%zu %zu 1700000000\n", lines, lines);
		assert_memory_equal(line, want, (size_t)(end - line));
		lines++;
	}
	assert_int_equal(lines, METRICS);
	text_release(&text);
	sink_free(sink);
}

static void test_reader_leaves(void **state)
{
	struct sink *sink = sink_of(STDOUT_GRAPHITE);
	struct snapshot snapshot = snapshot_of(100);
	struct sink_stats stats;

	(void)state;
	close(reading);
	reading = -1;
	sink_deliver(sink, &snapshot);
	assert_true(sink_idle(sink));
	sink_stats(sink, &stats);
	assert_string_equal(stats.kind, "stdout");
	assert_int_equal(stats.lines_sent, 0);
	assert_int_equal(stats.lines_dropped, 100);
	assert_false(stats.connected);
	assert_string_equal(stats.last_error, "Broken pipe");
	sink_free(sink);
}

static void test_bounded(void **state)
{
	struct sink *sink = sink_of(STDOUT_GRAPHITE);
	struct snapshot snapshot = snapshot_of(METRICS);
	struct sink_stats stats;

	(void)state;
	/* 60 flushes of about 400 kB, and nobody reads */
	for (int i = 0; i < 60; i++)
		sink_deliver(sink, &snapshot);
	sink_stats(sink, &stats);
	assert_true(stats.bytes_queued <= 16 << 20);
	assert_true(stats.lines_dropped > 0);
	/* fewer than one batch of lines may have been written in part */
	assert_true(stats.lines_sent + stats.lines_dropped < 60 * METRICS);
	sink_free(sink);
}

static struct metric *large_new(void)
{
	struct metric *large = calloc(LARGE, sizeof(*large));

	assert_non_null(large);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = metrics[i % METRICS];
	return large;
}

static size_t count_lines(const struct text *text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	return lines;
}

/* One flush of more than may wait: who reads all of it gets all of it, and who does not, the last one whole. */
static void test_large_flush(void **state)
{
	struct sink *sink = sink_of(STDOUT_GRAPHITE);
	struct metric *large = large_new();
	struct snapshot snapshot = { .seconds = 1, .metrics = large, .count = LARGE };
	struct sink_stats stats;
	struct text text = {};

	(void)state;
	sink_deliver(sink, &snapshot);
	sink_deliver(sink, &snapshot);
	sink_stats(sink, &stats);
	assert_true(stats.bytes_queued > 16 << 20 && stats.bytes_queued < 32 << 20);
	while (!sink_idle(sink)) {
		read_all(&text);
		event_base_loop(base, EVLOOP_ONCE);
	}
	read_all(&text);
	sink_stats(sink, &stats);
	assert_int_equal(count_lines(&text), stats.lines_sent);
	assert_true(stats.lines_sent >= LARGE);
	assert_int_equal(stats.lines_sent + stats.lines_dropped, 2 * LARGE);
	text_release(&text);
	sink_free(sink);
	free(large);
}

/* A file takes all at once. */
static void test_file(void **state)
{
	struct metric *large = large_new();
	struct snapshot snapshot = { .seconds = 1, .metrics = large, .count = LARGE };
	FILE *file = tmpfile();
	struct sink_stats stats;
	struct sink *sink;

	(void)state;
	assert_non_null(file);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	sink = sink_of(STDOUT_GRAPHITE);
	sink_deliver(sink, &snapshot);
	while (!sink_idle(sink))
		event_base_loop(base, EVLOOP_ONCE);
	sink_stats(sink, &stats);
	assert_int_equal(stats.lines_sent, LARGE);
	assert_int_equal(stats.lines_dropped, 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), stats.bytes_sent);
	sink_free(sink);
	fclose(file);
	free(large);
}

#define pipe_test(test) cmocka_unit_test_setup_teardown(test, pipe_open, pipe_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pipe_test(test_formats), pipe_test(test_reader_sleeps), pipe_test(test_reader_leaves),
		pipe_test(test_bounded), pipe_test(test_large_flush),	pipe_test(test_file),
	};

	signal(SIGPIPE, SIG_IGN);
	/* What the sink says of its troubles is not this test's output; the one error it causes is. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
