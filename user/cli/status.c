// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* `kstatsd status`: the daemon's answer as a report for people, or as it came with --json. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/ledger.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static long long integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* "3 d 4 h", "12.5 s": two units at most. */
static void duration_format(double seconds, char *text, size_t size)
{
	long long whole = (long long)seconds;

	if (whole < 60)
		snprintf(text, size, "%.1f s", seconds);
	else if (whole < 3600)
		snprintf(text, size, "%lld min %lld s", whole / 60, whole % 60);
	else if (whole < 86400)
		snprintf(text, size, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
	else
		snprintf(text, size, "%lld d %lld h", whole / 86400, whole % 86400 / 3600);
}

static void size_format(long long bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024 && unit + 1 < COUNT(units); unit++)
		value /= 1024;
	snprintf(text, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Unix and TCP, if they are configured. */
static void sockets_print(const json_t *sockets)
{
	const json_t *row;
	size_t i;

	json_array_foreach (sockets, i, row) {
		if (is_set(row, "configured"))
			printf("\n  %-10s %s %s%s", "", text_of(row, "name"),
			       is_set(row, "captured") ? "" : "not captured: ", text_of(row, "reason"));
	}
}

static void summary_print(const json_t *answer)
{
	const json_t *flush = json_object_get(answer, "flush"), *port;
	double seconds = json_number_value(json_object_get(flush, "seconds"));
	const char *config = text_of(answer, "config");
	char uptime[64];
	size_t i;

	duration_format(json_number_value(json_object_get(answer, "uptime")), uptime, sizeof(uptime));
	printf("kstatsd %s, process %lld, up %s\n", text_of(answer, "version"), integer_of(answer, "pid"),
	       uptime);
	printf("  %-10s %s\n", "config", *config ? config : "no file");
	printf("  %-10s %s%s, UDP port", "capture", text_of(answer, "hook"),
	       is_set(answer, "absorb") ? ", absorb" : "");
	json_array_foreach (json_object_get(answer, "ports"), i, port)
		printf("%s %lld", i ? "," : "", (long long)json_integer_value(port));
	sockets_print(json_object_get(answer, "sockets"));
	printf("\n  %-10s every %g s%s, %lld done, %lld failed", "flush",
	       json_number_value(json_object_get(flush, "interval")),
	       is_set(flush, "align") ? ", aligned" : "", integer_of(flush, "count"),
	       integer_of(flush, "errors"));
	if (integer_of(flush, "count"))
		printf("; the last: %lld metrics of %.3f s", integer_of(flush, "metrics"), seconds);
	printf("\n  %-10s %lld known\n", "series", integer_of(answer, "series"));
	if (integer_of(answer, "watching"))
		printf("  %-10s %lld tail or top\n", "watching", integer_of(answer, "watching"));
}

/* Rows that are zero say nothing to people, but for what was seen and accepted. */
static void ledger_print(const json_t *ledger)
{
	printf("\nledger, up to the last flush\n");
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		const char *name = ledger_rows[i].name;
		long long value = integer_of(ledger, name);

		if (value || strstr(name, ".seen") || strstr(name, ".accepted"))
			printf("  %-30s %14lld  %s\n", name, value, ledger_rows[i].meaning);
	}
}

static void programs_print(const json_t *programs)
{
	long long counted = 0;
	const json_t *row;
	size_t i;

	printf("\n%-32s %14s %10s %10s\n", "program", "runs", "ns/run", "skipped");
	json_array_foreach (programs, i, row) {
		long long runs = integer_of(row, "runs");

		counted += runs;
		printf("  %-30s %14lld %10.0f %10lld\n", text_of(row, "name"), runs,
		       runs ? (double)integer_of(row, "nanoseconds") / (double)runs : 0.0,
		       integer_of(row, "misses"));
	}
	if (!counted)
		printf("  runs and times are counted while the kernel is told to: "
		       "sysctl kernel.bpf_stats_enabled=1\n");
}

static void maps_print(const json_t *maps)
{
	const json_t *row;
	size_t i;

	printf("\n%-32s %14s %10s %6s %10s\n", "map", "used", "size", "fill", "memory");
	json_array_foreach (maps, i, row) {
		long long used = integer_of(row, "used"), size = integer_of(row, "size");
		char memory[32] = "unknown";

		if (integer_of(row, "bytes"))
			size_format(integer_of(row, "bytes"), memory, sizeof(memory));
		printf("  %-30s %14lld %10lld %5.0f%% %10s\n", text_of(row, "name"), used, size,
		       size ? 100.0 * (double)used / (double)size : 0.0, memory);
	}
}

/* What went otherwise than it should, and what waits on disk. */
static void sink_troubles_print(const json_t *row)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "bytes_spooled", "bytes on disk" },
		{ "metrics_waiting", "metrics in no batch yet" },
		{ "lines_rejected", "lines rejected" },
		{ "spool_errors", "errors of the spool" },
		{ "events_without_place", "events without a place" },
	};
	const json_t *count;
	const char *name;

	for (size_t i = 0; i < COUNT(rows); i++)
		if (integer_of(row, rows[i].key))
			printf(", %lld %s", integer_of(row, rows[i].key), rows[i].text);
	json_object_foreach((json_t *)json_object_get(row, "counts"), name, count)
	{
		if (json_integer_value(count))
			printf(", %lld %s", (long long)json_integer_value(count), name);
	}
}

static void sinks_print(const json_t *sinks)
{
	const json_t *row;
	size_t i;

	printf("\noutput\n");
	json_array_foreach (sinks, i, row) {
		const char *address = text_of(row, "address"), *problem = text_of(row, "last_error");

		printf("  %s%s%s: %s; %lld lines sent, %lld dropped, %lld batches queued (%lld bytes), "
		       "%lld reconnects",
		       text_of(row, "kind"), *address ? " " : "", address,
		       is_set(row, "connected") ? "connected" : "not connected",
		       integer_of(row, "lines_sent"), integer_of(row, "lines_dropped"),
		       integer_of(row, "batches_queued"), integer_of(row, "bytes_queued"),
		       integer_of(row, "reconnects"));
		sink_troubles_print(row);
		printf("\n");
		if (*problem)
			printf("    last error: %s\n", problem);
	}
}

int command_status(const struct options *options)
{
	json_t *answer;
	int code = client_ask(options, "status", &answer);

	if (code != EXIT_OK)
		return code;
	if (options->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		summary_print(answer);
		ledger_print(json_object_get(answer, "ledger"));
		programs_print(json_object_get(answer, "programs"));
		maps_print(json_object_get(answer, "maps"));
		sinks_print(json_object_get(answer, "sinks"));
	}
	json_decref(answer);
	return EXIT_OK;
}
