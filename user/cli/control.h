/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * How `kstatsd status`, `flush` and `reload` reach the running daemon: a UNIX stream socket
 * in runtime_dir, for its owner only. The client sends one word and a newline, the daemon
 * answers one JSON object and closes:
 *
 *	-> flush\n
 *	<- {"ok": true, "series": 12, ...}\n		or {"ok": false, "error": "..."}\n
 *
 * Beside it lies the pid file, locked as long as a daemon lives: so a second one cannot
 * take the socket of the first, and what a killed one left behind is in nobody's way.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <jansson.h>
#include "lib/error.h"

struct event_base;
struct control;

/* A word, and what answers it with a new object (NULL: out of memory). */
struct control_command {
	const char *name;
	json_t *(*answer)(void *context);
};

/* {"ok": false, "error": text}. */
json_t *control_failure(const char *text);

/*
 * Takes the lock of `runtime_dir`, which it creates when it is missing, and listens.
 * `commands` ends with a row of zeros. NULL with the sentence in `error`: another daemon
 * has it, or a system call failed. The caller frees with control_free(), safe on NULL.
 */
struct control *control_new(struct event_base *base, const char *runtime_dir,
			    const struct control_command *commands, void *context, struct error *error);
void control_free(struct control *control);

/* The client: sends `command`, waits for the answer. NULL with the sentence in `error`. */
json_t *control_ask(const char *runtime_dir, const char *command, struct error *error);

#endif /* CLI_CONTROL_H */
