// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * `kstatsd tail`: each line as it is sent, until somebody leaves.
 *
 *	12:41:07.123   4711 gunicorn        page.load:abc|ms
 *	                                              ^ no value, or not ... (lines.rejected.value)
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/escape.h"
#include "cli/ledger.h"
#include "lib/log.h"

#define LEFT (-ECANCELED) /* the user has left, or whoever read our output */

static const struct {
	const char *key, *text;
} skip_rows[] = {
	{ "rate", "lines not shown (rate limit)" },
	{ "reader", "lines not shown (this output is too slow)" },
	{ "ring", "datagrams not shown (they came faster than kstatsd could read them)" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum paint {
	PAINT_PLAIN,
	PAINT_DIM,
	PAINT_FAULT,
	PAINT_NOTICE,
};

static const char *paint(enum paint paint)
{
	static const char *const codes[] = { "\033[0m", "\033[2m", "\033[1;31m", "\033[33m" };
	static int colours = -1;

	if (colours < 0)
		colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	return colours ? codes[paint] : "";
}

static const char *reason_meaning(const char *name)
{
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		if (!strcmp(ledger_rows[i].name, name))
			return ledger_rows[i].meaning;
	return "rejected";
}

/* The raw bytes of a text of the daemon's, as many as are there. The caller frees. */
static unsigned char *text_bytes(const json_t *object, const char *key, bool wide, size_t *len)
{
	const json_t *value = json_object_get(object, key);
	const unsigned char *text = (const unsigned char *)json_string_value(value);
	size_t size = json_string_length(value), used = 0;
	unsigned char *bytes = malloc(size + 1);

	*len = 0;
	if (!bytes || !text)
		return bytes;
	for (size_t i = 0; i < size; i++) {
		/* U+0080 to U+00FF take two bytes. */
		if (wide && text[i] >= 0x80 && i + 1 < size) {
			bytes[used++] = (unsigned char)(text[i] << 6 | (text[i + 1] & 0x3f));
			i++;
		} else {
			bytes[used++] = text[i];
		}
	}
	*len = used;
	return bytes;
}

static void clock_format(double time, char *text, size_t size)
{
	int64_t milliseconds = (int64_t)(time * 1000);
	time_t seconds = milliseconds / 1000;
	struct tm local = {};
	size_t used;

	localtime_r(&seconds, &local);
	used = strftime(text, size, "%H:%M:%S", &local);
	snprintf(text + used, size - used, ".%03d", (int)(milliseconds % 1000));
}

/* A caret under each fault, and what it is. */
static void faults_print(const json_t *faults, size_t indent, const unsigned char *line, size_t len,
			 char *room, size_t size)
{
	const json_t *fault;
	size_t i, at;

	json_array_foreach (faults, i, fault) {
		const char *reason = json_string_value(json_object_get(fault, "reason"));
		const char *why = json_string_value(json_object_get(fault, "why"));

		at = (size_t)json_integer_value(json_object_get(fault, "at"));
		reason = reason ? reason : "";
		printf("%*s%s^ %s (%s)%s\n", (int)(indent + escape(line, at < len ? at : len, room, size)),
		       "", paint(PAINT_FAULT), why ? why : reason_meaning(reason), reason,
		       paint(PAINT_PLAIN));
	}
}

static void line_print(const json_t *object)
{
	const char *command = json_string_value(json_object_get(object, "command"));
	bool wide = json_is_true(json_object_get(object, "bytes"));
	char time[32], process[COMMAND_BYTES * ESCAPED_BYTES], *room;
	unsigned char *line;
	size_t len, indent;

	line = text_bytes(object, "line", wide, &len);
	room = malloc(len * ESCAPED_BYTES + 1);
	if (line && room) {
		clock_format(json_number_value(json_object_get(object, "time")), time, sizeof(time));
		escape(command ? command : "", command ? strlen(command) : 0, process, sizeof(process));
		escape(line, len, room, len * ESCAPED_BYTES + 1);
		indent = (size_t)printf("%s%s %6lld %-15s%s ", paint(PAINT_DIM), time,
					json_integer_value(json_object_get(object, "pid")), process,
					paint(PAINT_PLAIN));
		indent -= strlen(paint(PAINT_DIM)) + strlen(paint(PAINT_PLAIN));
		printf("%s\n", room);
		faults_print(json_object_get(object, "faults"), indent, line, len, room,
			     len * ESCAPED_BYTES + 1);
	}
	free(room);
	free(line);
}

static void skipped_print(const json_t *skipped)
{
	for (size_t i = 0; i < COUNT(skip_rows); i++) {
		long long count = json_integer_value(json_object_get(skipped, skip_rows[i].key));

		if (count)
			printf("%s... %lld %s%s\n", paint(PAINT_NOTICE), count, skip_rows[i].text,
			       paint(PAINT_PLAIN));
	}
}

/* 0, or negative when the daemon says that it was the last. */
static int answer_print(const struct options *options, const char *text)
{
	json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL), *skipped, *end;
	int err = 0;

	skipped = json_object_get(object, "skipped");
	end = json_object_get(object, "end");
	if (end) {
		log_error("%s", json_string_value(end));
		err = -ESHUTDOWN;
	} else if (options->json) {
		printf("%s\n", text);
	} else if (skipped) {
		skipped_print(skipped);
	} else if (object) {
		line_print(object);
	}
	json_decref(object);
	return err;
}

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	(void)number;
	told_to_end = 1;
}

static void signals_prepare(void)
{
	struct sigaction ends = { .sa_handler = on_signal };

	sigaction(SIGINT, &ends, NULL);
	sigaction(SIGTERM, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* From now on signals come only while waiting, so that none is missed; *waiting is for ppoll(). */
static void signals_block(sigset_t *waiting)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
}

/* Waits for the daemon. LEFT: told to end, or nobody reads our output any more. */
static int wait_for_line(const struct control_reader *reader, const sigset_t *waiting)
{
	struct pollfd fds[] = { { .fd = reader->fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	if (fflush(stdout) || told_to_end)
		return LEFT;
	if (ppoll(fds, COUNT(fds), NULL, waiting) < 0 && errno != EINTR)
		return -errno;
	return told_to_end || fds[1].revents & POLLERR ? LEFT : 0;
}

static int tail_follow(const struct options *options, struct control_reader *reader)
{
	sigset_t waiting;
	int err = 0;
	char *line;

	signals_block(&waiting);
	while (!err) {
		err = wait_for_line(reader, &waiting);
		if (err)
			break;
		err = control_reader_fill(reader);
		if (err == 0) {
			log_error("the running kstatsd is gone");
			err = -EPIPE;
		}
		err = err > 0 ? 0 : err;
		while (!err && (line = control_reader_line(reader)))
			err = answer_print(options, line);
	}
	fflush(stdout);
	return err;
}

int command_tail(const struct options *options)
{
	struct control_reader reader;
	json_t *arguments = json_object();
	int code, err;

	if (options->argument && json_object_set_new(arguments, "pattern", json_string(options->argument))) {
		log_error(
			"cannot use the pattern: it is no UTF-8; a regular expression has \\xHH for a byte");
		json_decref(arguments);
		return EXIT_USAGE;
	}
	signals_prepare();
	json_object_set_new(arguments, "rejected", json_boolean(options->rejected));
	if (options->rate_is_set)
		json_object_set_new(arguments, "rate", json_integer((json_int_t)options->rate));
	code = client_open(options, "tail", arguments, &reader);
	json_decref(arguments);
	if (code == EXIT_OK) {
		err = tail_follow(options, &reader);
		code = err == LEFT ? EXIT_OK : EXIT_RUNTIME;
	}
	control_reader_close(&reader);
	return told_to_end ? EXIT_OK : code;
}
