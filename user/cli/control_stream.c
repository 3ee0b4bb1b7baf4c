// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Answers that go on. What a client has not taken waits in a bounded buffer; over it nothing
 * is added, and the sender of the line is told. A client that takes nothing for a while is
 * taken for gone. What it still says is thrown away.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include "cli/control_stream.h"

#define BUFFER_MAX (1 << 20)
#define LINE_USUAL 4096
#define STALLED_SECONDS 60
#define STREAMS_MAX 32

struct control_stream {
	struct bufferevent *client;
	void (*closed)(void *owner);
	void *owner;
};

static unsigned int streams; /* open ones */

unsigned int control_stream_count(void)
{
	return streams;
}

static void stream_free(struct control_stream *stream)
{
	streams--;
	bufferevent_free(stream->client);
	free(stream);
}

static void stream_on_read(struct bufferevent *client, void *context)
{
	struct evbuffer *input = bufferevent_get_input(client);

	(void)context;
	evbuffer_drain(input, evbuffer_get_length(input));
}

/* End of file, error, or it does not read: the client is gone. */
static void stream_on_event(struct bufferevent *client, short what, void *context)
{
	struct control_stream *stream = context;

	(void)client;
	(void)what;
	if (stream->closed)
		stream->closed(stream->owner);
	stream_free(stream);
}

/* All was sent, the end too. */
static void stream_on_written(struct bufferevent *client, void *context)
{
	(void)client;
	stream_free(context);
}

int control_stream_begin(struct bufferevent *client, const struct control_command *command, void *context,
			 const json_t *arguments, struct error *error)
{
	struct control_stream *stream = NULL;
	static const char greeting[] = "{\"ok\":true}\n";
	struct timeval stalled = { .tv_sec = STALLED_SECONDS };
	int err;

	if (streams >= STREAMS_MAX)
		return error_set(error, -EUSERS, "too many watch already (%d)", STREAMS_MAX);
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return error_set(error, -ENOMEM, "out of memory");
	stream->client = client;
	err = command->open(context, stream, arguments, error);
	if (err) {
		free(stream);
		return err;
	}
	streams++;
	event_base_update_cache_time(bufferevent_get_base(client));
	bufferevent_setcb(client, stream_on_read, NULL, stream_on_event, stream);
	bufferevent_set_timeouts(client, NULL, &stalled);
	bufferevent_write(client, greeting, sizeof(greeting) - 1);
	return 0;
}

void control_stream_own(struct control_stream *stream, void (*closed)(void *owner), void *owner)
{
	stream->closed = closed;
	stream->owner = owner;
}

bool control_stream_has_room(const struct control_stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(stream->client)) < BUFFER_MAX - LINE_USUAL;
}

int control_stream_send(struct control_stream *stream, const json_t *object)
{
	struct evbuffer *output = bufferevent_get_output(stream->client);
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t len = text ? strlen(text) : 0, waiting = evbuffer_get_length(output);
	int err = text ? 0 : -EINVAL;

	/* One that is larger than the buffer goes when there is nothing else. */
	if (!err && waiting && waiting + len >= BUFFER_MAX)
		err = -ENOBUFS;
	/* A client's time to take it begins now, however long the making took. */
	if (!waiting)
		event_base_update_cache_time(bufferevent_get_base(stream->client));
	if (!err) {
		text[len] = '\n'; /* instead of its NUL */
		err = evbuffer_add(output, text, len + 1) ? -ENOMEM : 0;
	}
	free(text);
	return err;
}

void control_stream_end(struct control_stream *stream, const char *reason)
{
	struct evbuffer *output = bufferevent_get_output(stream->client);
	json_t *last = json_pack("{s:s}", "end", reason);
	int err = last ? control_stream_send(stream, last) : -ENOMEM;

	json_decref(last);
	stream->closed = NULL;
	bufferevent_setcb(stream->client, NULL, stream_on_written, stream_on_event, stream);
	/* At once, as far as it goes: the event loop may be about to end. */
	evbuffer_unfreeze(output, 1);
	evbuffer_write(output, bufferevent_getfd(stream->client));
	evbuffer_freeze(output, 1);
	if (err || !evbuffer_get_length(output))
		stream_free(stream);
}
