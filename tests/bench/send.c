// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Sends, or receives, datagrams for the benchmark and says what it took, as JSON.
 *
 *     send PORT NAMES DATAGRAMS RATE TYPE   one line each, NAMES names in turn; RATE per second, 0: flat out
 *     send PORT NAMES SECONDSs 0 TYPE       flat out for so many seconds
 *     send receive PORT                     receives until it is killed
 *     send bind PORT                        binds and never reads
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 100 /* datagrams between two looks at the clock */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in local(long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void wait_until(uint64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / 1000000000),
				  .tv_nsec = (long)(deadline % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static char (*make_lines(long names, const char *type))[64]
{
	char(*lines)[64] = calloc((size_t)names, sizeof(*lines));
	long i;

	for (i = 0; lines && i < names; i++)
		snprintf(lines[i], sizeof(lines[i]), "bench.%s.name%06ld:%ld|%s", type, i, i % 1000, type);
	return lines;
}

/* Is it time to look up from sending: the time is over, or the rate demands a pause? */
static int pace(uint64_t begin, long sent, long rate, long seconds)
{
	if (sent % BURST)
		return 1;
	if (rate)
		wait_until(begin + (uint64_t)sent * 1000000000 / (uint64_t)rate);
	return !seconds || clock_ns(CLOCK_MONOTONIC) < begin + (uint64_t)seconds * 1000000000;
}

static int do_send(long port, long names, const char *amount, long rate, const char *type)
{
	long seconds = strchr(amount, 's') ? atol(amount) : 0, datagrams = seconds ? LONG_MAX : atol(amount);
	struct sockaddr_in to = local(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char(*lines)[64] = make_lines(names, type);
	uint64_t begin, cpu, end;
	long i, failed = 0;

	if (fd < 0 || !lines)
		return 1;
	begin = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; i < datagrams && pace(begin, i, rate, seconds); i++) {
		const char *line = lines[i % names];

		failed += sendto(fd, line, strlen(line), 0, (struct sockaddr *)&to, sizeof(to)) < 0;
	}
	end = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("{\"sent\": %ld, \"failed\": %ld, \"seconds\": %.6f, \"cpu_ns_per_send\": %.1f}\n", i, failed,
	       (double)(end - begin) / 1e9, (double)cpu / (double)i);
	free(lines);
	close(fd);
	return 0;
}

static int do_bind(long port, int receive)
{
	struct sockaddr_in at = local(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char buffer[65536];

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return 1;
	puts("bound");
	fflush(stdout);
	while (receive)
		if (recv(fd, buffer, sizeof(buffer), 0) < 0 && errno != EINTR)
			return 1;
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		return do_bind(atol(argv[2]), 1);
	if (argc == 3 && strcmp(argv[1], "bind") == 0)
		return do_bind(atol(argv[2]), 0);
	if (argc == 6)
		return do_send(atol(argv[1]), atol(argv[2]), argv[3], atol(argv[4]), argv[5]);
	fprintf(stderr, "usage: send PORT NAMES DATAGRAMS RATE TYPE | send receive|bind PORT\n");
	return 2;
}
