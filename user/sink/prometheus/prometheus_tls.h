/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* TLS of a server: its certificate, its key, and whose clients it knows. */
#ifndef SINK_PROMETHEUS_TLS_H
#define SINK_PROMETHEUS_TLS_H

#include <stdbool.h>
#include <sys/stat.h>
#include "lib/error.h"
#include "sink/options.h"

struct ssl_ctx_st;

/* The files as they were when they were read. */
struct tls_seen {
	struct stat files[3];
};

/* TLS 1.2 and above. Clients need a certificate if `ca_file` says whose. NULL with the sentence in `error`. */
struct ssl_ctx_st *server_tls_new(const struct tls_options *options, struct tls_seen *seen,
				  struct error *error);
/* Is one of the files another now? */
bool server_tls_is_old(const struct tls_options *options, const struct tls_seen *seen);

#endif /* SINK_PROMETHEUS_TLS_H */
