/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * TLS over a socket that never blocks, by OpenSSL. Whoever uses it ignores SIGPIPE. Calls return a
 * negative errno; -EAGAIN: again when the socket is readable, or writable if tls_wants_write().
 */
#ifndef SINK_TLS_H
#define SINK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "lib/error.h"
#include "sink/options.h"

struct tls;	    /* what connections to one host share */
struct tls_session; /* one of them */

/* Reads the files of `options`, which must outlive it. `host` is who the other side has to be, unless the options say. NULL with the sentence in `error`. */
struct tls *tls_new(const struct tls_options *options, const char *host, struct error *error);
/*
 * Reads the files again, for the sessions to come, if they are others by now. -EINVAL or -ENOMEM: they cannot be used;
 * what was read before is, and they are tried again the next time. Why is in `error`.
 */
int tls_refresh(struct tls *tls, struct error *error);
/* Safe on NULL. */
void tls_free(struct tls *tls);

/* `fd` stays the caller's, and outlives it. NULL: out of memory. */
struct tls_session *tls_session_new(struct tls *tls, int fd);
/* Safe on NULL. Tells the other side, if that can be done at once. */
void tls_session_free(struct tls_session *session);

/* 0: both know each other. -EPROTO: tls_problem() says why not. */
int tls_handshake(struct tls_session *session);
/* Bytes taken, which are the kernel's then; or read, 0 at the end. */
ssize_t tls_write(struct tls_session *session, const char *data, size_t len);
ssize_t tls_read(struct tls_session *session, char *data, size_t size);
bool tls_wants_write(const struct tls_session *session);
const char *tls_problem(const struct tls_session *session);

#endif /* SINK_TLS_H */
