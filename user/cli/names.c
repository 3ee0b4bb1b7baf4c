// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Puts together what core/naming.h wants: tags, mapping, templates. */
#include <errno.h>
#include <string.h>
#include "cli/mapping_file.h"
#include "cli/names.h"
#include "lib/log.h"

static void names_warn(void *context, const char *text)
{
	(void)context;
	log_warning("%s", text);
}

/* Names stay as they are without templates and with "." between components: then there is no list. */
static bool names_are_plain(const struct config *config)
{
	return !config->template_count && !strcmp(config->metric_separator, ".");
}

struct naming *names_load(const struct config *config, struct error *error)
{
	struct template_list *templates = NULL;
	struct mapping *mapping = NULL;
	struct naming *naming;
	size_t bad;

	if (!names_are_plain(config)) {
		templates = template_list_new(config->templates, config->template_count,
					      config->metric_separator, &bad, error);
		if (!templates)
			return NULL;
	}
	if (*config->mapping) {
		mapping = mapping_file_load(config->mapping, names_warn, NULL, error);
		if (!mapping) {
			template_list_free(templates);
			return NULL;
		}
	}
	naming = naming_new(&config->tags, mapping, templates);
	if (naming && naming_set_tags(naming, config->global_tags)) {
		naming_free(naming);
		naming = NULL;
	}
	if (!naming)
		error_set(error, -ENOMEM, "cannot name series: out of memory");
	return naming;
}
