/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Many globs at once: "a.*.c", where '*' is one whole component between dots. They lie in one
 * tree, by component, so that finding takes as long as the name is deep, not as there are rules:
 *
 *     a.b.c -> 0          (root) --a--> . --b--> . --c--> [0]
 *     a.*.c -> 1                         '--*--> . --c--> [1]
 */
#ifndef CORE_GLOB_H
#define CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/expand.h"
#include "kstatsd.h"

#define GLOB_PARTS_MAX 128 /* components of a glob */
#define GLOB_NONE UINT32_MAX

struct glob_tree;

/* NULL: out of memory. */
struct glob_tree *glob_tree_new(void);
void glob_tree_free(struct glob_tree *tree);

/*
 * Adds `rule` under a glob that must outlive the tree, for the metric types whose bits are
 * set. Of equal globs the lowest rule stays. -E2BIG: more than GLOB_PARTS_MAX components;
 * -ENOMEM.
 */
int glob_tree_add(struct glob_tree *tree, const char *glob, unsigned int types, uint32_t rule);

/*
 * The lowest rule whose glob is `name`; or, unless `ordered`, the most specific: from the
 * left, a component that is named goes before a '*'. GLOB_NONE if there is none. groups[1]
 * and on, GLOB_PARTS_MAX + 1 in all, become what the stars stand for, groups[0] the name.
 */
uint32_t glob_tree_find(const struct glob_tree *tree, enum metric_type type, bool ordered, struct piece name,
			struct piece *groups, size_t *group_count);

#endif /* CORE_GLOB_H */
