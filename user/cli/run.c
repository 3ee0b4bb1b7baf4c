// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* `kstatsd run`: what must hold before the daemon starts, then the daemon. */
#include <errno.h>
#include "cli/commands.h"
#include "cli/daemon.h"
#include "lib/kernel.h"
#include "lib/log.h"

static void config_note(const char *text)
{
	log_warning("%s", text);
}

int command_run(const struct options *options)
{
	struct config config;
	struct error error = {};
	int err;

	if (config_load(&config, &options->source, &error)) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	log_set_level(options->verbose ? LOG_LEVEL_DEBUG : config.log_level);
	config_warn(&config, config_note);
	if (kernel_check_privileges(&error) || kernel_check_btf(&error)) {
		log_error("%s", error.text);
		return EXIT_RUNTIME;
	}
	err = daemon_run(&config, &options->source, options->verbose, &error);
	if (!err)
		return EXIT_OK;
	log_error("%s", error.text);
	return err == -EINVAL ? EXIT_USAGE : EXIT_RUNTIME;
}
