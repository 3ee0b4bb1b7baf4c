/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* libcurl in the event loop: one request at a time, over connections that are kept. Nothing here blocks. */
#ifndef SINK_HTTP_LOOP_H
#define SINK_HTTP_LOOP_H

#include <curl/curl.h>
#include "lib/error.h"

struct event_base;
struct http_loop;

/* Between curl_global_init() and curl_global_cleanup(). `done` is called from the loop, at the end of what http_loop_start() began. NULL with the sentence in `error`. */
struct http_loop *http_loop_new(struct event_base *base, void (*done)(void *context, CURLcode result),
				void *context, struct error *error);
/* Calls nothing back any more; the request, if there is one, is aborted. Safe on NULL. */
void http_loop_free(struct http_loop *loop);

/* Begins a request, which the caller keeps. Negative errno: it did not begin. */
int http_loop_start(struct http_loop *loop, CURL *easy);
/* Gives the request up, if there is one, with its connection; done() does not hear of it. */
void http_loop_stop(struct http_loop *loop);
/* What the request is on, once it is connected; -1: nothing. curl tells only when all is over. */
int http_loop_socket(const struct http_loop *loop);

#endif /* SINK_HTTP_LOOP_H */
