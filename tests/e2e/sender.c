/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Sends datagrams in every way an application may, and says exactly what it did:
 *
 *	sender [-46mceNT] [-p PORT | -u PATH] [-n CALLS] [-k PIECES] [-g BYTES] [-o OFFSET] HOW PAYLOAD
 *
 * One row of `ways` per way to send (ways.h, uring.h); flood.h has the one that sends flat out. PAYLOAD "-"
 * is read from standard input. Prints one JSON object; the exit code tells only whether the
 * sends could be tried. Tests run it on the host and in guests, so it wants to be linked
 * statically: cc -std=gnu11 -D_GNU_SOURCE -O2 -static -pthread -o .output/tests/sender tests/e2e/sender.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <net/if.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define PAYLOAD_MAX 70000
#define PIECES_MAX 1024
#define ERRNOS 8

enum family { V4, V6, MAPPED };

struct options {
	enum family family;
	bool connected;
	bool recverr;
	bool own_netns;
	bool mixed; /* flood: counters, timers, gauges and sets in turn */
	uint16_t port;
	const char *path; /* of a Unix socket, "@name" for an abstract one; NULL: UDP */
	unsigned long calls;
	unsigned int pieces; /* iovec segments, messages of sendmmsg, writes of a cork, threads of a flood */
	uint16_t segment;    /* UDP_SEGMENT */
	size_t offset;	     /* of the payload in its mapped file */
	double seconds;	     /* flood */
	char *payload;
	size_t len;
};

/* What became of the calls, by errno; slot 0 is success. */
struct result {
	unsigned long calls, ok;
	int errnos[ERRNOS];
	unsigned long errno_counts[ERRNOS];
};

struct target {
	int fd;
	struct sockaddr_storage address;
	socklen_t len; /* 0: connected, the address is in the socket */
};

static void die(const char *what)
{
	fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void result_add(struct result *result, ssize_t sent)
{
	int err = errno;

	result->calls++;
	if (sent >= 0) {
		result->ok++;
		return;
	}
	for (int i = 0; i < ERRNOS; i++) {
		if (result->errno_counts[i] && result->errnos[i] != err)
			continue;
		result->errnos[i] = err;
		result->errno_counts[i]++;
		return;
	}
}

static void result_print(const struct result *result)
{
	const char *comma = "";

	printf("{\"calls\":%lu,\"ok\":%lu,\"errnos\":{", result->calls, result->ok);
	for (int i = 0; i < ERRNOS && result->errno_counts[i]; i++) {
		printf("%s\"%s\":%lu", comma, strerrorname_np(result->errnos[i]), result->errno_counts[i]);
		comma = ",";
	}
	printf("}}\n");
}

static void target_connect(struct target *target)
{
	if (connect(target->fd, (void *)&target->address, target->len))
		die("connect");
	target->len = 0;
}

/* The address is no longer than it must be: a path has no NUL behind it. */
static struct target target_open_unix(const struct options *options)
{
	size_t len = strlen(options->path);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct target target = {};

	if (len > sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(options->path);
	}
	memcpy(address.sun_path, options->path, len);
	if (*options->path == '@')
		address.sun_path[0] = '\0';
	memcpy(&target.address, &address, sizeof(address));
	target.len = offsetof(struct sockaddr_un, sun_path) + len;
	target.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (target.fd < 0)
		die("socket");
	if (options->connected)
		target_connect(&target);
	return target;
}

static struct target target_open(const struct options *options)
{
	struct target target = {};
	struct sockaddr_in *v4 = (void *)&target.address;
	struct sockaddr_in6 *v6 = (void *)&target.address;
	int on = 1;

	target.fd = socket(options->family == V4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
	if (target.fd < 0)
		die("socket");
	if (options->family == V4) {
		*v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons(options->port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		target.len = sizeof(*v4);
	} else {
		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(options->port) };
		inet_pton(AF_INET6, options->family == MAPPED ? "::ffff:127.0.0.1" : "::1", &v6->sin6_addr);
		target.len = sizeof(*v6);
	}
	if (options->recverr &&
	    setsockopt(target.fd, options->family == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		       options->family == V4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on)))
		die("IP_RECVERR");
	if (options->connected)
		target_connect(&target);
	return target;
}

static ssize_t send_to(struct target *target, const void *data, size_t len, int flags)
{
	return sendto(target->fd, data, len, flags, target->len ? (void *)&target->address : NULL,
		      target->len);
}

static struct msghdr message_to(struct target *target, struct iovec *iov, size_t count)
{
	return (struct msghdr){ .msg_name = target->len ? &target->address : NULL,
				.msg_namelen = target->len,
				.msg_iov = iov,
				.msg_iovlen = count };
}

#include "ways.h"
#include "flood.h"
#include "uring.h"

struct way {
	const char *name;
	void (*send)(const struct options *options, struct target *target, struct result *result);
};

static const struct way ways[] = {
	{ "sendto", way_sendto },
	{ "write", way_write },
	{ "sendmsg", way_sendmsg },
	{ "writev", way_writev },
	{ "sendmmsg", way_sendmmsg },
	{ "more", way_more },
	{ "cork", way_cork },
	{ "segment", way_segment },
	{ "segment_cmsg", way_segment_cmsg },
	{ "untouched", way_untouched },
	{ "bad_address", way_bad_address },
	{ "sendfile", way_sendfile },
	{ "uring", way_uring },
};

/* Another network namespace has a loopback of its own, which is down. */
static void enter_netns(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		die("loopback");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die("loopback up");
	close(fd);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value > max) {
		errno = EINVAL;
		die(text);
	}
	return value;
}

static void payload_set(struct options *options, char *text)
{
	static char input[PAYLOAD_MAX];

	options->payload = text;
	options->len = strlen(text);
	if (strcmp(text, "-") != 0)
		return;
	options->payload = input;
	options->len = fread(input, 1, sizeof(input), stdin);
}

static void options_parse(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "46mceNTp:u:n:k:g:o:t:")) != -1) {
		switch (option) {
		case '4':
			options->family = V4;
			break;
		case '6':
			options->family = V6;
			break;
		case 'm':
			options->family = MAPPED;
			break;
		case 'c':
			options->connected = true;
			break;
		case 'e':
			options->recverr = true;
			break;
		case 'N':
			options->own_netns = true;
			break;
		case 'T':
			options->mixed = true;
			break;
		case 'p':
			options->port = number(optarg, 65535);
			break;
		case 'u':
			options->path = optarg;
			break;
		case 'n':
			options->calls = number(optarg, 100000000);
			break;
		case 'k':
			options->pieces = number(optarg, PIECES_MAX);
			break;
		case 'g':
			options->segment = number(optarg, 65535);
			break;
		case 'o':
			options->offset = number(optarg, 1 << 20);
			break;
		case 't':
			options->seconds = number(optarg, 600000) / 1000.0;
			break;
		default:
			exit(2);
		}
	}
	if (argc - optind != 2 || !options->pieces) {
		fprintf(stderr,
			"usage: sender [-46mceNT] [-p PORT | -u PATH] [-n CALLS] [-k PIECES] [-g BYTES] [-o OFFSET]"
			" [-t MILLISECONDS] HOW PAYLOAD\n");
		exit(2);
	}
	payload_set(options, argv[optind + 1]);
}

int main(int argc, char **argv)
{
	struct options options = { .port = 8125, .calls = 1, .pieces = 1 };
	struct result result = {};
	struct target target;

	options_parse(&options, argc, argv);
	if (options.own_netns)
		enter_netns();
	if (strcmp(argv[optind], "flood") == 0)
		return flood(&options);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[optind], ways[i].name) != 0)
			continue;
		target = options.path ? target_open_unix(&options) : target_open(&options);
		for (unsigned long call = 0; call < options.calls; call++)
			ways[i].send(&options, &target, &result);
		result_print(&result);
		return 0;
	}
	fprintf(stderr, "sender: unknown way to send: %s\n", argv[optind]);
	return 2;
}
