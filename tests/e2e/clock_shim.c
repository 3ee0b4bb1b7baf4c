// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A wall clock that tests set: LD_PRELOAD before the daemon. What KSTATSD_CLOCK names is a file of one
 * signed 64-bit number, the nanoseconds by which CLOCK_REALTIME differs; whoever writes it steps the
 * clock at once, as settimeofday() would. The other clocks are as they are: so a machine behaves whose
 * administrator, or time server, sets the time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000

static const volatile int64_t *offset;

__attribute__((constructor)) static void shim_open(void)
{
	const char *path = getenv("KSTATSD_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		abort(); /* a test that believes in a clock that is not there proves nothing */
	offset = page;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err = (int)syscall(SYS_clock_gettime, clock, now);
	int64_t shown;

	if (err || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return err;
	shown = now->tv_sec * (int64_t)NS_PER_SECOND + now->tv_nsec + *offset;
	*now = (struct timespec){ shown / NS_PER_SECOND, shown % NS_PER_SECOND };
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &precise);
	*now = (struct timeval){ precise.tv_sec, precise.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now)
		*now = precise.tv_sec;
	return precise.tv_sec;
}
