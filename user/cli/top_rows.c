// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A report of the daemon's as lines of text, for the screen and for paper alike. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/escape.h"
#include "cli/top.h"
#include "kstatsd.h"

static const char *const pane_keys[TOP_PANES] = { [TOP_SERIES] = "series", [TOP_SENDERS] = "senders" };

static const char *const order_keys[TOP_PANES][TOP_ORDERS] = {
	[TOP_SERIES] = { "rate", "name", "count", "value" },
	[TOP_SENDERS] = { "lines", "command", "bytes", "rejected" },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The daemon sends null for what is not finite. */
static double number_of(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);

	return json_is_null(number) ? INFINITY : json_number_value(number);
}

struct sort_item {
	const json_t *row;
	double number;
	const char *text;
	size_t place; /* keeps the daemon's order among equals */
};

static int item_compare(const void *a, const void *b)
{
	const struct sort_item *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	if (!order)
		order = (x->number < y->number) - (x->number > y->number);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

const json_t **top_rows_sorted(const json_t *report, enum top_pane pane, enum top_order order, size_t *count)
{
	const json_t *array = json_object_get(report, pane_keys[pane]), *row;
	const char *key = order_keys[pane][order];
	struct sort_item *items;
	const json_t **rows;
	size_t i;

	*count = json_array_size(array);
	items = calloc(*count + 1, sizeof(*items));
	rows = calloc(*count + 1, sizeof(*rows));
	if (!items || !rows) {
		free(items);
		free(rows);
		return NULL;
	}
	json_array_foreach (array, i, row)
		items[i] = (struct sort_item){
			.row = row, .number = fabs(number_of(row, key)), .text = text_of(row, key), .place = i
		};
	qsort(items, *count, sizeof(*items), item_compare);
	for (i = 0; i < *count; i++)
		rows[i] = items[i].row;
	free(items);
	return rows;
}

/* Six characters at most, but for a sign: "0", "12.5", "1234", "56.7k", "8.90M". */
static void amount_format(double value, char text[16])
{
	static const char units[] = " kMGTPE";
	bool whole = value == floor(value);
	size_t unit = 0;
	int digits;

	for (; fabs(value) >= 10000 && units[unit + 1]; unit++)
		value /= 1000;
	digits = fabs(value) < 10 ? 2 : fabs(value) < 100 ? 1 : 0;
	if (unit)
		snprintf(text, 16, "%.*f%c", digits, value, units[unit]);
	else
		snprintf(text, 16, "%.*f", whole ? 0 : digits, value);
}

/* A number of a row, "-" if the row has none, "inf" if it is beyond all numbers. */
static void field_format(const json_t *row, const char *key, char text[16])
{
	const json_t *number = json_object_get(row, key);

	if (json_is_number(number))
		amount_format(json_number_value(number), text);
	else
		snprintf(text, 16, number ? "inf" : "-");
}

void top_format_head(const json_t *report, size_t line, char *text, size_t width)
{
	static const char *const keys[] = { "sends", "lines", "rejected", "lost" };
	static const char *const labels[] = { "sends", "lines", "bad", "lost" }; /* for 80 columns */
	const json_t *totals = json_object_get(report, "totals");
	char now[16], total[16], buffer[TOP_LINE_BYTES] = "";
	time_t seconds = (time_t)number_of(report, "time");
	struct tm local = {};
	size_t used = 0;

	if (line == 0) {
		localtime_r(&seconds, &local);
		strftime(now, sizeof(now), "%H:%M:%S", &local);
		snprintf(buffer, sizeof(buffer),
			 "kstatsd top - %s, %.0f series known, %.1f s since the last flush", now,
			 number_of(report, "known"), number_of(report, "window"));
	} else {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			const json_t *row = json_object_get(totals, keys[i]);

			amount_format(number_of(row, "rate"), now);
			amount_format(number_of(row, "total"), total);
			used += (size_t)snprintf(buffer + used, sizeof(buffer) - used, "%s%s %s/s (%s)",
						 i ? "  " : "", labels[i], now, total);
		}
	}
	snprintf(text, width + 1, "%s", buffer);
}

/* Columns right of the first, which takes what is left of the width. */
#define SERIES_COLUMNS " %-7s %8s %8s %8s %8s %8s"
#define SERIES_COLUMNS_WIDTH 53
#define SENDERS_COLUMNS "%7s %-15s %-12s %11s %8s %8s %8s"

void top_format_title(enum top_pane pane, char *text, size_t width)
{
	char buffer[TOP_LINE_BYTES];
	int name = width > SERIES_COLUMNS_WIDTH + 10 ? (int)width - SERIES_COLUMNS_WIDTH : 10;

	if (pane == TOP_SERIES)
		snprintf(buffer, sizeof(buffer), "%-*.*s" SERIES_COLUMNS, name, name, "SERIES", "TYPE",
			 "RATE/S", "COUNT", "VALUE", "MEDIAN", "UPPER");
	else
		snprintf(buffer, sizeof(buffer), SENDERS_COLUMNS, "PID", "COMMAND", "CONTAINER", "SENDS/S",
			 "LINES/S", "BYTES/S", "BAD/S");
	snprintf(text, width + 1, "%s", buffer);
}

static void series_format(const json_t *row, int width, char *buffer, size_t size)
{
	static const char *const keys[] = { "rate", "count", "value", "median", "upper" };
	char name[2 * TOP_LINE_BYTES], shown[TOP_LINE_BYTES], fields[5][16];
	const char *tags = text_of(row, "tags");

	snprintf(name, sizeof(name), "%s%s%s", text_of(row, "name"), *tags ? ";" : "", tags);
	escape(name, strlen(name), shown, sizeof(shown));
	for (size_t i = 0; i < 5; i++)
		field_format(row, keys[i], fields[i]);
	/* What is cut off says so. */
	if ((int)strlen(shown) > width)
		shown[width - 1] = '~';
	snprintf(buffer, size, "%-*.*s" SERIES_COLUMNS, width, width, shown, text_of(row, "type"), fields[0],
		 fields[1], fields[2], fields[3], fields[4]);
}

static void sender_format(const json_t *row, char *buffer, size_t size)
{
	static const char *const keys[] = { "sends", "lines", "bytes", "rejected" };
	json_int_t number = json_integer_value(json_object_get(row, "pid"));
	const char *command = text_of(row, "command");
	char shown[COMMAND_BYTES * ESCAPED_BYTES], fields[4][16], pid[24] = "";

	if (number == SENDER_OTHERS)
		snprintf(shown, sizeof(shown), "(others)");
	else
		escape(command, strlen(command), shown, sizeof(shown));
	if (number != SENDER_OTHERS)
		snprintf(pid, sizeof(pid), "%lld", (long long)number);
	for (size_t i = 0; i < 4; i++)
		field_format(row, keys[i], fields[i]);
	snprintf(buffer, size, SENDERS_COLUMNS, pid, shown, text_of(row, "container"), fields[0], fields[1],
		 fields[2], fields[3]);
}

void top_format_row(enum top_pane pane, const json_t *row, char *text, size_t width)
{
	int name = width > SERIES_COLUMNS_WIDTH + 10 ? (int)width - SERIES_COLUMNS_WIDTH : 10;
	char buffer[TOP_LINE_BYTES];

	if (name > TOP_LINE_BYTES / 2)
		name = TOP_LINE_BYTES / 2;
	if (pane == TOP_SERIES)
		series_format(row, name, buffer, sizeof(buffer));
	else
		sender_format(row, buffer, sizeof(buffer));
	snprintf(text, width + 1, "%s", buffer);
}
