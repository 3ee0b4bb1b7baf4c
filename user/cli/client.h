/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What status, flush and reload have in common: find the daemon, ask, complain. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include "cli/commands.h"

/*
 * Asks the daemon of the configured runtime_dir. An exit code; what went wrong was said.
 * On EXIT_OK, *answer is the caller's to json_decref(); else NULL.
 */
int client_ask(const struct options *options, const char *request, json_t **answer);

#endif /* CLI_CLIENT_H */
