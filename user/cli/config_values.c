// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Setters of single values, for any table of keys: words, numbers, sizes, durations, paths,
 * addresses. A value is refused with the reason, never corrected.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/config_keys.h"
#include "lib/number.h"
#include "lib/units.h"

/* Fields of whole numbers are bool, enum or uint32_t, uint64_t or size_t. */
static void field_store(void *field, size_t size, uint64_t value)
{
	if (size == sizeof(bool))
		*(bool *)field = value;
	else if (size == sizeof(uint32_t))
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
}

static void choices_join(const char *const *choices, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; choices[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", choices[i]);
}

int config_set_choice(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	char text[CONFIG_TEXT_MAX], known[128];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	for (size_t i = 0; key->choices[i]; i++) {
		if (strcmp(key->choices[i], text))
			continue;
		field_store(field, key->size, i);
		return 0;
	}
	choices_join(key->choices, known, sizeof(known));
	return config_scan_fail(scan, node, key->path, "'%s' is not one of: %s", text, known);
}

int config_set_integer(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	char text[CONFIG_TEXT_MAX];
	uint64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = number_parse_uint64(text, strlen(text), &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path, "'%s' is not a whole number of %.0f or more",
					text, key->min);
	if (err || (double)value < key->min || (double)value > key->max)
		return config_scan_fail(scan, node, key->path, "%s is not between %.0f and %.0f", text,
					key->min, key->max);
	field_store(field, key->size, value);
	return 0;
}

/* The largest unit in which it is a whole number, as one would write it. */
static const char *size_write(char *text, size_t size, double bytes)
{
	static const char *const units[] = { " bytes", "KiB", "MiB", "GiB" };
	size_t unit = 0;

	while (unit < 3 && bytes >= 1024 && fmod(bytes, 1024) == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%.0f%s", bytes, units[unit]);
	return text;
}

int config_set_size(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	char text[CONFIG_TEXT_MAX], min[32], max[32];
	uint64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = units_parse_size(text, &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not a size: a number of bytes, or with KiB, MiB or GiB",
					text);
	if (err || (double)value < key->min || (double)value > key->max)
		return config_scan_fail(scan, node, key->path, "%s is not between %s and %s", text,
					size_write(min, sizeof(min), key->min),
					size_write(max, sizeof(max), key->max));
	field_store(field, key->size, value);
	return 0;
}

/* The ring buffer's size; the kernel takes powers of two only. */
int config_set_ring(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	int err = config_set_size(scan, key, node, field);
	uint32_t value = err ? 0 : *(uint32_t *)field;

	if (!err && (value & (value - 1)))
		return config_scan_fail(scan, node, key->path, "%u bytes is not a power of two", value);
	return err;
}

int config_set_duration(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			void *field)
{
	char text[CONFIG_TEXT_MAX];
	int64_t value;
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	err = units_parse_duration(text, &value);
	if (err == -EINVAL)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not a duration: a number with ms, s, m or h, such as 10s",
					text);
	if (err || (double)value < key->min * 1e9 || (double)value > key->max * 1e9)
		return config_scan_fail(scan, node, key->path, "%s is not between %gs and %gs", text,
					key->min, key->max);
	*(int64_t *)field = value;
	return 0;
}

/* Keeps a text in a field of chars. `what` is too long otherwise. */
static int text_store(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field, const char *text, const char *what)
{
	if (strlen(text) >= key->size)
		return config_scan_fail(scan, node, key->path, "the %s is longer than %zu bytes", what,
					key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

/* What another setter reads, or "" for none. */
static int set_or_none(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field, config_set_fn *set)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	return err || !*text ? err : set(scan, key, node, field);
}

/* An absolute path that fits. */
int config_set_path(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text);

	if (err)
		return err;
	if (text[0] != '/')
		return config_scan_fail(scan, node, key->path, "'%s' is not an absolute path", text);
	return text_store(scan, key, node, field, text, "path");
}

/* The same, or nothing. */
int config_set_path_or_none(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			    void *field)
{
	return set_or_none(scan, key, node, field, config_set_path);
}

int config_check_address(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
			 const char *text, const char *example)
{
	const char *port = strrchr(text, ':');
	uint64_t number;

	if (!port || port == text || number_parse_uint64(port + 1, strlen(port + 1), &number) || !number ||
	    number > UINT16_MAX)
		return config_scan_fail(scan, node, key->path,
					"'%s' is not host:port, such as 127.0.0.1:%s or [::1]:%s", text,
					example, example);
	if (memchr(text, ':', (size_t)(port - text)) && (text[0] != '[' || port[-1] != ']'))
		return config_scan_fail(scan, node, key->path,
					"'%s': an IPv6 address stands in brackets, [::1]:%s", text, example);
	return 0;
}

static int set_address(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field, const char *example)
{
	char text[CONFIG_TEXT_MAX];
	int err = config_scan_text(scan, key->path, node, text)
			  ?: config_check_address(scan, key, node, text, example);

	return err ? err : text_store(scan, key, node, field, text, "address");
}

/* Where a carbon is. */
int config_set_address(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	return set_address(scan, key, node, field, "2003");
}

/* Where Prometheus scrapes. */
int config_set_scraped(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		       void *field)
{
	return set_address(scan, key, node, field, "9102");
}

static int set_listen(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	return set_address(scan, key, node, field, "8126");
}

/* Where the console listens, or "" for none. */
int config_set_listen(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      void *field)
{
	return set_or_none(scan, key, node, field, set_listen);
}

/* Complains unless `node` is a list of at most `max` elements. */
int config_check_list(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		      size_t max, const char *example)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return config_scan_fail(scan, node, key->path, "a list is expected, such as %s", example);
	if (config_scan_item(scan, node, max))
		return config_scan_fail(scan, node, key->path, "the list is longer than %zu", max);
	return 0;
}
