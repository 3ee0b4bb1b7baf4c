// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A disk that hangs: LD_PRELOAD before the daemon. As long as the file KSTATSD_DISK_HANGS is there, whoever
 * writes to a file whose path contains what stands in KSTATSD_DISK waits, as for a server of NFS that is
 * away; all other files are as ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POLL_USEC 10000

static void disk_wait(int fd)
{
	const char *disk = getenv("KSTATSD_DISK"), *hangs = getenv("KSTATSD_DISK_HANGS");
	char name[64], path[4096];
	ssize_t len;

	if (!disk || !hangs)
		abort(); /* a test that believes in a disk that is not there proves nothing */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	len = readlink(name, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	while (strstr(path, disk) && !access(hangs, F_OK))
		usleep(POLL_USEC);
}

ssize_t write(int fd, const void *data, size_t len)
{
	disk_wait(fd);
	return syscall(SYS_write, fd, data, len);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	disk_wait(fd);
	return syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}
