// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What can be told before a BPF program is tried, so that the sentence names the cause and
 * not the system call that failed.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "lib/kernel.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* What BPF needs, and its bit in CapEff; CAP_SYS_ADMIN stands for each of them. */
static const struct {
	const char *name;
	unsigned int bit;
} privileges[] = {
	{ "CAP_BPF", CAP_BPF },
	{ "CAP_PERFMON", CAP_PERFMON },
	{ "CAP_NET_ADMIN", CAP_NET_ADMIN },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void kernel_release(char *text, size_t size)
{
	struct utsname name = {};

	uname(&name);
	snprintf(text, size, "%s", name.release);
}

/* The effective capabilities of this process, a bit each. */
static bool capabilities_read(unsigned long long *effective)
{
	FILE *file = fopen("/proc/self/status", "re");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "CapEff: %llx", effective) == 1;
	if (file)
		fclose(file);
	return found;
}

int kernel_check_privileges(struct error *error)
{
	unsigned long long effective = 0;
	char missing[128] = "";
	size_t used = 0;

	if (!capabilities_read(&effective))
		return error_set(error, -EPERM,
				 "cannot read the capabilities of this process from /proc/self/status");
	if (effective >> CAP_SYS_ADMIN & 1)
		return 0;
	for (size_t i = 0; i < COUNT(privileges); i++)
		if (!(effective >> privileges[i].bit & 1))
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
						 used ? ", " : "", privileges[i].name);
	if (!used)
		return 0;
	return error_set(
		error, -EPERM,
		"cannot load BPF programs: this process lacks %s; run as root, or grant the capabilities",
		missing);
}

int kernel_check_btf(struct error *error)
{
	if (!access(BTF_PATH, R_OK))
		return 0;
	return error_set(
		error, -ENOENT,
		"this kernel shows no type information (%s cannot be read): BPF programs cannot be fitted "
		"to it; use a kernel built with CONFIG_DEBUG_INFO_BTF, as all distribution kernels of "
		"Debian 11 and later are",
		BTF_PATH);
}
