/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A statsd_exporter mapping file, as its users have it. What statsd_exporter refuses is
 * refused, with FILE:LINE: KEY: reason; what it does not know it passes over, and here that
 * is a warning.
 */
#ifndef CLI_MAPPING_FILE_H
#define CLI_MAPPING_FILE_H

#include "core/mapping.h"
#include "lib/error.h"

typedef void mapping_warn_fn(void *context, const char *text);

/* NULL with the sentence in `error`. The caller frees it with mapping_free(). `warn` may be NULL. */
struct mapping *mapping_file_load(const char *path, mapping_warn_fn *warn, void *context,
				  struct error *error);

/* The same of a text that came from `source`. */
struct mapping *mapping_file_parse(const char *source, const char *text, mapping_warn_fn *warn, void *context,
				   struct error *error);

#endif /* CLI_MAPPING_FILE_H */
