// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *                 .----------------------------- sent, rejected --.
 *                 v                                               |
 *     STARTING -> READY -> SENDING -> the answer is judged -------+
 *                 ^                                               |
 *                 '----------- PAUSING <----------------- lost <--'
 *
 * Whatever the other side says passes through here once, made printable and short, and with the
 * token and the values of headers blotted out should they stand there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "sink/transport/backoff.h"
#include "sink/delivery/batch.h"
#include "sink/transport/http_loop.h"
#include "sink/transport/http_request.h"
#include "sink/transport/http_transport.h"
#include "sink/transport/http_watch.h"
#include "sink/transport/timer.h"

#define FIRST_LINE_BYTES 121
#define PROBLEM_BYTES 200

enum state {
	STARTING,
	PAUSING,
	READY,
	FAILING, /* to send did not even begin; that is told from the loop */
	SENDING,
};

struct http {
	struct transport transport;
	struct http_options options;
	struct transport_events events;
	struct http_loop *loop;
	struct http_request request;
	struct http_watch watch;
	struct http_token token;
	struct event *timer;
	enum state state;
	unsigned int kind; /* of the batch being sent */
	struct backoff backoff;
	bool up, complained;
	uint64_t connections;
	char problem[PROBLEM_BYTES];
};

static void http_become_ready(struct http *http)
{
	http->state = READY;
	http->events.ready(http->events.context);
}

/* `retry_after`: seconds that the other side asks to be left alone. */
static void http_lost(struct http *http, int64_t retry_after)
{
	const struct http_options *options = &http->options;

	if (!http->complained)
		log_warning("cannot deliver to %s at %s: %s; trying again, at least every %g s",
			    options->what, options->address, http->problem,
			    (double)options->retry_max / NS_PER_SECOND);
	http->complained = true;
	http->state = PAUSING;
	timer_start(http->timer, retry_after * NS_PER_SECOND + backoff_take(&http->backoff));
	http->events.lost(http->events.context);
}

static void http_answers(struct http *http)
{
	http->up = true;
	backoff_reset(&http->backoff);
}

static void http_sent(struct http *http)
{
	const struct http_options *options = &http->options;

	if (!http->up || http->complained)
		log_info("delivering to %s at %s", options->what, options->address);
	http_answers(http);
	http->complained = false;
	http->problem[0] = '\0';
	if (options->answered)
		options->answered(options->context, http->kind, http->request.answer,
				  http->request.answer_len);
	http->events.sent(http->events.context);
	http_become_ready(http);
}

static void http_rejected(struct http *http)
{
	http_answers(http);
	http->events.rejected(http->events.context, http->problem);
	http_become_ready(http);
}

/* The first line that says something, as much as fits; what is not printable UTF-8 becomes '?'. */
static void first_line(const char *body, size_t len, char line[FIRST_LINE_BYTES])
{
	size_t written = 0, at = 0;

	while (at < len && (uint8_t)body[at] <= ' ')
		at++;
	while (at < len && body[at] != '\n' && body[at] != '\r') {
		size_t step = utf8_length((const uint8_t *)body + at, len - at);
		bool is_control = (uint8_t)body[at] < ' ' || body[at] == 0x7f ||
				  (step == 2 && (uint8_t)body[at] == 0xc2 && (uint8_t)body[at + 1] < 0xa0);

		if (written + (step ? step : 1) >= FIRST_LINE_BYTES)
			break;
		if (!step || is_control)
			line[written++] = '?';
		else
			memcpy(line + written, body + at, step), written += step;
		at += step ? step : 1;
	}
	line[written] = '\0';
}

static void problem_of_answer(struct http *http, long status)
{
	char line[FIRST_LINE_BYTES];

	first_line(http->request.answer, http->request.answer_len, line);
	snprintf(http->problem, sizeof(http->problem), "it answered %ld%s%s", status, *line ? ": " : "",
		 line);
}

static void problem_of_curl(struct http *http, CURLcode result)
{
	char line[FIRST_LINE_BYTES];
	char *text = http->request.problem;

	http_request_hide(&http->request, &http->token, text, strlen(text));
	first_line(text, strlen(text), line);
	snprintf(http->problem, sizeof(http->problem), "%s", *line ? line : curl_easy_strerror(result));
}

static bool is_temporary(long status)
{
	return status < 200 || status == 406 || status == 408 || status == 429 || status >= 500;
}

/* Was the token another one than the file holds by now? Then the next attempt may succeed. */
static bool token_changed(struct http *http, long status)
{
	char before[TOKEN_BYTES];
	bool changed;

	if (status != 401 || !*http->token.file)
		return false;
	snprintf(before, sizeof(before), "%s", http->token.text);
	changed = !http_token_refresh(&http->token, true, NULL) && strcmp(before, http->token.text);
	explicit_bzero(before, sizeof(before));
	return changed;
}

static void http_judge(struct http *http, long status)
{
	curl_off_t retry_after = 0;

	curl_easy_getinfo(http->request.easy, CURLINFO_RETRY_AFTER, &retry_after);
	http_request_hide(&http->request, &http->token, http->request.answer, http->request.answer_len);
	if (status >= 200 && status <= 299) {
		http_sent(http);
		return;
	}
	problem_of_answer(http, status);
	if (!is_temporary(status) && !token_changed(http, status)) {
		http_rejected(http);
		return;
	}
	http->up = true;
	if (retry_after < 0)
		retry_after = 0;
	http_lost(http, retry_after < HTTP_RETRY_AFTER_MAX ? retry_after : HTTP_RETRY_AFTER_MAX);
}

static void on_done(void *context, CURLcode result)
{
	struct http *http = context;
	long connections = 0, status = 0;

	http_watch_stop(&http->watch);
	curl_easy_getinfo(http->request.easy, CURLINFO_NUM_CONNECTS, &connections);
	curl_easy_getinfo(http->request.easy, CURLINFO_RESPONSE_CODE, &status);
	/* A connection that could not be made counts there, too. */
	if (result == CURLE_OK || status)
		http->connections += (uint64_t)connections;
	/*
	 * An answer may break off, drip, or be cut off by us: the other side has decided by then, and would get
	 * what it has taken again, for ever.
	 */
	if (result == CURLE_OK || status >= 200) {
		http_judge(http, status);
		return;
	}
	http->up = false;
	problem_of_curl(http, result);
	http->events.refused(http->events.context);
	http_lost(http, 0);
}

static void on_stalled(void *context, const char *problem)
{
	struct http *http = context;

	http_loop_stop(http->loop);
	snprintf(http->request.problem, sizeof(http->request.problem), "%s", problem);
	on_done(http, CURLE_OPERATION_TIMEDOUT);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
	struct http *http = context;

	(void)fd;
	(void)events;
	if (http->state == FAILING)
		http_lost(http, 0);
	else
		http_become_ready(http);
}

static void http_send(struct transport *transport, const struct batch *batch)
{
	struct http *http = (struct http *)transport;
	struct error error = {};

	http->state = SENDING;
	http->kind = batch->kind;
	if (http_token_refresh(&http->token, false, &error)) {
		snprintf(http->problem, sizeof(http->problem), "%.*s", PROBLEM_BYTES - 1, error.text);
	} else if (http_request_set(&http->request, &http->token, batch->kind, batch->data, batch->len) ||
		   http_loop_start(http->loop, http->request.easy)) {
		snprintf(http->problem, sizeof(http->problem), "out of memory");
	} else {
		http_watch_start(&http->watch, http->request.easy, http->request.sent_len);
		return;
	}
	http->state = FAILING;
	timer_start(http->timer, 0);
}

static bool http_is_ready(const struct transport *transport)
{
	return ((const struct http *)transport)->state == READY;
}

static bool http_is_up(const struct transport *transport)
{
	return ((const struct http *)transport)->up;
}

static uint64_t http_connections(const struct transport *transport)
{
	return ((const struct http *)transport)->connections;
}

static const char *http_error(const struct transport *transport)
{
	return ((const struct http *)transport)->problem;
}

static void http_free(struct transport *transport)
{
	struct http *http = (struct http *)transport;

	http_loop_free(http->loop);
	http_watch_release(&http->watch);
	http_request_release(&http->request);
	http_token_release(&http->token);
	if (http->timer)
		event_free(http->timer);
	free(http);
	curl_global_cleanup();
}

static const struct transport_operations operations = {
	.send = http_send,
	.is_ready = http_is_ready,
	.is_up = http_is_up,
	.connections = http_connections,
	.error = http_error,
	.free = http_free,
};

struct transport *http_transport_new(struct event_base *base, const struct http_options *options,
				     const struct transport_events *events, struct error *error)
{
	struct http *http = calloc(1, sizeof(*http));
	struct error reason = {};

	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		error_set(error, -ENOMEM, "cannot deliver to %s at %s: out of memory", options->what,
			  options->address);
		free(http);
		return NULL;
	}
	http->transport.operations = &operations;
	http->options = *options;
	http->events = *events;
	backoff_init(&http->backoff, options->retry_min, options->retry_max);
	http->loop = http_loop_new(base, on_done, http, &reason);
	http->timer = evtimer_new(base, on_timer, http);
	if (!http->loop || !http->timer ||
	    http_watch_init(&http->watch, base, http->loop, options->timeout, on_stalled, http) ||
	    http_request_init(&http->request, options, &reason) ||
	    http_token_init(&http->token, options->token_file, options->token, &reason)) {
		error_set(error, -EINVAL, "cannot deliver to %s at %s: %s", options->what, options->address,
			  *reason.text ? reason.text : "out of memory");
		http_free(&http->transport);
		return NULL;
	}
	timer_start(http->timer, 0);
	return &http->transport;
}
