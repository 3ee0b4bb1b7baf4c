// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A slow receiver of a large batch is as good as a fast one; one that does nothing is not. What curl
 * has sent lies in the kernel first, so what counts is what the other side's TCP acknowledged:
 *
 *     sent by curl   |=======================>
 *     SIOCOUTQ                       |-------|     sent, not acknowledged
 *     taken          |===============>             as long as it grows, time begins anew
 *
 * TLS adds bytes to those of the queue: it grows a little less, but it grows.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include "lib/clock.h"
#include "sink/transport/http_watch.h"

#define LOOKS 16 /* per timeout: it may last so much longer */
#define PROBLEM_BYTES 64

static bool is_connected(const struct http_watch *watch)
{
	curl_off_t microseconds = 0;

	curl_easy_getinfo(watch->easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
	return microseconds > 0;
}

/* Bytes of the body, less what the kernel still has of the request; below 0 before the connection is made. */
static int64_t bytes_taken(const struct http_watch *watch, int *queued)
{
	curl_off_t sent = 0;
	int fd;

	*queued = 0;
	if (!is_connected(watch))
		return INT64_MIN;
	curl_easy_getinfo(watch->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	fd = http_loop_socket(watch->loop);
	if (fd < 0 || ioctl(fd, SIOCOUTQ, queued))
		*queued = 0;
	return sent - *queued;
}

static void watch_look(struct http_watch *watch)
{
	const int64_t every = watch->timeout / LOOKS;
	const struct timeval delay = { every / NS_PER_SECOND, every % NS_PER_SECOND / 1000 };

	event_add(watch->timer, &delay);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct http_watch *watch = context;
	int64_t now = clock_read(CLOCK_MONOTONIC), taken;
	const char *what = "it did not answer within";
	char problem[PROBLEM_BYTES];
	int queued;

	(void)fd;
	(void)events;
	taken = bytes_taken(watch, &queued);
	if (taken > watch->taken) {
		watch->taken = taken;
		watch->since = now;
	}
	if (now - watch->since < watch->timeout) {
		watch_look(watch);
		return;
	}
	if (!is_connected(watch))
		what = "there was no connection within";
	else if (queued || taken < watch->length)
		what = "it took nothing for";
	snprintf(problem, sizeof(problem), "%s %g s", what, (double)watch->timeout / NS_PER_SECOND);
	watch->stalled(watch->context, problem);
}

int http_watch_init(struct http_watch *watch, struct event_base *base, const struct http_loop *loop,
		    int64_t timeout, void (*stalled)(void *context, const char *problem), void *context)
{
	*watch = (struct http_watch){
		.loop = loop, .timeout = timeout, .stalled = stalled, .context = context
	};
	watch->timer = evtimer_new(base, on_timer, watch);
	return watch->timer ? 0 : -ENOMEM;
}

void http_watch_release(struct http_watch *watch)
{
	if (watch->timer)
		event_free(watch->timer);
	*watch = (struct http_watch){};
}

void http_watch_start(struct http_watch *watch, CURL *easy, size_t length)
{
	watch->easy = easy;
	watch->since = clock_read(CLOCK_MONOTONIC);
	watch->taken = INT64_MIN;
	watch->length = (curl_off_t)length;
	watch_look(watch);
}

void http_watch_stop(struct http_watch *watch)
{
	event_del(watch->timer);
}
