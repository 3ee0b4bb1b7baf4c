// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Names, with a name server in this process. It has the port, resolv.conf and /etc/hosts for itself: the network and
 * the mounts are this process's own (so it is root's).
 */
#include <arpa/inet.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/util.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "directory.h"
#include "lib/clock.h"
#include "sink/transport/resolve.h"

#define SECONDS_MAX 10
#define TYPE_A 1
#define NO_SUCH_NAME 3

struct scene {
	struct event_base *base;
	int server;
	struct event *asked;
	bool silent;		/* the server, */
	const char *address;	/* which answers with this; NULL: that there is no such name */
	unsigned int questions; /* for an IPv4 address */
	struct resolver *resolver;
	unsigned int answers;
	char found[INET_ADDRSTRLEN], problem[128];
};

static void file_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void file_mount(const char *name, const char *over)
{
	char path[128];

	file_write(name, "");
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(mount(path, over, NULL, MS_BIND, NULL), 0);
}

/* A network with nothing but loopback, and files of its own. */
static int world_open(void **state)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	(void)state;
	assert_int_equal(directory_make_one(), 0);
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
	file_mount("resolv.conf", "/etc/resolv.conf");
	file_mount("hosts", "/etc/hosts");
	return 0;
}

static int world_close(void **state)
{
	(void)state;
	umount("/etc/resolv.conf");
	umount("/etc/hosts");
	return directory_remove();
}

/*
 *     id(2) flags(2) questions(2) answers(2) 0(4) | 7statsd7example0 type(2) class(2)
 *                                                   ^ 12
 */
static void on_asked(evutil_socket_t fd, short events, void *context)
{
	struct scene *scene = context;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t message[512];
	ssize_t len = recvfrom(fd, message, sizeof(message) - 16, 0, (struct sockaddr *)&from, &size);
	bool is_ipv4 = len > 12 && message[len - 3] == TYPE_A;

	(void)events;
	assert_true(len > 12);
	scene->questions += is_ipv4;
	if (scene->silent)
		return;
	message[2] = 0x81;
	message[3] = scene->address ? 0x80 : 0x80 | NO_SUCH_NAME;
	message[7] = scene->address && is_ipv4;
	message[11] = 0; /* what was asked additionally is not answered */
	if (message[7]) {
		memcpy(message + len, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4", 12);
		assert_int_equal(inet_pton(AF_INET, scene->address, message + len + 12), 1);
		len += 16;
	}
	sendto(fd, message, (size_t)len, 0, (struct sockaddr *)&from, size);
}

static void on_resolved(void *context, struct evutil_addrinfo *addresses, const char *problem)
{
	struct scene *scene = context;

	scene->answers++;
	snprintf(scene->problem, sizeof(scene->problem), "%s", problem ? problem : "");
	scene->found[0] = '\0';
	if (!addresses)
		return;
	inet_ntop(AF_INET, &((struct sockaddr_in *)addresses->ai_addr)->sin_addr, scene->found,
		  sizeof(scene->found));
	evutil_freeaddrinfo(addresses);
}

static void server_open(struct scene *scene, const char *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(53) };

	scene->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
	assert_int_equal(bind(scene->server, (struct sockaddr *)&name, sizeof(name)), 0);
	scene->asked = event_new(scene->base, scene->server, EV_READ | EV_PERSIST, on_asked, scene);
	event_add(scene->asked, NULL);
}

static void server_close(struct scene *scene)
{
	event_free(scene->asked);
	close(scene->server);
}

static void scene_open(struct scene *scene)
{
	struct error error = {};

	*scene = (struct scene){ .base = event_base_new() };
	server_open(scene, "127.0.0.1");
	scene->resolver = resolver_new(scene->base, "statsd.example:8125", on_resolved, scene, &error);
	assert_non_null(scene->resolver);
}

static void scene_run(struct scene *scene, int msec)
{
	const struct timeval time = { .tv_usec = msec * 1000 };

	event_base_loopexit(scene->base, &time);
	event_base_dispatch(scene->base);
}

static void scene_wait(struct scene *scene, const unsigned int *counter, unsigned int count)
{
	int64_t end = clock_read(CLOCK_MONOTONIC) + SECONDS_MAX * NS_PER_SECOND;

	while (*counter < count) {
		scene_run(scene, 5);
		if (clock_read(CLOCK_MONOTONIC) > end)
			fail_msg("waited in vain; the last problem: %s", scene->problem);
	}
}

static void scene_close(struct scene *scene)
{
	resolver_free(scene->resolver);
	/* What was cancelled ends here. */
	scene_run(scene, 20);
	server_close(scene);
	event_base_free(scene->base);
}

static void test_asked_twice(void **state)
{
	struct scene scene;

	(void)state;
	file_write("resolv.conf", "nameserver 127.0.0.1\n");
	scene_open(&scene);
	scene.silent = true;
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.questions, 1);
	for (int i = 0; i < 10; i++) {
		resolver_start(scene.resolver);
		scene_run(&scene, 5);
	}
	assert_int_equal(scene.questions, 1);
	/* In the middle of it: nothing is called back. */
	resolver_free(scene.resolver);
	scene.resolver = NULL;
	scene_run(&scene, 20);
	assert_int_equal(scene.answers, 0);
	scene_close(&scene);
}

/* A resolver that was there before the network was: it asks whom the files name by now. */
static void test_files_change(void **state)
{
	struct scene scene;

	(void)state;
	/* Then it asks this machine. */
	file_write("resolv.conf", "");
	scene_open(&scene);
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.answers, 1);
	assert_true(*scene.problem);
	server_close(&scene);
	server_open(&scene, "127.0.0.2");
	file_write("resolv.conf", "nameserver 127.0.0.2\n");
	scene.address = "127.1.1.1";
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.answers, 2);
	assert_string_equal(scene.found, "127.1.1.1");
	file_write("hosts", "127.2.2.2 statsd.example\n");
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.answers, 3);
	assert_string_equal(scene.found, "127.2.2.2");
	scene_close(&scene);
}

/* Given up, nothing is called back; it can be asked again, and that is answered. */
static void test_cancelled(void **state)
{
	struct scene scene;

	(void)state;
	file_write("hosts", "");
	file_write("resolv.conf", "nameserver 127.0.0.1\n");
	scene_open(&scene);
	scene.silent = true;
	resolver_cancel(scene.resolver);
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.questions, 1);
	resolver_cancel(scene.resolver);
	scene_run(&scene, 20);
	assert_int_equal(scene.answers, 0);
	scene.silent = false;
	resolver_start(scene.resolver);
	scene_wait(&scene, &scene.answers, 1);
	assert_non_null(strstr(scene.problem, "its name cannot be looked up: "));
	assert_true(scene.questions >= 2);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_twice),
		cmocka_unit_test(test_files_change),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, world_open, world_close);
}
