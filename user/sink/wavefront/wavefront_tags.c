// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Which tag is the source, what the others are called, and whether Wavefront would take them. The
 * checks stand in the order of Wavefront's own, so that the codes are the same.
 */
#include <string.h>
#include "sink/wavefront/wavefront_tags.h"
#include "sink/wavefront/wavefront_text.h"

#define TELEGRAF_TAG_MAX 254 /* key and value together, with truncate_tags */

static bool slice_is(const struct slice *slice, const char *text)
{
	return slice->len == strlen(text) && !memcmp(slice->text, text, slice->len);
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static struct wavefront_tag *tag_find(struct wavefront_tags *chosen, const char *key)
{
	for (size_t i = 0; i < chosen->count; i++)
		if (slice_is(&chosen->tags[i].key, key))
			return &chosen->tags[i];
	return NULL;
}

static void tag_remove(struct wavefront_tags *chosen, struct wavefront_tag *tag)
{
	size_t behind = (size_t)(chosen->tags + chosen->count - tag - 1);

	memmove(tag, tag + 1, behind * sizeof(*tag));
	chosen->count--;
}

static void tag_append(struct wavefront_tags *chosen, struct slice key, struct slice value)
{
	if (chosen->count == WAVEFRONT_TAGS_MAX)
		chosen->too_many = true;
	else
		chosen->tags[chosen->count++] = (struct wavefront_tag){ key, value };
}

void wavefront_tags_add(struct wavefront_tags *chosen, const char *key, const char *value)
{
	if (*value && !tag_find(chosen, key))
		tag_append(chosen, slice_of(key), slice_of(value));
}

/* "k=v;k2=v2" */
static void tags_split(struct wavefront_tags *chosen, const char *tags)
{
	while (*tags) {
		size_t len = strcspn(tags, ";"), key = strcspn(tags, "=;");

		if (key + 1 < len)
			tag_append(chosen, (struct slice){ tags, key },
				   (struct slice){ tags + key + 1, len - key - 1 });
		tags += len + !!tags[len];
	}
}

/* Takes the tag out of the list; false: there is none. */
static bool source_take(struct wavefront_tags *chosen, const char *key)
{
	struct wavefront_tag *tag = tag_find(chosen, key);

	if (!tag)
		return false;
	chosen->source = tag->value;
	tag_remove(chosen, tag);
	return true;
}

static bool source_override(struct wavefront_tags *chosen, const struct wavefront_options *options)
{
	for (size_t i = 0; i < WAVEFRONT_OVERRIDES_MAX && *options->source_override[i]; i++)
		if (source_take(chosen, options->source_override[i]))
			return true;
	return false;
}

/* A tag keeps its value under another name, unless that is taken. */
static void host_rename(struct wavefront_tags *chosen, const char *name)
{
	struct wavefront_tag *host = tag_find(chosen, "host");

	if (!host)
		return;
	if (tag_find(chosen, name))
		tag_remove(chosen, host);
	else
		host->key = slice_of(name);
}

void wavefront_tags_choose(struct wavefront_tags *chosen, const char *tags,
			   const struct wavefront_options *options)
{
	chosen->count = 0;
	chosen->too_many = false;
	tags_split(chosen, tags);
	if (source_take(chosen, "source"))
		host_rename(chosen, "_host");
	else if (source_override(chosen, options))
		host_rename(chosen, "telegraf_host");
	else if (!source_take(chosen, "host"))
		chosen->source = slice_of(options->source);
	if (!*options->application)
		return;
	wavefront_tags_add(chosen, "application", options->application);
	wavefront_tags_add(chosen, "service", options->service);
	wavefront_tags_add(chosen, "cluster", options->cluster);
	wavefront_tags_add(chosen, "shard", options->shard);
}

static enum wavefront_refusal source_write(const struct wavefront_tags *chosen,
					   const struct wavefront_limit *limit, struct text *text)
{
	struct text source = {};
	enum wavefront_refusal refusal = WAVEFRONT_TAKEN;

	wavefront_add_value(&source, chosen->source.text, chosen->source.len);
	if (!source.len)
		refusal = WAVEFRONT_SOURCE_MISSING;
	else if (wavefront_length(source.data, source.len) > limit->source)
		refusal = WAVEFRONT_SOURCE_LONG;
	text_add_string(text, " source=");
	wavefront_add_quoted(text, source.data, source.len);
	text->failed |= source.failed;
	text_release(&source);
	return refusal;
}

/* As much of the value as Telegraf leaves it; false: it skips the tag. */
static bool value_truncate(size_t key, const struct text *one, size_t value, size_t *len)
{
	if (key > TELEGRAF_TAG_MAX)
		return false;
	if (key + *len > TELEGRAF_TAG_MAX)
		*len = wavefront_cut(one->data + value, *len, TELEGRAF_TAG_MAX - key);
	while (*len && one->data[value + *len - 1] == ' ')
		--*len;
	return true;
}

static enum wavefront_refusal tag_judge(const struct text *one, size_t key_len, size_t value_len,
					const struct wavefront_limit *limit)
{
	size_t key = wavefront_length(one->data, key_len);
	size_t value = wavefront_length(one->data + key_len, value_len);

	if (!key)
		return WAVEFRONT_KEY_ILLEGAL;
	if (key + value > limit->pair)
		return WAVEFRONT_TAG_LONG;
	if (key > limit->key)
		return WAVEFRONT_KEY_LONG;
	return value ? WAVEFRONT_TAKEN : WAVEFRONT_VALUE_EMPTY;
}

/* `one` is room for its key, with the value behind it. */
static enum wavefront_refusal tag_write(const struct wavefront_tag *tag,
					const struct wavefront_options *options, struct text *one,
					struct text *text)
{
	enum wavefront_refusal refusal;
	size_t key, value;

	one->len = 0;
	wavefront_add_name(one, tag->key.text, tag->key.len, options);
	key = one->len;
	wavefront_add_value(one, tag->value.text, tag->value.len);
	value = one->len - key;
	if (options->truncate_tags && !value_truncate(key, one, key, &value))
		return WAVEFRONT_TAKEN;
	refusal = tag_judge(one, key, value, &wavefront_limits[options->limits]);
	text_add(text, " \"", 2);
	text_add(text, one->data, key);
	text_add(text, "\"=", 2);
	wavefront_add_quoted(text, one->data + key, value);
	return refusal;
}

enum wavefront_refusal wavefront_tags_write(const struct wavefront_tags *chosen,
					    const struct wavefront_options *options, struct text *text)
{
	const struct wavefront_limit *limit = &wavefront_limits[options->limits];
	enum wavefront_refusal refusal = source_write(chosen, limit, text);
	struct text one = {};

	if (!refusal && (chosen->too_many || chosen->count > limit->tags))
		refusal = WAVEFRONT_TAGS_MANY;
	for (size_t i = 0; !refusal && i < chosen->count; i++)
		refusal = tag_write(&chosen->tags[i], options, &one, text);
	text_add(text, "\n", 1);
	text->failed |= one.failed;
	text_release(&one);
	return refusal;
}
