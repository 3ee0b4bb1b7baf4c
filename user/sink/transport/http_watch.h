/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Whether a request gets on. It ends by its answer, by curl's error, or here. */
#ifndef SINK_HTTP_WATCH_H
#define SINK_HTTP_WATCH_H

#include <stddef.h>
#include <stdint.h>
#include "sink/transport/http_loop.h"

struct event_base;

struct http_watch {
	struct event *timer;
	const struct http_loop *loop;
	CURL *easy;
	int64_t timeout;   /* nanoseconds */
	int64_t since;	   /* CLOCK_MONOTONIC: when it last got on */
	int64_t taken;	   /* bytes of it that the other side had then */
	curl_off_t length; /* of the body */
	void (*stalled)(void *context, const char *problem);
	void *context;
};

/*
 * `stalled` is told, from the loop and once per request, what the other side did not do for `timeout`: to
 * let itself be connected to, to take a part of the request, or to answer the whole of it. -ENOMEM.
 */
int http_watch_init(struct http_watch *watch, struct event_base *base, const struct http_loop *loop,
		    int64_t timeout, void (*stalled)(void *context, const char *problem), void *context);
void http_watch_release(struct http_watch *watch);

/* Watches a request of a body of `length` bytes that begins now. */
void http_watch_start(struct http_watch *watch, CURL *easy, size_t length);
/* It ended. */
void http_watch_stop(struct http_watch *watch);

#endif /* SINK_HTTP_WATCH_H */
