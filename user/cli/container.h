/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The container of a process, as its control group tells. */
#ifndef CLI_CONTAINER_H
#define CLI_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#define CONTAINER_BYTES 13 /* twelve digits, as container tools show them, and the NUL */

/* The last 64 hexadecimal digits in a row in the lines of /proc/PID/cgroup. False: there are none. */
bool container_find(const char *cgroups, char id[CONTAINER_BYTES]);
/* Reads them. Writes "" if the process has none, or is gone. */
void container_of_process(uint32_t pid, char id[CONTAINER_BYTES]);

#endif /* CLI_CONTAINER_H */
