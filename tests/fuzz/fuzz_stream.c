// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A byte stream, cut anywhere: the lines must be those of the stream in one piece. Two
 * connections take turns. The first bytes choose the cuts; every third input also loses a
 * piece, after which lines may be missing, but never one appear that was not there.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS 8
#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* The non-empty lines, each with a newline behind it; of long ones what shows that they are. */
struct text {
	char *bytes;
	size_t len;
};

static void text_add(void *context, const void *lines, size_t len)
{
	const char *line = lines, *end = line + len, *newline;
	struct text *text = context;
	size_t size;

	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line)) ?: end;
		size = (size_t)(newline - line);
		if (size > STREAM_LINE_MAX + 1)
			size = STREAM_LINE_MAX + 1;
		memcpy(text->bytes + text->len, line, size);
		text->len += size;
		if (size)
			text->bytes[text->len++] = '\n';
	}
}

static bool contains_line(const struct text *text, const char *line, size_t len)
{
	const char *at = text->bytes, *end = at + text->len, *newline;

	for (; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if ((size_t)(newline - at) == len && !memcmp(at, line, len))
			return true;
	}
	return false;
}

/* What is whole in the stream: up to its last newline. */
static void whole_lines(struct text *text, const uint8_t *data, size_t size)
{
	const uint8_t *last = memrchr(data, '\n', size);

	if (last)
		text_add(text, data, (size_t)(last - data));
}

struct cutting {
	const uint8_t *cuts;
	size_t lost; /* number of the piece that is lost */
	struct ledger ledger;
};

static void run(struct cutting *cutting, const uint8_t *data, size_t size, struct text texts[2])
{
	struct stream_piece pieces[2] = { { .socket = 1 }, { .socket = 2 } };
	struct streams *streams = streams_new(2);
	size_t at[2] = {}, number = 0, len;

	MUST(streams);
	for (; at[0] < size || at[1] < size; number++) {
		size_t which = number & 1, left = size - at[which];

		len = (size_t)cutting->cuts[number % CUTS] << (number % 5);
		if (len > left)
			len = left;
		pieces[which].position = at[which];
		if (len && (which || number / 2 != cutting->lost))
			streams_add(streams, &pieces[which], data + at[which], len, number, &cutting->ledger,
				    text_add, &texts[which]);
		at[which] += len;
	}
	streams_end(streams, &pieces[0], &cutting->ledger);
	streams_end(streams, &pieces[1], &cutting->ledger);
	MUST(streams_count(streams) == 0);
	streams_free(streams);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t cuts[CUTS];
	struct cutting cutting = { .cuts = cuts };
	struct text whole = {}, texts[2] = {};
	const char *line, *newline;
	size_t i;

	if (size <= CUTS)
		return 0;
	for (i = 0; i < CUTS; i++)
		cuts[i] = data[i] ?: 1;
	cutting.lost = data[0] % 3 ? SIZE_MAX : data[1] % 16;
	data += CUTS;
	size -= CUTS;
	whole.bytes = malloc(2 * size);
	texts[0].bytes = malloc(2 * size);
	texts[1].bytes = malloc(2 * size);
	MUST(whole.bytes && texts[0].bytes && texts[1].bytes);
	whole_lines(&whole, data, size);
	run(&cutting, data, size, texts);
	MUST(texts[1].len == whole.len && !memcmp(texts[1].bytes, whole.bytes, whole.len));
	if (cutting.lost == SIZE_MAX) {
		MUST(texts[0].len == whole.len && !memcmp(texts[0].bytes, whole.bytes, whole.len));
		MUST(cutting.ledger.n[LEDGER_LINES_UNTERMINATED] == (data[size - 1] == '\n' ? 0 : 2));
	}
	for (line = texts[0].bytes; line < texts[0].bytes + texts[0].len; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(texts[0].bytes + texts[0].len - line));
		MUST(contains_line(&whole, line, (size_t)(newline - line)));
	}
	free(whole.bytes);
	free(texts[0].bytes);
	free(texts[1].bytes);
	return 0;
}
