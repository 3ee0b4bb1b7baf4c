/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A file that lines are appended to, flush by flush; rotated by size, or by others (logrotate). */
#ifndef SINK_SINK_FILE_H
#define SINK_SINK_FILE_H

#include "sink/options.h"
#include "sink/sink.h"

#define FILE_KEEP_MAX 100

enum file_format {
	FILE_JSON,
	FILE_GRAPHITE,
};

struct file_options {
	char path[FILE_PATH_BYTES];
	enum file_format format;
	uint64_t max_bytes; /* a file is not made larger, unless one flush is; 0: it may grow */
	uint32_t keep;	    /* that many older ones stay, PATH.1 the youngest */
	size_t memory;	    /* bytes that wait while the disk does not take them */
	struct view_options view;
};

/* `options` are struct file_options. NULL with the sentence in `error`. */
struct sink *sink_file_new(const struct sink_environment *environment, const void *options,
			   struct error *error);

#endif /* SINK_SINK_FILE_H */
