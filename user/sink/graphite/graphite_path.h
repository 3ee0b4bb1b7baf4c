/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What stands around a metric's path in Graphite: tags behind it, or folded into it.
 *
 *     none                     stats.counters.hits.count;env=prod;service=shop
 *     {service}.{name}         shop.stats.counters.hits.count;env=prod
 *     {service}.{name}, tags dropped
 *                              shop.stats.counters.hits.count
 */
#ifndef SINK_GRAPHITE_PATH_H
#define SINK_GRAPHITE_PATH_H

#include <stdbool.h>
#include "sink/text.h"

#define GRAPHITE_TEMPLATE_BYTES 256
#define GRAPHITE_PIECES_MAX 32
#define GRAPHITE_MISSING_BYTES 64

/* A piece of a template: text as it stands, or a tag's key. */
struct graphite_piece {
	const char *text;
	size_t len;
	bool is_tag;
};

struct graphite_template {
	char text[GRAPHITE_TEMPLATE_BYTES];   /* the pieces point into it: not to be moved */
	char missing[GRAPHITE_MISSING_BYTES]; /* stands for a tag that is not there */
	bool drop_tags;			      /* those that the template does not name go */
	struct graphite_piece pieces[GRAPHITE_PIECES_MAX];
	size_t count, name; /* pieces[0..name) stand before the path, the others behind */
};

/*
 * Reads `text`: components of letters, digits, '_' and '-' between single dots, {KEY} of a tag, and exactly
 * one {name}. "" is the path alone. NULL, or the reason why it is none.
 */
const char *graphite_template_parse(struct graphite_template *template, const char *text, const char *missing,
				    bool drop_tags);

/* What stands before the path of a metric with these tags, and behind it: "shop.", ";env=prod". Appended. */
void graphite_template_expand(const struct graphite_template *template, const char *tags, struct text *before,
			      struct text *behind);

#define GRAPHITE_FILE_NAME_MAX 251 /* the last component: ".wsp" follows */
#define GRAPHITE_FOLDER_NAME_MAX 255
#define GRAPHITE_PATH_MAX 4000 /* the kernel's limit, with something left for carbon's own folder */

/*
 * Has carbon a file for a point of that path? Of one without tags each component is the name of a folder, the
 * last that of a file; one with tags it hashes, so it always has.
 */
bool graphite_path_is_storable(const char *path, size_t len);

#endif /* SINK_GRAPHITE_PATH_H */
