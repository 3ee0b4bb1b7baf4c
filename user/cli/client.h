/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the subcommands that talk to the daemon have in common: find it, ask, complain. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include "cli/commands.h"
#include "cli/control.h"

/*
 * Asks the daemon of the configured runtime_dir. An exit code; what went wrong was said.
 * On EXIT_OK, *answer is the caller's to json_decref(); else NULL.
 */
int client_ask(const struct options *options, const char *request, json_t **answer);

/* The same for a request that goes on. The caller closes `reader` in any case. */
int client_open(const struct options *options, const char *request, const json_t *arguments,
		struct control_reader *reader);

#endif /* CLI_CLIENT_H */
