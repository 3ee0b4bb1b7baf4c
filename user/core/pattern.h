/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Regular expressions with PCRE2, which understands what Go's RE2 does. Unlike RE2 it goes
 * back and tries again, so a search is limited: no name can keep the daemon busy.
 */
#ifndef CORE_PATTERN_H
#define CORE_PATTERN_H

#include <stddef.h>
#include "core/expand.h"
#include "lib/error.h"

#define PATTERN_GROUPS_MAX 128 /* with the one of the whole; further ones are empty */

struct pattern;

/* NULL with the reason in `error`: not a regular expression, or out of memory. */
struct pattern *pattern_new(const char *regex, struct error *error);
void pattern_free(struct pattern *pattern);

/* The number of a named group; -ENOENT. An expansion_group_fn. */
int pattern_group(const void *pattern, const char *name, size_t len);

/*
 * Searches `text` anywhere. 1 and the groups (PATTERN_GROUPS_MAX), 0: not found, -ELOOP: the
 * limit was reached.
 */
int pattern_search(const struct pattern *pattern, struct piece text, struct piece *groups,
		   size_t *group_count);

#endif /* CORE_PATTERN_H */
