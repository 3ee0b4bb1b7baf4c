// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Line by line: an event or a service check is kept; of anything else each value is folded,
 * and counts as a line. What is wrong with a line is found by the same steps, without a store.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/event.h"
#include "core/ingest.h"
#include "core/line.h"
#include "core/name.h"
#include "core/store.h"
#include "hash.h"

/*
 * What the current line's name is for values of one type. A line of 8 kB may have 4000 values and
 * a name that takes long to make, so it is made once.
 */
struct resolved {
	bool is_named, is_found;
	int err;	       /* of the name, or of finding the series */
	struct series *series; /* folded into by this line, so that the store cannot evict it */
	struct canonical_name name;
};

struct ingest {
	struct store *store;
	uint64_t key[2];
	int64_t now;
	struct line_reader line;
	struct resolved resolved[METRIC_TYPES];
	struct event_parser event;
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

void ingest_set_time(struct ingest *ingest, int64_t now)
{
	ingest->now = now;
}

static int add_member(struct ingest *ingest, struct series *series, unsigned int window,
		      const struct observation *seen)
{
	const __u64 key[2] = { ingest->key[0], ingest->key[1] };
	__u64 hash[2];
	uint64_t words[2];

	hash_value(key, seen->member, (__u32)seen->member_len, hash);
	words[0] = hash[0];
	words[1] = hash[1];
	return series_fold_member(series, window, words);
}

static int add_value(struct ingest *ingest, struct series *series, unsigned int window,
		     const struct observation *seen)
{
	switch (seen->type) {
	case METRIC_COUNTER:
		series_add_counter(series, window, seen->value, seen->weight);
		return 0;
	case METRIC_TIMER:
		return series_add_timer(series, window, seen->unit, seen->value, seen->weight);
	case METRIC_GAUGE:
		if (seen->sign)
			return series_adjust_gauge(series, window, seen->value);
		return series_set_gauge(series, window, seen->value);
	default:
		return add_member(ingest, series, window, seen);
	}
}

/* Begins with a line. */
static void ingest_begin(struct ingest *ingest, const void *line, size_t len, int64_t now)
{
	line_begin(&ingest->line, line, len, now);
	for (size_t type = 0; type < METRIC_TYPES; type++)
		ingest->resolved[type].is_named = ingest->resolved[type].is_found = false;
}

/* The line's name for a type; its err says whether there is one. */
static struct resolved *resolve_name(struct ingest *ingest, enum metric_type type)
{
	struct resolved *resolved = &ingest->resolved[type];
	size_t name_len, tags_len;
	const char *name = line_name(&ingest->line, &name_len), *tags = line_tags(&ingest->line, &tags_len);

	if (!resolved->is_named)
		resolved->err =
			store_name(ingest->store, type, name, name_len, tags, tags_len, &resolved->name);
	resolved->is_named = true;
	return resolved;
}

/*
 * Adds to the line's series of the value's type. It is only remembered once the window holds
 * something of it: a series without that may be evicted for the next one.
 */
static int add_to_series(struct ingest *ingest, struct resolved *resolved, unsigned int window,
			 const struct observation *seen)
{
	struct series *series = resolved->series;
	int err;

	if (!resolved->is_found) {
		series = store_named_series(ingest->store, seen->type, &resolved->name);
		if (!series)
			resolved->err = -errno; /* nor will there be room for the values that follow */
	}
	if (resolved->err)
		return resolved->err;
	err = add_value(ingest, series, window, seen);
	resolved->is_found = !err;
	resolved->series = series;
	return err;
}

/* What becomes of a good value: its counter in the ledger. */
static enum ledger_counter fold_value(struct ingest *ingest, unsigned int window,
				      const struct observation *seen)
{
	double whole = seen->type == METRIC_COUNTER ? seen->value * seen->weight : seen->value;
	struct resolved *resolved = resolve_name(ingest, seen->type);
	int err = resolved->err;

	if (!err && seen->time)
		err = store_add_stamped(ingest->store, window, seen->type, &resolved->name, whole,
					seen->time);
	else if (!err)
		err = add_to_series(ingest, resolved, window, seen);
	if (err)
		return err == -ENAMETOOLONG ? LEDGER_LINES_TOO_LONG : LEDGER_LINES_SERIES_LIMIT;
	return LEDGER_LINES_ACCEPTED;
}

static void ingest_event(struct ingest *ingest, unsigned int window, const uint8_t *line, size_t len,
			 struct ledger *ledger)
{
	enum ledger_counter verdict;
	size_t at;

	verdict = event_parse(&ingest->event, line, len, &at);
	if (verdict == LEDGER_LINES_ACCEPTED && store_add_event(ingest->store, window, &ingest->event.event))
		verdict = LEDGER_LINES_SERIES_LIMIT;
	ledger->n[LEDGER_LINES_SEEN]++;
	ledger->n[LEDGER_SLOW_LINES]++;
	ledger->n[verdict]++;
	if (verdict == LEDGER_LINES_ACCEPTED)
		ledger->n[ingest->event.event.kind == EVENT_EVENT ? LEDGER_EVENTS : LEDGER_SERVICE_CHECKS]++;
}

static void ingest_line(struct ingest *ingest, unsigned int window, const uint8_t *line, size_t len,
			struct ledger *ledger)
{
	struct observation seen;
	size_t values;

	if (event_is(line, len)) {
		ingest_event(ingest, window, line, len, ledger);
		return;
	}
	ingest_begin(ingest, line, len, ingest->now);
	for (values = 0; line_next(&ingest->line, &seen); values++) {
		if (seen.verdict == LEDGER_LINES_ACCEPTED)
			seen.verdict = fold_value(ingest, window, &seen);
		ledger->n[LEDGER_LINES_SEEN]++;
		ledger->n[LEDGER_SLOW_LINES]++;
		ledger->n[LEDGER_LINES_CONTINUED] += values > 0;
		ledger->n[seen.verdict]++;
	}
}

/* What ingest_event() would find. */
static size_t explain_event(struct ingest *ingest, const void *line, size_t len, struct line_fault *fault)
{
	fault->why = NULL;
	fault->reason = event_parse(&ingest->event, line, len, &fault->at);
	return fault->reason != LEDGER_LINES_ACCEPTED;
}

/* What fold_value() would find, but for limits. */
static void check_value_name(struct ingest *ingest, struct observation *seen)
{
	struct resolved *resolved = &ingest->resolved[seen->type];
	size_t name_len, tags_len;
	const char *name = line_name(&ingest->line, &name_len), *tags = line_tags(&ingest->line, &tags_len);

	if (!resolved->is_named)
		resolved->err = store_check_name(ingest->store, seen->type, name, name_len, tags, tags_len);
	resolved->is_named = true;
	if (resolved->err) {
		seen->verdict = LEDGER_LINES_TOO_LONG;
		seen->at = 0;
		seen->why = NULL;
	}
}

size_t ingest_explain(struct ingest *ingest, const void *line, size_t len, int64_t now,
		      struct line_fault *faults, size_t max)
{
	struct observation seen;
	struct line_fault fault;
	size_t count = 0;

	if (event_is(line, len)) {
		count = explain_event(ingest, line, len, &fault);
		if (count && max)
			faults[0] = fault;
		return count;
	}
	ingest_begin(ingest, line, len, now);
	while (line_next(&ingest->line, &seen)) {
		if (seen.verdict == LEDGER_LINES_ACCEPTED)
			check_value_name(ingest, &seen);
		if (seen.verdict == LEDGER_LINES_ACCEPTED)
			continue;
		if (count < max)
			faults[count] = (struct line_fault){ seen.verdict, seen.at, seen.why };
		count++;
	}
	return count;
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
