/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The TCP side of the management console: clients, their lines, their answers. What the words
 * mean is the caller's. Unlike statsd, which takes each packet for one command, it takes lines:
 *
 *     -> stats\nquit\n          two commands in one packet
 *     -> sta  -> ts\r\n         one in two
 *     -> stats  and the end     the last one needs no newline
 *     -> stats  and a pause     nor does a word alone, a quarter of a second later
 *
 * Nobody who connects can hold up or fill up the daemon: lines, clients, idle time and what
 * waits for a client that does not read are bounded.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include "lib/error.h"
#include "sink/text.h"

struct console;
struct event_base;

/* A word, and what answers it. `arguments` is the rest of the line, "" for none; it may be cut up. */
struct console_command {
	const char *word;
	void (*answer)(void *context, char *arguments, struct text *text); /* NULL: ends the conversation */
};

/*
 * Listens on "host:port" or "[v6]:port". `commands` ends with a row of zeros. Warns when others
 * than this machine can connect. NULL with the sentence in `error`. The caller frees with
 * console_free(), safe on NULL, which ends all conversations.
 */
struct console *console_new(struct event_base *base, const char *address,
			    const struct console_command *commands, void *context, struct error *error);
void console_free(struct console *console);

#endif /* CLI_CONSOLE_H */
