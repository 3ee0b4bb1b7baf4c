// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A look of `kstatsd top` as JSON: the leaders of the series by rate, count, value and name,
 * of the senders by lines, bytes and rejected lines. So a client can sort by any of these
 * without asking again.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli/container.h"
#include "cli/daemon.h"
#include "cli/daemon_top.h"
#include "cli/ledger.h"
#include "core/store.h"
#include "lib/clock.h"

static const char *const type_names[METRIC_TYPES] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_TIMER] = "timer",
	[METRIC_GAUGE] = "gauge",
	[METRIC_SET] = "set",
};

enum series_key {
	SERIES_RATE,
	SERIES_COUNT,
	SERIES_VALUE,
	SERIES_NAME,
	SERIES_KEYS,
};

static double series_key(const void *rows, size_t row, size_t key)
{
	const struct busy_look *look = rows;
	const struct busy_series *series = &look->rows[row];

	switch (key) {
	case SERIES_RATE:
		return fabs(series->rate);
	case SERIES_COUNT:
		return fabs(series->count);
	case SERIES_VALUE:
		return fabs(series->value);
	default: /* they are sorted by name within each type */
		return -(double)row;
	}
}

enum sender_key {
	SENDER_LINES,
	SENDER_BYTES,
	SENDER_REJECTED,
	SENDER_KEYS,
};

static double sender_key(const void *rows, size_t row, size_t key)
{
	const struct sender *sent = &((const struct top_sender *)rows)[row].sent;

	switch (key) {
	case SENDER_LINES:
		return (double)sent->lines;
	case SENDER_BYTES:
		return (double)sent->bytes;
	default:
		return (double)sent->rejected;
	}
}

/* JSON has no numbers that are not finite, and a sum of what anybody sends may be one. */
static json_t *number_pack(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *series_pack(const struct busy_look *look, size_t row)
{
	const struct busy_series *series = &look->rows[row];
	json_t *object = json_pack("{s:s, s:s, s:s, s:o}", "type", type_names[series->type], "name",
				   look->text + series->name, "tags", look->text + series->tags, "value",
				   number_pack(series->value));

	if (series->type != METRIC_GAUGE) {
		json_object_set_new(object, "rate", number_pack(series->rate));
		json_object_set_new(object, "count", number_pack(series->count));
	}
	if (series->type == METRIC_TIMER) {
		json_object_set_new(object, "median", number_pack(series->median));
		json_object_set_new(object, "upper", number_pack(series->upper));
	}
	return object;
}

/* A command is bytes: what is not ASCII becomes '?'. */
static json_t *command_pack(const uint8_t *command)
{
	char text[COMMAND_BYTES + 1] = "";

	for (size_t i = 0; i < COMMAND_BYTES && command[i]; i++)
		text[i] = command[i] < 0x80 ? (char)command[i] : '?';
	return json_string(text);
}

static json_t *sender_pack(const struct top_sender *row, double seconds)
{
	char container[CONTAINER_BYTES] = "";

	if (row->pid != SENDER_OTHERS)
		container_of_process(row->pid, container);
	return json_pack("{s:I, s:o, s:s, s:f, s:f, s:f, s:f}", "pid", (json_int_t)row->pid, "command",
			 command_pack(row->sent.command), "container", container, "sends",
			 (double)row->sent.sends / seconds, "lines", (double)row->sent.lines / seconds,
			 "bytes", (double)row->sent.bytes / seconds, "rejected",
			 (double)row->sent.rejected / seconds);
}

static json_t *rows_pack(const struct tops *tops, size_t most)
{
	size_t *picked = calloc(SERIES_KEYS * most, sizeof(*picked));
	json_t *array = json_array();
	long count =
		picked ? busiest_pick(&tops->look, tops->look.count, SERIES_KEYS, series_key, most, picked)
		       : -ENOMEM;

	for (long i = 0; i < count; i++)
		json_array_append_new(array, series_pack(&tops->look, picked[i]));
	free(picked);
	return array;
}

static json_t *senders_pack(const struct tops *tops, size_t most)
{
	size_t *picked = calloc(SENDER_KEYS * most, sizeof(*picked));
	json_t *array = json_array();
	long count = picked ? busiest_pick(tops->senders, tops->sender_count, SENDER_KEYS, sender_key, most,
					   picked)
			    : -ENOMEM;

	for (long i = 0; i < count; i++)
		json_array_append_new(array, sender_pack(&tops->senders[picked[i]], tops->seconds));
	free(picked);
	return array;
}

struct totals {
	uint64_t sends, lines, rejected, lost;
};

static struct totals totals_of(const struct ledger *ledger)
{
	return (struct totals){ .sends = ledger->n[LEDGER_DATAGRAMS_SEEN] + ledger->n[LEDGER_STREAMS_SEEN],
				.lines = ledger->n[LEDGER_LINES_SEEN],
				.rejected = ledger_sum(ledger, ".rejected."),
				.lost = ledger_sum(ledger, ".lost.") };
}

/* Since the start, and per second of late. */
static json_t *totals_pack(const struct tops *tops)
{
	struct totals now = totals_of(&tops->ledger), before = totals_of(&tops->before);
	const struct {
		const char *name;
		uint64_t now, before;
	} rows[] = {
		{ "sends", now.sends, before.sends },
		{ "lines", now.lines, before.lines },
		{ "rejected", now.rejected, before.rejected },
		{ "lost", now.lost, before.lost },
	};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(object, rows[i].name,
				    json_pack("{s:I, s:f}", "total", (json_int_t)rows[i].now, "rate",
					      (double)(rows[i].now - rows[i].before) / tops->seconds));
	return object;
}

json_t *top_report_pack(const struct tops *tops, size_t most)
{
	const struct daemon *daemon = tops->daemon;

	return json_pack("{s:f, s:f, s:f, s:I, s:o, s:o, s:o}", "time",
			 (double)clock_read(CLOCK_REALTIME) / NS_PER_SECOND, "seconds", tops->seconds,
			 "window", (double)(tops->looked - daemon->window_opened) / NS_PER_SECOND, "known",
			 (json_int_t)(store_series_count(daemon->store) - store_own_count(daemon->store)),
			 "totals", totals_pack(tops), "series", rows_pack(tops, most), "senders",
			 senders_pack(tops, most));
}
