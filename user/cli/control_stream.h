/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The daemon's side of a conversation that goes on, for control.c; all else uses control.h. */
#ifndef CLI_CONTROL_STREAM_H
#define CLI_CONTROL_STREAM_H

#include "cli/control.h"

struct bufferevent;

/*
 * Sends {"ok": true} and lets `command` take over. On success the stream owns `client`; else
 * negative errno, the sentence in `error`, and nothing was sent.
 */
int control_stream_begin(struct bufferevent *client, const struct control_command *command, void *context,
			 const json_t *arguments, struct error *error);

#endif /* CLI_CONTROL_STREAM_H */
