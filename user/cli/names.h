/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* How series are named, from the configuration and the files it refers to. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "cli/config.h"
#include "core/naming.h"

/* NULL with the sentence in `error`. Warnings are logged. The caller frees it with naming_free(). */
struct naming *names_load(const struct config *config, struct error *error);

#endif /* CLI_NAMES_H */
