// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A hash table of connections, threaded on two lists from the longest idle to the last that
 * sent: those in the middle of a line, which hold memory for its bytes, and those that rest.
 *
 *     ...c\nhits:1|c\nhi        ts:2|c\n...
 *           whole -> take   ^kept: "hi"   "hits:2|c" -> take
 *
 * When there are too many, one that rests makes room first. Its place in the stream is noted
 * in a small table, so that it goes on without loss.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/stream.h"

#define NOTES_PER_BUCKET 4

/* Where a connection is in its stream. */
struct place {
	uint64_t socket; /* 0: none */
	uint64_t position;
	uint16_t local_port, remote_port;
	bool skip;    /* up to the next newline: its line is not whole */
	bool counted; /* that line is in the ledger already */
};

struct stream_list {
	struct stream *oldest, *newest; /* by the last piece */
};

struct stream {
	struct place place;
	struct stream *chain; /* in its bucket */
	struct stream *older, *newer;
	struct stream_list *list;
	uint64_t time; /* of the last piece */
	uint8_t *line; /* begun; NULL: nothing kept */
	size_t len;
};

struct streams {
	struct stream **buckets;
	size_t bucket_count; /* a power of two */
	size_t count, max;
	struct stream_list begun, resting;
	/* Of connections that made room; the oldest of a bucket is overwritten. */
	struct place (*notes)[NOTES_PER_BUCKET];
	uint64_t cut;
};

static struct place place_of(const struct stream_piece *piece)
{
	return (struct place){ .socket = piece->socket,
			       .local_port = piece->local_port,
			       .remote_port = piece->remote_port };
}

struct streams *streams_new(size_t max)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return NULL;
	streams->max = max;
	streams->bucket_count = 16;
	while (streams->bucket_count < max)
		streams->bucket_count *= 2;
	streams->buckets = calloc(streams->bucket_count, sizeof(*streams->buckets));
	streams->notes = calloc(streams->bucket_count, sizeof(*streams->notes));
	if (!streams->buckets || !streams->notes) {
		streams_free(streams);
		return NULL;
	}
	return streams;
}

static size_t bucket_of(const struct streams *streams, const struct place *place)
{
	uint64_t hash = (place->socket ^ (uint64_t)place->local_port << 48) * 0x9e3779b97f4a7c15;

	return hash >> 32 & (streams->bucket_count - 1);
}

static bool is_same(const struct place *one, const struct place *other)
{
	return one->socket == other->socket && one->local_port == other->local_port &&
	       one->remote_port == other->remote_port;
}

/* Where the pointer to the connection is, or would be. */
static struct stream **stream_find(struct streams *streams, const struct place *place)
{
	struct stream **at = &streams->buckets[bucket_of(streams, place)];

	while (*at && !is_same(&(*at)->place, place))
		at = &(*at)->chain;
	return at;
}

static void list_remove(struct stream *stream)
{
	struct stream_list *list = stream->list;

	*(stream->older ? &stream->older->newer : &list->oldest) = stream->newer;
	*(stream->newer ? &stream->newer->older : &list->newest) = stream->older;
}

/* To the end of the list that it belongs to. */
static void list_append(struct streams *streams, struct stream *stream)
{
	struct stream_list *list = stream->len ? &streams->begun : &streams->resting;

	stream->list = list;
	stream->older = list->newest;
	stream->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = stream;
	list->newest = stream;
}

/* The note of a connection, which is none any more then: false if there is none. */
static bool note_take(struct streams *streams, struct place *place)
{
	struct place *note = streams->notes[bucket_of(streams, place)];

	for (size_t i = 0; i < NOTES_PER_BUCKET; i++) {
		if (!is_same(&note[i], place))
			continue;
		*place = note[i];
		note[i] = (struct place){};
		return true;
	}
	return false;
}

static void note_write(struct streams *streams, const struct place *place)
{
	struct place *note = streams->notes[bucket_of(streams, place)];
	size_t older = 0;

	while (older < NOTES_PER_BUCKET - 1 && note[older].socket)
		older++;
	memmove(note + 1, note, older * sizeof(*note));
	*note = *place;
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
	stream->place.counted = true;
}

static void stream_remove(struct streams *streams, struct stream **at, struct ledger *ledger)
{
	struct stream *stream = *at;

	line_give_up(stream, ledger);
	*at = stream->chain;
	list_remove(stream);
	streams->count--;
	free(stream);
}

static void list_free(struct stream_list *list)
{
	struct stream *stream, *next;

	for (stream = list->oldest; stream; stream = next) {
		next = stream->newer;
		free(stream->line);
		free(stream);
	}
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	list_free(&streams->begun);
	list_free(&streams->resting);
	free(streams->buckets);
	free(streams->notes);
	free(streams);
}

/* One connection less: the longest idle of those that rest, else of all; its line is lost then. */
static void make_room(struct streams *streams, struct ledger *ledger)
{
	struct stream *stream = streams->resting.oldest;

	if (!stream) {
		stream = streams->begun.oldest;
		stream->place.skip = true;
		streams->cut++;
	}
	line_give_up(stream, ledger);
	note_write(streams, &stream->place);
	stream_remove(streams, stream_find(streams, &stream->place), ledger);
}

/* The connection of a piece, entered when it is new and then on no list; NULL when out of memory. */
static struct stream *stream_get(struct streams *streams, const struct stream_piece *piece,
				 struct ledger *ledger)
{
	struct place place = place_of(piece);
	struct stream **at = stream_find(streams, &place), *stream = *at;

	if (stream) {
		list_remove(stream);
		return stream;
	}
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	note_take(streams, &place);
	if (streams->count >= streams->max)
		make_room(streams, ledger);
	stream->place = place;
	at = &streams->buckets[bucket_of(streams, &place)];
	stream->chain = *at;
	*at = stream;
	streams->count++;
	return stream;
}

/* Something before `position` was missed: what was begun ends nowhere, what comes has no beginning. */
static void stream_break(struct stream *stream, uint64_t position, struct ledger *ledger)
{
	stream->place.counted = false;
	line_give_up(stream, ledger);
	stream->place.skip = position != 0 && position != STREAM_BEGINS_ACCEPTED;
	stream->place.position = position;
}

/* Keeps the beginning of a line: as much of it as shows that it is too long, if it is. */
static void line_keep(struct stream *stream, const uint8_t *data, size_t len, struct ledger *ledger)
{
	size_t room = STREAM_LINE_MAX + 1 - stream->len;

	if (!stream->line)
		stream->line = malloc(STREAM_LINE_MAX + 1);
	if (!stream->line) {
		line_count(ledger);
		stream->place.counted = true;
		stream->place.skip = true;
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

	if (stream->place.skip) {
		if (size && !stream->place.counted) {
			line_count(ledger);
			stream->place.counted = true;
		}
		stream->place.skip = !newline;
	} else {
		line_keep(stream, data, size, ledger);
		if (newline && stream->line)
			take(context, stream->line, stream->len);
		if (newline) {
			line_forget(stream);
			stream->place.skip = false;
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
	if (stream->place.position != piece->position)
		stream_break(stream, piece->position, ledger);
	stream->place.position += len;
	stream->time = time;
	if (stream->place.skip || stream->len)
		at += line_finish(stream, at, len, ledger, take, context);
	last = memrchr(at, '\n', (size_t)(end - at));
	if (last) {
		take(context, at, (size_t)(last - at));
		at = last + 1;
	}
	if (at < end)
		line_keep(stream, at, (size_t)(end - at), ledger);
	list_append(streams, stream);
}

void streams_end(struct streams *streams, const struct stream_piece *piece, struct ledger *ledger)
{
	struct place place = place_of(piece);
	struct stream **at = stream_find(streams, &place);

	if (*at)
		stream_remove(streams, at, ledger);
	else
		note_take(streams, &place);
}

void streams_expire(struct streams *streams, uint64_t time, struct ledger *ledger)
{
	struct stream *stream;

	while ((stream = streams->begun.oldest) && stream->time < time) {
		list_remove(stream);
		line_give_up(stream, ledger);
		stream->place.skip = true;
		list_append(streams, stream);
	}
}

size_t streams_count(const struct streams *streams)
{
	return streams->count;
}

uint64_t streams_cut(const struct streams *streams)
{
	return streams->cut;
}
