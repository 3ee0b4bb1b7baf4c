// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A hash table of connections, threaded on a list from the longest idle to the last that
 * sent. Only a connection in the middle of a line holds memory for bytes.
 *
 *     ...c\nhits:1|c\nhi        ts:2|c\n...
 *           whole -> take   ^kept: "hi"   "hits:2|c" -> take
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/stream.h"

struct stream {
	struct stream *chain;	      /* in its bucket */
	struct stream *older, *newer; /* by the last piece */
	uint64_t socket;
	uint16_t local_port, remote_port;
	bool skip;    /* up to the next newline: its line is not whole */
	bool counted; /* that line is in the ledger already */
	uint64_t position;
	uint64_t time; /* of the last piece */
	uint8_t *line; /* begun; NULL: nothing kept */
	size_t len;
};

struct streams {
	struct stream **buckets;
	size_t bucket_count; /* a power of two */
	size_t count, max;
	struct stream *oldest, *newest;
};

struct streams *streams_new(size_t max)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return NULL;
	streams->max = max;
	streams->bucket_count = 16;
	while (streams->bucket_count < max)
		streams->bucket_count *= 2;
	streams->buckets = calloc(streams->bucket_count, sizeof(struct stream *));
	if (!streams->buckets) {
		free(streams);
		return NULL;
	}
	return streams;
}

static struct stream **bucket_of(struct streams *streams, const struct stream_piece *piece)
{
	uint64_t hash = (piece->socket ^ (uint64_t)piece->local_port << 48) * 0x9e3779b97f4a7c15;

	return &streams->buckets[hash >> 32 & (streams->bucket_count - 1)];
}

/* Where the pointer to the connection is, or would be. */
static struct stream **stream_find(struct streams *streams, const struct stream_piece *piece)
{
	struct stream **at = bucket_of(streams, piece);

	while (*at && ((*at)->socket != piece->socket || (*at)->local_port != piece->local_port ||
		       (*at)->remote_port != piece->remote_port))
		at = &(*at)->chain;
	return at;
}

static void list_remove(struct streams *streams, struct stream *stream)
{
	*(stream->older ? &stream->older->newer : &streams->oldest) = stream->newer;
	*(stream->newer ? &stream->newer->older : &streams->newest) = stream->older;
}

static void list_append(struct streams *streams, struct stream *stream)
{
	stream->older = streams->newest;
	stream->newer = NULL;
	*(streams->newest ? &streams->newest->newer : &streams->oldest) = stream;
	streams->newest = stream;
}

/* A line that nobody will see whole. */
static void line_count(struct ledger *ledger)
{
	ledger->n[LEDGER_LINES_SEEN]++;
	ledger->n[LEDGER_LINES_UNTERMINATED]++;
}

static void line_forget(struct stream *stream)
{
	free(stream->line);
	stream->line = NULL;
	stream->len = 0;
}

/* The line that was begun, if there is one, is given up. */
static void line_give_up(struct stream *stream, struct ledger *ledger)
{
	if (!stream->len)
		return;
	line_count(ledger);
	line_forget(stream);
	stream->counted = true;
}

static void stream_remove(struct streams *streams, struct stream **at, struct ledger *ledger)
{
	struct stream *stream = *at;

	line_give_up(stream, ledger);
	*at = stream->chain;
	list_remove(streams, stream);
	streams->count--;
	free(stream);
}

void streams_free(struct streams *streams)
{
	struct stream *stream, *next;

	if (!streams)
		return;
	for (stream = streams->oldest; stream; stream = next) {
		next = stream->newer;
		free(stream->line);
		free(stream);
	}
	free(streams->buckets);
	free(streams);
}

static struct stream **stream_at(struct streams *streams, const struct stream *stream)
{
	const struct stream_piece piece = {
		.socket = stream->socket,
		.local_port = stream->local_port,
		.remote_port = stream->remote_port,
	};

	return stream_find(streams, &piece);
}

/* The connection of a piece, entered when it is new; NULL when out of memory. */
static struct stream *stream_get(struct streams *streams, const struct stream_piece *piece,
				 struct ledger *ledger)
{
	struct stream **at = stream_find(streams, piece), *stream = *at;

	if (stream) {
		list_remove(streams, stream);
		list_append(streams, stream);
		return stream;
	}
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	if (streams->count >= streams->max)
		stream_remove(streams, stream_at(streams, streams->oldest), ledger);
	stream->socket = piece->socket;
	stream->local_port = piece->local_port;
	stream->remote_port = piece->remote_port;
	at = bucket_of(streams, piece);
	stream->chain = *at;
	*at = stream;
	list_append(streams, stream);
	streams->count++;
	return stream;
}

/* Something before `position` was missed: what was begun ends nowhere, what comes has no beginning. */
static void stream_break(struct stream *stream, uint64_t position, struct ledger *ledger)
{
	stream->counted = false;
	line_give_up(stream, ledger);
	stream->skip = position != 0;
	stream->position = position;
}

/* Keeps the beginning of a line: as much of it as shows that it is too long, if it is. */
static void line_keep(struct stream *stream, const uint8_t *data, size_t len, struct ledger *ledger)
{
	size_t room = STREAM_LINE_MAX + 1 - stream->len;

	if (!stream->line)
		stream->line = malloc(STREAM_LINE_MAX + 1);
	if (!stream->line) {
		line_count(ledger);
		stream->counted = true;
		stream->skip = true;
		return;
	}
	if (len > room)
		len = room;
	memcpy(stream->line + stream->len, data, len);
	stream->len += len;
}

/* Up to the first newline: the end of the line that was begun, or of one that is skipped. Returns the bytes taken. */
static size_t line_finish(struct stream *stream, const uint8_t *data, size_t len, struct ledger *ledger,
			  stream_lines_fn *take, void *context)
{
	const uint8_t *newline = memchr(data, '\n', len);
	size_t size = newline ? (size_t)(newline - data) : len;

	if (stream->skip) {
		if (size && !stream->counted) {
			line_count(ledger);
			stream->counted = true;
		}
		stream->skip = !newline;
	} else {
		line_keep(stream, data, size, ledger);
		if (newline && stream->line)
			take(context, stream->line, stream->len);
		if (newline) {
			line_forget(stream);
			stream->skip = false;
		}
	}
	return newline ? size + 1 : len;
}

void streams_add(struct streams *streams, const struct stream_piece *piece, const void *data, size_t len,
		 uint64_t time, struct ledger *ledger, stream_lines_fn *take, void *context)
{
	struct stream *stream = stream_get(streams, piece, ledger);
	const uint8_t *at = data, *end = at + len, *last;

	if (!stream) {
		line_count(ledger);
		return;
	}
	if (stream->position != piece->position)
		stream_break(stream, piece->position, ledger);
	stream->position += len;
	stream->time = time;
	if (stream->skip || stream->len)
		at += line_finish(stream, at, len, ledger, take, context);
	last = memrchr(at, '\n', (size_t)(end - at));
	if (last) {
		take(context, at, (size_t)(last - at));
		at = last + 1;
	}
	if (at < end)
		line_keep(stream, at, (size_t)(end - at), ledger);
}

void streams_end(struct streams *streams, const struct stream_piece *piece, struct ledger *ledger)
{
	struct stream **at = stream_find(streams, piece);

	if (*at)
		stream_remove(streams, at, ledger);
}

void streams_expire(struct streams *streams, uint64_t time, struct ledger *ledger)
{
	struct stream *stream;

	for (stream = streams->oldest; stream && stream->time < time; stream = stream->newer) {
		if (!stream->len)
			continue;
		line_give_up(stream, ledger);
		stream->skip = true;
	}
}

size_t streams_count(const struct streams *streams)
{
	return streams->count;
}
