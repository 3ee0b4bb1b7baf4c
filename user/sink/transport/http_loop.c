// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * curl says which sockets it waits for and when its time is up, libevent does the waiting:
 *
 *     curl -- socket_changed() --> event on the socket --.
 *          -- timer_changed() ---> event in time --------+--> curl_multi_socket_action() --> done()
 *
 * curl looks names up in threads of its own, which it leaves behind when it is stopped.
 */
#include <errno.h>
#include <stdlib.h>
#include <event2/event.h>
#include <sys/queue.h>
#include "sink/transport/http_loop.h"

struct watch {
	LIST_ENTRY(watch) next;
	struct event *event;
	int fd;
};

struct http_loop {
	struct event_base *base;
	CURLM *multi;
	CURL *easy; /* the request; NULL: none */
	struct event *timer;
	LIST_HEAD(, watch) watches;
	void (*done)(void *context, CURLcode result);
	void *context;
};

static void loop_check(struct http_loop *loop)
{
	CURLMsg *message;
	CURLcode result;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result; /* gone with the handle */
		curl_multi_remove_handle(loop->multi, loop->easy);
		loop->easy = NULL;
		loop->done(loop->context, result);
	}
}

static void on_socket(evutil_socket_t fd, short events, void *context)
{
	struct http_loop *loop = context;
	int flags = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(loop->multi, fd, flags, &running);
	loop_check(loop);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct http_loop *loop = context;
	int running;

	(void)fd;
	(void)events;
	curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	loop_check(loop);
}

static void watch_free(struct watch *watch)
{
	LIST_REMOVE(watch, next);
	if (watch->event)
		event_free(watch->event);
	free(watch);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
	struct http_loop *loop = context;
	struct watch *watch = assigned;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			watch_free(watch);
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return -1;
		watch->fd = fd;
		LIST_INSERT_HEAD(&loop->watches, watch, next);
		curl_multi_assign(loop->multi, fd, watch);
	}
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	if (watch->event)
		event_free(watch->event);
	watch->event = event_new(loop->base, fd, events, on_socket, loop);
	return watch->event && !event_add(watch->event, NULL) ? 0 : -1;
}

static int timer_changed(CURLM *multi, long milliseconds, void *context)
{
	struct http_loop *loop = context;
	const struct timeval delay = { milliseconds / 1000, milliseconds % 1000 * 1000 };

	(void)multi;
	if (milliseconds < 0)
		event_del(loop->timer);
	else
		event_add(loop->timer, &delay);
	return 0;
}

struct http_loop *http_loop_new(struct event_base *base, void (*done)(void *context, CURLcode result),
				void *context, struct error *error)
{
	struct http_loop *loop = calloc(1, sizeof(*loop));

	if (!loop) {
		error_set(error, -ENOMEM, "cannot set up HTTP: out of memory");
		return NULL;
	}
	loop->base = base;
	loop->done = done;
	loop->context = context;
	LIST_INIT(&loop->watches);
	loop->timer = evtimer_new(base, on_timer, loop);
	loop->multi = curl_multi_init();
	if (!loop->timer || !loop->multi) {
		http_loop_free(loop);
		error_set(error, -ENOMEM, "cannot set up HTTP: out of memory");
		return NULL;
	}
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, 1L);
	return loop;
}

void http_loop_free(struct http_loop *loop)
{
	if (!loop)
		return;
	http_loop_stop(loop);
	curl_multi_cleanup(loop->multi);
	while (!LIST_EMPTY(&loop->watches))
		watch_free(LIST_FIRST(&loop->watches));
	if (loop->timer)
		event_free(loop->timer);
	free(loop);
}

int http_loop_start(struct http_loop *loop, CURL *easy)
{
	if (curl_multi_add_handle(loop->multi, easy) != CURLM_OK)
		return -ENOMEM;
	loop->easy = easy;
	return 0;
}

void http_loop_stop(struct http_loop *loop)
{
	if (loop->easy)
		curl_multi_remove_handle(loop->multi, loop->easy);
	loop->easy = NULL;
}

int http_loop_socket(const struct http_loop *loop)
{
	const struct watch *watch = LIST_FIRST(&loop->watches);

	return loop->easy && watch ? watch->fd : -1;
}
