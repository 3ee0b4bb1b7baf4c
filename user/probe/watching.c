// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What the programs are told of those who look on. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/undisturbed.h"
#include "probe/watching.h"
#include "statsd.skel.h"

void watching_set(struct capture *capture, uint32_t mask, uint32_t bits)
{
	volatile uint32_t *watched = &capture->skeleton->bss->watched;

	*watched = (*watched & ~mask) | bits;
}

int watching_install(const struct bpf_map *outer, int inner_fd)
{
	struct undisturbed before;
	uint32_t zero = 0;
	int err;

	undisturbed_begin(&before);
	err = bpf_map__update_elem(outer, &zero, sizeof(zero), &inner_fd, sizeof(inner_fd), BPF_ANY);
	undisturbed_end(&before);
	return err;
}

/* It is not there any more already when nothing was installed. */
void watching_remove(const struct bpf_map *outer)
{
	uint32_t zero = 0;

	bpf_map__delete_elem(outer, &zero, sizeof(zero), 0);
}
