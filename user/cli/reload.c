// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* `kstatsd reload`: the daemon reads its own file and overrides again, and says what it could not take over. */
#include <stdio.h>
#include "cli/client.h"
#include "cli/commands.h"

int command_reload(const struct options *options)
{
	json_t *answer;
	int code = client_ask(options, "reload", &answer);
	const char *restart = json_string_value(json_object_get(answer, "restart"));

	if (code == EXIT_OK && restart && *restart)
		fprintf(stderr, "kstatsd: reloaded; what needs a restart is as it was: %s\n", restart);
	json_decref(answer);
	return code;
}
