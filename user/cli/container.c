// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Docker, containerd, CRI-O and podman all name the group after the container:
 *
 *	0::/system.slice/docker-4f2a...64 digits...9c.scope
 *	0::/kubepods.slice/kubepods-pod1b2c_....slice/cri-containerd-4f2a...9c.scope
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "cli/container.h"

#define ID_DIGITS 64
#define CGROUPS_BYTES 4096

bool container_find(const char *cgroups, char id[CONTAINER_BYTES])
{
	size_t digits = 0;
	bool found = false;

	for (const char *at = cgroups;; at++) {
		if (isxdigit((unsigned char)*at)) {
			digits++;
			continue;
		}
		if (digits == ID_DIGITS) {
			memcpy(id, at - ID_DIGITS, CONTAINER_BYTES - 1);
			id[CONTAINER_BYTES - 1] = '\0';
			found = true;
		}
		digits = 0;
		if (!*at)
			return found;
	}
}

void container_of_process(uint32_t pid, char id[CONTAINER_BYTES])
{
	char path[64], cgroups[CGROUPS_BYTES];
	size_t len;
	FILE *file;

	*id = '\0';
	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	len = fread(cgroups, 1, sizeof(cgroups) - 1, file);
	fclose(file);
	cgroups[len] = '\0';
	container_find(cgroups, id);
}
