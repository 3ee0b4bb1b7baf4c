// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The table for people:
 *
 *     2026-11-21 10:12:46   10 s   2 series
 *     series      type     count  rate   mean  median  upper_90  value
 *     page.hits   counter     30     3
 *     page.load   timer       12   1.2   18.7    17.9      24.1
 *
 *     kstatsd: datagrams.seen 42, datagrams.accepted 42, lines.seen 42, lines.accepted 42
 *
 * Every cell is made twice, first to find the widths. Numbers have as many digits as a
 * person reads; programs take another format.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/snapshot.h"
#include "sink/format.h"

#define CELL_MAX 64
#define SERIES_MAX 56 /* longer names are cut in the middle */
#define FOOTER_WIDTH 100
#define SELF_PREFIX "kstatsd."
#define BOLD_ON "\033[1m"
#define BOLD_OFF "\033[0m"

enum column {
	COLUMN_SERIES,
	COLUMN_TYPE,
	COLUMN_COUNT,
	COLUMN_RATE,
	COLUMN_MEAN,
	COLUMN_MEDIAN,
	COLUMN_PERCENTILES, /* one for each */
};

static const char *const titles[COLUMN_PERCENTILES] = { "series", "type", "count", "rate", "mean", "median" };
static const char *const type_names[METRIC_TYPES] = { "counter", "timer", "gauge", "set" };

struct table {
	const struct snapshot *snapshot;
	struct text *text;
	size_t *widths; /* by column; the last column is "value" */
	size_t columns;
};

static bool is_value_column(const struct table *table, size_t column)
{
	return column == table->columns - 1;
}

static bool is_own(const struct metric *metric)
{
	return !strncmp(metric->name, SELF_PREFIX, strlen(SELF_PREFIX));
}

/* Three to five significant digits: 0.00123, 3.142, 17.93, 1234.6. */
static void cell_number(char cell[NUMBER_BYTES], double value)
{
	double size = fabs(value);
	int decimals = size >= 1000 ? 1 : size >= 10 ? 2 : 3;
	char *end;

	if (!(size < 1e15) || (size < 0.1 && size > 0)) {
		snprintf(cell, NUMBER_BYTES, "%.3g", value);
		return;
	}
	end = cell + snprintf(cell, NUMBER_BYTES, "%.*f", decimals, value);
	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		*--end = '\0';
}

/* page.load;env=prod; of a long one the beginning and the end. */
static void cell_series(char cell[CELL_MAX], const struct metric *metric)
{
	size_t name_len = strlen(metric->name), tags_len = strlen(metric->tags);
	size_t len = name_len + (tags_len ? 1 + tags_len : 0), written = 0;

	for (size_t i = 0; i < len; i++) {
		if (len > SERIES_MAX && i == SERIES_MAX / 2 - 1) {
			cell[written++] = '.';
			cell[written++] = '.';
			i = len - (SERIES_MAX / 2 - 1);
		}
		if (i < name_len)
			cell[written++] = metric->name[i];
		else
			cell[written++] = i == name_len ? ';' : metric->tags[i - name_len - 1];
	}
	cell[written] = '\0';
}

/* Where a type has a number for a column; NULL: it has none. */
static const double *cell_source(const struct metric *metric, size_t column)
{
	const double *counts[METRIC_TYPES] = {
		[METRIC_COUNTER] = &metric->counter,
		[METRIC_TIMER] = &metric->timer.count,
		[METRIC_SET] = &metric->set.count,
	};
	bool is_timer = metric->type == METRIC_TIMER && !metric->idle;

	switch (column) {
	case COLUMN_COUNT:
		return counts[metric->type];
	case COLUMN_RATE:
		return metric->type == METRIC_SET || metric->timestamp ? NULL : counts[metric->type];
	case COLUMN_MEAN:
		return is_timer ? &metric->timer.mean : NULL;
	case COLUMN_MEDIAN:
		return is_timer ? &metric->timer.median : NULL;
	default:
		return NULL;
	}
}

static const double *cell_percentile(const struct metric *metric, size_t number)
{
	if (metric->type != METRIC_TIMER || !metric->percentiles[number].count)
		return NULL;
	return &metric->percentiles[number].boundary;
}

/* "counter", "counter T1700000000": at a time of its own, as it was sent. */
static void type_make(const struct metric *metric, char cell[CELL_MAX])
{
	int len = snprintf(cell, CELL_MAX, "%s", type_names[metric->type]);

	if (metric->timestamp)
		snprintf(cell + len, (size_t)(CELL_MAX - len), " T%" PRId64, metric->timestamp);
}

static void cell_make(const struct table *table, const struct metric *metric, size_t column,
		      char cell[CELL_MAX])
{
	bool estimated = column == COLUMN_COUNT && metric->type == METRIC_SET && metric->set.estimated;
	const double *source;

	cell[0] = '\0';
	if (column == COLUMN_SERIES) {
		cell_series(cell, metric);
		return;
	}
	if (column == COLUMN_TYPE) {
		type_make(metric, cell);
		return;
	}
	if (is_value_column(table, column))
		source = metric->type == METRIC_GAUGE ? &metric->gauge : NULL;
	else if (column >= COLUMN_PERCENTILES)
		source = cell_percentile(metric, column - COLUMN_PERCENTILES);
	else
		source = cell_source(metric, column);
	if (estimated)
		*cell++ = '~';
	if (source)
		cell_number(cell, column == COLUMN_RATE ? *source / table->snapshot->seconds : *source);
}

static void title_make(const struct table *table, size_t column, char cell[CELL_MAX])
{
	char label[PERCENTILE_LABEL];
	double percentile;

	if (is_value_column(table, column)) {
		snprintf(cell, CELL_MAX, "value");
	} else if (column >= COLUMN_PERCENTILES) {
		percentile = table->snapshot->percentiles[column - COLUMN_PERCENTILES];
		percentile_label(percentile, label);
		snprintf(cell, CELL_MAX, "%s_%s", percentile > 0 ? "upper" : "lower", label);
	} else {
		snprintf(cell, CELL_MAX, "%s", titles[column]);
	}
}

/* Of one row; `metric` NULL: of the titles. */
static void row_measure(struct table *table, const struct metric *metric)
{
	char cell[CELL_MAX];

	for (size_t column = 0; column < table->columns; column++) {
		if (metric)
			cell_make(table, metric, column, cell);
		else
			title_make(table, column, cell);
		if (strlen(cell) > table->widths[column])
			table->widths[column] = strlen(cell);
	}
}

static void row_add(struct table *table, const struct metric *metric)
{
	char cell[CELL_MAX], padded[2 * CELL_MAX];
	size_t empty = 0; /* width of the cells that nothing follows so far */
	int width;

	for (size_t column = 0; column < table->columns; column++) {
		if (metric)
			cell_make(table, metric, column, cell);
		else
			title_make(table, column, cell);
		width = (int)table->widths[column];
		if (!cell[0]) {
			empty += (size_t)width + 2;
			continue;
		}
		/* Text to the left, numbers to the right. */
		if (column <= COLUMN_TYPE)
			width = -width;
		for (; empty; empty--)
			text_add(table->text, " ", 1);
		snprintf(padded, sizeof(padded), "%*s%s", width, cell,
			 column + 1 < table->columns ? "  " : "");
		text_add_string(table->text, padded);
	}
	while (table->text->len && table->text->data[table->text->len - 1] == ' ')
		table->text->len--;
	text_add(table->text, "\n", 1);
}

static void header_add(struct table *table, size_t series)
{
	time_t timestamp = (time_t)table->snapshot->timestamp;
	char when[32] = "", line[CELL_MAX * 2], seconds[NUMBER_BYTES];
	struct tm local;

	if (localtime_r(&timestamp, &local))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	cell_number(seconds, table->snapshot->seconds);
	snprintf(line, sizeof(line), "%s   %s s   %zu series\n", when, seconds, series);
	text_add_string(table->text, line);
}

/* They have no columns; a person is told that there were some. */
static void events_add(struct table *table)
{
	size_t counts[] = { [EVENT_EVENT] = 0, [EVENT_SERVICE_CHECK] = 0 };
	char line[CELL_MAX * 2];

	for (size_t i = 0; i < table->snapshot->event_count; i++)
		counts[table->snapshot->events[i].kind]++;
	if (!table->snapshot->event_count)
		return;
	snprintf(line, sizeof(line), "%zu events, %zu service checks\n", counts[EVENT_EVENT],
		 counts[EVENT_SERVICE_CHECK]);
	text_add_string(table->text, line);
}

/* That the daemon does what it always does is no news to a person. */
static bool is_routine(const char *name)
{
	const char *end = strrchr(name, '_');

	return !strcmp(name, SELF_PREFIX "daemon.flushes") || (end && !strcmp(end, "_sent"));
}

/* What the daemon counted of itself, without zeros: one paragraph. */
static void footer_add(struct table *table)
{
	const struct metric *metric = table->snapshot->metrics;
	char number[NUMBER_BYTES], item[CELL_MAX * 2];
	size_t used = 0;
	int len;

	for (size_t i = 0; i < table->snapshot->count; i++, metric++) {
		if (!is_own(metric) || metric->type != METRIC_COUNTER || metric->counter == 0 ||
		    is_routine(metric->name))
			continue;
		cell_number(number, metric->counter);
		len = snprintf(item, sizeof(item), " %.*s %s", CELL_MAX, metric->name + strlen(SELF_PREFIX),
			       number);
		if (!used || used + (size_t)len > FOOTER_WIDTH) {
			text_add_string(table->text, used ? ",\n        " : "kstatsd:");
			used = strlen("kstatsd:");
		} else {
			text_add(table->text, ",", 1);
		}
		text_add_string(table->text, item);
		used += (size_t)len + 1;
	}
	if (used)
		text_add(table->text, "\n", 1);
}

int format_table(const struct snapshot *snapshot, bool bold, struct text *text)
{
	struct table table = { .snapshot = snapshot, .text = text };
	size_t series = 0;

	table.columns = COLUMN_PERCENTILES + snapshot->percentile_count + 1;
	table.widths = calloc(table.columns, sizeof(*table.widths));
	if (!table.widths)
		return -ENOMEM;
	row_measure(&table, NULL);
	for (size_t i = 0; i < snapshot->count; i++) {
		if (is_own(&snapshot->metrics[i]))
			continue;
		row_measure(&table, &snapshot->metrics[i]);
		series++;
	}
	header_add(&table, series);
	if (bold)
		text_add_string(text, BOLD_ON);
	if (series)
		row_add(&table, NULL);
	if (bold)
		text_add_string(text, BOLD_OFF);
	for (size_t i = 0; i < snapshot->count; i++)
		if (!is_own(&snapshot->metrics[i]))
			row_add(&table, &snapshot->metrics[i]);
	events_add(&table);
	footer_add(&table);
	text_add(text, "\n", 1);
	free(table.widths);
	return text->failed ? -ENOMEM : 0;
}
