/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Picks, for kstatsd top, the rows that lead in any of several respects, out of many. Series:
 * what an open window held at one look, to be compared with the look before.
 */
#ifndef CLI_BUSIEST_H
#define CLI_BUSIEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/snapshot.h"

struct busy_series {
	enum metric_type type;
	size_t name, tags;    /* where in busy_look.text */
	double count;	      /* counter: its sum; timer: samples; set: members; gauge: 0 */
	double value;	      /* gauge: its value; timer: its mean; else as count */
	double median, upper; /* of a timer */
	double rate;	      /* of `count` per second; not for gauges */
};

struct busy_look {
	struct busy_series *rows; /* sorted by type, name, tags */
	size_t count, size;
	char *text;
	size_t text_used, text_size;
};

/* Appends a metric; they must come sorted. -ENOMEM. */
int busy_look_add(struct busy_look *look, const struct metric *metric);
/*
 * Fills in the rates: what was added since `before`, in `seconds`. NULL: all of it was added in
 * that time, the window opened after the look before.
 */
void busy_look_rate(struct busy_look *look, const struct busy_look *before, double seconds);
void busy_look_release(struct busy_look *look);

/*
 * The numbers of the `most` rows of `count` for which `key` is greatest, for each of `keys` keys;
 * each row once, in the order of the rows. Writes to `picked`, which has room for keys * most
 * of them; returns how many. -ENOMEM.
 */
long busiest_pick(const void *rows, size_t count, size_t keys,
		  double (*key)(const void *rows, size_t row, size_t key), size_t most, size_t *picked);

#endif /* CLI_BUSIEST_H */
