/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Any payload through the parser, line by line, as kernel and daemon do. The parser may
 * read only up to the newline that ends a line, must say where the parts are within it,
 * and must say the same of a line whatever surrounds it: each is parsed a second time
 * alone, between other bytes. Plain decimals are compared with strtold().
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

static struct scratch whole, alone;

/* A payload of one line, with `filler` where nothing may be read. */
static int parse_alone(const uint8_t *line, size_t len, uint8_t filler)
{
	memset(&alone, filler, sizeof(alone));
	memcpy(alone.payload, line, len);
	alone.payload[len] = '\n';
	alone.len = (__u32)len;
	cursor_set(&alone, 0);
	return parse_line(&alone);
}

static void check_text(const struct text *text, __u32 start, __u32 end)
{
	MUST(text->at >= start && text->at <= end && text->len <= end - text->at);
}

static void check_same_text(const struct text *text, const struct text *other, __u32 start)
{
	MUST(text->len == other->len && (!text->len || text->at == other->at + start));
}

static void check_decimal(const struct scratch *s)
{
	char text[256];
	long double value;

	if (s->line.wide & WIDE_VALUE || s->line.type == METRIC_SET || s->line.value_text.len >= sizeof(text))
		return;
	memcpy(text, s->payload + s->line.value_text.at, s->line.value_text.len);
	text[s->line.value_text.len] = '\0';
	value = strtold(text, NULL) * MICROS;
	MUST(fabsl(value - (long double)s->line.value) < 0.01L);
}

/* What is left to the daemon is no metric, or has a colon behind that of the name: another value, perhaps. */
static void check_deferred(__u32 start, __u32 end)
{
	const uint8_t *colon = memchr(whole.payload + start, ':', end - start);
	const uint8_t *stop = whole.payload + end;

	MUST(is_message(&whole, start) || (colon && memchr(colon + 1, ':', (size_t)(stop - colon - 1))));
}

/* "0.25", perhaps with blanks behind it, and its integer weight. */
static void check_rate(const struct scratch *s)
{
	char text[256], *end;
	long double rate;

	if (s->line.wide & WIDE_RATE || !s->line.rate.len || s->line.rate.len >= sizeof(text))
		return;
	memcpy(text, s->payload + s->line.rate.at, s->line.rate.len);
	text[s->line.rate.len] = '\0';
	rate = strtold(text, &end);
	MUST(end[strspn(end, " \t\r\v\f")] == '\0');
	MUST(rate > 0 && rate <= 1 && fabsl(1 / rate - (long double)s->line.weight) < 1e-6L);
}

static void check_accepted(const struct scratch *s, __u32 start, __u32 end)
{
	const struct statsd_line *line = &s->line;

	check_text(&line->name, start, end);
	check_text(&line->value_text, start, end);
	if (line->rate.len)
		check_text(&line->rate, start, end);
	if (line->tags.len)
		check_text(&line->tags, start, end);
	if (line->wide & WIDE_TIME)
		check_text(&line->time, start, end);
	MUST(line->name.at == start && line->name.len > 0);
	MUST(s->payload[start + line->name.len] == ':');
	MUST(s->payload[line->value_text.at + line->value_text.len] == '|');
	MUST(line->type < METRIC_TYPES);
	MUST(line->wide & WIDE_RATE || line->weight >= 1);
	check_decimal(s);
	check_rate(s);
}

static void check_line(int result, __u32 start, __u32 end)
{
	int again = parse_alone(whole.payload + start, end - start, whole.len & 1 ? '|' : '7');

	MUST(result == again);
	if (result == PARSE_REJECT) {
		MUST(whole.line.reason == alone.line.reason);
		MUST(whole.line.reason >= LEDGER_LINES_NAME && whole.line.reason <= LEDGER_LINES_TOO_LONG);
	}
	if (result == PARSE_DEFER)
		check_deferred(start, end);
	if (result != PARSE_OK)
		return;
	MUST(!is_message(&whole, start));
	check_accepted(&whole, start, end);
	check_same_text(&whole.line.name, &alone.line.name, start);
	check_same_text(&whole.line.value_text, &alone.line.value_text, start);
	check_same_text(&whole.line.rate, &alone.line.rate, start);
	check_same_text(&whole.line.tags, &alone.line.tags, start);
	if (whole.line.wide & WIDE_TIME)
		check_same_text(&whole.line.time, &alone.line.time, start);
	MUST(whole.line.type == alone.line.type && whole.line.sign == alone.line.sign);
	MUST(whole.line.wide == alone.line.wide);
	MUST(whole.line.wide & WIDE_VALUE || whole.line.value == alone.line.value);
	MUST(whole.line.wide & WIDE_RATE || whole.line.weight == alone.line.weight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__u32 start, end, lines = 0;
	int result;

	if (size >= PAYLOAD_FAST_MAX)
		return 0;
	memset(&whole, 0, sizeof(whole));
	memcpy(whole.payload, data, size);
	whole.payload[size] = '\n';
	whole.len = (__u32)size;
	for (start = 0; start < whole.len; start = cursor(&whole)) {
		end = start + (__u32)((const uint8_t *)memchr(whole.payload + start, '\n', size + 1 - start) -
				      (whole.payload + start));
		cursor_set(&whole, start);
		result = parse_line(&whole);
		MUST(result != PARSE_SLOW);
		MUST((result == PARSE_EMPTY) == (start == end));
		MUST(cursor(&whole) == end + 1);
		check_line(result, start, end);
		MUST(++lines <= size);
	}
	return 0;
}
