/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Part of sender.c: `flood` sends flat out from `pieces` threads until the time (or the
 * number of calls, per thread) is over, or SIGTERM comes. PAYLOAD is a name; each datagram holds one line:
 * NAME:1|c, or with -T in turn a counter, a timer, a gauge and a set. The JSON has the
 * number of each and the sum of the timers, so that a test can demand equality.
 */
#include <pthread.h>
#include <signal.h>

#define SETS_OF 50 /* distinct values of the set */

struct flooder {
	pthread_t thread;
	const struct options *options;
	uint64_t deadline;
	struct result result;
	unsigned long counters, timers, gauges, sets, timer_sum;
};

static volatile sig_atomic_t flood_over;

static void flood_end(int number)
{
	(void)number;
	flood_over = 1;
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The next line of a thread, and what it adds to the sums if it is sent. */
static int flood_line(struct flooder *flooder, unsigned long i, char *line, size_t size)
{
	const char *name = flooder->options->payload;

	if (!flooder->options->mixed || i % 4 == 0) {
		flooder->counters++;
		return snprintf(line, size, "%s:1|c", name);
	}
	switch (i % 4) {
	case 1:
		flooder->timers++;
		flooder->timer_sum += i % 1000;
		return snprintf(line, size, "%s.timer:%lu|ms", name, i % 1000);
	case 2:
		flooder->gauges++;
		return snprintf(line, size, "%s.gauge:+1|g", name);
	default:
		flooder->sets++;
		return snprintf(line, size, "%s.set:%lu|s", name, i / 4 % SETS_OF);
	}
}

static void *flood_thread(void *argument)
{
	struct flooder *flooder = argument;
	struct target target = target_open(flooder->options);
	unsigned long calls = flooder->options->calls;
	char line[512];

	for (unsigned long i = 0; calls <= 1 || i < calls; i++) {
		if (flood_over || (calls <= 1 && i % 64 == 0 && clock_now() >= flooder->deadline))
			break;
		result_add(&flooder->result,
			   send_to(&target, line, flood_line(flooder, i, line, sizeof(line)), 0));
	}
	close(target.fd);
	return NULL;
}

static int flood(const struct options *options)
{
	static struct flooder flooders[PIECES_MAX];
	struct flooder sum = {};
	uint64_t start = clock_now();

	signal(SIGTERM, flood_end);
	for (unsigned int i = 0; i < options->pieces; i++) {
		flooders[i].options = options;
		flooders[i].deadline = start + (uint64_t)(options->seconds * 1e9);
		if (pthread_create(&flooders[i].thread, NULL, flood_thread, &flooders[i]))
			die("pthread_create");
	}
	for (unsigned int i = 0; i < options->pieces; i++) {
		pthread_join(flooders[i].thread, NULL);
		sum.result.calls += flooders[i].result.calls;
		sum.result.ok += flooders[i].result.ok;
		sum.counters += flooders[i].counters;
		sum.timers += flooders[i].timers;
		sum.timer_sum += flooders[i].timer_sum;
		sum.gauges += flooders[i].gauges;
		sum.sets += flooders[i].sets;
	}
	printf("{\"calls\":%lu,\"ok\":%lu,\"counters\":%lu,\"timers\":%lu,\"timer_sum\":%lu,\"gauges\":%lu,"
	       "\"sets\":%lu,\"seconds\":%.3f}\n",
	       sum.result.calls, sum.result.ok, sum.counters, sum.timers, sum.timer_sum, sum.gauges, sum.sets,
	       (clock_now() - start) / 1e9);
	return 0;
}
