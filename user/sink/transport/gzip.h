/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Bodies of HTTP, made smaller. */
#ifndef SINK_GZIP_H
#define SINK_GZIP_H

#include <stddef.h>
#include "sink/text.h"

/* Appends `data` as one gzip member: quickly rather than as small as can be. -ENOMEM: `text` is not to be used. */
int gzip_add(struct text *text, const char *data, size_t len);

#endif /* SINK_GZIP_H */
