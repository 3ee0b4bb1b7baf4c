// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The command line: two tables, of subcommands and of options, and the code that reads
 * them. What a subcommand does is in its own file.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cli/commands.h"
#include "lib/version.h"
#include "lib/number.h"

struct command {
	const char *name, *summary;
	const char *options;  /* the letters it takes */
	const char *argument; /* the word it may take besides; NULL: none */
	int (*run)(const struct options *options);
};

static const struct command commands[] = {
	{ "run", "capture, aggregate and deliver, until SIGTERM", "csvh", NULL, command_run },
	{ "check", "what this kernel can do, and is the configuration valid", "csvh", NULL, command_check },
	{ "status", "what the running daemon counted", "csjh", NULL, command_status },
	{ "flush", "close the window of the running daemon now", "csh", NULL, command_flush },
	{ "reload", "let the running daemon read its configuration again", "csh", NULL, command_reload },
	{ "tail", "print each line as it is sent", "csrljh", "PATTERN", command_tail },
	{ "top", "show the busiest series and senders, live", "csojh", NULL, command_top },
};

static const struct {
	const char *name, *summary;
} argument_rows[] = {
	{ "PATTERN",
	  "a glob on the name, such as 'api.*', or a regular expression on the line, '/time.*ms$/'" },
};

static const struct option_row {
	struct option option; /* for getopt_long() */
	const char *argument, *summary;
} option_rows[] = {
	{ { "config", required_argument, NULL, 'c' }, "FILE", "configuration, default " CONFIG_DEFAULT_FILE },
	{ { "set", required_argument, NULL, 's' },
	  "KEY=VALUE",
	  "override a key of the configuration; repeatable" },
	{ { "rejected", no_argument, NULL, 'r' }, "", "only bad lines, with the reason" },
	{ { "rate", required_argument, NULL, 'l' }, "N", "at most N lines per second, default 1000; 0: all" },
	{ { "once", no_argument, NULL, 'o' }, "", "print one report and end" },
	{ { "json", no_argument, NULL, 'j' }, "", "print the answer as JSON" },
	{ { "verbose", no_argument, NULL, 'v' }, "", "say more, also what libbpf and the verifier say" },
	{ { "help", no_argument, NULL, 'h' }, "", "print this" },
	{ { "version", no_argument, NULL, 'V' }, "", "print the version" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void options_print(const char *letters)
{
	printf("\nOptions:\n");
	for (size_t i = 0; i < COUNT(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		char long_name[40];

		if (!strchr(letters, row->option.val))
			continue;
		snprintf(long_name, sizeof(long_name), "--%s %s", row->option.name, row->argument);
		printf("  -%c, %-20s %s\n", row->option.val, long_name, row->summary);
	}
}

static int help_print(void)
{
	printf("Usage: kstatsd COMMAND [OPTION]...\n\n"
	       "statsd datagrams, read and aggregated in the kernel.\n\nCommands:\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	options_print("hV");
	printf("\nkstatsd COMMAND --help lists the options of a command.\n");
	return EXIT_OK;
}

static int command_help_print(const struct command *command)
{
	printf("Usage: kstatsd %s [OPTION]...%s%s%s\n\n%s: %s\n", command->name,
	       command->argument ? " [" : "", command->argument ? command->argument : "",
	       command->argument ? "]" : "", command->name, command->summary);
	for (size_t i = 0; command->argument && i < COUNT(argument_rows); i++)
		if (!strcmp(argument_rows[i].name, command->argument))
			printf("\n%s: %s\n", argument_rows[i].name, argument_rows[i].summary);
	options_print(command->options);
	return EXIT_OK;
}

static int version_print(void)
{
	printf("kstatsd %s\n", KSTATSD_VERSION);
	return EXIT_OK;
}

/* Says what is wrong with the command line. */
static int usage_fail(const char *command, const char *problem, const char *word)
{
	fprintf(stderr, "kstatsd%s%s: %s '%s'; kstatsd%s%s --help lists what there is\n", *command ? " " : "",
		command, problem, word, *command ? " " : "", command);
	return EXIT_USAGE;
}

/* Long options for getopt_long(), and the letters with ':' behind those that take an argument. */
static void getopt_tables(const char *letters, struct option *longs, char *shorts)
{
	*shorts++ = ':'; /* tell a missing argument from an unknown option */
	for (size_t i = 0; i < COUNT(option_rows); i++) {
		if (!strchr(letters, option_rows[i].option.val))
			continue;
		*longs++ = option_rows[i].option;
		*shorts++ = (char)option_rows[i].option.val;
		if (option_rows[i].option.has_arg == required_argument)
			*shorts++ = ':';
	}
	*longs = (struct option){};
	*shorts = '\0';
}

/* Applies one option; an exit code when the program ends with it, else -1. */
static int option_apply(const struct command *command, struct options *options, int letter)
{
	switch (letter) {
	case 'c':
		options->source.file = optarg;
		return -1;
	case 's':
		if (options->source.override_count == OVERRIDES_MAX)
			return usage_fail(command->name, "too many overrides, at", optarg);
		options->overrides[options->source.override_count++] = optarg;
		return -1;
	case 'l':
		if (number_parse_uint64(optarg, strlen(optarg), &options->rate) || options->rate > INT64_MAX)
			return usage_fail(command->name, "not a number of lines:", optarg);
		options->rate_is_set = true;
		return -1;
	case 'o':
		options->once = true;
		return -1;
	case 'r':
		options->rejected = true;
		return -1;
	case 'j':
		options->json = true;
		return -1;
	case 'v':
		options->verbose = true;
		return -1;
	case 'h':
		return command_help_print(command);
	default:
		return -1;
	}
}

static int command_dispatch(const struct command *command, int argc, char **argv)
{
	struct option longs[COUNT(option_rows) + 1];
	struct options options = {};
	char shorts[2 * COUNT(option_rows) + 2];
	int letter, code = -1;

	options.source.overrides = options.overrides;
	getopt_tables(command->options, longs, shorts);
	opterr = 0;
	while (code < 0 && (letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter == ':')
			return usage_fail(command->name, "an argument is missing behind", argv[optind - 1]);
		if (letter == '?')
			return usage_fail(command->name, "unknown option", argv[optind - 1]);
		code = option_apply(command, &options, letter);
	}
	if (code >= 0)
		return code;
	if (command->argument && optind < argc)
		options.argument = argv[optind++];
	if (optind < argc)
		return usage_fail(command->name, "unexpected argument", argv[optind]);
	return command->run(&options);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return help_print();
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return version_print();
	for (size_t i = 0; i < COUNT(commands); i++)
		if (!strcmp(commands[i].name, word))
			return command_dispatch(&commands[i], argc - 1, argv + 1);
	if (*word)
		return usage_fail("", *word == '-' ? "unknown option" : "unknown command", word);
	fprintf(stderr, "kstatsd: a command is missing; kstatsd --help lists them\n");
	return EXIT_USAGE;
}
