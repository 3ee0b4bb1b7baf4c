// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* outputs.file: [{path: /var/log/kstatsd.jsonl, max_bytes: 64MiB, keep: 3}] */
#include <stdio.h>
#include <string.h>
#include "cli/config_push.h"

#define FILE_BYTES (64 << 20)
#define FILE_MEMORY (16 << 20)
#define FILE_KEEP 3

#define FILE_FIELD(member) \
	.offset = offsetof(struct file_options, member), .size = sizeof(((struct file_options *)0)->member)

static const char *const format_names[] = { "json", "graphite", NULL };

static const struct config_key file_keys[] = {
	{ "path", config_set_path, FILE_FIELD(path) },
	{ "format", config_set_choice, FILE_FIELD(format), .choices = format_names },
	{ "max_bytes", config_set_size, FILE_FIELD(max_bytes), .max = 0x1p44 },
	{ "keep", config_set_integer, FILE_FIELD(keep), .max = FILE_KEEP_MAX },
	{ "filter.include", config_set_globs, FILE_FIELD(view.include) },
	{ "filter.exclude", config_set_globs, FILE_FIELD(view.exclude) },
	{ "percentiles", config_set_view_percentiles,
	  .offset = offsetof(struct file_options, view.percentiles),
	  .size = offsetof(struct file_options, view.percentile_count) + sizeof(size_t) -
		  offsetof(struct file_options, view.percentiles) },
	{ "queue.memory", config_set_size, FILE_FIELD(memory), .min = 65536, .max = 0x1p40 },
	{},
};

static bool is_there(const struct config *config, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(config->file[i].path, path))
			return true;
	return false;
}

/* The field is config.file, with file_count behind it. */
int config_set_file(struct config_scan *scan, const struct config_key *key, const yaml_node_t *node,
		    void *field)
{
	struct config *config = (void *)((char *)field - offsetof(struct config, file));
	int err = config_check_list(scan, key, node, OUTPUTS_MAX, "[{path: /var/log/kstatsd.jsonl}]");
	const yaml_node_t *item;

	for (size_t i = 0; !err && (item = config_scan_item(scan, node, i)); i++) {
		struct file_options *file = &config->file[i];
		char prefix[CONFIG_PATH_MAX];

		*file = (struct file_options){ .max_bytes = FILE_BYTES,
					       .keep = FILE_KEEP,
					       .memory = FILE_MEMORY,
					       .view.percentile_count = (size_t)CONFIG_UNSET };
		snprintf(prefix, sizeof(prefix), "%s[%zu].", key->path, i);
		err = config_scan_mapping(scan, item, file_keys, file, prefix);
		if (!err && !*file->path)
			err = config_scan_fail(scan, item, key->path, "element %zu has no path", i);
		if (!err && is_there(config, i, file->path))
			err = config_scan_fail(scan, item, key->path, "%s stands here twice", file->path);
		config->file_count = i + 1;
	}
	return err;
}
