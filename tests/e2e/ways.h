/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Part of sender.c: the ways to send. Each sends the payload once, by the system calls that
 * its name says, and adds every call to the result.
 */
/* Cuts the payload into `pieces` iovecs, the remainder in the last. */
static void payload_split(const struct options *options, struct iovec *iov)
{
	size_t size = options->len / options->pieces;

	for (unsigned int i = 0; i < options->pieces; i++)
		iov[i] = (struct iovec){ options->payload + i * size, size };
	iov[options->pieces - 1].iov_len += options->len % options->pieces;
}

static void way_sendto(const struct options *options, struct target *target, struct result *result)
{
	result_add(result, send_to(target, options->payload, options->len, 0));
}

static void way_write(const struct options *options, struct target *target, struct result *result)
{
	result_add(result, write(target->fd, options->payload, options->len));
}

static void way_sendmsg(const struct options *options, struct target *target, struct result *result)
{
	static struct iovec iov[PIECES_MAX];
	struct msghdr message = message_to(target, iov, options->pieces);

	payload_split(options, iov);
	result_add(result, sendmsg(target->fd, &message, 0));
}

static void way_writev(const struct options *options, struct target *target, struct result *result)
{
	static struct iovec iov[PIECES_MAX];

	payload_split(options, iov);
	result_add(result, writev(target->fd, iov, options->pieces));
}

/*
 * One call, `pieces` whole copies of the payload; each message that the kernel took up counts as a
 * call here. It stops at the first that fails, and tells of that error only if it was the first.
 */
static void way_sendmmsg(const struct options *options, struct target *target, struct result *result)
{
	static struct mmsghdr messages[PIECES_MAX];
	struct iovec iov = { options->payload, options->len };
	int sent;

	for (unsigned int i = 0; i < options->pieces; i++)
		messages[i].msg_hdr = message_to(target, &iov, 1);
	sent = sendmmsg(target->fd, messages, options->pieces, 0);
	for (int i = 0; i < sent; i++)
		result_add(result, 0);
	if (sent >= 0)
		errno = 0;
	if (sent < (int)options->pieces)
		result_add(result, -1);
}

static void way_more(const struct options *options, struct target *target, struct result *result)
{
	static struct iovec iov[PIECES_MAX];

	payload_split(options, iov);
	for (unsigned int i = 0; i < options->pieces; i++)
		result_add(result, send_to(target, iov[i].iov_base, iov[i].iov_len,
					   i + 1 < options->pieces ? MSG_MORE : 0));
}

static void way_cork(const struct options *options, struct target *target, struct result *result)
{
	static struct iovec iov[PIECES_MAX];
	int on = 1, off = 0;

	payload_split(options, iov);
	if (setsockopt(target->fd, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)))
		die("UDP_CORK");
	for (unsigned int i = 0; i < options->pieces; i++)
		result_add(result, send_to(target, iov[i].iov_base, iov[i].iov_len, 0));
	if (setsockopt(target->fd, IPPROTO_UDP, UDP_CORK, &off, sizeof(off)))
		die("UDP_CORK off");
}

static void way_segment(const struct options *options, struct target *target, struct result *result)
{
	int size = options->segment;

	if (setsockopt(target->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		die("UDP_SEGMENT");
	way_sendto(options, target, result);
}

static void way_segment_cmsg(const struct options *options, struct target *target, struct result *result)
{
	char control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {};
	struct iovec iov = { options->payload, options->len };
	struct msghdr message = message_to(target, &iov, 1);
	struct cmsghdr *cmsg;

	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	cmsg = CMSG_FIRSTHDR(&message);
	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(cmsg), &options->segment, sizeof(options->segment));
	result_add(result, sendmsg(target->fd, &message, 0));
}

/* An unlinked file that holds the payload from `offset` on. */
static int payload_file(const struct options *options)
{
	char path[] = "/tmp/sender-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) ||
	    pwrite(fd, options->payload, options->len, options->offset) != (ssize_t)options->len)
		die(path);
	return fd;
}

/* The payload lies in pages that this process has never touched: a hook that must not fault cannot read them. */
static void way_untouched(const struct options *options, struct target *target, struct result *result)
{
	int fd = payload_file(options);
	size_t size = options->offset + options->len;
	char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED || madvise(map, size, MADV_RANDOM))
		die("mmap");
	result_add(result, send_to(target, map + options->offset, options->len, 0));
	munmap(map, size);
	close(fd);
}

/* No memory there at all: the call fails with EFAULT and nothing is sent. */
static void way_bad_address(const struct options *options, struct target *target, struct result *result)
{
	result_add(result, send_to(target, (void *)16, options->len, 0));
}

/* The kernel hands pages, not user memory, to the socket. */
static void way_sendfile(const struct options *options, struct target *target, struct result *result)
{
	int fd = payload_file(options);
	off_t offset = options->offset;

	result_add(result, sendfile(target->fd, fd, &offset, options->len));
	close(fd);
}
