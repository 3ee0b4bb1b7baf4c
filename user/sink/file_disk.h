/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The side of an output file that may block: in the worker's thread, or alone. */
#ifndef SINK_FILE_DISK_H
#define SINK_FILE_DISK_H

#include <stddef.h>
#include <stdint.h>

struct file_disk {
	const char *path;
	uint64_t max_bytes; /* as in struct file_options */
	uint32_t keep;
	int fd; /* -1: not open */
};

/*
 * Appends whole lines: all of them, or none and a negative errno. Opens the file anew if another one has its
 * name by now, and begins a new one where this one would grow beyond max_bytes.
 */
int file_disk_append(struct file_disk *disk, const char *data, size_t len);
void file_disk_close(struct file_disk *disk);

#endif /* SINK_FILE_DISK_H */
