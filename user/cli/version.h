/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The version that `kstatsd --version` and `kstatsd status` name. */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#define KSTATSD_VERSION "0.1.0"

#endif /* CLI_VERSION_H */
