// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The HTTP transport against a server in this process that answers as it is told, hangs, resets
 * or talks nonsense. Everything runs in one event loop, bounded in time; only loopback is used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>
#include <cmocka.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/number.h"
#include "sink/transport/http_secret.h"
#include "sink/transport/http_transport.h"
#include "sink/delivery/batch.h"
#include "sink/text.h"

#define SECONDS_MAX 10
#define CLIENTS_MAX 32
#define TOKEN "s3cr3t-t0k3n"
#define KEY "dTpwK3cvZA=="
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* What the server does instead of answering. */
static const char hang[] = "hang", reset[] = "reset", drip[] = "drip", trickle[] = "trickle",
		  close_it[] = "close";

struct server {
	struct event_base *base;
	int listener;
	uint16_t port;
	struct event *accepting;
	const char *const *answers; /* one by one; the last again and again */
	const char *then;	    /* what it does behind an answer; NULL: nothing */
	size_t slow;		    /* reads so many bytes every 10 ms; 0: what there is */
	size_t deaf_after;	    /* reads so many bytes and no more; 0: all */
	size_t requests, connections;
	struct text last; /* the request that came last, NUL-terminated */
	struct client {
		struct server *server;
		int fd; /* -1: closed */
		struct event *readable, *dripping;
		struct text received;
	} clients[CLIENTS_MAX];
};

static void client_end(struct client *client, bool with_reset)
{
	const struct linger now = { .l_onoff = with_reset };

	if (client->fd < 0)
		return;
	event_free(client->readable);
	if (client->dripping)
		event_free(client->dripping);
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(client->fd);
	client->fd = -1;
}

static void client_close(struct client *client)
{
	client_end(client, true);
}

static void client_drip(evutil_socket_t fd, short events, void *context)
{
	(void)events;
	(void)context;
	send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void client_do(struct client *client, const char *what)
{
	const struct timeval often = { 0, 20000 };

	if (what == reset || what == close_it) {
		client_end(client, what == reset);
	} else if (what == drip || what == trickle) {
		if (what == trickle)
			send(client->fd, "HTTP/1.1 ", 9, MSG_NOSIGNAL);
		client->dripping = event_new(client->server->base, client->fd, EV_PERSIST | EV_TIMEOUT,
					     client_drip, client);
		event_add(client->dripping, &often);
	} else if (what != hang) {
		assert_int_equal(send(client->fd, what, strlen(what), MSG_NOSIGNAL), strlen(what));
	}
}

static void client_answer(struct client *client)
{
	struct server *server = client->server;
	const char *const *answer = server->answers;

	for (size_t i = 0; i < server->requests && answer[1]; i++)
		answer++;
	server->requests++;
	client_do(client, *answer);
	if (server->then)
		client_do(client, server->then);
}

/* The length of a whole request at the beginning of the text; 0: it is not all there. */
static size_t request_length(const struct text *text)
{
	static const char header[] = "Content-Length: ";
	const char *end = memmem(text->data, text->len, "\r\n\r\n", 4);
	const char *length = memmem(text->data, text->len, header, strlen(header));
	uint64_t body;
	size_t all;

	if (!end)
		return 0;
	assert_non_null(length);
	length += strlen(header);
	assert_int_equal(number_parse_uint64(length, strcspn(length, "\r"), &body), 0);
	all = (size_t)(end - text->data) + 4 + body;
	return all <= text->len ? all : 0;
}

static void client_read(evutil_socket_t fd, short events, void *context)
{
	struct client *client = context;
	struct server *server = client->server;
	char buffer[65536];
	ssize_t got;
	size_t len;

	(void)events;
	if (server->deaf_after && client->received.len >= server->deaf_after) {
		event_del(client->readable);
		return;
	}
	got = recv(fd, buffer, server->slow ? server->slow : sizeof(buffer), MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		client_close(client);
		return;
	}
	text_add(&client->received, buffer, (size_t)got);
	len = request_length(&client->received);
	if (!len)
		return;
	assert_int_equal(len, client->received.len);
	server->last.len = 0;
	text_add(&server->last, client->received.data, len);
	text_add(&server->last, "", 1);
	client->received.len = 0;
	client_answer(client);
}

static void server_accept(evutil_socket_t fd, short events, void *context)
{
	struct server *server = context;
	struct client *client = &server->clients[server->connections];
	const struct timeval now_and_then = { 0, 10000 };

	(void)events;
	assert_true(server->connections < CLIENTS_MAX);
	client->server = server;
	client->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(client->fd >= 0);
	server->connections++;
	client->readable = event_new(server->base, client->fd, (server->slow ? 0 : EV_READ) | EV_PERSIST,
				     client_read, client);
	event_add(client->readable, server->slow ? &now_and_then : NULL);
}

static void server_start(struct server *server, struct event_base *base, const char *const *answers)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	*server = (struct server){ .base = base, .answers = answers };
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	server->accepting = event_new(base, server->listener, EV_READ | EV_PERSIST, server_accept, server);
	event_add(server->accepting, NULL);
}

static void server_stop(struct server *server)
{
	for (size_t i = 0; i < server->connections; i++) {
		client_close(&server->clients[i]);
		text_release(&server->clients[i].received);
	}
	event_free(server->accepting);
	close(server->listener);
	text_release(&server->last);
}

/* One transport, one batch, and what became of it. */
struct scene {
	struct event_base *base;
	struct server server;
	struct transport *transport;
	struct http_options options;
	struct tls_options tls;
	struct batch *batch;
	char address[64], url[128];
	unsigned int ready, sent, lost, rejected, refused;
	struct text answered; /* all bodies */
	char reason[256];
	char token_file[64];
};

/* Takes the place of stderr while a scene is open. */
static struct {
	FILE *file; /* NULL: it does not */
	int before;
} captured;

static void capture_start(void)
{
	captured.file = tmpfile();
	assert_non_null(captured.file);
	fflush(stderr);
	captured.before = dup(STDERR_FILENO);
	dup2(fileno(captured.file), STDERR_FILENO);
}

static size_t captured_read(char *text, size_t size)
{
	fflush(stderr);
	rewind(captured.file);
	return fread(text, 1, size, captured.file);
}

/* What a test that failed said is shown. */
static int capture_stop(void **state)
{
	char text[16384];
	size_t len;

	if (!captured.file)
		return 0;
	len = captured_read(text, sizeof(text));
	dup2(captured.before, STDERR_FILENO);
	close(captured.before);
	fclose(captured.file);
	captured.file = NULL;
	if (state)
		fwrite(text, 1, len, stderr);
	return 0;
}

static void on_ready(void *context)
{
	((struct scene *)context)->ready++;
}

static void on_sent(void *context)
{
	((struct scene *)context)->sent++;
}

static void on_lost(void *context)
{
	struct scene *scene = context;

	assert_false(transport_is_ready(scene->transport));
	scene->lost++;
}

static void on_rejected(void *context, const char *reason)
{
	struct scene *scene = context;

	scene->rejected++;
	snprintf(scene->reason, sizeof(scene->reason), "%s", reason);
}

static void on_refused(void *context)
{
	((struct scene *)context)->refused++;
}

static void on_answered(void *context, unsigned int kind, const char *body, size_t len)
{
	struct scene *scene = context;

	(void)kind;
	text_add(&scene->answered, body, len);
}

static struct batch *batch_of(unsigned int kind, const char *data)
{
	struct batch *batch = calloc(1, sizeof(*batch) + strlen(data));

	assert_non_null(batch);
	batch->kind = kind;
	batch->len = strlen(data);
	memcpy(batch->data, data, batch->len);
	return batch;
}

static void scene_open(struct scene *scene, const char *const *answers)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", "X-Key: Basic " KEY,
					       NULL };

	*scene = (struct scene){ .base = event_base_new() };
	capture_start();
	server_start(&scene->server, scene->base, answers);
	snprintf(scene->address, sizeof(scene->address), "http://127.0.0.1:%u", scene->server.port);
	snprintf(scene->url, sizeof(scene->url), "%s/report?f=wavefront", scene->address);
	scene->options = (struct http_options){
		.what = "wavefront",
		.address = scene->address,
		.urls = { scene->url },
		.headers = headers,
		.tls = &scene->tls,
		.token = TOKEN,
		.retry_min = 10000000,
		.retry_max = 40000000,
		.timeout = 2000000000,
		.answered = on_answered,
		.context = scene,
	};
	scene->batch = batch_of(0, "a 1\n");
}

static void scene_connect(struct scene *scene)
{
	const struct transport_events events = { on_ready, on_sent, on_lost, on_rejected, on_refused, scene };
	struct error error = {};

	scene->transport = http_transport_new(scene->base, &scene->options, &events, &error);
	if (!scene->transport)
		fail_msg("%s", error.text);
}

/* Runs the loop until what is counted has become `count`. */
static void scene_wait(struct scene *scene, const unsigned int *counter, unsigned int count)
{
	int64_t end = clock_read(CLOCK_MONOTONIC) + SECONDS_MAX * NS_PER_SECOND;
	const struct timeval soon = { 0, 5000 };

	while (*counter < count) {
		event_base_loopexit(scene->base, &soon);
		event_base_dispatch(scene->base);
		if (clock_read(CLOCK_MONOTONIC) > end)
			fail_msg("waited in vain; the last problem: %s", transport_error(scene->transport));
	}
}

/* Waits until it is ready and sends the batch. */
static void scene_send(struct scene *scene)
{
	unsigned int ready = scene->ready;

	if (!transport_is_ready(scene->transport))
		scene_wait(scene, &scene->ready, ready + 1);
	transport_send(scene->transport, scene->batch);
}

/* The token and the header's value stand nowhere but in the request. */
static void scene_check_secrecy(struct scene *scene)
{
	static const char *const secrets[] = { TOKEN, KEY };
	char log[16384];
	size_t len = captured_read(log, sizeof(log));

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		const char *secret = secrets[i];

		assert_null(memmem(log, len, secret, strlen(secret)));
		assert_null(strstr(scene->reason, secret));
		assert_null(strstr(transport_error(scene->transport), secret));
		assert_true(!scene->answered.len ||
			    !memmem(scene->answered.data, scene->answered.len, secret, strlen(secret)));
	}
}

static void scene_close(struct scene *scene)
{
	scene_check_secrecy(scene);
	capture_stop(NULL);
	transport_free(scene->transport);
	server_stop(&scene->server);
	event_base_free(scene->base);
	if (*scene->token_file)
		unlink(scene->token_file);
	text_release(&scene->answered);
	free(scene->batch);
}

static void must_hold(const struct scene *scene, const char *text)
{
	if (!strstr(scene->server.last.data, text))
		fail_msg("'%s' does not stand in: %s", text, scene->server.last.data);
}

static void test_sent(void **state)
{
	static const char *const answers[] = { OK, "HTTP/1.1 204 No Content\r\n\r\n",
					       "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello",
					       NULL };
	struct scene scene;

	(void)state;
	scene_open(&scene, answers);
	scene_connect(&scene);
	for (unsigned int i = 1; i <= 3; i++) {
		scene_send(&scene);
		scene_wait(&scene, &scene.sent, i);
		assert_true(transport_is_ready(scene.transport));
	}
	must_hold(&scene, "POST /report?f=wavefront HTTP/1.1\r\n");
	must_hold(&scene, "\r\nContent-Type: application/octet-stream\r\n");
	must_hold(&scene, "\r\nAuthorization: Bearer " TOKEN "\r\n");
	must_hold(&scene, "\r\nUser-Agent: kstatsd\r\n");
	must_hold(&scene, "\r\n\r\na 1\n");
	assert_null(strstr(scene.server.last.data, "Expect"));
	assert_int_equal(scene.server.connections, 1);
	assert_int_equal(transport_connections(scene.transport), 1);
	assert_true(transport_is_up(scene.transport));
	assert_int_equal(scene.answered.len, 5);
	assert_int_equal(scene.lost + scene.rejected + scene.refused, 0);
	scene_close(&scene);
}

static void test_kinds(void **state)
{
	static const char *const answers[] = { OK, NULL };
	char url[128];
	struct scene scene;

	(void)state;
	scene_open(&scene, answers);
	snprintf(url, sizeof(url), "%s/report?f=histogram", scene.address);
	scene.options.urls[1] = url;
	scene_connect(&scene);
	scene.batch->kind = 1;
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 1);
	must_hold(&scene, "POST /report?f=histogram HTTP/1.1\r\n");
	scene_close(&scene);
}

static void test_gzip(void **state)
{
	static const char *const answers[] = { OK, NULL };
	struct scene scene;
	const char *body;
	char text[64] = {};
	z_stream stream = { .next_out = (Bytef *)text, .avail_out = sizeof(text) };

	(void)state;
	scene_open(&scene, answers);
	scene.options.gzip = true;
	scene_connect(&scene);
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 1);
	must_hold(&scene, "\r\nContent-Encoding: gzip\r\n");
	body = strstr(scene.server.last.data, "\r\n\r\n") + 4;
	stream.next_in = (Bytef *)body;
	stream.avail_in = (uInt)(scene.server.last.data + scene.server.last.len - 1 - body);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	assert_string_equal(text, "a 1\n");
	scene_close(&scene);
}

/* What is tried again until it is taken, and what is said of it meanwhile. */
static void test_lost(void **state)
{
	static const struct {
		const char *answer, *problem;
		unsigned int refused;
	} cases[] = {
		{ "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", "it answered 429", 0 },
		{ "HTTP/1.1 406 No\r\nContent-Length: 8\r\n\r\npushback", "it answered 406: pushback", 0 },
		{ "HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n", "it answered 408", 0 },
		{ "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n\r\n a\x01\xff\n b", "it answered 500: a??",
		  0 },
		{ "HTTP/1.1 503 Oh\r\nContent-Length: 14\r\n\r\n<" TOKEN ">",
		  "it answered 503: <************>", 0 },
		{ "HTTP/1.1 503 Oh\r\nContent-Length: 39\r\n\r\nX-Key: Basic " KEY ", " KEY,
		  "it answered 503: X-Key: ******************, **********==", 0 },
		{ "SSH-2.0-OpenSSH_9.2\r\n", NULL, 1 },
		{ "HTTP/1.1 banana\r\n\r\n", NULL, 1 },
		{ reset, NULL, 1 },
		{ hang, NULL, 1 },
		{ drip, NULL, 1 },
		{ trickle, "it did not answer within 0.15 s", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const answers[] = { cases[i].answer, OK, NULL };
		struct scene scene;

		scene_open(&scene, answers);
		scene.options.timeout = 150000000;
		scene_connect(&scene);
		scene_send(&scene);
		scene_wait(&scene, &scene.lost, 1);
		if (cases[i].problem)
			assert_string_equal(transport_error(scene.transport), cases[i].problem);
		assert_true(*transport_error(scene.transport));
		assert_int_equal(scene.refused, cases[i].refused);
		scene_check_secrecy(&scene);
		scene_send(&scene);
		scene_wait(&scene, &scene.sent, 1);
		assert_string_equal(transport_error(scene.transport), "");
		assert_int_equal(scene.lost, 1);
		assert_int_equal(scene.rejected, 0);
		scene_close(&scene);
	}
}

#define BIG_BYTES 2500000
#define RECEIVE_BYTES 32768

/* A batch that no buffer between the two holds. */
static void scene_make_big(struct scene *scene)
{
	const int bytes = RECEIVE_BYTES;
	char *data = calloc(1, BIG_BYTES + 1);

	assert_non_null(data);
	memset(data, 'b', BIG_BYTES);
	free(scene->batch);
	scene->batch = batch_of(0, data);
	free(data);
	/* Those who come inherit it. */
	setsockopt(scene->server.listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int64_t elapsed(int64_t began)
{
	return clock_read(CLOCK_MONOTONIC) - began;
}

/* It takes several times `timeout` to take the batch, and is waited for, as it never stops. */
static void test_slow_reader(void **state)
{
	static const char *const answers[] = { OK, NULL };
	struct scene scene;
	int64_t began;

	(void)state;
	scene_open(&scene, answers);
	scene_make_big(&scene);
	scene.server.slow = 40000;
	scene.options.timeout = 150000000;
	scene_connect(&scene);
	began = clock_read(CLOCK_MONOTONIC);
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 1);
	assert_true(elapsed(began) > 3 * scene.options.timeout);
	assert_int_equal(scene.lost, 0);
	assert_int_equal(scene.server.connections, 1);
	scene_close(&scene);
}

/* Whatever a request waits for, it does so for `timeout`, which may be a fraction of a second. */
static void test_stalled(void **state)
{
	static const struct {
		const char *scheme, *answer, *problem;
		size_t deaf_after;
	} cases[] = {
		{ "http", hang, "it did not answer within 0.6 s", 0 },
		{ "http", trickle, "it did not answer within 0.6 s", 0 },
		{ "http", OK, "it took nothing for 0.6 s", 100000 },
		{ "https", OK, "there was no connection within 0.6 s", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const answers[] = { cases[i].answer, NULL };
		struct scene scene;
		int64_t began;

		scene_open(&scene, answers);
		snprintf(scene.url, sizeof(scene.url), "%s://127.0.0.1:%u/", cases[i].scheme,
			 scene.server.port);
		if (cases[i].deaf_after)
			scene_make_big(&scene);
		scene.server.deaf_after = cases[i].deaf_after;
		scene.options.timeout = 600000000;
		scene_connect(&scene);
		began = clock_read(CLOCK_MONOTONIC);
		scene_send(&scene);
		scene_wait(&scene, &scene.lost, 1);
		assert_true(elapsed(began) >= scene.options.timeout);
		/* For https a library reads all authorities first. */
		assert_true(elapsed(began) < 2 * scene.options.timeout || scene.url[4] == 's');
		assert_string_equal(transport_error(scene.transport), cases[i].problem);
		assert_int_equal(scene.refused, 1);
		assert_false(transport_is_up(scene.transport));
		scene_close(&scene);
	}
}

static void test_rejected(void **state)
{
	static const struct {
		const char *answer, *reason;
	} cases[] = {
		{ "HTTP/1.1 400 Bad\r\nContent-Length: 19\r\n\r\nWF-400: bad\nsecond\n",
		  "it answered 400: WF-400: bad" },
		{ "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "it answered 401" },
		{ "HTTP/1.1 403 No\r\nContent-Length: 17\r\n\r\nbad \0 " TOKEN, "it answered 403: bad " },
		{ "HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n", "it answered 413" },
		{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		  "it answered 302" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const answers[] = { cases[i].answer, NULL };
		struct scene scene;

		scene_open(&scene, answers);
		/* One promises more than it sends. */
		scene.options.timeout = 150000000;
		scene_connect(&scene);
		scene_send(&scene);
		scene_wait(&scene, &scene.rejected, 1);
		assert_string_equal(scene.reason, cases[i].reason);
		assert_int_equal(scene.sent + scene.lost, 0);
		scene_close(&scene);
	}
}

/* The status has come, and what is behind it breaks off, or never ends: no batch is sent twice. */
static void test_body_breaks(void **state)
{
	static const struct {
		const char *answer, *then;
		unsigned int sent, lost, rejected;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", close_it, 1, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", reset, 1, 0, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", drip, 1, 0, 0 },
		{ "HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\nbanana\r\n", hang, 1, 0, 0 },
		{ "HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\nabc", close_it, 0, 0, 1 },
		{ "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nabc", drip, 0, 1, 0 },
		{ "HTTP/1.1 100 Continue\r\n\r\n", close_it, 0, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* What a request was answered before says nothing of this one. */
		const char *const answers[] = { OK, cases[i].answer, reset, OK, NULL };
		struct scene scene;

		scene_open(&scene, answers);
		scene.options.timeout = 150000000;
		scene_connect(&scene);
		scene_send(&scene);
		scene_wait(&scene, &scene.sent, 1);
		scene.server.then = cases[i].then;
		scene_send(&scene);
		scene_wait(&scene, &scene.ready, 3);
		assert_int_equal(scene.sent, 1 + cases[i].sent);
		assert_int_equal(scene.lost, cases[i].lost);
		assert_int_equal(scene.rejected, cases[i].rejected);
		scene.server.then = NULL;
		scene_send(&scene);
		scene_wait(&scene, &scene.lost, cases[i].lost + 1);
		scene_close(&scene);
	}
}

/* An answer without an end: what is needed of it is taken, the rest is cut off. */
static void test_flood(void **state)
{
	static char flood[2 * HTTP_ANSWER_MAX];
	const char *const answers[] = { flood, NULL };
	struct scene scene;
	size_t head;

	(void)state;
	head = (size_t)snprintf(flood, sizeof(flood), "HTTP/1.1 400 Bad\r\n\r\n");
	memset(flood + head, 'x', sizeof(flood) - head - 1);
	scene_open(&scene, answers);
	scene_connect(&scene);
	scene_send(&scene);
	scene_wait(&scene, &scene.rejected, 1);
	assert_int_equal(strlen(scene.reason), strlen("it answered 400: ") + 120);
	scene_close(&scene);
}

static void test_retry_after(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", OK, NULL
	};
	struct scene scene;
	int64_t began;

	(void)state;
	scene_open(&scene, answers);
	scene_connect(&scene);
	scene_send(&scene);
	scene_wait(&scene, &scene.lost, 1);
	began = clock_read(CLOCK_MONOTONIC);
	scene_send(&scene);
	/* The loop looks at the clock only once per turn. */
	assert_true(clock_read(CLOCK_MONOTONIC) - began >= NS_PER_SECOND * 9 / 10);
	scene_wait(&scene, &scene.lost, 2);
	began = clock_read(CLOCK_MONOTONIC);
	scene_send(&scene);
	assert_true(clock_read(CLOCK_MONOTONIC) - began < NS_PER_SECOND);
	scene_wait(&scene, &scene.sent, 1);
	scene_close(&scene);
}

/* An answer that repeats what it was sent: neither a message nor who reads the answer gets to see it. */
static void test_echo(void **state)
{
	static const struct {
		const char *said, *kept;
	} cases[] = {
		{ TOKEN, "************" },
		{ "<" KEY "><" TOKEN TOKEN ">", "<**********==><************************>" },
		{ "Basic " KEY, "******************" },
		{ "key dTpwK3cvZA rest", "key ********** rest" },
		{ "Basic\\u0020dTpwK3cvZA\\u003d\\u003D!", "*********************************!" },
		{ "Basic%20dTpwK3cvZA%3d%3D!", "************************!" },
		{ "\n\x0d"
		  "s3cr3t-t0",
		  "\n\x0d*********" },
		{ "s3cr3t-t1 Basi Content application/octet-stream",
		  "s3cr3t-t1 Basi Content application/octet-stream" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char taken[256], refused[256];
		const char *const answers[] = { taken, refused, NULL };
		struct scene scene;

		snprintf(taken, sizeof(taken), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(cases[i].said), cases[i].said);
		snprintf(refused, sizeof(refused), "HTTP/1.1 400 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(cases[i].said), cases[i].said);
		scene_open(&scene, answers);
		scene_connect(&scene);
		scene_send(&scene);
		scene_wait(&scene, &scene.sent, 1);
		assert_int_equal(scene.answered.len, strlen(cases[i].kept));
		assert_memory_equal(scene.answered.data, cases[i].kept, scene.answered.len);
		scene_send(&scene);
		scene_wait(&scene, &scene.rejected, 1);
		assert_non_null(strstr(scene.reason, cases[i].kept + strspn(cases[i].kept, "\r\n")));
		scene_close(&scene);
	}
}

/* How secrets are spelled, and where texts end. */
static void test_secret(void **state)
{
	static const struct {
		const char *secret, *text, *wanted;
	} cases[] = {
		{ "", "text", "text" },
		{ "abcdef", "", "" },
		{ "ab+c/d==", "x ab+c/d== ab-c_d==y", "x ******** ********y" },
		{ "ab+c/d==", "ab\\u002bc\\/d\\u003D= ab%2Bc%2fd%3D%3d",
		  "******************* ****************" },
		{ "a\\\\b", "a\\\\b a\\\\\\\\b", "**** ******" },
		{ "abcdef", "abc", "abc" },
		{ "abcdef", "xabcde", "x*****" },
		{ "abcdef", "abc%6", "abc%6" },
		{ "abcdef", "abcabcdef", "abc******" },
		{ "aa", "aaaaa", "****a" },
		{ "ab", "a\\u006", "a\\u006" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		http_secret_hide(cases[i].secret, text, strlen(text));
		assert_string_equal(text, cases[i].wanted);
	}
}

/* Nobody listens: the pauses grow to their maximum, and it is said once. */
static void test_absent(void **state)
{
	static const char *const answers[] = { OK, NULL };
	struct scene scene;
	int64_t began;

	(void)state;
	scene_open(&scene, answers);
	event_del(scene.server.accepting);
	shutdown(scene.server.listener, SHUT_RDWR);
	scene_connect(&scene);
	began = clock_read(CLOCK_MONOTONIC);
	for (unsigned int i = 1; i <= 5; i++) {
		scene_send(&scene);
		scene_wait(&scene, &scene.lost, i);
	}
	/* At least half of 10, 20, 40 and 40 ms. */
	assert_true(clock_read(CLOCK_MONOTONIC) - began > 55000000);
	assert_int_equal(scene.refused, 5);
	assert_false(transport_is_up(scene.transport));
	assert_int_equal(transport_connections(scene.transport), 0);
	scene_close(&scene);
}

static void token_write(struct scene *scene, const char *token)
{
	FILE *file;

	if (!*scene->token_file) {
		snprintf(scene->token_file, sizeof(scene->token_file), "/tmp/kstatsd-token-XXXXXX");
		close(mkstemp(scene->token_file));
	}
	file = fopen(scene->token_file, "w");
	assert_non_null(file);
	fputs(token, file);
	fclose(file);
	scene->options.token_file = scene->token_file;
	scene->options.token = "";
}

static void test_token_file(void **state)
{
	static const char no[] = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
	static const char *const answers[] = { OK, no, OK, no, NULL };
	struct scene scene;

	(void)state;
	scene_open(&scene, answers);
	token_write(&scene, TOKEN "\n");
	scene_connect(&scene);
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 1);
	must_hold(&scene, "\r\nAuthorization: Bearer " TOKEN "\r\n");
	/* Replaced while the request is on its way: another attempt. */
	scene_send(&scene);
	token_write(&scene, "another\n");
	scene_wait(&scene, &scene.lost, 1);
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 2);
	must_hold(&scene, "\r\nAuthorization: Bearer another\r\n");
	/* The same token is refused: the batch is. */
	scene_send(&scene);
	scene_wait(&scene, &scene.rejected, 1);
	scene_close(&scene);
}

/* Without its token a batch waits, and who reads why does not see it. */
static void test_token_file_bad(void **state)
{
	static const char *const answers[] = { OK, NULL };
	static const char *const bad[] = { "", "two words", TOKEN "\r\nX-Injected: 1", "caf\xc3\xa9" };
	struct scene scene;

	(void)state;
	scene_open(&scene, answers);
	scene.options.token_file = "/nonexistent/token";
	scene_connect(&scene);
	scene_send(&scene);
	scene_wait(&scene, &scene.lost, 1);
	assert_string_equal(transport_error(scene.transport),
			    "cannot open the token file /nonexistent/token: No such file or directory");
	scene_check_secrecy(&scene);
	transport_free(scene.transport);
	token_write(&scene, "");
	scene_connect(&scene);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		token_write(&scene, bad[i]);
		scene_send(&scene);
		scene_wait(&scene, &scene.lost, i + 2);
		scene_check_secrecy(&scene);
	}
	assert_int_equal(scene.server.requests, 0);
	token_write(&scene, TOKEN);
	scene_send(&scene);
	scene_wait(&scene, &scene.sent, 1);
	scene_close(&scene);
}

/* Freed in the middle, it calls nothing back. */
static void test_abandoned(void **state)
{
	static const char *const answers[] = { hang, NULL };
	struct scene scene;

	(void)state;
	scene_open(&scene, answers);
	scene_connect(&scene);
	scene_send(&scene);
	while (!scene.server.requests)
		event_base_loop(scene.base, EVLOOP_ONCE);
	transport_free(scene.transport);
	event_base_loop(scene.base, EVLOOP_NONBLOCK);
	assert_int_equal(scene.sent + scene.lost + scene.rejected, 0);
	scene_connect(&scene);
	scene_close(&scene);
}

static void test_refused_options(void **state)
{
	static const struct {
		const char *url, *token;
	} cases[] = {
		{ "ftp://127.0.0.1/", "" },	   { "http://", "" },
		{ "http://127.0.0.1:99999/", "" }, { "http://127.0.0.1/", TOKEN "\n" },
		{ "http://127.0.0.1/", "a b" },
	};
	struct event_base *base = event_base_new();
	const struct transport_events events = {};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_options options = {
			.what = "wavefront",
			.address = "http://127.0.0.1",
			.urls = { cases[i].url },
			.token = cases[i].token,
			.retry_min = 1,
			.retry_max = 1,
			.timeout = NS_PER_SECOND,
		};

		error = (struct error){};
		assert_null(http_transport_new(base, &options, &events, &error));
		assert_true(*error.text);
		assert_null(strstr(error.text, TOKEN));
	}
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sent, capture_stop),
		cmocka_unit_test_teardown(test_kinds, capture_stop),
		cmocka_unit_test_teardown(test_gzip, capture_stop),
		cmocka_unit_test_teardown(test_lost, capture_stop),
		cmocka_unit_test_teardown(test_slow_reader, capture_stop),
		cmocka_unit_test_teardown(test_stalled, capture_stop),
		cmocka_unit_test_teardown(test_rejected, capture_stop),
		cmocka_unit_test_teardown(test_body_breaks, capture_stop),
		cmocka_unit_test_teardown(test_flood, capture_stop),
		cmocka_unit_test_teardown(test_echo, capture_stop),
		cmocka_unit_test(test_secret),
		cmocka_unit_test_teardown(test_retry_after, capture_stop),
		cmocka_unit_test_teardown(test_absent, capture_stop),
		cmocka_unit_test_teardown(test_token_file, capture_stop),
		cmocka_unit_test_teardown(test_token_file_bad, capture_stop),
		cmocka_unit_test_teardown(test_abandoned, capture_stop),
		cmocka_unit_test_teardown(test_refused_options, capture_stop),
	};

	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
