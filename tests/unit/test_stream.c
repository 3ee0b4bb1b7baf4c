// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Pieces of TCP connections: which lines come out, in which order, and what the ledger says of
 * those that do not.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/stream.h"
#include "stream_room.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	struct streams *streams;
	struct ledger ledger;
	char taken[65536]; /* lines, each with a newline behind it */
	size_t len;
	uint64_t time;
};

static void take(void *context, const void *lines, size_t len)
{
	struct fixture *f = context;

	assert_true(f->len + len + 1 < sizeof(f->taken));
	memcpy(f->taken + f->len, lines, len);
	f->len += len;
	f->taken[f->len++] = '\n';
	f->taken[f->len] = '\0';
}

static void open_streams(struct fixture *f, size_t max)
{
	*f = (struct fixture){ .streams = streams_new(max) };
	assert_non_null(f->streams);
}

static void add_bytes(struct fixture *f, uint64_t socket, uint64_t position, const char *data, size_t len)
{
	const struct stream_piece piece = { .socket = socket, .position = position, .remote_port = 8125 };

	streams_add(f->streams, &piece, data, len, ++f->time, &f->ledger, take, f);
}

static void add(struct fixture *f, uint64_t socket, uint64_t position, const char *text)
{
	add_bytes(f, socket, position, text, strlen(text));
}

static void end(struct fixture *f, uint64_t socket)
{
	const struct stream_piece piece = { .socket = socket, .remote_port = 8125 };

	streams_end(f->streams, &piece, &f->ledger);
}

static void expect_unterminated(const struct fixture *f, uint64_t count)
{
	assert_int_equal(f->ledger.n[LEDGER_LINES_SEEN], count);
	assert_int_equal(f->ledger.n[LEDGER_LINES_UNTERMINATED], count);
}

/* One connection: pieces, each at its position; what is taken, and how many lines were not whole. */
static const struct {
	const char *what;
	struct {
		uint64_t position;
		const char *text;
	} pieces[6];
	const char *taken;
	uint64_t unterminated;
} cases[] = {
	{ "whole lines", { { 0, "a:1|c\nb:2|c\n" }, { 12, "c:3|c\n" } }, "a:1|c\nb:2|c\nc:3|c\n", 0 },
	{ "a line over three", { { 0, "a:" }, { 2, "1" }, { 3, "|c\nb" } }, "a:1|c\n", 1 },
	{ "a newline alone", { { 0, "a:1|c" }, { 5, "\n" } }, "a:1|c\n", 0 },
	{ "empty lines", { { 0, "\n\n" }, { 2, "a:1|c\n" } }, "\n\na:1|c\n", 0 },
	{ "not from its beginning", { { 7, "1|c\na:1|c\n" } }, "a:1|c\n", 1 },
	{ "not from its beginning, and no line",
	  { { 7, "1|" }, { 9, "c\n" }, { 11, "a:1|c\n" } },
	  "a:1|c\n",
	  1 },
	{ "a hole in a line", { { 0, "a:1" }, { 5, "9|c\nb:2|c\n" } }, "b:2|c\n", 1 },
	{ "a hole between lines", { { 0, "a:1|c\n" }, { 12, "c:1|c\nd:2|c\n" } }, "a:1|c\nd:2|c\n", 1 },
	{ "a hole before a newline", { { 0, "a:1|c\n" }, { 11, "\nd:2|c\n" } }, "a:1|c\nd:2|c\n", 0 },
	{ "two holes in one line", { { 0, "a:1" }, { 5, "9" }, { 8, "8|c\nb:2|c\n" } }, "b:2|c\n", 2 },
	{ "a piece from before", { { 0, "a:1|c\n" }, { 3, "b:1|c\nc:1|c\n" } }, "a:1|c\nc:1|c\n", 1 },
	{ "from where the accepting side begins",
	  { { UINT64_MAX, "a:1|c\nb" }, { 6, ":1|c\n" } },
	  "a:1|c\nb:1|c\n",
	  0 },
	{ "a new connection in its place", { { 0, "a:1|c\nb" }, { 0, "c:1|c\n" } }, "a:1|c\nc:1|c\n", 1 },
};

static void test_one_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;

		open_streams(&f, 8);
		for (size_t j = 0; j < COUNT(cases[i].pieces) && cases[i].pieces[j].text; j++)
			add(&f, 1, cases[i].pieces[j].position, cases[i].pieces[j].text);
		end(&f, 1);
		if (strcmp(f.taken, cases[i].taken) != 0)
			fail_msg("%s: taken was '%s'", cases[i].what, f.taken);
		if (f.ledger.n[LEDGER_LINES_UNTERMINATED] != cases[i].unterminated)
			fail_msg("%s: %llu unterminated", cases[i].what,
				 (unsigned long long)f.ledger.n[LEDGER_LINES_UNTERMINATED]);
		expect_unterminated(&f, cases[i].unterminated);
		assert_int_equal(streams_count(f.streams), 0);
		streams_free(f.streams);
	}
}

static void test_connections_are_apart(void **state)
{
	const struct stream_piece other = { .socket = 1, .local_port = 7, .remote_port = 8125 };
	struct fixture f;

	(void)state;
	open_streams(&f, 8);
	add(&f, 1, 0, "a:");
	add(&f, 2, 0, "b:");
	streams_add(f.streams, &other, "c:", 2, 1, &f.ledger, take, &f);
	add(&f, 2, 2, "2|c\n");
	add(&f, 1, 2, "1|c\n");
	assert_string_equal(f.taken, "b:2|c\na:1|c\n");
	assert_int_equal(streams_count(f.streams), 3);
	expect_unterminated(&f, 0);
	streams_free(f.streams);
}

/* All are in the middle of a line: the longest idle makes room. Its line is lost, and counts once. */
static void test_bounded_in_connections(void **state)
{
	struct fixture f;

	(void)state;
	open_streams(&f, 4);
	for (uint64_t socket = 1; socket <= 4; socket++)
		add(&f, socket, 0, "a:");
	add(&f, 1, 2, "1");
	add(&f, 5, 0, "b:");
	assert_int_equal(streams_count(f.streams), 4);
	assert_int_equal(streams_cut(f.streams), 1);
	add(&f, 5, 2, "1|c\n");
	add(&f, 2, 2, "1|");
	add(&f, 2, 4, "c\nc:1|c\n");
	add(&f, 1, 3, "|c\n");
	assert_string_equal(f.taken, "b:1|c\nc:1|c\na:1|c\n");
	expect_unterminated(&f, 1);
	assert_int_equal(streams_cut(f.streams), 1);
	for (uint64_t socket = 100; socket < 10000; socket++)
		add(&f, socket, 0, "x");
	assert_int_equal(streams_count(f.streams), 4);
	streams_free(f.streams);
}

/* More connections than are known, in turn: nothing is lost of those that send whole lines, or skip one. */
static void test_rest_without_loss(void **state)
{
	static const char line[] = "a:1|c\n";
	const uint64_t length = sizeof(line) - 1, connections = 16, rounds = 3;
	struct fixture f;

	(void)state;
	open_streams(&f, 4);
	add(&f, 99, 0, "b:");
	for (uint64_t round = 0; round < rounds; round++) {
		for (uint64_t socket = 1; socket <= connections; socket++)
			add(&f, socket, round * length, line);
	}
	assert_int_equal(f.len, rounds * connections * length);
	expect_unterminated(&f, 0);
	/* One that began before we looked still skips when it comes back, one that has a hole does again. */
	f.len = 0;
	add(&f, 50, 7, "1|");
	for (uint64_t socket = 1; socket <= 4; socket++)
		add(&f, socket, rounds * length, line);
	add(&f, 50, 9, "c\nc:1|c\n");
	add(&f, 5, rounds * length + 1, "9|c\nd:1|c\n");
	add(&f, 99, 2, "1|c\n");
	assert_string_equal(f.taken, "a:1|c\na:1|c\na:1|c\na:1|c\nc:1|c\nd:1|c\nb:1|c\n");
	expect_unterminated(&f, 2);
	assert_int_equal(streams_cut(f.streams), 0);
	streams_free(f.streams);
}

/* A socket's address and ports are another connection's after its end, though it was not known any more. */
static void test_end_is_forgotten(void **state)
{
	struct fixture f;

	(void)state;
	open_streams(&f, 1);
	add(&f, 1, 0, "a:1|c\n");
	add(&f, 2, 0, "b:1|c\n");
	end(&f, 1);
	add(&f, 1, 6, "1|c\n");
	assert_string_equal(f.taken, "a:1|c\nb:1|c\n");
	expect_unterminated(&f, 1);
	streams_free(f.streams);
}

/* A line that is too long is handed on as one that is too long, once, whatever its length. */
static void test_bounded_in_length(void **state)
{
	static char line[3 * STREAM_LINE_MAX];
	static const size_t lengths[] = { STREAM_LINE_MAX, STREAM_LINE_MAX + 1, sizeof(line) };
	struct fixture f;

	(void)state;
	memset(line, 'x', sizeof(line));
	for (size_t i = 0; i < COUNT(lengths); i++) {
		open_streams(&f, 4);
		for (size_t at = 0; at < lengths[i]; at += 1000)
			add_bytes(&f, 1, at, line, lengths[i] - at < 1000 ? lengths[i] - at : 1000);
		assert_int_equal(f.len, 0);
		add(&f, 1, lengths[i], "\na:1|c\n");
		assert_int_equal(strcspn(f.taken, "\n"),
				 lengths[i] > STREAM_LINE_MAX ? STREAM_LINE_MAX + 1 : lengths[i]);
		assert_string_equal(strchr(f.taken, '\n'), "\na:1|c\n");
		expect_unterminated(&f, 0);
		streams_free(f.streams);
	}
}

static void test_expires(void **state)
{
	struct fixture f;

	(void)state;
	open_streams(&f, 4);
	add(&f, 1, 0, "a:");	  /* time 1 */
	add(&f, 2, 0, "b:1|c\n"); /* time 2: nothing begun, nothing lost */
	add(&f, 3, 0, "c:");	  /* time 3 */
	streams_expire(f.streams, 3, &f.ledger);
	expect_unterminated(&f, 1);
	streams_expire(f.streams, 3, &f.ledger);
	expect_unterminated(&f, 1);
	add(&f, 1, 2, "1|c\nd:1|c\n");
	add(&f, 2, 6, "e:1|c\n");
	add(&f, 3, 2, "1|c\n");
	assert_string_equal(f.taken, "b:1|c\nd:1|c\ne:1|c\nc:1|c\n");
	expect_unterminated(&f, 1);
	end(&f, 4);
	assert_int_equal(streams_count(f.streams), 3);
	streams_free(f.streams);
}

/* How many sends of a size the default ring holds, each with its header and that of the ring. */
static size_t sends_held(uint32_t len, bool single)
{
	return (8u << 20) /
	       (8 + sizeof(struct record) + sizeof(struct stream_piece) + stream_room(len, single));
}

static void test_room_in_the_ring(void **state)
{
	static const uint32_t lengths[] = { 1, 256, 257, 1400, 2048, 2049, 8192 };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		assert_in_range(stream_room(lengths[i], true), lengths[i], STREAM_PIECE);
		assert_int_equal(stream_room(lengths[i], false), 2 * stream_room(lengths[i], true));
	}
	assert_int_equal(sends_held(1400, true), 3956);
	assert_int_equal(sends_held(1400, false), 2012);
	assert_int_equal(sends_held(100, true), 25575);
	assert_int_equal(sends_held(8192, true), 1015);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_connections_are_apart),
		cmocka_unit_test(test_bounded_in_connections),
		cmocka_unit_test(test_rest_without_loss),
		cmocka_unit_test(test_end_is_forgotten),
		cmocka_unit_test(test_bounded_in_length),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_room_in_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
