/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The files that a valid configuration names for its outputs, for `kstatsd check`. */
#ifndef CLI_CHECK_FILES_H
#define CLI_CHECK_FILES_H

#include <stdbool.h>
#include "cli/config.h"

/* Can they be read, and are they what they should be? Calls `note` with a sentence for each output that they fail. */
bool check_files(const struct config *config, void (*note)(const char *text));

#endif /* CLI_CHECK_FILES_H */
