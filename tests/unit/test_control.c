// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The control socket, both sides: the daemon's in a process of its own, the client's here. */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/control.h"
#include "lib/clock.h"

/* A flush of very many series takes as long; a client once had five seconds, and less by what its answer took. */
#define BUSY_SECONDS 6

static char runtime_dir[] = "/tmp/kstatsd-test-XXXXXX";
static pid_t server;

/* An answer that takes as long as a flush of very many series would: nothing else is done meanwhile. */
static json_t *answer_slowly(void *context)
{
	int64_t until = clock_read(CLOCK_MONOTONIC) + BUSY_SECONDS * NS_PER_SECOND;

	(void)context;
	while (clock_read(CLOCK_MONOTONIC) < until)
		usleep(100000);
	return json_pack("{s:b, s:s}", "ok", 1, "text", "slow");
}

static json_t *answer_quickly(void *context)
{
	(void)context;
	return json_pack("{s:b, s:s}", "ok", 1, "text", "quick");
}

static const struct control_command commands[] = {
	{ .name = "slow", .answer = answer_slowly },
	{ .name = "quick", .answer = answer_quickly },
	{},
};

/* Serves until it is killed. Says through the pipe that it listens. */
static void serve(int ready)
{
	struct event_base *base = event_base_new();
	struct error error = {};
	struct control *control = control_new(base, runtime_dir, commands, NULL, &error);

	if (!control || write(ready, "x", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static int server_start(void **state)
{
	int ready[2];
	char byte;

	(void)state;
	if (!mkdtemp(runtime_dir) || pipe(ready))
		return -1;
	server = fork();
	if (!server)
		serve(ready[1]);
	close(ready[1]);
	return server > 0 && read(ready[0], &byte, 1) == 1 ? 0 : -1;
}

static int server_stop(void **state)
{
	static const char *const names[] = { "control.sock", "kstatsd.pid" };
	char path[128];

	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", runtime_dir, names[i]);
		unlink(path);
	}
	return rmdir(runtime_dir);
}

static void assert_answer(const char *request)
{
	struct error error = {};
	json_t *answer = control_ask(runtime_dir, request, &error);

	if (!answer)
		fail_msg("%s: %s", request, error.text);
	assert_string_equal(json_string_value(json_object_get(answer, "text")), request);
	json_decref(answer);
}

/* Who asked, and who came while the daemon was busy, both get their answers. */
static void test_answers_when_busy(void **state)
{
	pid_t other = fork();
	int status;

	(void)state;
	if (!other) {
		struct error error = {};
		json_t *answer = control_ask(runtime_dir, "slow", &error);

		_exit(!answer);
	}
	assert_answer("quick");
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers_when_busy) };

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
