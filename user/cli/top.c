// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* `kstatsd top`: live on a terminal; one report where there is none, or when asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/top.h"
#include "lib/log.h"

#define REPORT_WIDTH 110
#define ROWS_ASKED 200

static void pane_print(const json_t *report, enum top_pane pane)
{
	char text[TOP_LINE_BYTES];
	const json_t **rows;
	size_t count;

	rows = top_rows_sorted(report, pane, TOP_BY_RATE, &count);
	top_format_title(pane, text, REPORT_WIDTH);
	printf("\n%s\n", text);
	for (size_t i = 0; rows && i < count; i++) {
		top_format_row(pane, rows[i], text, REPORT_WIDTH);
		printf("%s\n", text);
	}
	free(rows);
}

static void report_print(const json_t *report, bool as_json)
{
	char text[TOP_LINE_BYTES];

	if (as_json) {
		json_dumpf(report, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		printf("\n");
		return;
	}
	for (size_t line = 0; line < 2; line++) {
		top_format_head(report, line, text, REPORT_WIDTH);
		printf("%s\n", text);
	}
	for (int pane = 0; pane < TOP_PANES; pane++)
		pane_print(report, pane);
}

static int report_once(struct control_reader *reader, bool as_json)
{
	const char *end;
	json_t *report;
	char *line;
	int got = 1;

	while (!(line = control_reader_line(reader)) && got > 0)
		got = control_reader_fill(reader);
	report = line ? json_loads(line, 0, NULL) : NULL;
	end = json_string_value(json_object_get(report, "end"));
	if (!report || end)
		log_error("%s", end ? end : "the running kstatsd is gone");
	else
		report_print(report, as_json);
	got = report && !end ? EXIT_OK : EXIT_RUNTIME;
	json_decref(report);
	return got;
}

int command_top(const struct options *options)
{
	bool live = !options->once && !options->json && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	json_t *arguments = json_pack("{s:i}", "rows", ROWS_ASKED);
	struct control_reader reader;
	int code;

	code = client_open(options, "top", arguments, &reader);
	json_decref(arguments);
	if (code == EXIT_OK && !live)
		code = report_once(&reader, options->json);
	else if (code == EXIT_OK && top_screen_run(&reader))
		code = EXIT_RUNTIME;
	control_reader_close(&reader);
	return code;
}
