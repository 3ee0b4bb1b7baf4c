/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The version that `kstatsd --version` and `kstatsd status` name, and OTLP's scope. */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

#define KSTATSD_VERSION "0.1.0"

#endif /* LIB_VERSION_H */
