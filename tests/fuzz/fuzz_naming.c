// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Any bytes as a name and as tags, through every way that names are made: what comes out is
 * safe for every sink. The first byte of an input says which way, a NUL ends the name.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/mapping.h"
#include "core/naming.h"
#include "core/template.h"

#define CHECK(condition)                                             \
	do {                                                         \
		if (!(condition)) {                                  \
			fprintf(stderr, "not so: %s\n", #condition); \
			abort();                                     \
		}                                                    \
	} while (0)

#define WAYS 4

static struct naming *namings[WAYS];

static struct mapping *mapping_make(void)
{
	static const struct mapping_label labels[] = {
		{ .key = "one", .value = "${1}-$2" },
		{ .key = "a", .value = "$1" },
	};
	static const struct mapping_rule rules[] = {
		{ .match = "a.*.b", .name = "x_${1}" },
		{ .match = "*.b", .name = "$1" },
		{ .match = "*.*.*", .name = "$3_${2}_$1", .honor_labels = true },
		{ .match = "(\\w+)-(.*)", .name = "$1_$2", .match_type = MATCH_REGEX },
		{ .match = "^a+_(?P<n>[^;]*)$", .name = "${1}${n}", .match_type = MATCH_REGEX },
		{ .match = "=", .name = "d", .match_type = MATCH_REGEX, .action = ACTION_DROP },
	};
	struct mapping *mapping = mapping_new();
	struct error error = {};
	size_t count = sizeof(rules) / sizeof(rules[0]), bad;

	CHECK(mapping);
	mapping->rules = arena_take(&mapping->arena, sizeof(rules));
	CHECK(mapping->rules);
	memcpy(mapping->rules, rules, sizeof(rules));
	mapping->count = count;
	for (size_t i = 0; i < count; i++) {
		mapping->rules[i].types = ~0U;
		mapping->rules[i].scale = 1;
	}
	mapping->rules[2].labels = arena_take(&mapping->arena, sizeof(labels));
	CHECK(mapping->rules[2].labels);
	memcpy(mapping->rules[2].labels, labels, sizeof(labels));
	mapping->rules[2].label_count = sizeof(labels) / sizeof(labels[0]);
	CHECK(!mapping_build(mapping, &bad, &error));
	return mapping;
}

static struct template_list *templates_make(void)
{
	static char texts[][TEMPLATE_BYTES] = { "a.* host.measurement*", "*.b .measurement.field k=v",
						"measurement.a.field*" };
	struct template_list *list;
	struct error error = {};
	size_t bad;

	list = template_list_new(texts, 3, "_", &bad, &error);
	CHECK(list);
	return list;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct naming_tags all = { true, true, true, true, true }, none = { 0 };

	(void)argc;
	(void)argv;
	namings[1] = naming_new(&none, NULL, templates_make());
	namings[2] = naming_new(&all, mapping_make(), NULL);
	namings[3] = naming_new(&all, mapping_make(), templates_make());
	naming_set_tags(namings[3], "env=prod;zone=eu-1");
	return 0;
}

static void check_safe(const struct canonical_name *name)
{
	static const char path[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	static const char text[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.=;";
	const char *tags = canonical_name_tags(name), *equals, *end;

	CHECK(name->name_len && name->name_len == strlen(name->text) && name->tags_len == strlen(tags));
	CHECK(strspn(name->text, path) == name->name_len && strspn(tags, text) == name->tags_len);
	CHECK(!strstr(name->text, "..") && name->text[0] != '.' && name->text[name->name_len - 1] != '.');
	CHECK(strncmp(name->text, "kstatsd.", 8) != 0);
	for (; *tags; tags = *end ? end + 1 : end) {
		end = tags + strcspn(tags, ";");
		equals = tags + strcspn(tags, "=");
		CHECK(equals > tags && equals + 1 < end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct canonical_name name;
	const uint8_t *tags;
	struct naming *naming;
	uint8_t *copy;
	size_t len;

	if (!size)
		return 0;
	naming = namings[*data % WAYS];
	/* A copy, so that a byte beyond its end is noticed. */
	copy = malloc(size);
	CHECK(copy);
	memcpy(copy, data, size);
	tags = memchr(copy + 1, '\0', size - 1);
	len = tags ? (size_t)(tags - copy - 1) : size - 1;
	tags = tags ? tags + 1 : copy + size;
	if (!naming_make(naming, METRIC_COUNTER, &name, copy + 1, len, tags, (size_t)(copy + size - tags)))
		check_safe(&name);
	free(copy);
	return 0;
}
