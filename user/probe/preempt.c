// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The preemption mode of the running kernel. A PREEMPT_DYNAMIC kernel chooses it at boot
 * (preempt=none|voluntary|full|lazy) and may change it later through debugfs; other
 * kernels have it in their version. Where nothing tells, preemption is assumed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>
#include "probe/preempt.h"

struct mode {
	const char *name;   /* as on the command line and in debugfs */
	const char *config; /* what the kernel was built to boot with */
	bool preempts;
};

static const struct mode modes[] = {
	{ "none", "CONFIG_PREEMPT_NONE=y", false },
	{ "voluntary", "CONFIG_PREEMPT_VOLUNTARY=y", false },
	{ "full", "CONFIG_PREEMPT=y", true },
	{ "lazy", "CONFIG_PREEMPT_LAZY=y", true },
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

static void conclude(struct preemption *preemption, const struct mode *mode, const char *source)
{
	preemption->possible = mode->preempts;
	snprintf(preemption->reason, sizeof(preemption->reason), "%s (%s)", mode->name, source);
}

/* Reads the first line of a small file. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return false;
	ok = fgets(line, (int)size, file) != NULL;
	fclose(file);
	return ok;
}

/* "none voluntary (full) lazy" */
static bool from_debugfs(struct preemption *preemption)
{
	char line[128], marked[32];
	size_t i;

	if (!first_line("/sys/kernel/debug/sched/preempt", line, sizeof(line)))
		return false;
	for (i = 0; i < MODES; i++) {
		snprintf(marked, sizeof(marked), "(%s)", modes[i].name);
		if (strstr(line, marked)) {
			conclude(preemption, &modes[i], "/sys/kernel/debug/sched/preempt");
			return true;
		}
	}
	return false;
}

static bool from_command_line(struct preemption *preemption)
{
	char line[4096], word[32];
	size_t i;

	if (!first_line("/proc/cmdline", line, sizeof(line)))
		return false;
	for (i = 0; i < MODES; i++) {
		snprintf(word, sizeof(word), "preempt=%s", modes[i].name);
		if (strstr(line, word)) {
			conclude(preemption, &modes[i], "kernel command line");
			return true;
		}
	}
	return false;
}

/* gzopen() reads plain files too. */
static bool from_config(struct preemption *preemption, const char *path)
{
	gzFile file = gzopen(path, "re");
	bool found = false;
	char line[256];
	size_t i;

	if (!file)
		return false;
	while (!found && gzgets(file, line, sizeof(line))) {
		line[strcspn(line, "\n")] = '\0';
		for (i = 0; i < MODES && !found; i++) {
			if (strcmp(line, modes[i].config) == 0) {
				conclude(preemption, &modes[i], path);
				found = true;
			}
		}
	}
	gzclose(file);
	return found;
}

void preemption_read(struct preemption *preemption)
{
	struct utsname name = {};
	char path[256];

	preemption->possible = true;
	snprintf(preemption->reason, sizeof(preemption->reason), "unknown: assumed possible");
	uname(&name);
	if (!strstr(name.version, "PREEMPT")) {
		preemption->possible = false;
		snprintf(preemption->reason, sizeof(preemption->reason), "built without preemption");
		return;
	}
	if (!strstr(name.version, "PREEMPT_DYNAMIC")) {
		snprintf(preemption->reason, sizeof(preemption->reason), "built preemptible");
		return;
	}
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	if (from_debugfs(preemption) || from_command_line(preemption))
		return;
	if (!from_config(preemption, "/proc/config.gz"))
		from_config(preemption, path);
}
