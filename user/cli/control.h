/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * How `kstatsd status`, `flush` and others reach the running daemon: a UNIX stream socket
 * in runtime_dir, for its owner only. The client sends one word, perhaps a JSON object of
 * arguments, and a newline; the daemon answers one JSON object and closes:
 *
 *	-> flush\n
 *	<- {"ok": true, "series": 12, ...}\n		or {"ok": false, "error": "..."}\n
 *
 * or, for a request that goes on, sends one object per line until one of them leaves:
 *
 *	-> tail {"pattern": "api.*"}\n
 *	<- {"ok": true}\n
 *	<- {"time": 1700000000.25, "line": "api.hits:1|c", ...}\n ...
 *	<- {"end": "kstatsd is leaving"}\n
 *
 * Beside it lies the pid file, locked as long as a daemon lives: so a second one cannot
 * take the socket of the first, and what a killed one left behind is in nobody's way.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include "lib/error.h"

struct event_base;
struct control;
struct control_stream;

/* A word, and one of two ways to answer it. */
struct control_command {
	const char *name;
	/* Answers with a new object (NULL: out of memory). */
	json_t *(*answer)(void *context);
	/*
	 * Sends on `stream` from now on, but not yet; `arguments` is an object or NULL, valid during the call.
	 * Negative errno: the sentence goes to the client, and the stream is no more. -EINVAL: the
	 * arguments are at fault.
	 */
	int (*open)(void *context, struct control_stream *stream, const json_t *arguments,
		    struct error *error);
};

/* Who is told when the client has left; the stream is no more when it returns. */
void control_stream_own(struct control_stream *stream, void (*closed)(void *owner), void *owner);
/*
 * Sends an object as a line, or nothing: -ENOBUFS when the client has not taken enough of what was
 * sent before, -ENOMEM, -EINVAL for what is no JSON.
 */
int control_stream_send(struct control_stream *stream, const json_t *object);
/* False: a line would be refused. Saves the making of it. */
bool control_stream_has_room(const struct control_stream *stream);
/* Sends {"end": reason} behind all the rest and closes; the owner hears no more of it. */
void control_stream_end(struct control_stream *stream, const char *reason);

/* How many go on at this moment. */
unsigned int control_stream_count(void);

/* {"ok": false, "error": text}. */
json_t *control_failure(const char *text);
/* The same with "usage": true: what was asked, or the configuration, is wrong (EXIT_USAGE). */
json_t *control_misuse(const char *text);

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

/* The client of a request that goes on. */
struct control_reader {
	int fd;
	char *data;
	size_t used, size, taken; /* taken: bytes of whole lines that were handed out */
};
/*
 * Sends `command` and `arguments`, reads the first answer. Negative errno with the sentence in
 * `error`; -EINVAL: the daemon says that the arguments are at fault. The caller closes with control_reader_close(), also after a failure.
 */
int control_reader_open(struct control_reader *reader, const char *runtime_dir, const char *command,
			const json_t *arguments, struct error *error);
void control_reader_close(struct control_reader *reader);
/* The next line that was read whole, without its newline and with a NUL; NULL: none. Valid until the next call. */
char *control_reader_line(struct control_reader *reader);
/* Reads what there is, waiting for some. Bytes read; 0: the daemon is gone; negative errno, as -EINTR. */
int control_reader_fill(struct control_reader *reader);

#endif /* CLI_CONTROL_H */
