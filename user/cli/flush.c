// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* `kstatsd flush`: returns when the window was handed to the outputs. */
#include "cli/client.h"
#include "cli/commands.h"

int command_flush(const struct options *options)
{
	json_t *answer;
	int code = client_ask(options, "flush", &answer);

	json_decref(answer);
	return code;
}
