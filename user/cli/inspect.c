// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The layout of Node's util.inspect(), as far as numbers, lists of them and objects go. What
 * decides: an object or a list stands on one line if that has at most 80 columns, counted
 * generously; a list of more than six numbers is laid out in columns, about as wide as high.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/inspect.h"
#include "lib/number.h"

#define LINE_COLUMNS 80
#define LINE_RESERVE 10 /* room that Node leaves for what may stand before */
#define INDENT 2
#define LIST_SHOWN 100 /* values of a list; of the others only how many */
#define LIST_PLAIN 6   /* so many stand in no columns */
#define COLUMNS_MAX 12
#define SEPARATOR 2 /* ", " */
#define HEIGHT_TO_WIDTH 2.5

/* The entries of a list: LIST_SHOWN numbers at most, and "... n more items". */
struct list {
	char entries[LIST_SHOWN + 1][NUMBER_BYTES + 16];
	size_t numbers, count; /* count: with the last one */
};

static void pad(struct text *text, size_t columns)
{
	while (columns--)
		text_add(text, " ", 1);
}

static void new_line(struct text *text, size_t indent)
{
	text_add(text, "\n", 1);
	pad(text, indent);
}

/* Would `count` entries of so many bytes fit into one line? */
static bool is_short(size_t count, size_t bytes, size_t indent)
{
	size_t start = 2 * count + indent + 1 + LINE_RESERVE;

	return start + count <= LINE_COLUMNS && start + bytes <= LINE_COLUMNS;
}

/* Entries, each with a NUL behind it, between two braces. */
static void entries_add(struct text *text, const struct text *entries, size_t count, const char *braces,
			size_t indent, bool may_be_short)
{
	const char *entry = entries->data;
	bool one_line = may_be_short && is_short(count, entries->len - count, indent) &&
			!memchr(entries->data, '\n', entries->len);

	text_add(text, &braces[0], 1);
	for (size_t i = 0; i < count; i++, entry += strlen(entry) + 1) {
		if (i)
			text_add(text, ",", 1);
		if (one_line)
			text_add(text, " ", 1);
		else
			new_line(text, indent + INDENT);
		text_add_string(text, entry);
	}
	if (one_line)
		text_add(text, " ", 1);
	else
		new_line(text, indent);
	text_add(text, &braces[1], 1);
}

/* JavaScript needs no quotes around what could be a variable. Keys hold no quotes themselves (core/name.h). */
static void key_add(struct text *text, const char *key)
{
	bool plain = *key && !isdigit((unsigned char)*key);

	for (const char *at = key; *at; at++)
		plain = plain && (isalnum((unsigned char)*at) || *at == '_');
	text_add_string(text, plain ? "" : "'");
	text_add_string(text, key);
	text_add_string(text, plain ? ": " : "': ");
}

static void number_spell(double value, char text[NUMBER_BYTES])
{
	if (value == 0 && signbit(value))
		snprintf(text, NUMBER_BYTES, "-0");
	else
		number_format(value, text);
}

void inspect_number(struct inspect *inspect, const char *key, double value)
{
	char number[NUMBER_BYTES];

	number_spell(value, number);
	key_add(&inspect->entries, key);
	text_add(&inspect->entries, number, strlen(number) + 1);
	inspect->count++;
}

static void list_fill(struct list *list, const double *values, size_t count)
{
	list->numbers = count < LIST_SHOWN ? count : LIST_SHOWN;
	list->count = list->numbers;
	for (size_t i = 0; i < list->numbers; i++)
		number_spell(values[i], list->entries[i]);
	if (count > list->numbers)
		snprintf(list->entries[list->count++], sizeof(list->entries[0]), "... %zu more item%s",
			 count - list->numbers, count - list->numbers > 1 ? "s" : "");
}

/* In how many columns; 1: in none. */
static size_t list_columns(const struct list *list, size_t indent)
{
	size_t longest = 0, total = 0, width;
	double spread, biased, square;

	if (list->count <= LIST_PLAIN)
		return 1;
	for (size_t i = 0; i < list->numbers; i++) {
		size_t length = strlen(list->entries[i]);

		total += length + SEPARATOR;
		longest = length > longest ? length : longest;
	}
	width = longest + SEPARATOR;
	/* Three next to each other must fit, and one long number must not spread out many short ones. */
	if (width * 3 + indent >= LINE_COLUMNS || ((double)total / (double)width <= 5 && longest > 6))
		return 1;
	spread = sqrt((double)width - (double)total / (double)list->count);
	biased = fmax((double)width - 3 - spread, 1);
	square = floor(sqrt(HEIGHT_TO_WIDTH * biased * (double)list->numbers) / biased + 0.5);
	return (size_t)fmin(fmin(square, (double)((LINE_COLUMNS - indent) / width)), COLUMNS_MAX);
}

/* Rows of numbers, to the right in their columns, as one entry each. Returns how many. */
static size_t list_group(const struct list *list, size_t columns, struct text *rows)
{
	size_t widths[COLUMNS_MAX] = {}, count = 0;

	for (size_t i = 0; i < list->numbers; i++) {
		size_t length = strlen(list->entries[i]);

		if (length > widths[i % columns])
			widths[i % columns] = length;
	}
	for (size_t i = 0; i < list->numbers; i++) {
		bool is_last = i + 1 == list->numbers || (i + 1) % columns == 0;

		if (columns > 1)
			pad(rows, widths[i % columns] - strlen(list->entries[i]));
		text_add_string(rows, list->entries[i]);
		text_add(rows, is_last ? "" : ", ", is_last ? 1 : SEPARATOR);
		count += is_last;
	}
	if (list->count > list->numbers) {
		text_add(rows, list->entries[list->numbers], strlen(list->entries[list->numbers]) + 1);
		count++;
	}
	return count;
}

void inspect_numbers(struct inspect *inspect, const char *key, const double *values, size_t count)
{
	struct text *text = &inspect->entries, rows = {};
	struct list list;
	size_t columns;

	key_add(text, key);
	list_fill(&list, values, count);
	columns = list_columns(&list, INDENT);
	if (!count)
		text_add(text, "[]", 2);
	else if (columns > 1)
		entries_add(text, &rows, list_group(&list, columns, &rows), "[]", INDENT, false);
	else
		entries_add(text, &rows, list_group(&list, 1, &rows), "[]", INDENT, true);
	text_add(text, "", 1);
	text->failed |= rows.failed;
	text_release(&rows);
	inspect->count++;
}

static void inspect_close(struct inspect *inspect, struct text *text, size_t indent)
{
	if (inspect->entries.failed)
		text->failed = true;
	else if (inspect->count)
		entries_add(text, &inspect->entries, inspect->count, "{}", indent, true);
	else
		text_add(text, "{}", 2);
	text_release(&inspect->entries);
	inspect->count = 0;
}

void inspect_object(struct inspect *inspect, const char *key, struct inspect *inner)
{
	key_add(&inspect->entries, key);
	inspect_close(inner, &inspect->entries, INDENT);
	text_add(&inspect->entries, "", 1);
	inspect->count++;
}

void inspect_finish(struct inspect *inspect, struct text *text)
{
	inspect_close(inspect, text, 0);
}
