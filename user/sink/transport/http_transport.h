/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * A transport (transport.h) that POSTs each batch to a URL and waits for the answer:
 *
 *     2xx                                         sent
 *     406, 408, 429, 5xx, no answer, no HTTP      lost: the same again, after a pause that grows, and
 *                                                 not before Retry-After has passed
 *     everything else                             rejected, with the answer's first line
 *
 * The status decides, also when the body behind it breaks off or does not end.
 *
 * Redirects are not followed: a token is for whom it was given to. The connection is kept.
 */
#ifndef SINK_HTTP_TRANSPORT_H
#define SINK_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"
#include "sink/encoder.h"
#include "sink/options.h"
#include "sink/transport/transport.h"

struct event_base;

/* Retry-After is believed up to here. */
#define HTTP_RETRY_AFTER_MAX 300 /* seconds */
/* Of an answer's body, so much is kept; an answer of more than the second is cut off. */
#define HTTP_ANSWER_BYTES 4096
#define HTTP_ANSWER_MAX 65536

struct http_options {
	const char *what;		/* of the other side, for sentences: "wavefront" */
	const char *address;		/* of it, for sentences; must hold no secret */
	const char *urls[RECORD_KINDS]; /* by the kind of a batch; copied. NULL: that kind never comes */
	/* "Content-Type: text/plain"; ends with NULL; NULL: none. But for Content-*, their values are secrets. */
	const char *const *headers;
	bool gzip; /* the body, with its Content-Encoding */
	/* Shown as "Authorization: Bearer"; "" or NULL: none. The file is read again when it changes. */
	const char *token_file, *token;
	const struct tls_options *tls; /* for https; NULL: all as if zero. `enabled` has no meaning here. */
	int64_t retry_min, retry_max;  /* nanoseconds between attempts, as in struct push_options */
	/* Nanoseconds for a connection, for the whole answer, and for taking nothing of a batch. */
	int64_t timeout;
	/*
	 * The answer to a batch that was taken, before sent() is told: at most HTTP_ANSWER_BYTES, no secret
	 * among them. May be NULL.
	 */
	void (*answered)(void *context, unsigned int kind, const char *body, size_t len);
	void *context; /* of answered() */
};

/*
 * `what`, `address` and `token_file` must outlive it. Starts nothing before the first batch; ready()
 * comes from the loop. NULL with the sentence in `error`.
 */
struct transport *http_transport_new(struct event_base *base, const struct http_options *options,
				     const struct transport_events *events, struct error *error);

#endif /* SINK_HTTP_TRANSPORT_H */
