/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The subcommands, one file each, and what they are told. Each returns an exit code and
 * has said on stderr why it is not 0.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/config.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1, /* it was tried and did not work */
	EXIT_USAGE = 2,	  /* command line or configuration */
};

#define OVERRIDES_MAX 64

struct options {
	struct config_source source;
	const char *overrides[OVERRIDES_MAX]; /* source.overrides */
	bool verbose, json;
	const char *argument; /* the word that is no option; NULL: none */
	bool rejected, once, rate_is_set;
	uint64_t rate;
};

int command_run(const struct options *options);
int command_check(const struct options *options);
int command_status(const struct options *options);
int command_flush(const struct options *options);
int command_reload(const struct options *options);
int command_tail(const struct options *options);
int command_top(const struct options *options);

#endif /* CLI_COMMANDS_H */
