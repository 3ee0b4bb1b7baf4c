// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * `kstatsd check`: what this kernel can do, each hook tried for real, and is the
 * configuration valid. The report is data, on stdout; what stands in the way is also said
 * on stderr, with the remedy.
 */
#include <stdio.h>
#include "cli/check_files.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "lib/kernel.h"
#include "lib/log.h"
#include "probe/preempt.h"

static void row_print(const char *what, const char *text)
{
	printf("%-14s %s\n", what, text);
}

/* Prints yes, or no and on stderr why. */
static bool requirement_print(const char *what, int (*check)(struct error *error))
{
	struct error error = {};
	bool met = !check(&error);

	row_print(what, met ? "yes" : "no");
	if (!met)
		log_error("%s", error.text);
	return met;
}

static void config_note(const char *text)
{
	log_warning("%s", text);
}

static void files_note(const char *text)
{
	log_error("%s", text);
}

/*
 * Leaves what to try the hooks with in *capture: the configured options, else the defaults; and in *readable
 * whether the files are so that the configuration names.
 */
static bool config_print(const struct options *options, struct capture_options *capture, bool *readable)
{
	const char *file = config_file(&options->source);
	struct config config;
	struct error error = {};
	struct naming *naming = NULL;
	char text[512];

	*readable = true;
	if (!config_load(&config, &options->source, &error))
		naming = names_load(&config, &error);
	if (!naming) {
		row_print("configuration", "not valid");
		log_error("%s", error.text);
		capture_options_init(capture);
		return false;
	}
	snprintf(text, sizeof(text), "valid (%s)", *file ? file : "no file, defaults");
	row_print("configuration", text);
	config_warn(&config, config_note);
	*readable = check_files(&config, files_note);
	row_print("files", *readable ? "readable" : "not readable");
	*capture = config.capture;
	naming_free(naming);
	return true;
}

static const char *hook_state(const struct hook_report *report)
{
	if (!report->usable)
		return "not usable";
	return report->chosen ? "chosen" : "usable";
}

static bool hooks_print(const struct capture_options *capture)
{
	struct hook_report reports[HOOKS - 1] = {};
	struct error error = {};
	bool chosen = false;
	int err;

	err = capture_check(capture, reports, &error);
	printf("hooks\n");
	for (size_t i = 0; i < HOOKS - 1; i++) {
		printf("  %-12s %s%s%s\n", capture_hook_name(reports[i].hook), hook_state(&reports[i]),
		       reports[i].reason[0] ? ": " : "", reports[i].reason);
		chosen |= reports[i].chosen;
	}
	if (err)
		log_error("%s; the reasons above name what each lacks", error.text);
	else if (!chosen)
		log_error(
			"no hook that the configuration allows works here: give this process what the reasons "
			"above name, or set capture.statsd.hook to one that is usable");
	return chosen;
}

/* Configured or not. What is configured and cannot be is a warning: the daemon runs without it. */
static void sockets_print(const struct capture_options *capture)
{
	struct socket_report reports[SOCKET_REPORTS];

	capture_check_sockets(capture, reports);
	printf("sockets\n");
	for (size_t i = 0; i < SOCKET_REPORTS; i++) {
		const struct socket_report *report = &reports[i];
		bool usable = report->hook != HOOK_AUTO;

		printf("  %-16s %s, %sconfigured: %s\n", report->name, usable ? "usable" : "not usable",
		       report->configured ? "" : "not ", report->reason);
		if (report->configured && !usable)
			log_warning("%s has no effect, as no entry hook is usable on this kernel",
				    report->key);
	}
}

int command_check(const struct options *options)
{
	struct capture_options capture;
	struct preemption preemption;
	bool valid, able, readable;
	char release[128];

	log_set_level(options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
	kernel_release(release, sizeof(release));
	row_print("kernel", release);
	preemption_read(&preemption);
	row_print("preemption", preemption.reason);
	able = requirement_print("BTF", kernel_check_btf);
	able &= requirement_print("privileges", kernel_check_privileges);
	valid = config_print(options, &capture, &readable);
	/* Without these, every trial fails for the one reason that was given. */
	if (able) {
		able = hooks_print(&capture);
		sockets_print(&capture);
	}
	if (!valid)
		return EXIT_USAGE;
	return able && readable ? EXIT_OK : EXIT_RUNTIME;
}
