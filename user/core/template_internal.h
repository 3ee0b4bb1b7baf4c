/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What reading templates and applying them share. Nobody else includes this. */
#ifndef CORE_TEMPLATE_INTERNAL_H
#define CORE_TEMPLATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include "core/template.h"

enum part_kind {
	PART_NOTHING,
	PART_MEASUREMENT,
	PART_MEASUREMENT_REST,
	PART_FIELD,
	PART_FIELD_REST,
	PART_TAG,
};

struct part {
	enum part_kind kind;
	size_t tag; /* PART_TAG: index of its key */
};

/* Its value is the one given with the template, if there is one, then the parts', joined. */
struct template_tag {
	const char *key;
	const char *value; /* NULL: none */
};

struct template
{
	const char *separator;
	struct part parts[TEMPLATE_PARTS_MAX];
	size_t part_count;
	struct template_tag tags[TEMPLATE_PARTS_MAX];
	size_t tag_count;
};

struct template_node {
	struct piece part;
	struct template_node *children, *next;
	const struct template *template;
};

struct template_list {
	struct arena arena;
	struct template_node root;
	const struct template *fallback;
	const char *separator; /* of filters: that of the last template, as in Telegraf */
	const char *joiner;
};

/* Cuts off the component at the front. False: there was none left. */
bool template_cut(struct piece *rest, const char *separator, struct piece *part);
bool template_word_is(struct piece piece, const char *word);
/* The child that carries this component; NULL: none. */
struct template_node *template_child(const struct template_node *node, struct piece part);

#endif /* CORE_TEMPLATE_INTERNAL_H */
