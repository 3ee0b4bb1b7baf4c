/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Part of sender.c: one sendmsg through io_uring, by bare system calls (io_uring(7)), so
 * that no library is needed in a guest.
 */
#include <linux/io_uring.h>

struct uring {
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static void *uring_map(const struct uring *uring, size_t size, off_t what)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring->fd, what);

	if (map == MAP_FAILED)
		die("io_uring mmap");
	return map;
}

static void uring_init(struct uring *uring)
{
	struct io_uring_params *params = &uring->params;

	uring->fd = syscall(SYS_io_uring_setup, 4, params);
	if (uring->fd < 0)
		die("io_uring_setup");
	uring->sq = uring_map(uring, params->sq_off.array + params->sq_entries * sizeof(uint32_t),
			      IORING_OFF_SQ_RING);
	uring->cq = uring_map(uring, params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe),
			      IORING_OFF_CQ_RING);
	uring->sqes = uring_map(uring, params->sq_entries * sizeof(*uring->sqes), IORING_OFF_SQES);
}

/* Submits one operation and waits for its result: what the system call would return, or -errno. */
static int uring_submit(struct uring *uring, const struct io_uring_sqe *sqe)
{
	uint32_t *sq_tail = (uint32_t *)(uring->sq + uring->params.sq_off.tail);
	uint32_t mask = *(uint32_t *)(uring->sq + uring->params.sq_off.ring_mask);
	uint32_t *array = (uint32_t *)(uring->sq + uring->params.sq_off.array);
	uint32_t *cq_head = (uint32_t *)(uring->cq + uring->params.cq_off.head);
	uint32_t cq_mask = *(uint32_t *)(uring->cq + uring->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(uring->cq + uring->params.cq_off.cqes);
	uint32_t slot = *sq_tail & mask;
	int sent;

	uring->sqes[slot] = *sqe;
	array[slot] = slot;
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, uring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	sent = cqes[*cq_head & cq_mask].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return sent;
}

static void way_uring(const struct options *options, struct target *target, struct result *result)
{
	static struct uring uring;
	struct iovec iov = { options->payload, options->len };
	struct msghdr message = message_to(target, &iov, 1);
	int sent;

	if (!uring.sq)
		uring_init(&uring);
	sent = uring_submit(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG,
							    .fd = target->fd,
							    .addr = (uintptr_t)&message,
							    .len = 1 });
	errno = sent < 0 ? -sent : 0;
	result_add(result, sent);
}
