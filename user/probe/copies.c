// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * One record that was younger than asked for is kept aside: libbpf cannot give it back.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "kstatsd.h"
#include "probe/copies.h"
#include "probe/watching.h"

#define ENOUGH (-ECANCELED)
#define RECORD_MAX (sizeof(struct tail_record) + PAYLOAD_FAST_MAX)

struct copies {
	const struct bpf_map *outer;
	int map_fd;
	size_t bytes; /* of the ring */
	struct ring_buffer *ring;
	size_t head;
	void (*take)(void *context, const void *record, size_t size);
	void *context;
	int64_t consume;  /* bytes that this call may still take */
	uint64_t until;	  /* it takes what is not younger */
	size_t held_size; /* of a record that was younger and waits here; 0: none */
	_Alignas(uint64_t) uint8_t held[RECORD_MAX];
};

static uint64_t record_time(const void *record)
{
	return *(const uint64_t *)record;
}

static int copies_take(void *context, void *record, size_t size)
{
	struct copies *copies = context;

	copies->consume -= (int64_t)size;
	if (size < copies->head || size > sizeof(copies->held))
		return 0;
	if (record_time(record) > copies->until) {
		memcpy(copies->held, record, size);
		copies->held_size = size;
		return ENOUGH;
	}
	copies->take(copies->context, record, size);
	return copies->consume > 0 ? 0 : ENOUGH;
}

int copies_consume(struct copies *copies, uint64_t until, size_t bytes)
{
	size_t held = copies->held_size;
	int err;

	if (held) {
		if (record_time(copies->held) > until)
			return 0;
		copies->held_size = 0;
		copies->take(copies->context, copies->held, held);
	}
	copies->consume = (int64_t)bytes;
	copies->until = until;
	err = ring_buffer__consume(copies->ring);
	return err < 0 && err != ENOUGH ? err : 0;
}

int copies_catch_up(struct copies *copies, uint64_t until)
{
	return copies_consume(copies, until, copies->bytes);
}

int copies_fd(const struct copies *copies)
{
	return ring_buffer__epoll_fd(copies->ring);
}

void copies_free(struct copies *copies)
{
	if (!copies)
		return;
	ring_buffer__free(copies->ring);
	watching_remove(copies->outer);
	if (copies->map_fd >= 0)
		close(copies->map_fd);
	free(copies);
}

struct copies *copies_new(const struct bpf_map *outer, size_t bytes, size_t head,
			  void (*take)(void *context, const void *record, size_t size), void *context,
			  int *err)
{
	struct copies *copies = calloc(1, sizeof(*copies));

	*err = -ENOMEM;
	if (!copies)
		return NULL;
	copies->outer = outer;
	copies->bytes = bytes;
	copies->head = head;
	copies->take = take;
	copies->context = context;
	copies->map_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "copies", 0, 0, (uint32_t)bytes, NULL);
	*err = copies->map_fd < 0 ? copies->map_fd : 0;
	if (!*err) {
		copies->ring = ring_buffer__new(copies->map_fd, copies_take, copies, NULL);
		*err = copies->ring ? 0 : -errno;
	}
	if (!*err)
		*err = watching_install(outer, copies->map_fd);
	if (!*err)
		return copies;
	copies_free(copies);
	return NULL;
}
