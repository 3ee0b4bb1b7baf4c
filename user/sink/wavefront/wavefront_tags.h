/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What follows the numbers of a line: its source, and its tags in quotes. */
#ifndef SINK_WAVEFRONT_TAGS_H
#define SINK_WAVEFRONT_TAGS_H

#include "sink/text.h"
#include "sink/wavefront/wavefront.h"

/* A part of other text. */
struct slice {
	const char *text;
	size_t len;
};

struct wavefront_tag {
	struct slice key, value;
};

/* All of one line, still as they came. */
struct wavefront_tags {
	struct slice source;
	struct wavefront_tag tags[WAVEFRONT_TAGS_MAX];
	size_t count;
	bool too_many;
};

/*
 * Chooses the source as Telegraf does: the tag "source"; else the first of options->source_override that is there;
 * else the tag "host"; else options->source. What was the source is no tag. Beside a source of the first two
 * kinds, a "host" stays as "_host" (as in Wavefront's libraries) or "telegraf_host". Tags without a value go.
 * The application's tags stand last, unless the sender has some of these names. `tags` is canonical.
 */
void wavefront_tags_choose(struct wavefront_tags *chosen, const char *tags,
			   const struct wavefront_options *options);
/* One more, unless there is one of that name; both texts must live as long as it does. */
void wavefront_tags_add(struct wavefront_tags *chosen, const char *key, const char *value);

/* Appends ` source="..." "k"="v"\n`, or nothing and the reason. */
enum wavefront_refusal wavefront_tags_write(const struct wavefront_tags *chosen,
					    const struct wavefront_options *options, struct text *text);

#endif /* SINK_WAVEFRONT_TAGS_H */
