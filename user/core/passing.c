// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two growing arrays and the text of each, which is referred to by its offset until it has
 * its place in a snapshot.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/passing.h"

#define ROOM_MIN 16

struct stamped {
	enum metric_type type;
	double value;
	int64_t time;
	size_t name, tags; /* offsets in passing.names */
	const struct mapping_rule *rule;
};

/* The strings of an event lie behind each other, in this order. */
static const size_t event_strings[] = {
	offsetof(struct event, title),
	offsetof(struct event, text),
	offsetof(struct event, tags),
	offsetof(struct event, host),
	offsetof(struct event, aggregation_key),
	offsetof(struct event, priority),
	offsetof(struct event, source_type),
	offsetof(struct event, alert_type),
};
#define EVENT_STRINGS (sizeof(event_strings) / sizeof(event_strings[0]))

struct kept_event {
	enum event_kind kind;
	unsigned int status;
	int64_t timestamp;
	size_t strings; /* offset in passing.messages of the first */
};

static const char **event_string(struct event *event, size_t i)
{
	return (const char **)((char *)event + event_strings[i]);
}

void passing_release(struct passing *passing)
{
	free(passing->stamped);
	free(passing->events);
	free(passing->names.bytes);
	free(passing->messages.bytes);
	*passing = (struct passing){};
}

/* Makes room for `more` elements of `size` bytes. */
static int array_grow(void **array, size_t *room, size_t used, size_t more, size_t size)
{
	size_t wanted = *room ? *room : ROOM_MIN;
	void *grown;

	if (used + more <= *room)
		return 0;
	while (wanted < used + more)
		wanted *= 2;
	grown = realloc(*array, wanted * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

static int texts_grow(struct texts *texts, size_t more, size_t max)
{
	void *bytes = texts->bytes;
	int err;

	if (texts->used + more > max)
		return -ENOSPC;
	err = array_grow(&bytes, &texts->room, texts->used, more, 1);
	texts->bytes = bytes;
	return err;
}

/* There is room for it. Returns its offset. */
static size_t texts_put(struct texts *texts, const char *text, size_t len)
{
	size_t at = texts->used;

	memcpy(texts->bytes + at, text, len + 1);
	texts->used += len + 1;
	return at;
}

int passing_add_stamped(struct passing *passing, size_t max, enum metric_type type,
			const struct canonical_name *name, double value, int64_t time)
{
	void *array = passing->stamped;
	struct stamped *stamped;
	int err;

	if (passing->stamped_count >= max)
		return -ENOSPC;
	err = texts_grow(&passing->names, name->name_len + name->tags_len + 2, max * STAMPED_TEXT);
	if (err)
		return err;
	err = array_grow(&array, &passing->stamped_room, passing->stamped_count, 1, sizeof(*stamped));
	passing->stamped = array;
	if (err)
		return err;
	stamped = &passing->stamped[passing->stamped_count++];
	*stamped = (struct stamped){ .type = type, .value = value, .time = time, .rule = name->rule };
	stamped->name = texts_put(&passing->names, name->text, name->name_len);
	stamped->tags = texts_put(&passing->names, canonical_name_tags(name), name->tags_len);
	return 0;
}

int passing_add_event(struct passing *passing, size_t max, const struct event *event)
{
	struct event copy = *event;
	void *array = passing->events;
	struct kept_event *kept;
	size_t bytes = 0;
	int err;

	if (passing->event_count >= max)
		return -ENOSPC;
	for (size_t i = 0; i < EVENT_STRINGS; i++)
		bytes += strlen(*event_string(&copy, i)) + 1;
	err = texts_grow(&passing->messages, bytes, max * EVENT_TEXT);
	if (err)
		return err;
	err = array_grow(&array, &passing->event_room, passing->event_count, 1, sizeof(*kept));
	passing->events = array;
	if (err)
		return err;
	kept = &passing->events[passing->event_count++];
	*kept = (struct kept_event){ event->kind, event->status, event->timestamp, passing->messages.used };
	for (size_t i = 0; i < EVENT_STRINGS; i++)
		texts_put(&passing->messages, *event_string(&copy, i), strlen(*event_string(&copy, i)));
	return 0;
}

/* Makes room in `to` for all that `more` has. */
static int passing_reserve(struct passing *to, const struct passing *more)
{
	void *stamped = to->stamped, *events = to->events;
	int err;

	err = array_grow(&stamped, &to->stamped_room, to->stamped_count, more->stamped_count,
			 sizeof(*to->stamped));
	to->stamped = stamped;
	if (err)
		return err;
	err = array_grow(&events, &to->event_room, to->event_count, more->event_count, sizeof(*to->events));
	to->events = events;
	if (err)
		return err;
	err = texts_grow(&to->names, more->names.used, SIZE_MAX);
	return err ? err : texts_grow(&to->messages, more->messages.used, SIZE_MAX);
}

static char *texts_copy(char *to, const struct texts *texts)
{
	if (texts->used)
		memcpy(to, texts->bytes, texts->used);
	return to + texts->used;
}

int passing_carry(struct passing *from, struct passing *to)
{
	struct passing all = *from;
	int err = passing_reserve(&all, to);

	*from = all; /* arrays may have moved */
	if (err)
		return err;
	for (size_t i = 0; i < to->stamped_count; i++) {
		struct stamped *stamped = &all.stamped[all.stamped_count++];

		*stamped = to->stamped[i];
		stamped->name += all.names.used;
		stamped->tags += all.names.used;
	}
	for (size_t i = 0; i < to->event_count; i++) {
		struct kept_event *event = &all.events[all.event_count++];

		*event = to->events[i];
		event->strings += all.messages.used;
	}
	if (to->names.used)
		texts_copy(all.names.bytes + all.names.used, &to->names);
	if (to->messages.used)
		texts_copy(all.messages.bytes + all.messages.used, &to->messages);
	all.names.used += to->names.used;
	all.messages.used += to->messages.used;
	passing_release(to);
	*to = all;
	*from = (struct passing){};
	return 0;
}

void passing_forget_rules(struct passing *passing)
{
	for (size_t i = 0; i < passing->stamped_count; i++)
		passing->stamped[i].rule = NULL;
}

size_t passing_text_bytes(const struct passing *passing)
{
	return passing->names.used + passing->messages.used;
}

static void event_fill(const struct kept_event *kept, int64_t timestamp, const char *messages,
		       struct event *event)
{
	const char *text = messages + kept->strings;

	*event = (struct event){ .kind = kept->kind, .status = kept->status };
	event->timestamp = kept->timestamp ? kept->timestamp : timestamp;
	for (size_t i = 0; i < EVENT_STRINGS; i++) {
		*event_string(event, i) = text;
		text += strlen(text) + 1;
	}
}

void passing_fill(const struct passing *passing, int64_t timestamp, struct metric *metrics,
		  struct event *events, char *text)
{
	char *messages = texts_copy(text, &passing->names);

	texts_copy(messages, &passing->messages);
	for (size_t i = 0; i < passing->stamped_count; i++) {
		const struct stamped *stamped = &passing->stamped[i];

		metrics[i] = (struct metric){ .type = stamped->type, .timestamp = stamped->time };
		metrics[i].name = text + stamped->name;
		metrics[i].tags = text + stamped->tags;
		metrics[i].rule = stamped->rule;
		if (stamped->type == METRIC_COUNTER)
			metrics[i].counter = stamped->value;
		else
			metrics[i].gauge = stamped->value;
	}
	for (size_t i = 0; i < passing->event_count; i++)
		event_fill(&passing->events[i], timestamp, messages, &events[i]);
}
