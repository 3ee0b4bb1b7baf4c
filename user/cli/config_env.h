/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * ${NAME} and ${NAME:-default} in configuration. Values enter behind the YAML parser, so
 * that no colon, quote, comma or newline of the environment can change the structure; and
 * as a reference is replaced only where a value is read, one in a comment does nothing. The
 * default is also for what is set but empty, as in a shell.
 *
 *	ports: [${PORT:-8125}]		what is written
 *	ports: [<7>]			what the YAML parser sees; < and > are U+E000 and U+E001,
 *					7 is where the reference stands in the text
 */
#ifndef CLI_CONFIG_ENV_H
#define CLI_CONFIG_ENV_H

#include <stddef.h>
#include "lib/error.h"

/* The text with every reference replaced by its mark. The caller frees it. NULL: out of memory. */
char *config_env_mark(const char *text);

/*
 * Replaces the marks in `marked` by what the references in `original` stand for. -EINVAL
 * with the reason: the name is not set and has no default, or the result is too long.
 */
int config_env_expand(const char *marked, const char *original, char *result, size_t size,
		      struct error *error);

#endif /* CLI_CONFIG_ENV_H */
