// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The daemon's part of `kstatsd top`. Once a second, while somebody looks: gather what the
 * kernel holds without a flush, compare with the second before, and send each client a report.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include "cli/daemon.h"
#include "cli/daemon_top.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "probe/capture.h"
#include "probe/senders.h"

#define ROWS_DEFAULT 100
#define ROWS_MAX 1000
#define SENDERS_SHOWN_MAX 16384

struct top_client {
	struct top_client *next;
	struct tops *tops;
	struct control_stream *stream;
	size_t rows;
};

static void tops_visit(void *context, const struct window_view *view)
{
	struct tops *tops = context;

	if (!tops->err)
		tops->err = busy_look_add(&tops->look, view->metric);
}

static void senders_visit(void *context, uint32_t pid, const struct sender *sender)
{
	struct tops *tops = context;

	if (tops->sender_count < SENDERS_SHOWN_MAX)
		tops->senders[tops->sender_count++] = (struct top_sender){ .pid = pid, .sent = *sender };
}

/* Looks at everything anew. */
static int tops_look(struct tops *tops, struct error *error)
{
	const struct visit_filter filter = { .types = VISIT_ALL_TYPES };
	struct daemon *daemon = tops->daemon;
	struct busy_look before;
	int64_t looked = tops->looked;
	bool flushed;
	int err;

	err = capture_gather(daemon->capture, error);
	if (err)
		return err;
	tops->looked = clock_read(CLOCK_MONOTONIC);
	tops->seconds = (double)(tops->looked - looked) / NS_PER_SECOND;
	tops->before = tops->ledger;
	capture_ledger_now(daemon->capture, &tops->ledger);
	tops->sender_count = 0;
	err = capture_senders_take(daemon->capture, senders_visit, tops, error);
	if (err)
		return err;
	before = tops->look;
	tops->look = (struct busy_look){};
	tops->err = 0;
	err = store_visit_window(daemon->store, capture_open_window(daemon->capture), &filter, tops_visit,
				 tops);
	flushed = daemon->window_opened > looked;
	busy_look_rate(&tops->look, flushed ? NULL : &before,
		       flushed ? (double)(tops->looked - daemon->window_opened) / NS_PER_SECOND
			       : tops->seconds);
	busy_look_release(&before);
	return err || tops->err ? error_set(error, -ENOMEM, "cannot look at the series: out of memory") : 0;
}

static void tops_on_beat(evutil_socket_t fd, short what, void *context)
{
	struct tops *tops = context;
	struct error error = {};
	json_t *report;

	(void)fd;
	(void)what;
	if (tops_look(tops, &error)) {
		log_error("%s", error.text);
		return;
	}
	for (struct top_client *client = tops->clients; client; client = client->next) {
		report = top_report_pack(tops, client->rows);
		/* One that does not read misses some; there is a new one every second. */
		if (report && control_stream_send(client->stream, report))
			log_debug("a client of top did not take a report");
		json_decref(report);
	}
}

static void tops_free(struct daemon *daemon)
{
	struct tops *tops = daemon->tops;

	capture_senders(daemon->capture, false, NULL);
	if (tops->beat)
		event_free(tops->beat);
	busy_look_release(&tops->look);
	free(tops->senders);
	free(tops);
	daemon->tops = NULL;
}

/* When the first client comes. */
static int tops_begin(struct tops *tops, struct error *error)
{
	struct timeval beat = { .tv_sec = 1 };
	int err;

	if (event_pending(tops->beat, EV_TIMEOUT, NULL))
		return 0;
	err = capture_senders(tops->daemon->capture, true, error);
	if (!err)
		err = tops_look(tops, error); /* to compare with */
	if (!err && event_add(tops->beat, &beat))
		err = error_set(error, -ENOMEM, "cannot look every second: out of memory");
	return err;
}

/* Ends what it began when the last client has left. */
static void client_free(struct top_client *client)
{
	struct tops *tops = client->tops;
	struct top_client **link = &tops->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	free(client);
	if (!tops->clients)
		tops_free(tops->daemon);
}

static void client_on_closed(void *owner)
{
	client_free(owner);
}

static int tops_new(struct daemon *daemon, struct error *error)
{
	struct tops *tops = calloc(1, sizeof(*tops));

	if (tops) {
		daemon->tops = tops;
		tops->daemon = daemon;
		tops->senders = calloc(SENDERS_SHOWN_MAX, sizeof(*tops->senders));
		tops->beat = event_new(daemon->base, -1, EV_PERSIST, tops_on_beat, tops);
		if (tops->senders && tops->beat)
			return 0;
		tops_free(daemon);
	}
	return error_set(error, -ENOMEM, "cannot look every second: out of memory");
}

int daemon_open_top(void *context, struct control_stream *stream, const json_t *arguments,
		    struct error *error)
{
	json_int_t rows = json_integer_value(json_object_get(arguments, "rows"));
	struct top_client *client = calloc(1, sizeof(*client));
	struct daemon *daemon = context;
	int err = 0;

	if (!client)
		return error_set(error, -ENOMEM, "cannot look every second: out of memory");
	if (!daemon->capture)
		err = error_set(error, -ESHUTDOWN, "kstatsd is leaving");
	else if (!daemon->tops)
		err = tops_new(daemon, error);
	if (err) {
		free(client);
		return err;
	}
	client->tops = daemon->tops;
	client->stream = stream;
	client->rows = rows > 0 ? (size_t)(rows < ROWS_MAX ? rows : ROWS_MAX) : ROWS_DEFAULT;
	client->next = daemon->tops->clients;
	daemon->tops->clients = client;
	err = tops_begin(daemon->tops, error);
	if (err)
		client_free(client);
	else
		control_stream_own(stream, client_on_closed, client);
	return err;
}

void daemon_close_tops(struct daemon *daemon)
{
	while (daemon->tops) {
		control_stream_end(daemon->tops->clients->stream, "kstatsd is leaving");
		client_free(daemon->tops->clients);
	}
}
