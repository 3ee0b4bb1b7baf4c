/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What a series is called, from the bytes that were sent:
 *
 *     raw -> tags cut out of the name -> mapping, else templates -> canonical name
 *
 *     web.eu.hits#code=200   |#zone:a     match: "web.*.hits", name: "hits", labels: {region: "$1"}
 *     ^^^^^^^^^^^                         hits;code=200;region=eu;zone=a
 *
 * Asked once for a series that the kernel holds, and for each line of the slow path (once for all
 * its values of a type).
 */
#ifndef CORE_NAMING_H
#define CORE_NAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/name.h"
#include "kstatsd.h"

struct mapping;
struct template_list;

/* Which syntaxes of tags are read; what is not read is part of the name, and sanitised with it. */
struct naming_tags {
	bool dogstatsd; /* name:1|c|#k:v; if false, tags are not looked at */
	bool influxdb;	/* name,k=v */
	bool librato;	/* name#k=v */
	bool signalfx;	/* name[k=v] */
	bool graphite;	/* name;k=v */
};

struct naming;

/*
 * `mapping` and `templates` may be NULL and are the naming's from now on, also on failure.
 * NULL: out of memory.
 */
struct naming *naming_new(const struct naming_tags *tags, struct mapping *mapping,
			  struct template_list *templates);
/*
 * Tags for every name, the daemon's own as well: canonical, "k=v;k2=v2"; a copy is made. One that was sent, or
 * made by a template or the mapping, wins. -ENOMEM.
 */
int naming_set_tags(struct naming *naming, const char *tags);
/* Safe on NULL. */
void naming_free(struct naming *naming);

/*
 * The canonical name of a series; its tags_len bytes of `tags` are the text behind "|#".
 * `naming` NULL: every syntax of tags, no mapping, no templates. -ENAMETOOLONG.
 */
int naming_make(struct naming *naming, enum metric_type type, struct canonical_name *canonical,
		const void *name, size_t name_len, const void *tags, size_t tags_len);

/* The name of the daemon's own that is `name`, with those tags. `naming` NULL: without. -ENAMETOOLONG. */
int naming_make_own(const struct naming *naming, struct canonical_name *canonical, const char *name);
/* Adds them to the tags of something else that was sent: an event. -ENAMETOOLONG: `tags` stay as they were. */
int naming_add_tags(const struct naming *naming, struct canonical_name *canonical, const char *tags);

/* The same for somebody who only looks: naming_failures() stays as it is. */
int naming_look(struct naming *naming, enum metric_type type, struct canonical_name *canonical,
		const void *name, size_t name_len, const void *tags, size_t tags_len);

/*
 * Names that stayed unmapped although a rule may be for them: a regular expression gave up,
 * or the rule made an empty name of it.
 */
uint64_t naming_failures(const struct naming *naming);

#endif /* CORE_NAMING_H */
