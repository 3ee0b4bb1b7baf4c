// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Both looks are sorted, so a row finds its earlier self by merging. Leaders are kept in a
 * short sorted list: most of many rows lose against its last and cost one comparison.
 */
#include <errno.h>
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

/* The leaders by one key, the first of them first; marks them. */
static void leaders_mark(const void *rows, size_t count, size_t key,
			 double (*value)(const void *rows, size_t row, size_t key), size_t most,
			 struct leader *leaders, bool *marks)
{
	size_t held = 0;

	for (size_t row = 0; row < count; row++) {
		double mine = value(rows, row, key);
		size_t at = held;

		if (held == most && mine <= leaders[held - 1].key)
			continue;
		while (at && leaders[at - 1].key < mine)
			at--;
		held += held < most;
		memmove(leaders + at + 1, leaders + at, (held - at - 1) * sizeof(*leaders));
		leaders[at] = (struct leader){ .key = mine, .row = row };
	}
	for (size_t i = 0; i < held; i++)
		marks[leaders[i].row] = true;
}

long busiest_pick(const void *rows, size_t count, size_t keys,
		  double (*key)(const void *rows, size_t row, size_t key), size_t most, size_t *picked)
{
	struct leader *leaders = calloc(most + 1, sizeof(*leaders));
	bool *marks = calloc(count + 1, sizeof(*marks));
	long found = -ENOMEM;

	if (leaders && marks && most) {
		found = 0;
		for (size_t i = 0; i < keys; i++)
			leaders_mark(rows, count, i, key, most, leaders, marks);
		for (size_t i = 0; i < count; i++)
			if (marks[i])
				picked[found++] = i;
	}
	free(leaders);
	free(marks);
	return found;
}
