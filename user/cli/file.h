/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Files of text that the daemon is told to read. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stddef.h>
#include "lib/error.h"

/*
 * The whole file, NUL-terminated; the caller frees it. NULL with the sentence in `error`, in
 * which `what` is what the file is: "the configuration". Longer than `max` bytes is an error,
 * and so is a NUL byte.
 */
char *file_read(const char *path, const char *what, size_t max, struct error *error);

#endif /* CLI_FILE_H */
