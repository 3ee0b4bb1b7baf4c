/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Telegraf's templates, its "Graphite template language": which components of a dotted name
 * are the name, and which are values of tags.
 *
 *     template   servers.* .host.measurement*  region=eu     ([separator] [filter] template [tags])
 *     name       servers.localhost.cpu.load
 *                        ^^^^^^^^^ ^^^^^^^^ measurement*
 *     becomes    cpu.load;host=localhost;region=eu
 *
 * Of filters that match, the one with the most named components wins; a filter also matches
 * longer names. A template without a filter is for names that no filter matches. Names that
 * no template is for are "measurement*". Components are joined by the separator of
 * names.metric_separator.
 */
#ifndef CORE_TEMPLATE_H
#define CORE_TEMPLATE_H

#include <stddef.h>
#include "core/expand.h"
#include "core/tag.h"
#include "lib/error.h"

#define TEMPLATES_MAX 64
#define TEMPLATE_BYTES 512
#define TEMPLATE_PARTS_MAX 64
#define SEPARATOR_BYTES 8

struct template_list;

/*
 * The texts are copied. NULL with the reason in `error`; then *bad is the text at fault, or
 * `count` if memory ran out.
 */
struct template_list *template_list_new(const char (*texts)[TEMPLATE_BYTES], size_t count,
					const char *separator, size_t *bad, struct error *error);
/* Safe on NULL. */
void template_list_free(struct template_list *list);

/*
 * Writes to `to` what `name` is called, no NUL, and adds tags. Telegraf's fields, which
 * kstatsd has not, are the end of the name: "measurement.field". -ENAMETOOLONG.
 */
int template_list_apply(const struct template_list *list, struct piece name, struct tag_list *tags, char *to,
			size_t size, size_t *len);

#endif /* CORE_TEMPLATE_H */
