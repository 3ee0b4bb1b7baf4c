// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* One request to the running daemon, for a subcommand. */
#include <errno.h>
#include "cli/client.h"
#include "cli/control.h"
#include "lib/log.h"

int client_ask(const struct options *options, const char *request, json_t **answer)
{
	struct config config;
	struct error error = {};
	const char *refusal;
	int code;

	*answer = NULL;
	if (config_load(&config, &options->source, &error)) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	*answer = control_ask(config.runtime_dir, request, &error);
	if (*answer && json_is_true(json_object_get(*answer, "ok")))
		return EXIT_OK;
	refusal = json_string_value(json_object_get(*answer, "error"));
	log_error("%s", refusal ? refusal : error.text);
	code = json_is_true(json_object_get(*answer, "usage")) ? EXIT_USAGE : EXIT_RUNTIME;
	json_decref(*answer);
	*answer = NULL;
	return code;
}

int client_open(const struct options *options, const char *request, const json_t *arguments,
		struct control_reader *reader)
{
	struct config config;
	struct error error = {};
	int err;

	*reader = (struct control_reader){ .fd = -1 };
	if (config_load(&config, &options->source, &error)) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	err = control_reader_open(reader, config.runtime_dir, request, arguments, &error);
	if (!err)
		return EXIT_OK;
	if (err != -EINTR) /* the user knows */
		log_error("%s", error.text);
	return err == -EINVAL ? EXIT_USAGE : EXIT_RUNTIME;
}
