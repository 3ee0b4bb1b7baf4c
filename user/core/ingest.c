// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Lines are copied one by one into a scratch of the parser, which wants a newline behind
 * the last byte and room to read on. Numbers that the parser calls wide are read from
 * their text; every other number is what the kernel would have made of it.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/ingest.h"
#include "core/store.h"
#include "hash.h"
#include "lib/number.h"
#include "parse.h"

#define LINE_MAX_BYTES (PAYLOAD_FAST_MAX - 1)

struct ingest {
	struct store *store;
	uint64_t key[2];
	struct scratch scratch;
};

struct ingest *ingest_new(struct store *store)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));

	if (ingest)
		ingest->store = store;
	return ingest;
}

void ingest_free(struct ingest *ingest)
{
	free(ingest);
}

void ingest_set_key(struct ingest *ingest, const uint64_t key[2])
{
	memcpy(ingest->key, key, sizeof(ingest->key));
}

static const char *text_of(const struct scratch *s, const struct text *text)
{
	return (const char *)s->payload + text->at;
}

/* The line's value in units. -EINVAL if it is no finite decimal number. */
static int line_value(const struct scratch *s, double *value)
{
	if (!(s->line.wide & WIDE_VALUE)) {
		*value = (double)s->line.value / MICROS;
		return 0;
	}
	return number_parse_double(text_of(s, &s->line.value_text), s->line.value_text.len, value);
}

/* 1/rate. -EINVAL if the rate is not above 0 and at most 1. */
static int line_weight(const struct scratch *s, double *weight)
{
	double rate;

	if (!(s->line.wide & WIDE_RATE)) {
		*weight = (double)s->line.weight;
		return 0;
	}
	if (number_parse_double(text_of(s, &s->line.rate), s->line.rate.len, &rate) ||
	    !(rate > 0 && rate <= 1))
		return -EINVAL;
	*weight = 1 / rate;
	return isfinite(*weight) ? 0 : -EINVAL;
}

static int add_member(struct ingest *ingest, struct series *series, unsigned int window)
{
	const struct scratch *s = &ingest->scratch;
	const __u64 key[2] = { ingest->key[0], ingest->key[1] };
	__u64 hash[2];
	uint64_t words[2];

	hash_value(key, s->payload + s->line.value_text.at, s->line.value_text.len, hash);
	words[0] = hash[0];
	words[1] = hash[1];
	return series_fold_member(series, window, words);
}

static int add_value(struct ingest *ingest, struct series *series, unsigned int window, double value,
		     double weight)
{
	switch (ingest->scratch.line.type) {
	case METRIC_COUNTER:
		series_add_counter(series, window, value, weight);
		return 0;
	case METRIC_TIMER:
		return series_add_timer(series, window, value, weight);
	case METRIC_GAUGE:
		if (ingest->scratch.line.sign)
			return series_adjust_gauge(series, window, value);
		return series_set_gauge(series, window, value);
	default:
		return add_member(ingest, series, window);
	}
}

/* What becomes of a line that parsed: its counter in the ledger. */
static enum ledger_counter fold_parsed(struct ingest *ingest, unsigned int window)
{
	const struct scratch *s = &ingest->scratch;
	double value, weight;
	struct series *series;

	if (line_value(s, &value))
		return LEDGER_LINES_VALUE;
	if (line_weight(s, &weight))
		return LEDGER_LINES_RATE;
	if (!isfinite(value * weight))
		return LEDGER_LINES_VALUE;
	series = store_series(ingest->store, s->line.type, text_of(s, &s->line.name), s->line.name.len,
			      text_of(s, &s->line.tags), s->line.tags.len);
	if (!series)
		return errno == ENAMETOOLONG ? LEDGER_LINES_TOO_LONG : LEDGER_LINES_SERIES_LIMIT;
	if (add_value(ingest, series, window, value, weight))
		return LEDGER_LINES_SERIES_LIMIT;
	return LEDGER_LINES_ACCEPTED;
}

/* Copies a line to where the parser wants it. False: it is too long. */
static bool scratch_load(struct scratch *s, const void *line, size_t len)
{
	if (len > LINE_MAX_BYTES)
		return false;
	memcpy(s->payload, line, len);
	s->payload[len] = '\n';
	s->len = (__u32)len;
	cursor_set(s, 0);
	return true;
}

static void ingest_line(struct ingest *ingest, unsigned int window, const uint8_t *line, size_t len,
			struct ledger *ledger)
{
	struct scratch *s = &ingest->scratch;

	if (!len)
		return;
	ledger->n[LEDGER_LINES_SEEN]++;
	ledger->n[LEDGER_SLOW_LINES]++;
	if (!scratch_load(s, line, len)) {
		ledger->n[LEDGER_LINES_TOO_LONG]++;
		return;
	}
	switch (parse_line(s)) {
	case PARSE_OK:
		ledger->n[fold_parsed(ingest, window)]++;
		break;
	case PARSE_REJECT:
		ledger->n[s->line.reason]++;
		break;
	default:
		ledger->n[LEDGER_LINES_TOO_LONG]++;
		break;
	}
}

size_t ingest_explain(struct ingest *ingest, const void *line, size_t len, int64_t now,
		      struct line_fault *faults, size_t max)
{
	struct scratch *s = &ingest->scratch;
	struct line_fault fault = { .reason = LEDGER_LINES_TOO_LONG, .at = LINE_MAX_BYTES };
	double number;

	(void)now;
	if (!len)
		return 0;
	if (scratch_load(s, line, len)) {
		switch (parse_line(s)) {
		case PARSE_OK:
			if (line_value(s, &number))
				fault = (struct line_fault){ LEDGER_LINES_VALUE, s->line.value_text.at };
			else if (line_weight(s, &number))
				fault = (struct line_fault){ LEDGER_LINES_RATE, s->line.rate.at };
			else
				return 0;
			break;
		default:
			fault = (struct line_fault){ s->line.reason, 0 };
			break;
		}
	}
	if (max)
		faults[0] = fault;
	return 1;
}

void ingest_lines(struct ingest *ingest, unsigned int window, const void *data, size_t len,
		  struct ledger *ledger)
{
	const uint8_t *line = data, *end = line + len, *newline;

	while (line < end) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			newline = end;
		ingest_line(ingest, window, line, (size_t)(newline - line), ledger);
		line = newline + 1;
	}
}

void ingest_datagrams(struct ingest *ingest, unsigned int window, const void *data, size_t len,
		      uint32_t segment, struct ledger *ledger)
{
	const uint8_t *datagram = data;
	size_t size, left = len;
	bool first = true;

	while (left) {
		size = segment && segment < left ? segment : left;
		if (!first)
			ledger->n[LEDGER_DATAGRAMS_SEEN]++;
		ledger->n[LEDGER_DATAGRAMS_ACCEPTED]++;
		ingest_lines(ingest, window, datagram, size, ledger);
		datagram += size;
		left -= size;
		first = false;
	}
}
