// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/file.h"

char *file_read(const char *path, const char *what, size_t max, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length;

	if (!file) {
		error_set(error, -errno, "cannot read %s %s: %s", what, path, strerror(errno));
		return NULL;
	}
	text = malloc(max + 1);
	if (!text) {
		error_set(error, -ENOMEM, "cannot read %s %s: out of memory", what, path);
		goto out;
	}
	length = fread(text, 1, max + 1, file);
	if (!ferror(file) && length <= max && !memchr(text, '\0', length)) {
		text[length] = '\0';
		goto out;
	}
	if (ferror(file))
		error_set(error, -EIO, "cannot read %s %s: %s", what, path, strerror(errno));
	else if (length > max)
		error_set(error, -EINVAL, "cannot read %s %s: longer than %zu MiB", what, path, max >> 20);
	else
		error_set(error, -EINVAL, "cannot read %s %s: it holds a NUL byte", what, path);
	free(text);
	text = NULL;
out:
	fclose(file);
	return text;
}
