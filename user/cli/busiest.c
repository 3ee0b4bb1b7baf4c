// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Both looks are sorted, so a row finds its earlier self by merging. Leaders are kept in a
 * heap whose top is the least of them: most of many rows lose against it and cost one comparison.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli/busiest.h"

#define FIRST_ROWS 256
#define FIRST_TEXT 16384

static int text_add(struct busy_look *look, const char *text, size_t *at)
{
	size_t len = strlen(text) + 1, size = look->text_size ? look->text_size : FIRST_TEXT;
	char *grown;

	while (size < look->text_used + len)
		size *= 2;
	if (size != look->text_size) {
		grown = realloc(look->text, size);
		if (!grown)
			return -ENOMEM;
		look->text = grown;
		look->text_size = size;
	}
	memcpy(look->text + look->text_used, text, len);
	*at = look->text_used;
	look->text_used += len;
	return 0;
}

static void row_fill(struct busy_series *row, const struct metric *metric)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		row->count = row->value = metric->counter;
		break;
	case METRIC_TIMER:
		row->count = (double)metric->timer.samples;
		row->value = metric->timer.mean;
		row->median = metric->timer.median;
		row->upper = metric->timer.upper;
		break;
	case METRIC_GAUGE:
		row->value = metric->gauge;
		break;
	default:
		row->count = row->value = metric->set.count;
		break;
	}
}

int busy_look_add(struct busy_look *look, const struct metric *metric)
{
	size_t size = look->size ? 2 * look->size : FIRST_ROWS;
	struct busy_series *grown, *row;

	if (look->count == look->size) {
		grown = realloc(look->rows, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		look->rows = grown;
		look->size = size;
	}
	row = &look->rows[look->count];
	*row = (struct busy_series){ .type = metric->type };
	row_fill(row, metric);
	if (text_add(look, metric->name, &row->name) || text_add(look, metric->tags, &row->tags))
		return -ENOMEM;
	look->count++;
	return 0;
}

static int row_compare(const struct busy_look *a, size_t i, const struct busy_look *b, size_t j)
{
	const struct busy_series *x = &a->rows[i], *y = &b->rows[j];
	int order = (x->type > y->type) - (x->type < y->type);

	order = order ? order : strcmp(a->text + x->name, b->text + y->name);
	return order ? order : strcmp(a->text + x->tags, b->text + y->tags);
}

void busy_look_rate(struct busy_look *look, const struct busy_look *before, double seconds)
{
	size_t j = 0, known = before ? before->count : 0;

	for (size_t i = 0; i < look->count; i++) {
		struct busy_series *row = &look->rows[i];
		double earlier = 0;

		while (j < known && row_compare(before, j, look, i) < 0)
			j++;
		if (j < known && !row_compare(before, j, look, i))
			earlier = before->rows[j].count;
		row->rate = seconds > 0 ? (row->count - earlier) / seconds : 0;
	}
}

void busy_look_release(struct busy_look *look)
{
	free(look->rows);
	free(look->text);
	*look = (struct busy_look){};
}

struct leader {
	double key;
	size_t row;
};

/* The leaders so far: a heap, the one that has to go first at its top. */
struct leaders {
	struct leader *heap;
	size_t count, most;
};

/* Among equals the later row goes first. */
static bool goes_before(const struct leader *a, const struct leader *b)
{
	return a->key < b->key || (a->key == b->key && a->row > b->row);
}

static void leaders_rise(struct leaders *leaders, size_t at, struct leader leader)
{
	for (; at && goes_before(&leader, &leaders->heap[(at - 1) / 2]); at = (at - 1) / 2)
		leaders->heap[at] = leaders->heap[(at - 1) / 2];
	leaders->heap[at] = leader;
}

/* Puts `leader` in the place of the top. */
static void leaders_sink(struct leaders *leaders, struct leader leader)
{
	struct leader *heap = leaders->heap;
	size_t at = 0, below;

	for (; (below = 2 * at + 1) < leaders->count; at = below) {
		if (below + 1 < leaders->count && goes_before(&heap[below + 1], &heap[below]))
			below++;
		if (!goes_before(&heap[below], &leader))
			break;
		heap[at] = heap[below];
	}
	heap[at] = leader;
}

/* Marks the leaders by one key. What is not a number is behind all that are. */
static void leaders_mark(const void *rows, size_t count, size_t key,
			 double (*value)(const void *rows, size_t row, size_t key), struct leaders *leaders,
			 bool *marks)
{
	leaders->count = 0;
	for (size_t row = 0; row < count; row++) {
		struct leader mine = { .key = value(rows, row, key), .row = row };

		if (isnan(mine.key))
			mine.key = -INFINITY;
		if (leaders->count < leaders->most)
			leaders_rise(leaders, leaders->count++, mine);
		else if (goes_before(&leaders->heap[0], &mine))
			leaders_sink(leaders, mine);
	}
	for (size_t i = 0; i < leaders->count; i++)
		marks[leaders->heap[i].row] = true;
}

long busiest_pick(const void *rows, size_t count, size_t keys,
		  double (*key)(const void *rows, size_t row, size_t key), size_t most, size_t *picked)
{
	struct leaders leaders = { .heap = calloc(most + 1, sizeof(struct leader)), .most = most };
	bool *marks = calloc(count + 1, sizeof(*marks));
	long found = -ENOMEM;

	if (leaders.heap && marks && most) {
		found = 0;
		for (size_t i = 0; i < keys; i++)
			leaders_mark(rows, count, i, key, &leaders, marks);
		for (size_t i = 0; i < count; i++)
			if (marks[i])
				picked[found++] = i;
	}
	free(leaders.heap);
	free(marks);
	return found;
}
