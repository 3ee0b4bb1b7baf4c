/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A directory for the files of one test. */
#ifndef UNIT_DIRECTORY_H
#define UNIT_DIRECTORY_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

static char directory[64];

static inline int directory_make_one(void)
{
	snprintf(directory, sizeof(directory), "/tmp/kstatsd-unit-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int directory_remove_one(const char *name, const struct stat *status, int type,
				       struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(name);
}

static inline int directory_remove(void)
{
	return nftw(directory, directory_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes what no program would have written. 0 or -1. */
static inline int file_spoil(const char *name, off_t offset, size_t len)
{
	char garbage[65536];
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	ssize_t written = -1;

	memset(garbage, 0xa5, sizeof(garbage));
	if (fd >= 0 && len <= sizeof(garbage))
		written = pwrite(fd, garbage, len, offset);
	if (fd >= 0)
		close(fd);
	return written == (ssize_t)len ? 0 : -1;
}

#endif /* UNIT_DIRECTORY_H */
