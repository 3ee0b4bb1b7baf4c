/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Secrets of a request that its answer repeats. Pure. */
#ifndef SINK_HTTP_SECRET_H
#define SINK_HTTP_SECRET_H

#include <stddef.h>

/* Less of a header's value is no secret. */
#define HTTP_SECRET_BYTES 4

/*
 * Writes '*' wherever the text holds the secret ("": nowhere), as it is or as JSON, a URL or base64 for
 * URLs would spell it, and where the text ends within it.
 */
void http_secret_hide(const char *secret, char *text, size_t len);
/* The same for a whole header, "Name: value": its value, and each word of that. */
void http_secret_hide_header(const char *header, char *text, size_t len);

#endif /* SINK_HTTP_SECRET_H */
