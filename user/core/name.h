/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Canonical names: what a series is called, made of bytes that anybody may have sent.
 * Only [a-zA-Z0-9_.-] leaves here in names and keys of tags, '=' beside them in values.
 * Pure: bytes in, text out.
 */
#ifndef CORE_NAME_H
#define CORE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name and tags together, with both NULs. A line of Graphite made of them stays far below its 16384. */
#define NAME_BYTES 8192
#define NAME_TAGS_MAX 1024

struct mapping_rule;

struct canonical_name {
	char text[NAME_BYTES]; /* the name, NUL, the tags "k=v;k2=v2" sorted by key, NUL */
	size_t name_len;
	size_t tags_len; /* 0: no tags */
	/* What a rule of the mapping says beyond the name. The first two tell series apart. */
	double scale; /* values are multiplied by it; 1 unless a rule says otherwise */
	bool dropped; /* the rule's action is to throw the values away */
	int64_t ttl; /* nanoseconds without an observation after which it is forgotten; 0: as configured for all */
	const struct mapping_rule
		*rule; /* which one it is, as long as the naming lives; NULL: none, or it drops */
};

/*
 * naming_make() (core/naming.h) without a mapping and with every syntax of tags: `name` as it stood before
 * the colon, `tags` the text behind "|#" ("k:v,bare"). -ENAMETOOLONG: does not fit, or too
 * many tags.
 *
 * Sanitising is statsd's: blanks become '_', '/' becomes '-', whatever else is not allowed
 * goes. A name that is "kstatsd" or begins with "kstatsd.", "kstatsd_" or "kstatsd-", as only the daemon's own do to one
 * sink or another, gets a '_' before it: nobody can count in the ledger but the daemon. Beyond statsd, too, so that carbon
 * can store every result: empty path components go
 * ("a..b" is "a.b"), a name of nothing is "_", a tag without a value has the value "true",
 * a tag without a key goes, the key "name", which carbon uses itself, becomes "_name"; of
 * equal keys the last one stays.
 */
int canonical_name_make(struct canonical_name *canonical, const void *name, size_t name_len, const void *tags,
			size_t tags_len);

/* A name of the daemon's own, taken as it is. -ENAMETOOLONG. */
int canonical_name_own(struct canonical_name *canonical, const char *name);

/* Only the name: sanitised, its empty components collapsed, disowned. Tags are to follow. -ENAMETOOLONG. */
int canonical_name_set(struct canonical_name *canonical, const void *name, size_t len);

/*
 * Sanitises `len` bytes to `to`, at most as many and a NUL; returns how many. `also`, unless
 * it is NUL, is one more byte that survives.
 */
size_t name_sanitise(char *to, const void *text, size_t len, char also);

/* The tags of a canonical name, for whoever formats them: text behind the name's NUL. */
static inline const char *canonical_name_tags(const struct canonical_name *canonical)
{
	return canonical->text + canonical->name_len + 1;
}

#endif /* CORE_NAME_H */
