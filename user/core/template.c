// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Filters lie in a tree, by component. A search goes down where the component is named,
 * turns to the '*' if nothing was found there, and else stays where it is:
 *
 *     cpu.*        for cpu.a, cpu.a.b
 *     cpu.load     for cpu.load, cpu.load.x
 */
#include <errno.h>
#include <string.h>
#include "core/template_internal.h"

/* Text being written; a failure stays. */
struct output {
	char *to;
	size_t size, used;
	bool full;
};

static void output_add(struct output *output, const char *text, size_t len)
{
	if (len > output->size - output->used) {
		output->full = true;
		return;
	}
	memcpy(output->to + output->used, text, len);
	output->used += len;
}

static void output_join(struct output *output, bool *first, struct piece piece, const char *joiner)
{
	if (!*first)
		output_add(output, joiner, strlen(joiner));
	*first = false;
	output_add(output, piece.text, piece.len);
}

bool template_cut(struct piece *rest, const char *separator, struct piece *part)
{
	size_t separator_len = strlen(separator);
	const char *end;

	if (!rest->text)
		return false;
	end = memmem(rest->text, rest->len, separator, separator_len);
	*part = (struct piece){ rest->text, end ? (size_t)(end - rest->text) : rest->len };
	*rest = (struct piece){ end ? end + separator_len : NULL,
				end ? rest->len - part->len - separator_len : 0 };
	return true;
}

bool template_word_is(struct piece piece, const char *word)
{
	return piece.len == strlen(word) && !memcmp(piece.text, word, piece.len);
}

static bool piece_equals(struct piece a, struct piece b)
{
	return a.len == b.len && !memcmp(a.text, b.text, a.len);
}

struct template_node *template_child(const struct template_node *node, struct piece part)
{
	struct template_node *child;

	for (child = node->children; child; child = child->next)
		if (piece_equals(child->part, part))
			break;
	return child;
}

/* NULL: no filter matches. As deep as the longest filter. */
static const struct template *node_search(const struct template_node *node, struct piece rest,
					  const char *separator)
{
	const struct template *template;
	const struct template_node *child;
	struct piece part;

	if (!node->children || !template_cut(&rest, separator, &part))
		return node->template;
	child = template_word_is(part, "*") ? NULL : template_child(node, part);
	template = child ? node_search(child, rest, separator) : NULL;
	if (template)
		return template;
	child = template_child(node, (struct piece){ "*", 1 });
	return child ? node_search(child, rest, separator) : node->template;
}

/* All components from `from` on. */
static void output_rest(struct output *output, bool *first, struct piece from, const char *separator,
			const char *joiner)
{
	struct piece part;

	while (template_cut(&from, separator, &part))
		output_join(output, first, part, joiner);
}

/* Where the components of a name begin that a template has a word for. */
struct components {
	struct piece from[TEMPLATE_PARTS_MAX], part[TEMPLATE_PARTS_MAX];
	size_t count;
};

static void components_find(struct components *components, const struct template *template, struct piece name)
{
	size_t i = 0;

	for (; i < template->part_count; i++) {
		components->from[i] = name;
		if (!template_cut(&name, template->separator, &components->part[i]))
			break;
	}
	components->count = i;
}

/* What the words `one` and `rest` stand for, joined. */
static void output_kind(struct output *output, const struct template *template,
			const struct components *components, enum part_kind one, enum part_kind rest,
			const char *joiner)
{
	bool first = true;

	for (size_t i = 0; i < components->count; i++) {
		if (template->parts[i].kind == one)
			output_join(output, &first, components->part[i], joiner);
		else if (template->parts[i].kind == rest)
			output_rest(output, &first, components->from[i], template->separator, joiner);
	}
}

static int tag_apply(const struct template *template, size_t number, const struct components *components,
		     const char *joiner, struct tag_list *tags)
{
	const struct template_tag *tag = &template->tags[number];
	char value[NAME_BYTES];
	struct output output = { .to = value, .size = sizeof(value) };
	bool first = true;

	if (tag->value)
		output_join(&output, &first, (struct piece){ tag->value, strlen(tag->value) }, joiner);
	for (size_t i = 0; i < components->count; i++)
		if (template->parts[i].kind == PART_TAG && template->parts[i].tag == number)
			output_join(&output, &first, components->part[i], joiner);
	if (output.full)
		return -ENAMETOOLONG;
	/* The name is too short, or has nothing there: no tag. */
	return output.used ? tag_list_add(tags, tag->key, strlen(tag->key), value, output.used) : 0;
}

int template_list_apply(const struct template_list *list, struct piece name, struct tag_list *tags, char *to,
			size_t size, size_t *len)
{
	const struct template *template = node_search(&list->root, name, list->separator);
	struct output output = { .to = to, .size = size };
	struct components components;
	bool first = true;
	size_t before;
	int err = 0;

	if (!template)
		template = list->fallback;
	components_find(&components, template, name);
	output_kind(&output, template, &components, PART_MEASUREMENT, PART_MEASUREMENT_REST, list->joiner);
	/* Nothing there, the name is too short for its template: it stays as it is. */
	if (!output.used)
		output_rest(&output, &first, name, template->separator, list->joiner);
	before = output.used;
	output_add(&output, ".", 1);
	output_kind(&output, template, &components, PART_FIELD, PART_FIELD_REST, list->joiner);
	if (output.used == before + 1)
		output.used = before;
	for (size_t i = 0; !err && i < template->tag_count; i++)
		err = tag_apply(template, i, &components, list->joiner, tags);
	*len = output.used;
	return output.full ? -ENAMETOOLONG : err;
}
