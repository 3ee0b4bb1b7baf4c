// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The screen of `kstatsd top`. However it ends, the terminal is as it was before, and what
 * is to be said is said after that.
 *
 *	kstatsd top - 12:41:07, 214 series known, 3.1 s since the last flush
 *	datagrams 15.2k/s (1.93M)  lines ...
 *	SERIES ...                               one pane
 *	PID  COMMAND ...                         the other
 *	r rate  n name ...                       keys
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/top.h"
#include "lib/log.h"

#define HEAD_LINES 2
#define KEYS_TEXT "r rate/lines  n name  c count/bytes  v value/bad  s swap panes  h help  q quit"

static const char *const help_lines[] = {
	"r   sort by rate; senders by lines",
	"n   sort by name; senders by command",
	"c   sort by count since the last flush; senders by bytes",
	"v   sort by value (mean of a timer); senders by rejected lines",
	"s   swap the panes",
	"Up, Down, PgUp, PgDn, Home   scroll the upper pane",
	"h   this, and back",
	"q   quit",
	"",
	"RATE/S: of a counter its sum, of a timer its samples, of a set its new members, per second.",
	"COUNT: the same since the last flush. VALUE: of a gauge its value, of a timer its mean.",
	"BAD/S: rejected lines.",
};

struct screen {
	struct control_reader *reader;
	json_t *report; /* NULL: none came yet */
	enum top_order order;
	enum top_pane upper;
	size_t scroll; /* rows of the upper pane that are above its first */
	bool help, left;
};

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	(void)number;
	told_to_end = 1;
}

/* Those that end us come only while waiting; *waiting is for ppoll(). The others, SIGWINCH, are ncurses'. */
static void signals_prepare(sigset_t *waiting)
{
	struct sigaction ends = { .sa_handler = on_signal };
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&blocked, numbers[i]);
		sigaction(numbers[i], &ends, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, waiting);
}

static void line_draw(int y, const char *text, attr_t attributes)
{
	move(y, 0);
	attrset(attributes);
	addnstr(text, COLS);
	attrset(A_NORMAL);
	clrtoeol();
}

static size_t line_width(void)
{
	return COLS < TOP_LINE_BYTES - 1 ? (size_t)COLS : TOP_LINE_BYTES - 1;
}

/* A title and the rows that fit from line `y` to before line `end`. */
static void pane_draw(struct screen *screen, enum top_pane pane, int y, int end)
{
	size_t count = 0, first = pane == screen->upper ? screen->scroll : 0;
	const json_t **rows = top_rows_sorted(screen->report, pane, screen->order, &count);
	char text[TOP_LINE_BYTES];

	if (y >= end) {
		free(rows);
		return;
	}
	if (first >= count)
		first = count ? count - 1 : 0;
	if (pane == screen->upper)
		screen->scroll = first;
	top_format_title(pane, text, line_width());
	line_draw(y++, text, A_REVERSE);
	for (size_t i = first; rows && i < count && y < end; i++) {
		top_format_row(pane, rows[i], text, line_width());
		line_draw(y++, text, A_NORMAL);
	}
	free(rows);
}

static void help_draw(void)
{
	for (size_t i = 0; i < sizeof(help_lines) / sizeof(help_lines[0]); i++)
		line_draw(HEAD_LINES + 1 + (int)i, help_lines[i], A_NORMAL);
}

static void screen_draw(struct screen *screen)
{
	int half = HEAD_LINES + (LINES - HEAD_LINES - 1) / 2;
	char text[TOP_LINE_BYTES];

	erase();
	if (screen->help) {
		help_draw();
	} else if (screen->report) {
		for (int line = 0; line < HEAD_LINES; line++) {
			top_format_head(screen->report, (size_t)line, text, line_width());
			line_draw(line, text, line ? A_NORMAL : A_BOLD);
		}
		pane_draw(screen, screen->upper, HEAD_LINES, half);
		pane_draw(screen, screen->upper == TOP_SERIES ? TOP_SENDERS : TOP_SERIES, half, LINES - 1);
	} else {
		line_draw(0, "kstatsd top - looking for a second ...", A_BOLD);
	}
	line_draw(LINES - 1, KEYS_TEXT, A_DIM);
	refresh();
}

static const struct {
	int key;
	enum top_order order;
} order_keys[] = {
	{ 'r', TOP_BY_RATE },
	{ 'n', TOP_BY_NAME },
	{ 'c', TOP_BY_COUNT },
	{ 'v', TOP_BY_VALUE },
};

static void screen_scroll(struct screen *screen, int lines)
{
	if (lines < 0 && screen->scroll < (size_t)-lines)
		screen->scroll = 0;
	else
		screen->scroll += (size_t)lines;
}

static void key_apply(struct screen *screen, int key)
{
	int page = (LINES - HEAD_LINES - 1) / 2 - 1;

	for (size_t i = 0; i < sizeof(order_keys) / sizeof(order_keys[0]); i++) {
		if (key == order_keys[i].key)
			screen->order = order_keys[i].order;
	}
	switch (key) {
	case 'q':
		screen->left = true;
		break;
	case 'h':
	case '?':
		screen->help = !screen->help;
		break;
	case 's':
		screen->upper = screen->upper == TOP_SERIES ? TOP_SENDERS : TOP_SERIES;
		screen->scroll = 0;
		break;
	case KEY_UP:
		screen_scroll(screen, -1);
		break;
	case KEY_DOWN:
		screen_scroll(screen, 1);
		break;
	case KEY_PPAGE:
		screen_scroll(screen, -page);
		break;
	case KEY_NPAGE:
		screen_scroll(screen, page);
		break;
	case KEY_HOME:
		screen->scroll = 0;
		break;
	default:
		break;
	}
}

/* The last report of those that came. Negative: the daemon is gone, *reason says why. */
static int reports_read(struct screen *screen, const char **reason)
{
	int got = control_reader_fill(screen->reader), err = 0;
	json_t *report;
	char *line;

	if (got == -EINTR)
		return 0;
	if (got <= 0)
		err = -EPIPE;
	while (!err && (line = control_reader_line(screen->reader))) {
		report = json_loads(line, 0, NULL);
		if (json_object_get(report, "end")) {
			*reason = "kstatsd is leaving";
			err = -ESHUTDOWN;
		}
		if (err || !json_object_get(report, "series")) {
			json_decref(report);
			continue;
		}
		json_decref(screen->report);
		screen->report = report;
	}
	return err;
}

static int screen_loop(struct screen *screen, const sigset_t *waiting, const char **reason)
{
	int err = 0, key;

	while (!err && !screen->left && !told_to_end) {
		struct pollfd fds[] = { { .fd = screen->reader->fd, .events = POLLIN },
					{ .fd = STDIN_FILENO, .events = POLLIN } };

		screen_draw(screen);
		if (ppoll(fds, 2, NULL, waiting) < 0 && errno != EINTR)
			return -errno;
		if (told_to_end || fds[1].revents & (POLLHUP | POLLERR))
			break;
		if (fds[0].revents)
			err = reports_read(screen, reason);
		/* Also after a SIGWINCH, which is a key to ncurses. */
		while ((key = getch()) != ERR)
			key_apply(screen, key);
	}
	return err;
}

int top_screen_run(struct control_reader *reader)
{
	const char *reason = "the running kstatsd is gone";
	struct screen screen = { .reader = reader };
	sigset_t waiting;
	SCREEN *terminal;
	int err;

	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		log_error("cannot draw on this terminal, TERM is '%s'; kstatsd top --once prints a report",
			  getenv("TERM") ? getenv("TERM") : "");
		return -ENOTTY;
	}
	signals_prepare(&waiting);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	err = screen_loop(&screen, &waiting, &reason);
	endwin();
	delscreen(terminal);
	json_decref(screen.report);
	if (err)
		log_error("%s", reason);
	return err;
}
