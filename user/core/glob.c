// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The edges of the tree lie in one hash table, keyed by the node they leave and the
 * component they carry; stars are kept in the node. Each node knows the lowest rule below
 * it, so a search turns back where nothing better can come, and visits no node twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/glob.h"

#define EDGES_MIN 64

struct node {
	uint32_t star;		     /* the node behind '*'; 0: none, as nothing leads to the root */
	uint32_t own[METRIC_TYPES];  /* the rule that ends here */
	uint32_t best[METRIC_TYPES]; /* the lowest that ends here or below */
};

struct edge {
	struct piece part;
	uint32_t from, to; /* to == 0: a free place */
};

struct glob_tree {
	struct node *nodes;
	uint32_t node_count, node_size;
	struct edge *edges; /* open addressing, size: a power of two */
	uint32_t edge_count, edge_size;
	size_t depth; /* of the longest glob */
};

struct search {
	const struct glob_tree *tree;
	enum metric_type type;
	bool ordered;
	size_t count;
	const struct piece *parts;
	struct piece stars[GLOB_PARTS_MAX]; /* on the way to where the search is */
	struct piece *groups;
	size_t found_stars;
	uint32_t found;
};

/* FNV-1a. Nobody outside chooses what is in the table, so it needs no key. */
static uint32_t edge_hash(uint32_t from, struct piece part)
{
	uint32_t hash = 2166136261U ^ from * 0x9e3779b1U;

	for (size_t i = 0; i < part.len; i++)
		hash = (hash ^ (unsigned char)part.text[i]) * 16777619U;
	return hash ^ hash >> 15;
}

/* Its place in the table, or the free one where it would be. */
static struct edge *edge_at(const struct glob_tree *tree, uint32_t from, struct piece part)
{
	uint32_t at = edge_hash(from, part) & (tree->edge_size - 1);
	struct edge *edge = &tree->edges[at];

	while (edge->to && (edge->from != from || edge->part.len != part.len ||
			    memcmp(edge->part.text, part.text, part.len) != 0)) {
		at = (at + 1) & (tree->edge_size - 1);
		edge = &tree->edges[at];
	}
	return edge;
}

static int edges_grow(struct glob_tree *tree)
{
	struct edge *old = tree->edges;
	uint32_t old_size = tree->edge_size;
	struct edge *edges = calloc(2 * (size_t)old_size, sizeof(*edges));

	if (!edges)
		return -ENOMEM;
	tree->edges = edges;
	tree->edge_size = 2 * old_size;
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i].to)
			*edge_at(tree, old[i].from, old[i].part) = old[i];
	free(old);
	return 0;
}

/* Its number, or 0: out of memory. The first one is the root, which nobody asks for again. */
static uint32_t node_new(struct glob_tree *tree)
{
	uint32_t size = tree->node_size ? 2 * tree->node_size : EDGES_MIN;
	struct node *nodes;

	if (tree->node_count == tree->node_size) {
		nodes = reallocarray(tree->nodes, size, sizeof(*nodes));
		if (!nodes)
			return 0;
		tree->nodes = nodes;
		tree->node_size = size;
	}
	nodes = &tree->nodes[tree->node_count];
	*nodes = (struct node){};
	for (size_t type = 0; type < METRIC_TYPES; type++)
		nodes->own[type] = nodes->best[type] = GLOB_NONE;
	return tree->node_count++;
}

struct glob_tree *glob_tree_new(void)
{
	struct glob_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->edge_size = EDGES_MIN;
	tree->edges = calloc(tree->edge_size, sizeof(*tree->edges));
	node_new(tree);
	if (tree->edges && tree->node_count)
		return tree;
	glob_tree_free(tree);
	return NULL;
}

void glob_tree_free(struct glob_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->edges);
	free(tree);
}

/* Cuts off the component at the front. False: there was none left. */
static bool part_next(struct piece *rest, struct piece *part)
{
	const char *dot;

	if (!rest->text)
		return false;
	dot = memchr(rest->text, '.', rest->len);
	*part = (struct piece){ rest->text, dot ? (size_t)(dot - rest->text) : rest->len };
	*rest = (struct piece){ dot ? dot + 1 : NULL, dot ? rest->len - part->len - 1 : 0 };
	return true;
}

static bool part_is_star(struct piece part)
{
	return part.len == 1 && *part.text == '*';
}

/* The node behind `from`, made if it is not there. 0: out of memory. */
static uint32_t node_behind(struct glob_tree *tree, uint32_t from, struct piece part)
{
	struct edge *edge;
	uint32_t to;

	if (part_is_star(part) && tree->nodes[from].star)
		return tree->nodes[from].star;
	/* At most half full. */
	if (2 * (tree->edge_count + 1) > tree->edge_size && edges_grow(tree))
		return 0;
	edge = edge_at(tree, from, part);
	if (!part_is_star(part) && edge->to)
		return edge->to;
	to = node_new(tree);
	if (!to)
		return 0;
	if (part_is_star(part)) {
		tree->nodes[from].star = to;
		return to;
	}
	*edge = (struct edge){ .part = part, .from = from, .to = to };
	tree->edge_count++;
	return to;
}

static void rule_lower(uint32_t rules[METRIC_TYPES], unsigned int types, uint32_t rule)
{
	for (size_t type = 0; type < METRIC_TYPES; type++)
		if (types & 1U << type && rule < rules[type])
			rules[type] = rule;
}

int glob_tree_add(struct glob_tree *tree, const char *glob, unsigned int types, uint32_t rule)
{
	struct piece rest = { glob, strlen(glob) }, part;
	uint32_t nodes[GLOB_PARTS_MAX + 1] = { 0 };
	size_t depth = 0;

	while (part_next(&rest, &part)) {
		if (depth == GLOB_PARTS_MAX)
			return -E2BIG;
		nodes[depth + 1] = node_behind(tree, nodes[depth], part);
		if (!nodes[++depth])
			return -ENOMEM;
	}
	for (size_t i = 0; i <= depth; i++)
		rule_lower(tree->nodes[nodes[i]].best, types, rule);
	rule_lower(tree->nodes[nodes[depth]].own, types, rule);
	if (depth > tree->depth)
		tree->depth = depth;
	return 0;
}

/* As deep as the deepest glob. */
static void search_below(struct search *search, uint32_t from, size_t depth, size_t stars)
{
	const struct glob_tree *tree = search->tree;
	const struct node *node = &tree->nodes[from];
	uint32_t to;

	if (node->best[search->type] >= search->found || (!search->ordered && search->found != GLOB_NONE))
		return;
	if (depth == search->count) {
		if (node->own[search->type] >= search->found)
			return;
		search->found = node->own[search->type];
		search->found_stars = stars;
		memcpy(search->groups + 1, search->stars, stars * sizeof(*search->stars));
		return;
	}
	to = edge_at(tree, from, search->parts[depth])->to;
	if (to)
		search_below(search, to, depth + 1, stars);
	if (node->star) {
		search->stars[stars] = search->parts[depth];
		search_below(search, node->star, depth + 1, stars + 1);
	}
}

uint32_t glob_tree_find(const struct glob_tree *tree, enum metric_type type, bool ordered, struct piece name,
			struct piece *groups, size_t *group_count)
{
	struct piece parts[GLOB_PARTS_MAX], rest = name;
	struct search search = {
		.tree = tree,
		.type = type,
		.ordered = ordered,
		.parts = parts,
		.groups = groups,
		.found = GLOB_NONE,
	};
	struct piece part;

	while (part_next(&rest, &part)) {
		if (search.count == tree->depth)
			return GLOB_NONE;
		parts[search.count++] = part;
	}
	search_below(&search, 0, 0, 0);
	groups[0] = name;
	*group_count = search.found_stars + 1;
	return search.found;
}
