/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * `kstatsd top`, in three files: the command (top.c), rows and their order as text
 * (top_rows.c), the screen (top_screen.c).
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <jansson.h>
#include <stddef.h>
#include "cli/control.h"

enum top_pane {
	TOP_SERIES,
	TOP_SENDERS,
	TOP_PANES,
};

/* What rows are sorted by; each pane has a column for each. */
enum top_order {
	TOP_BY_RATE,  /* series: rate; senders: lines */
	TOP_BY_NAME,  /* name; command */
	TOP_BY_COUNT, /* count; bytes */
	TOP_BY_VALUE, /* value; rejected lines */
	TOP_ORDERS,
};

#define TOP_LINE_BYTES 512

/* The rows of a pane in an order: the report's, borrowed. The caller frees the array. NULL: out of memory. */
const json_t **top_rows_sorted(const json_t *report, enum top_pane pane, enum top_order order, size_t *count);

/* Lines of at most `width` characters, printable ASCII, without newline. */
void top_format_head(const json_t *report, size_t line, char *text, size_t width); /* line 0 or 1 */
void top_format_title(enum top_pane pane, char *text, size_t width);
void top_format_row(enum top_pane pane, const json_t *row, char *text, size_t width);

/* Draws reports until the user leaves. Negative errno; what went wrong was said. */
int top_screen_run(struct control_reader *reader);

#endif /* CLI_TOP_H */
