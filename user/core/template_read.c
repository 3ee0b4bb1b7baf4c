// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From the words of templates to their tree. What Telegraf would stumble over later is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/template_internal.h"

static const struct {
	const char *word;
	enum part_kind kind;
} part_words[] = {
	{ "", PART_NOTHING },
	{ "measurement", PART_MEASUREMENT },
	{ "measurement*", PART_MEASUREMENT_REST },
	{ "field", PART_FIELD },
	{ "field*", PART_FIELD_REST },
};

/* Words of one template; the list is sorted as Telegraf sorts: it decides which of equal filters stays. */
struct spec {
	const char *separator, *filter, *pattern, *tags;
	size_t depth, number;
};

/* The index of the tag with this key, added if it is new; TEMPLATE_PARTS_MAX: no room. */
static size_t template_tag(struct template_list *list, struct template *template, struct piece key)
{
	size_t i;

	for (i = 0; i < template->tag_count; i++)
		if (template_word_is(key, template->tags[i].key))
			return i;
	if (i == TEMPLATE_PARTS_MAX)
		return i;
	template->tags[i].key = arena_copy(&list->arena, key.text, key.len);
	if (!template->tags[i].key)
		return TEMPLATE_PARTS_MAX;
	return template->tag_count++;
}

/* "region=eu,rack=1" */
static int template_read_tags(struct template_list *list, struct template *template, const char *text,
			      struct error *error)
{
	struct piece rest = { text, strlen(text) }, tag;
	const char *equals;
	size_t number;

	while (template_cut(&rest, ",", &tag)) {
		equals = memchr(tag.text, '=', tag.len);
		if (!equals || equals == tag.text || equals + 1 == tag.text + tag.len)
			return error_set(error, -EINVAL, "'%.*s' is not tag=value", (int)tag.len, tag.text);
		number =
			template_tag(list, template, (struct piece){ tag.text, (size_t)(equals - tag.text) });
		if (number == TEMPLATE_PARTS_MAX)
			return error_set(error, -EINVAL, "more than %d tags", TEMPLATE_PARTS_MAX);
		template->tags[number].value =
			arena_copy(&list->arena, equals + 1, tag.len - (size_t)(equals + 1 - tag.text));
		if (!template->tags[number].value)
			return error_set(error, -ENOMEM, "out of memory");
	}
	return 0;
}

static int template_read_part(struct template_list *list, struct template *template, struct piece word,
			      struct error *error)
{
	struct part *part = &template->parts[template->part_count];

	if (template->part_count++ == TEMPLATE_PARTS_MAX)
		return error_set(error, -EINVAL, "more than %d components", TEMPLATE_PARTS_MAX);
	for (size_t i = 0; i < sizeof(part_words) / sizeof(part_words[0]); i++) {
		part->kind = part_words[i].kind;
		if (template_word_is(word, part_words[i].word))
			return 0;
	}
	part->kind = PART_TAG;
	part->tag = template_tag(list, template, word);
	return part->tag == TEMPLATE_PARTS_MAX ? error_set(error, -EINVAL, "too many tags") : 0;
}

static bool template_has(const struct template *template, enum part_kind kind)
{
	for (size_t i = 0; i < template->part_count; i++)
		if (template->parts[i].kind == kind)
			return true;
	return false;
}

static struct template *template_new(struct template_list *list, const struct spec *spec, struct error *error)
{
	struct template *template = arena_take(&list->arena, sizeof(*template));
	struct piece rest = { spec->pattern, strlen(spec->pattern) }, word;
	int err = 0;

	if (!template) {
		error_set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	template->separator = spec->separator;
	if (spec->tags)
		err = template_read_tags(list, template, spec->tags, error);
	while (!err && template_cut(&rest, template->separator, &word))
		err = template_read_part(list, template, word, error);
	if (err)
		return NULL;
	if (!template_has(template, PART_MEASUREMENT) && !template_has(template, PART_MEASUREMENT_REST)) {
		error_set(error, -EINVAL, "no component is 'measurement' or 'measurement*'");
		return NULL;
	}
	if (template_has(template, PART_MEASUREMENT_REST) && template_has(template, PART_FIELD_REST)) {
		error_set(error, -EINVAL, "'measurement*' and 'field*' exclude each other");
		return NULL;
	}
	return template;
}

/*
 *     measurement.host            2: filter template        cpu.* measurement.host
 *                                    or template tags       measurement.host region=eu
 *     3: filter template tags, or separator filter template
 *     4: separator filter template tags
 */
static int spec_read(struct spec *spec, char *text, struct error *error)
{
	char *words[5], *state = NULL;
	size_t count = 0;

	for (char *word = strtok_r(text, " \t", &state); word && count < 5;
	     word = strtok_r(NULL, " \t", &state))
		words[count++] = word;
	if (!count || count == 5)
		return error_set(error, -EINVAL,
				 "not [separator] [filter] template [tag=value,...]: %zu words", count);
	*spec = (struct spec){ .separator = ".", .filter = "" };
	if (count > 1 && (count == 4 || strchr(words[count - 1], '=')))
		spec->tags = words[--count];
	spec->pattern = words[--count];
	if (count)
		spec->filter = words[--count];
	if (count)
		spec->separator = words[--count];
	for (const char *at = spec->pattern; (at = strstr(at, spec->separator));
	     at += strlen(spec->separator))
		spec->depth++;
	return 0;
}

static int spec_compare(const void *a, const void *b)
{
	const struct spec *one = a, *other = b;

	if (!*one->filter != !*other->filter)
		return *one->filter ? 1 : -1;
	if (one->depth != other->depth)
		return one->depth < other->depth ? -1 : 1;
	return one->number < other->number ? -1 : one->number > other->number;
}

static int filter_insert(struct template_list *list, const struct spec *spec, const struct template *template)
{
	struct piece rest = { spec->filter, strlen(spec->filter) }, part;
	struct template_node *node = &list->root, *child;

	list->separator = spec->separator;
	if (!*spec->filter) {
		list->fallback = template;
		return 0;
	}
	while (template_cut(&rest, spec->separator, &part)) {
		child = template_child(node, part);
		if (!child) {
			child = arena_take(&list->arena, sizeof(*child));
			if (!child)
				return -ENOMEM;
			child->part = part;
			child->next = node->children;
			node->children = child;
		}
		node = child;
	}
	node->template = template;
	return 0;
}

static int specs_insert(struct template_list *list, const struct spec *specs, size_t count, size_t *bad,
			struct error *error)
{
	const struct template *template;

	for (size_t i = 0; i < count; i++) {
		*bad = specs[i].number;
		template = template_new(list, &specs[i], error);
		if (!template || filter_insert(list, &specs[i], template))
			return -EINVAL;
	}
	return 0;
}

struct template_list *template_list_new(const char (*texts)[TEMPLATE_BYTES], size_t count,
					const char *separator, size_t *bad, struct error *error)
{
	const struct spec all = { .separator = ".", .filter = "", .pattern = "measurement*" };
	struct template_list *list = calloc(1, sizeof(*list));
	struct spec specs[TEMPLATES_MAX];
	char *text;
	int err = 0;

	*bad = count;
	if (!list)
		goto out_memory;
	list->separator = ".";
	list->joiner = arena_copy(&list->arena, separator, strlen(separator));
	list->fallback = template_new(list, &all, error);
	if (!list->joiner || !list->fallback)
		goto out_memory;
	for (size_t i = 0; !err && i < count; i++) {
		*bad = i;
		text = arena_copy(&list->arena, texts[i], strlen(texts[i]));
		if (!text)
			goto out_memory;
		err = spec_read(&specs[i], text, error);
		specs[i].number = i;
	}
	if (!err && count)
		qsort(specs, count, sizeof(*specs), spec_compare);
	if (!err && !specs_insert(list, specs, count, bad, error))
		return list;
	template_list_free(list);
	return NULL;

out_memory:
	error_set(error, -ENOMEM, "out of memory");
	template_list_free(list);
	return NULL;
}

void template_list_free(struct template_list *list)
{
	if (!list)
		return;
	arena_release(&list->arena);
	free(list);
}
