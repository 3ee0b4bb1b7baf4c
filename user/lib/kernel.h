/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What the running kernel tells everybody about itself and about this process, read from
 * /proc and /sys. Loads nothing and changes nothing.
 */
#ifndef LIB_KERNEL_H
#define LIB_KERNEL_H

#include <stddef.h>
#include "lib/error.h"

/* Release as uname -r prints it. */
void kernel_release(char *text, size_t size);

/*
 * 0 when this process may load and attach BPF programs; else -EPERM with a sentence that
 * names the capabilities missing and the remedy.
 */
int kernel_check_privileges(struct error *error);
/* 0, or -ENOENT with a sentence that says how a kernel gets BTF. */
int kernel_check_btf(struct error *error);

#endif /* LIB_KERNEL_H */
