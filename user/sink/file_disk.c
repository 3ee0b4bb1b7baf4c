// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     kstatsd.jsonl -> kstatsd.jsonl.1 -> ... -> kstatsd.jsonl.KEEP -> gone
 *
 * What was written of a flush before the disk was full is taken back: a file has whole lines only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>
#include "sink/file_disk.h"

#define NUMBERED_BYTES 512

void file_disk_close(struct file_disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
}

/* Has somebody else moved or removed what is open? */
static bool disk_is_stale(const struct file_disk *disk)
{
	struct stat named, open;

	return stat(disk->path, &named) || fstat(disk->fd, &open) || named.st_dev != open.st_dev ||
	       named.st_ino != open.st_ino;
}

static int disk_open(struct file_disk *disk)
{
	struct stat status;
	int err = 0;

	if (disk->fd >= 0 && disk_is_stale(disk))
		file_disk_close(disk);
	if (disk->fd >= 0)
		return 0;
	/* A pipe without a reader would keep the thread for ever. */
	disk->fd = open(disk->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
	if (disk->fd < 0)
		return -errno;
	if (fstat(disk->fd, &status))
		err = -errno;
	else if (!S_ISREG(status.st_mode))
		err = -EINVAL;
	if (err)
		file_disk_close(disk);
	return err;
}

static void numbered(const struct file_disk *disk, uint32_t number, char path[NUMBERED_BYTES])
{
	if (number)
		snprintf(path, NUMBERED_BYTES, "%s.%u", disk->path, number);
	else
		snprintf(path, NUMBERED_BYTES, "%s", disk->path);
}

static int disk_rotate(struct file_disk *disk)
{
	char from[NUMBERED_BYTES], to[NUMBERED_BYTES];

	file_disk_close(disk);
	for (uint32_t number = disk->keep; number--;) {
		numbered(disk, number, from);
		numbered(disk, number + 1, to);
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	if (!disk->keep && unlink(disk->path))
		return -errno;
	return disk_open(disk);
}

/* Writes all, or nothing that stays. */
static int disk_write(struct file_disk *disk, off_t size, const char *data, size_t len)
{
	int err = 0;

	while (len && !err) {
		ssize_t got = write(disk->fd, data, len);

		if (got < 0 && errno != EINTR)
			err = -errno;
		if (got > 0) {
			data += got;
			len -= (size_t)got;
		}
	}
	if (err && ftruncate(disk->fd, size))
		return -errno;
	return err;
}

int file_disk_append(struct file_disk *disk, const char *data, size_t len)
{
	struct stat status;
	int err = disk_open(disk);

	if (!err && fstat(disk->fd, &status))
		err = -errno;
	if (!err && disk->max_bytes && status.st_size && (uint64_t)status.st_size + len > disk->max_bytes) {
		err = disk_rotate(disk);
		if (!err && fstat(disk->fd, &status))
			err = -errno;
	}
	return err ? err : disk_write(disk, status.st_size, data, len);
}
