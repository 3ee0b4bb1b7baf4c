// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Styles of tags are told apart as statsd_exporter does: SignalFx's brackets first, which
 * are cut out wherever they stand; else the first ',' or '#' ends the name. Graphite's ';',
 * which statsd_exporter has not, is one more of those. Tags of several styles are merged.
 * Where keys are equal, what is added later wins: global, name, template, "|#", labels of the rule.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/mapping.h"
#include "core/naming.h"
#include "core/tag.h"
#include "core/template.h"

struct naming {
	struct naming_tags tags;
	struct mapping *mapping;
	struct template_list *templates;
	char *global_tags; /* for all; NULL: none */
	uint64_t empty;	   /* names that a rule made of nothing */
};

/* One name being made. */
struct work {
	const struct naming_tags *syntaxes;
	struct tag_list tags;
	char cut[NAME_BYTES];  /* the name without SignalFx's brackets */
	char text[NAME_BYTES]; /* what a rule makes of it */
	size_t text_len;
	struct mapping_match match;
};

static const struct naming_tags all_tags = { true, true, true, true, true };

struct naming *naming_new(const struct naming_tags *tags, struct mapping *mapping,
			  struct template_list *templates)
{
	struct naming *naming = malloc(sizeof(*naming));

	if (naming) {
		*naming = (struct naming){ .tags = *tags, .mapping = mapping, .templates = templates };
		return naming;
	}
	mapping_free(mapping);
	template_list_free(templates);
	return NULL;
}

int naming_set_tags(struct naming *naming, const char *tags)
{
	char *copy = *tags ? strdup(tags) : NULL;

	if (*tags && !copy)
		return -ENOMEM;
	free(naming->global_tags);
	naming->global_tags = copy;
	return 0;
}

void naming_free(struct naming *naming)
{
	if (!naming)
		return;
	free(naming->global_tags);
	mapping_free(naming->mapping);
	template_list_free(naming->templates);
	free(naming);
}

uint64_t naming_failures(const struct naming *naming)
{
	return naming->empty + (naming->mapping ? naming->mapping->given_up : 0);
}

/*
 *     name[k=v,k2=v2]suffix
 *          ^^^^^^^^^
 * 1: cut out; 0: there is no bracket; -EINVAL: brackets that are no pair.
 */
static int cut_brackets(struct work *work, struct piece *name)
{
	const char *open = memchr(name->text, '[', name->len), *close = memchr(name->text, ']', name->len);
	size_t before, behind;
	int err;

	if (!open && !close)
		return 0;
	if (!open || !close || close < open)
		return -EINVAL;
	before = (size_t)(open - name->text);
	behind = name->len - (size_t)(close + 1 - name->text);
	if (before + behind > sizeof(work->cut))
		return -ENAMETOOLONG;
	err = tag_list_parse(&work->tags, open + 1, (size_t)(close - open - 1), ',');
	if (err)
		return err;
	memcpy(work->cut, name->text, before);
	memcpy(work->cut + before, close + 1, behind);
	*name = (struct piece){ work->cut, before + behind };
	return 1;
}

/* Where the name ends for the first of the separators in `ends`, its length if for none. */
static size_t name_end(struct piece name, const char *ends)
{
	size_t i = 0;

	while (i < name.len && (!name.text[i] || !strchr(ends, name.text[i])))
		i++;
	return i;
}

/* Takes the tags out of the name. */
static int name_cut(struct work *work, struct piece *name)
{
	const struct naming_tags *syntaxes = work->syntaxes;
	int brackets = syntaxes->signalfx ? cut_brackets(work, name) : 0;
	char ends[4], *end = ends;
	struct piece rest;
	size_t at;

	if (brackets < 0 && brackets != -EINVAL)
		return brackets;
	if (syntaxes->graphite)
		*end++ = ';';
	/* Beside brackets, statsd_exporter looks for no other style. */
	if (syntaxes->influxdb && !brackets)
		*end++ = ',';
	if (syntaxes->librato && !brackets)
		*end++ = '#';
	*end = '\0';
	at = name_end(*name, ends);
	rest = (struct piece){ name->text + at, name->len - at };
	name->len = at;
	if (!rest.len)
		return 0;
	return tag_list_parse(&work->tags, rest.text + 1, rest.len - 1, *rest.text == ';' ? ';' : ',');
}

static int labels_add(struct work *work, const struct mapping_rule *rule)
{
	const struct mapping_label *label;
	char value[NAME_BYTES];
	size_t len;
	int err = 0;

	for (size_t i = 0; !err && i < rule->label_count; i++) {
		label = &rule->labels[i];
		if (rule->honor_labels && tag_list_has(&work->tags, label->key))
			continue;
		err = expansion_write(&label->expansion, work->match.groups, work->match.group_count, value,
				      sizeof(value), &len);
		/* To Prometheus an empty label is one that is not there. */
		if (!err && !len)
			tag_list_remove(&work->tags, label->key);
		else if (!err)
			err = tag_list_add(&work->tags, label->key, strlen(label->key), value, len);
	}
	return err;
}

/*
 * What the mapping says of the name. True: a rule named it. What is dropped keeps its name:
 * it is counted by series.
 */
static int name_map(struct naming *naming, enum metric_type type, struct work *work,
		    struct canonical_name *canonical, struct piece *name, bool *named)
{
	const struct mapping_rule *rule;
	int err;

	canonical->ttl = naming->mapping->ttl;
	canonical->rule = naming->mapping->fallback;
	if (!mapping_find(naming->mapping, type, *name, &work->match))
		return 0;
	rule = work->match.rule;
	canonical->dropped = rule->action == ACTION_DROP;
	if (canonical->dropped)
		return 0;
	err = expansion_write(&rule->expansion, work->match.groups, work->match.group_count, work->text,
			      sizeof(work->text), &work->text_len);
	*named = !err && work->text_len;
	naming->empty += !err && !work->text_len;
	if (!*named)
		return err;
	*name = (struct piece){ work->text, work->text_len };
	canonical->ttl = rule->ttl;
	canonical->scale = rule->scale;
	canonical->rule = rule;
	return 0;
}

static int name_template(const struct naming *naming, struct work *work, struct piece *name)
{
	int err = template_list_apply(naming->templates, *name, &work->tags, work->text, sizeof(work->text),
				      &work->text_len);

	*name = (struct piece){ work->text, work->text_len };
	return err;
}

static int global_tags_add(const struct naming *naming, struct tag_list *tags)
{
	if (!naming || !naming->global_tags)
		return 0;
	return tag_list_parse(tags, naming->global_tags, strlen(naming->global_tags), ';');
}

static int work_do(struct naming *naming, enum metric_type type, struct work *work,
		   struct canonical_name *canonical, struct piece name, struct piece tags)
{
	bool named = false;
	int err = global_tags_add(naming, &work->tags);

	if (!err)
		err = name_cut(work, &name);
	if (!err && naming && naming->mapping)
		err = name_map(naming, type, work, canonical, &name, &named);
	if (!err && !named && !canonical->dropped && naming && naming->templates)
		err = name_template(naming, work, &name);
	if (!err)
		err = tag_list_parse(&work->tags, tags.text, tags.len, ',');
	if (!err && named)
		err = labels_add(work, work->match.rule);
	if (!err)
		err = canonical_name_set(canonical, name.text, name.len);
	return err ? err : tag_list_write(&work->tags, canonical);
}

int naming_make(struct naming *naming, enum metric_type type, struct canonical_name *canonical,
		const void *name, size_t name_len, const void *tags, size_t tags_len)
{
	struct work work;

	/* Only what must be zero: the rest is large, and written before it is read. */
	work.syntaxes = naming ? &naming->tags : &all_tags;
	work.tags.used = 0;
	work.tags.count = 0;
	canonical->scale = 1;
	canonical->dropped = false;
	canonical->ttl = 0;
	canonical->rule = NULL;
	return work_do(naming, type, &work, canonical, (struct piece){ name, name_len },
		       (struct piece){ tags, work.syntaxes->dogstatsd ? tags_len : 0 });
}

int naming_make_own(const struct naming *naming, struct canonical_name *canonical, const char *name)
{
	int err = canonical_name_own(canonical, name);

	return err ? err : naming_add_tags(naming, canonical, "");
}

int naming_add_tags(const struct naming *naming, struct canonical_name *canonical, const char *tags)
{
	struct tag_list list;
	int err;

	list.used = 0;
	list.count = 0;
	err = global_tags_add(naming, &list);
	if (!err)
		err = tag_list_parse(&list, tags, strlen(tags), ';');
	return err ? err : tag_list_write(&list, canonical);
}

int naming_look(struct naming *naming, enum metric_type type, struct canonical_name *canonical,
		const void *name, size_t name_len, const void *tags, size_t tags_len)
{
	uint64_t empty;
	int err;

	if (!naming || !naming->mapping)
		return naming_make(naming, type, canonical, name, name_len, tags, tags_len);
	empty = naming->empty;
	naming->mapping->looking = true;
	err = naming_make(naming, type, canonical, name, name_len, tags, tags_len);
	naming->mapping->looking = false;
	naming->empty = empty;
	return err;
}
