// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A relay's socket follows its name: the resolver and the clock are the test's, the sockets are real. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "lib/clock.h"
#include "sink/relay/relay_socket.h"
#include "sink/transport/resolve.h"

#define NAME "statsd.example:8125"

struct place {
	int fd; /* of who listens */
	char host[INET_ADDRSTRLEN], port[8];
};

static struct {
	void (*resolved)(void *context, struct evutil_addrinfo *addresses, const char *problem);
	void *context;
	unsigned int started;
} fake;

static struct timespec now;

struct resolver *__wrap_resolver_new(struct event_base *base, const char *address,
				     void (*resolved)(void *context, struct evutil_addrinfo *addresses,
						      const char *problem),
				     void *context, struct error *error);
void __wrap_resolver_free(struct resolver *resolver);
void __wrap_resolver_start(struct resolver *resolver);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

struct resolver *__wrap_resolver_new(struct event_base *base, const char *address,
				     void (*resolved)(void *context, struct evutil_addrinfo *addresses,
						      const char *problem),
				     void *context, struct error *error)
{
	(void)base;
	(void)error;
	assert_string_equal(address, NAME);
	fake.resolved = resolved;
	fake.context = context;
	fake.started = 0;
	return (struct resolver *)&fake;
}

void __wrap_resolver_free(struct resolver *resolver)
{
	(void)resolver;
}

void __wrap_resolver_start(struct resolver *resolver)
{
	assert_ptr_equal(resolver, &fake);
	fake.started++;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = now;
	return 0;
}

/* Each on an address of its own. */
static void place_make(struct place *place, const char *host)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	socklen_t len = sizeof(own);

	snprintf(place->host, sizeof(place->host), "%s", host);
	assert_int_equal(inet_pton(AF_INET, host, &own.sin_addr), 1);
	place->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(place->fd >= 0);
	assert_false(bind(place->fd, (struct sockaddr *)&own, sizeof(own)));
	assert_false(getsockname(place->fd, (struct sockaddr *)&own, &len));
	snprintf(place->port, sizeof(place->port), "%u", ntohs(own.sin_port));
}

/* Both, or one: `second` is NULL. */
static struct evutil_addrinfo *addresses_of(const struct place *first, const struct place *second)
{
	struct evutil_addrinfo hints = { .ai_family = AF_INET,
					 .ai_socktype = SOCK_DGRAM,
					 .ai_flags = EVUTIL_AI_NUMERICHOST };
	struct evutil_addrinfo *list = NULL;

	assert_false(evutil_getaddrinfo(first->host, first->port, &hints, &list));
	if (second)
		list->ai_next = addresses_of(second, NULL);
	return list;
}

static void answer(struct evutil_addrinfo *addresses, const char *problem)
{
	fake.resolved(fake.context, addresses, problem);
}

static void on_opened(void *context, uint64_t cookie, const struct sockaddr *to)
{
	assert_true(cookie);
	assert_int_equal(to->sa_family, AF_INET);
	(*(unsigned int *)context)++;
}

/* One datagram through the socket: is it this place that has it? */
static bool arrives(struct relay_socket *socket, const struct place *place)
{
	char got[8] = "";

	assert_false(relay_socket_send(socket, "here", 4));
	return recv(place->fd, got, sizeof(got), MSG_DONTWAIT) == 4 && !memcmp(got, "here", 4);
}

static void test_follows(void **state)
{
	struct event_base *base = event_base_new();
	struct place one, other;
	struct relay_socket *socket;
	struct error error = {};
	unsigned int opened = 0;

	(void)state;
	place_make(&one, "127.0.0.1");
	place_make(&other, "127.0.0.2");
	socket = relay_socket_new(base, NAME, on_opened, &opened, &error);
	assert_non_null(socket);
	assert_int_equal(relay_socket_send(socket, "lost", 4), -ENOTCONN);
	answer(NULL, "nodename nor servname provided");
	assert_string_equal(relay_socket_problem(socket), "nodename nor servname provided");
	answer(addresses_of(&one, NULL), NULL);
	assert_true(arrives(socket, &one));
	assert_string_equal(relay_socket_problem(socket), "");
	/* It stays while its address is among them, and while there is no answer. */
	answer(addresses_of(&other, &one), NULL);
	answer(NULL, "server failed");
	assert_true(arrives(socket, &one));
	assert_string_equal(relay_socket_problem(socket), "");
	assert_int_equal(opened, 1);
	/* And goes with the name. */
	answer(addresses_of(&other, NULL), NULL);
	assert_int_equal(opened, 2);
	assert_true(arrives(socket, &other));
	assert_int_equal(recv(one.fd, &error, 1, MSG_DONTWAIT), -1);
	relay_socket_free(socket);
	close(one.fd);
	close(other.fd);
	event_base_free(base);
}

/* What is refused may have moved: it is asked, but not at each datagram. */
static void test_asks_when_refused(void **state)
{
	struct event_base *base = event_base_new();
	struct relay_socket *socket;
	struct error error = {};
	unsigned int opened = 0;
	struct place place;

	(void)state;
	now.tv_sec = 1000;
	place_make(&place, "127.0.0.1");
	socket = relay_socket_new(base, NAME, on_opened, &opened, &error);
	answer(addresses_of(&place, NULL), NULL);
	assert_int_equal(fake.started, 1);
	close(place.fd);
	for (int i = 0; i < 8; i++) {
		now.tv_sec++;
		relay_socket_send(socket, "here", 4);
		relay_socket_refused(socket);
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(fake.started, now.tv_sec < 1005 ? 1 : 2);
	}
	relay_socket_free(socket);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_asks_when_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
