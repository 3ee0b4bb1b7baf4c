/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Any datagram through the daemon's slow path into a store: what comes out in the snapshot
 * must be safe for every sink and finite, the ledger must balance, ingest_explain() must find
 * the faults that are counted, and nothing outside the datagram may be read. The first two
 * bytes choose the segment size and the timers' mode.
 */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/histogram.h"
#include "core/ingest.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "lib/utf8.h"

#define NOW 1700000000
#define STAMPED 20
#define EVENTS 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

static const double percentiles[] = { 50, 90, 99.9, -10 };

static void check_name(const char *name)
{
	MUST(*name);
	for (; *name; name++)
		MUST(isalnum((unsigned char)*name) || strchr("_.-", *name));
}

/* "k=v;k2=v2": printable, no blank, each with key and value; a value may hold '=' ("a2V5=", base64). */
static void check_tags(const char *tags)
{
	while (*tags) {
		size_t key_len = strcspn(tags, "=;"), len = strcspn(tags, ";");

		MUST(key_len > 0 && key_len + 1 < len);
		for (size_t i = 0; i < len; i++)
			MUST(tags[i] > ' ' && tags[i] < 127);
		tags += len;
		MUST(!*tags || tags[1]);
		tags += *tags == ';';
	}
}

static void check_timer(const struct metric *metric, size_t percentile_count)
{
	const struct timer_stats *timer = &metric->timer;

	MUST(isfinite(timer->count) && timer->samples > 0);
	MUST(!isnan(timer->sum) && !isnan(timer->mean) && !isnan(timer->std) && !isnan(timer->sum_squares));
	MUST(timer->lower <= timer->upper);
	MUST(timer->median >= timer->lower && timer->median <= timer->upper);
	for (size_t i = 0; i < percentile_count; i++) {
		MUST(metric->percentiles[i].count <= timer->samples);
		if (metric->percentiles[i].count)
			MUST(metric->percentiles[i].boundary >= timer->lower &&
			     metric->percentiles[i].boundary <= timer->upper);
	}
}

/* Ascending, none empty, within the values; all samples are in one, also those that were not kept. */
static void check_buckets(const struct metric *metric)
{
	const struct bucket *buckets = metric->buckets;
	double sum = 0;

	for (size_t i = 0; i < metric->bucket_count; i++) {
		sum += buckets[i].count;
		MUST(buckets[i].count > 0);
		MUST(!i || histogram_order(buckets[i - 1].index, buckets[i].index) < 0);
	}
	MUST(histogram_order(histogram_index(metric->unit, metric->timer.lower), buckets[0].index) <= 0);
	MUST(histogram_order(buckets[metric->bucket_count - 1].index,
			     histogram_index(metric->unit, metric->timer.upper)) <= 0);
	MUST(sum == (double)metric->timer.samples);
}

/* UTF-8 without control characters but line breaks. */
static void check_text(const char *text)
{
	size_t left = strlen(text), len;

	for (; left; text += len, left -= len) {
		len = utf8_length((const uint8_t *)text, left);
		MUST(len > 0);
		MUST(len > 1 || *text == '\n' || ((uint8_t)*text >= ' ' && *text != 127));
		MUST(len != 2 || (uint8_t)text[0] != 0xc2 || (uint8_t)text[1] >= 0xa0);
	}
}

static void check_event(const struct event *event)
{
	const char *const texts[] = { event->text,     event->host,	   event->aggregation_key,
				      event->priority, event->source_type, event->alert_type };

	MUST(*event->title && !strchr(event->title, '\n'));
	check_text(event->title);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_text(texts[i]);
	check_tags(event->tags);
	MUST(event->status <= 3 && event->timestamp > 0);
	MUST(event->kind == EVENT_EVENT || !*event->priority);
}

static void check_stamped(const struct metric *metric)
{
	MUST(metric->type == METRIC_COUNTER || metric->type == METRIC_GAUGE);
	MUST(metric->timestamp > 0 && metric->timestamp <= NOW + 10);
}

static void check_snapshot(const struct snapshot *snapshot)
{
	size_t stamped = 0;

	for (size_t i = 0; i < snapshot->event_count; i++)
		check_event(&snapshot->events[i]);
	MUST(snapshot->event_count <= EVENTS);
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct metric *metric = &snapshot->metrics[i];

		check_name(metric->name);
		check_tags(metric->tags);
		if (metric->timestamp) {
			check_stamped(metric);
			stamped++;
		}
		if (metric->type == METRIC_COUNTER)
			MUST(!isnan(metric->counter));
		else if (metric->type == METRIC_GAUGE)
			MUST(!isnan(metric->gauge));
		else if (metric->type == METRIC_SET)
			MUST(metric->set.count >= 0);
		else
			check_timer(metric, snapshot->percentile_count);
		if (metric->type == METRIC_TIMER)
			check_buckets(metric);
	}
	MUST(stamped <= STAMPED);
}

static uint64_t sum_of(const struct ledger *ledger, enum ledger_counter first, enum ledger_counter last)
{
	uint64_t sum = 0;

	for (enum ledger_counter i = first; i <= last; i++)
		sum += ledger->n[i];
	return sum;
}

/* Each line by itself: as many faults, of the reasons, as ingesting it counts. */
static void check_explained(struct ingest *ingest, const uint8_t *line, size_t len)
{
	struct ledger counted = {}, explained = {};
	static struct line_fault faults[PAYLOAD_FAST_MAX];
	size_t count = ingest_explain(ingest, line, len, NOW, faults, PAYLOAD_FAST_MAX);

	MUST(count <= PAYLOAD_FAST_MAX);
	for (size_t i = 0; i < count; i++) {
		MUST(faults[i].at <= len);
		explained.n[faults[i].reason]++;
	}
	ingest_lines(ingest, 0, line, len, &counted);
	for (enum ledger_counter i = LEDGER_LINES_NAME; i <= LEDGER_LINES_UNTERMINATED; i++)
		MUST(counted.n[i] == explained.n[i]);
	MUST(counted.n[LEDGER_LINES_CONTINUED] + (len > 0) == counted.n[LEDGER_LINES_SEEN]);
}

static void check_lines(struct ingest *ingest, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len, *newline;

	for (; data < end; data = newline + 1) {
		newline = memchr(data, '\n', (size_t)(end - data));
		if (!newline)
			newline = end;
		check_explained(ingest, data, (size_t)(newline - data));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_options options = { .series_max = 50,
					 .keep_buckets = true,
					 .set_exact_max = 20,
					 .stamped_max = STAMPED,
					 .events_max = EVENTS,
					 .percentiles = percentiles,
					 .percentile_count = sizeof(percentiles) / sizeof(percentiles[0]) };
	struct ledger ledger = {};
	struct snapshot *snapshot;
	struct ingest *ingest;
	struct store *store;
	uint8_t *datagram;

	if (size < 2 || size > DATAGRAM_MAX)
		return 0;
	options.exact_timers = data[1] & 1;
	options.percentile_limit = data[1] & 2;
	store = store_new(&options);
	ingest = ingest_new(store);
	datagram = malloc(size - 2); /* of the exact size, so that the sanitiser sees its end */
	MUST(store && ingest && (datagram || size == 2));
	if (size > 2)
		memcpy(datagram, data + 2, size - 2);
	ingest_set_time(ingest, NOW);
	ingest_datagrams(ingest, 1, datagram, size - 2, data[0], &ledger);
	MUST(ledger.n[LEDGER_LINES_SEEN] == sum_of(&ledger, LEDGER_LINES_ACCEPTED, LEDGER_LINES_RING_FULL));
	check_lines(ingest, datagram, size - 2);
	snapshot = store_close(store, 1, 1000, 10);
	MUST(snapshot);
	check_snapshot(snapshot);
	snapshot_free(snapshot);
	free(datagram);
	ingest_free(ingest);
	store_free(store);
	return 0;
}
