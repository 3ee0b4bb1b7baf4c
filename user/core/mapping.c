// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Regular expressions have no index: all are tried. So what came of it is remembered for some
 * names, by a keyed hash of 128 bits; lines that take the slow path ask for theirs each time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "core/mapping.h"
#include "hash.h"

#define MEMORY_PLACES 4096    /* a power of two */
#define REMEMBERED_BYTES 1024 /* longest name */

_Static_assert(PATTERN_GROUPS_MAX <= GLOB_PARTS_MAX + 1, "groups of either fit in a match");

/* Which regular expression a name falls under. */
struct memory {
	uint64_t hash[2];
	uint32_t rule; /* GLOB_NONE: none */
	bool used;
	bool uncounted; /* a search for somebody who only looked was given up: the next one is counted for it */
};

struct mapping_memory {
	uint64_t key[2];
	struct memory places[MEMORY_PLACES];
};

struct mapping *mapping_new(void)
{
	return calloc(1, sizeof(struct mapping));
}

void mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return;
	for (size_t i = 0; i < mapping->count; i++)
		pattern_free(mapping->rules[i].pattern);
	glob_tree_free(mapping->globs);
	free(mapping->memory);
	arena_release(&mapping->arena);
	free(mapping);
}

static size_t count_stars(const char *glob)
{
	size_t stars = 0;

	for (; *glob; glob++)
		stars += *glob == '*';
	return stars;
}

static int expansion_compile(struct mapping *mapping, const struct mapping_rule *rule, const char *text,
			     struct expansion *expansion)
{
	if (rule->match_type == MATCH_REGEX)
		return expansion_compile_regex(expansion, &mapping->arena, text, pattern_group,
					       rule->pattern);
	return expansion_compile_glob(expansion, &mapping->arena, text, count_stars(rule->match));
}

static int rule_build(struct mapping *mapping, struct mapping_rule *rule, struct error *error)
{
	uint32_t number = (uint32_t)(rule - mapping->rules);
	struct error reason = {};
	int err;

	if (rule->match_type == MATCH_REGEX) {
		rule->pattern = pattern_new(rule->match, &reason);
		if (!rule->pattern)
			return error_set(error, -EINVAL, "'%s' is not a regular expression: %s", rule->match,
					 reason.text);
		mapping->regexes[mapping->regex_count++] = number;
		err = 0;
	} else {
		err = glob_tree_add(mapping->globs, rule->match, rule->types, number);
	}
	if (err == -E2BIG)
		return error_set(error, -EINVAL, "more than %d components", GLOB_PARTS_MAX);
	if (!err)
		err = expansion_compile(mapping, rule, rule->name, &rule->expansion);
	for (size_t i = 0; !err && i < rule->label_count; i++)
		err = expansion_compile(mapping, rule, rule->labels[i].value, &rule->labels[i].expansion);
	return err ? error_set(error, err, "out of memory") : 0;
}

int mapping_build(struct mapping *mapping, size_t *bad, struct error *error)
{
	int err = 0;

	*bad = 0;
	mapping->globs = glob_tree_new();
	mapping->regexes = arena_take(&mapping->arena, (mapping->count + 1) * sizeof(*mapping->regexes));
	mapping->memory = calloc(1, sizeof(*mapping->memory));
	if (!mapping->globs || !mapping->regexes || !mapping->memory ||
	    getrandom(mapping->memory->key, sizeof(mapping->memory->key), 0) != sizeof(mapping->memory->key))
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; !err && i < mapping->count; i++) {
		*bad = i;
		err = rule_build(mapping, &mapping->rules[i], error);
	}
	return err;
}

/* The place of a name; *known: it says what that name falls under. NULL: too long to remember. */
static struct memory *memory_at(struct mapping_memory *memory, enum metric_type type, struct piece name,
				bool *known)
{
	const __u64 key[2] = { memory->key[0] ^ type, memory->key[1] };
	__u8 bytes[REMEMBERED_BYTES + 8]; /* what is hashed is read in words */
	struct memory *place;
	__u64 hash[2];

	*known = false;
	if (name.len > REMEMBERED_BYTES)
		return NULL;
	memcpy(bytes, name.text, name.len);
	hash_value(key, bytes, (__u32)name.len, hash);
	place = &memory->places[hash[0] & (MEMORY_PLACES - 1)];
	*known = place->used && place->hash[0] == hash[0] && place->hash[1] == hash[1];
	if (!*known)
		*place = (struct memory){ .hash = { hash[0], hash[1] } };
	return place;
}

static bool rule_search(struct mapping *mapping, uint32_t number, struct piece name,
			struct mapping_match *match, bool *given_up)
{
	int found = pattern_search(mapping->rules[number].pattern, name, match->groups, &match->group_count);

	*given_up = found < 0;
	mapping->given_up += found < 0 && !mapping->looking;
	return found > 0;
}

/* Tries all. GLOB_NONE: none matched, or one gave up, which might have. */
static uint32_t regexes_search(struct mapping *mapping, enum metric_type type, struct piece name,
			       struct mapping_match *match, bool *given_up)
{
	uint32_t number;

	*given_up = false;
	for (size_t i = 0; !*given_up && i < mapping->regex_count; i++) {
		number = mapping->regexes[i];
		if (mapping->rules[number].types & 1U << type &&
		    rule_search(mapping, number, name, match, given_up))
			return number;
	}
	return GLOB_NONE;
}

static uint32_t regexes_find(struct mapping *mapping, enum metric_type type, struct piece name,
			     struct mapping_match *match)
{
	bool known, given_up;
	struct memory *place = memory_at(mapping->memory, type, name, &known);
	uint32_t number;

	if (known) {
		number = place->rule;
		if (place->uncounted && !mapping->looking) {
			mapping->given_up++;
			place->uncounted = false;
		}
		return number != GLOB_NONE && rule_search(mapping, number, name, match, &given_up)
			       ? number
			       : GLOB_NONE;
	}
	number = regexes_search(mapping, type, name, match, &given_up);
	if (place) {
		place->rule = number;
		place->used = true;
		place->uncounted = given_up && mapping->looking;
	}
	return number;
}

bool mapping_find(struct mapping *mapping, enum metric_type type, struct piece name,
		  struct mapping_match *match)
{
	uint32_t number = glob_tree_find(mapping->globs, type, !mapping->unordered, name, match->groups,
					 &match->group_count);

	if (number == GLOB_NONE && mapping->regex_count)
		number = regexes_find(mapping, type, name, match);
	if (number == GLOB_NONE)
		return false;
	match->rule = &mapping->rules[number];
	return true;
}
