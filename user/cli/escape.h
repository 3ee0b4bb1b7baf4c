/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Bytes that anybody may have sent, made fit for a terminal. */
#ifndef CLI_ESCAPE_H
#define CLI_ESCAPE_H

#include <stddef.h>

/* Bytes that one byte becomes, at most. */
#define ESCAPED_BYTES 4

/*
 * Printable ASCII as it is, a backslash as "\\", the rest as "\t", "\r", "\n" or "\x1b". Writes a
 * NUL behind it; `size` must be ESCAPED_BYTES * len + 1, or what does not fit whole is left out.
 * Returns the length.
 */
size_t escape(const void *bytes, size_t len, char *text, size_t size);

#endif /* CLI_ESCAPE_H */
