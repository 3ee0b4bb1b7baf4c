// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What a key of a mapping file may have as its value: words, numbers, durations as Go spells them. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/mapping_keys.h"
#include "lib/number.h"

void mapping_warn(struct mapping_reader *reader, const yaml_node_t *node, const char *path,
		  const char *format, ...)
{
	struct config_scan scan = reader->scan;
	struct error warning = {};
	char text[512];
	va_list args;

	if (!reader->warn)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	scan.error = &warning;
	config_scan_fail(&scan, node, path, "%s", text);
	reader->warn(reader->context, warning.text);
}

bool mapping_node_is_null(const yaml_node_t *node)
{
	const char *text;

	if (!node || node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return !node;
	text = (const char *)node->data.scalar.value;
	return !*text || !strcmp(text, "~") || !strcasecmp(text, "null");
}

int mapping_no_memory(struct mapping_reader *reader)
{
	return error_set(reader->scan.error, -ENOMEM, "%s: out of memory", reader->scan.source);
}

const char *mapping_scalar(struct mapping_reader *reader, const char *path, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type == YAML_SCALAR_NODE && strlen(text) == node->data.scalar.length)
		return text;
	config_scan_fail(&reader->scan, node, path, "one value is expected here, not a list or more keys");
	return NULL;
}

int mapping_set_text(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		     const struct mapping_key *key)
{
	const char *text = mapping_scalar(reader, path, node);
	char *copy;

	(void)key;
	if (!text)
		return -EINVAL;
	copy = arena_copy(&reader->mapping->arena, text, strlen(text));
	*(const char **)field = copy;
	return copy ? 0 : mapping_no_memory(reader);
}

/* An empty word is the first one where that is the default. */
int mapping_set_word(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		     const struct mapping_key *key)
{
	const char *text = mapping_scalar(reader, path, node);
	char known[128] = "";
	size_t used = 0, i;

	if (!text)
		return -EINVAL;
	for (i = 0; key->words[i] && strcmp(text, key->words[i]) != 0; i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 key->words[i]);
	if (!*text && key->empty_word)
		i = 0;
	else if (!key->words[i])
		return config_scan_fail(&reader->scan, node, path, "'%s' is not one of: %s", text, known);
	*(unsigned int *)field = (unsigned int)i + 1;
	return 0;
}

int mapping_set_flag(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		     const struct mapping_key *key)
{
	static const char *const yes[] = { "true", "yes", "on", "y" }, *const no[] = { "false", "no", "off",
										       "n" };
	const char *text = mapping_scalar(reader, path, node);

	(void)key;
	for (size_t i = 0; text && i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(text, yes[i]) && strcasecmp(text, no[i]))
			continue;
		*(bool *)field = !strcasecmp(text, yes[i]);
		return 0;
	}
	return text ? config_scan_fail(&reader->scan, node, path, "'%s' is not true or false", text)
		    : -EINVAL;
}

int mapping_set_number(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		       const struct mapping_key *key)
{
	const char *text = mapping_scalar(reader, path, node);

	(void)key;
	if (!text)
		return -EINVAL;
	if (number_parse_double(text, strlen(text), field))
		return config_scan_fail(&reader->scan, node, path, "'%s' is not a number", text);
	return 0;
}

int mapping_set_count(struct mapping_reader *reader, const char *path, const yaml_node_t *node, void *field,
		      const struct mapping_key *key)
{
	const char *text = mapping_scalar(reader, path, node);
	uint64_t value;

	(void)key;
	if (!text)
		return -EINVAL;
	if (number_parse_uint64(text, strlen(text), &value) || value > UINT32_MAX)
		return config_scan_fail(&reader->scan, node, path, "'%s' is not a whole number", text);
	*(uint32_t *)field = (uint32_t)value;
	return 0;
}

/* As Go's time.ParseDuration: "1m20s", "1.5h"; units from ns to h. False: it is none. */
static bool duration_parse(const char *text, double *nanoseconds)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = { { "ns", 1 },   { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 },
		      { "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 },	  { "h", 3600e9 } };
	size_t i, len;
	double value;

	*nanoseconds = 0;
	do {
		len = strspn(text, "0123456789.");
		if (number_parse_double(text, len, &value))
			return false;
		text += len;
		len = strcspn(text, "0123456789.");
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == len && !memcmp(text, units[i].name, len))
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return false;
		*nanoseconds += value * units[i].factor;
		text += len;
	} while (*text);
	return *nanoseconds < 0x1p62;
}

/* A number alone is nanoseconds to statsd_exporter, which hardly anybody means. */
int mapping_set_duration(struct mapping_reader *reader, const char *path, const yaml_node_t *node,
			 void *field, const struct mapping_key *key)
{
	const char *text = mapping_scalar(reader, path, node);
	uint64_t number;
	double value;

	(void)key;
	if (!text)
		return -EINVAL;
	if (!number_parse_uint64(text, strlen(text), &number) && number < INT64_MAX) {
		if (number)
			mapping_warn(reader, node, path,
				     "%s is %s nanoseconds, as in statsd_exporter; for seconds write %ss",
				     text, text, text);
		*(int64_t *)field = (int64_t)number;
		return 0;
	}
	if (!duration_parse(text, &value))
		return config_scan_fail(
			&reader->scan, node, path,
			"'%s' is not a duration, such as 30s or 1m20s; units are ns, us, ms, s, m, h", text);
	*(int64_t *)field = llround(value);
	return 0;
}
