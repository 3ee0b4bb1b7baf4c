// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Whose a database is, is told by a lock on a file beside it, which the kernel takes back however
 * the process ends. What was corrupt is kept for a person to look at, but not without end: a disk that
 * fails again and again would be filled by it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "lib/clock.h"
#include "sink/delivery/database_file.h"

#define ASIDE_MAX 3

int directory_make(const char *directory)
{
	char path[DATABASE_PATH_BYTES];
	char *slash = path;

	if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int file_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int database_lock(const char *path, struct error *error)
{
	char name[DATABASE_PATH_BYTES + sizeof(".lock")];
	int lock, err;

	snprintf(name, sizeof(name), "%s.lock", path);
	lock = file_open(name);
	if (lock < 0)
		return error_set(error, lock, "cannot open %s: %s; " DATABASE_REMEDY, name, strerror(-lock));
	if (flock(lock, LOCK_EX | LOCK_NB)) {
		err = -errno;
		error_set(error, err, "cannot lock %s: %s", name,
			  err == -EWOULDBLOCK ? "another daemon uses it; give each a state_dir of its own"
					      : strerror(-err));
		close(lock);
		return err;
	}
	err = file_open(path);
	if (err < 0) {
		close(lock);
		return error_set(error, err, "cannot open %s: %s; " DATABASE_REMEDY, path, strerror(-err));
	}
	/* Before SQLite has it open: closing would take its locks away. */
	close(err);
	return lock;
}

/* ".../spool.db.corrupt-1700000000": the prefix that all of them have in their directory. */
struct aside_prefix {
	char directory[DATABASE_PATH_BYTES];
	char name[DATABASE_PATH_BYTES];
};

static void aside_prefix_make(struct aside_prefix *prefix, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(prefix->directory, sizeof(prefix->directory), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	snprintf(prefix->name, sizeof(prefix->name), "%s.corrupt-", slash ? slash + 1 : path);
}

/* Names of one length in the order of time. Removes one, and counts. */
static size_t aside_remove_oldest(const struct aside_prefix *prefix, bool remove_it)
{
	char oldest[256] = "", path[2 * DATABASE_PATH_BYTES + 8];
	DIR *directory = opendir(prefix->directory);
	struct dirent *found;
	size_t count = 0, len = strlen(prefix->name);

	while (directory && (found = readdir(directory))) {
		if (strncmp(found->d_name, prefix->name, len) || strchr(found->d_name + len, '-'))
			continue;
		count++;
		if (!oldest[0] || strcmp(found->d_name, oldest) < 0)
			snprintf(oldest, sizeof(oldest), "%s", found->d_name);
	}
	if (directory)
		closedir(directory);
	if (count && remove_it) {
		snprintf(path, sizeof(path), "%s/%s", prefix->directory, oldest);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%s-wal", prefix->directory, oldest);
		unlink(path);
	}
	return count;
}

static void aside_clean(const char *path)
{
	struct aside_prefix prefix;
	size_t count;

	aside_prefix_make(&prefix, path);
	for (count = aside_remove_oldest(&prefix, false); count > ASIDE_MAX; count--)
		aside_remove_oldest(&prefix, true);
}

int database_set_aside(const char *path, char *aside, size_t aside_len)
{
	char from[DATABASE_PATH_BYTES + 8], to[DATABASE_PATH_BYTES + 48];
	int64_t when = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;

	/* Another one in the same second. */
	do {
		snprintf(aside, aside_len, "%s.corrupt-%" PRId64, path, when++);
	} while (!access(aside, F_OK));
	if (rename(path, aside) && errno != ENOENT)
		return -errno;
	snprintf(from, sizeof(from), "%s-wal", path);
	snprintf(to, sizeof(to), "%s-wal", aside);
	if (rename(from, to) && errno != ENOENT)
		return -errno;
	snprintf(from, sizeof(from), "%s-shm", path);
	unlink(from);
	aside_clean(path);
	return 0;
}
