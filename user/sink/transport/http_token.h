/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The secret that a bearer shows. It is kept here and in the request, and nowhere else: no
 * sentence, log or statistic may hold it.
 */
#ifndef SINK_HTTP_TOKEN_H
#define SINK_HTTP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include "lib/error.h"

#define TOKEN_BYTES 8192

struct http_token {
	const char *file;	/* outlives it; "": none, the text is all there is */
	struct stat seen;	/* of the file when it was read */
	char text[TOKEN_BYTES]; /* printable ASCII without blanks; "": none */
};

/* A token in a file ("": none) or, without one, `text`. -EINVAL with the sentence in `error`: it is none. */
int http_token_init(struct http_token *token, const char *file, const char *text, struct error *error);
/*
 * Reads the file again if it is not the one that was read; `force`: in any case. Negative errno with the
 * sentence in `error`: there is no token now. The file is small and is read as the configuration is.
 */
int http_token_refresh(struct http_token *token, bool force, struct error *error);
/* Overwrites the token. */
void http_token_release(struct http_token *token);

#endif /* SINK_HTTP_TOKEN_H */
