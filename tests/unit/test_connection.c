// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A connection with TLS to a peer in this process, whose handshake is done by a thread. What the kernel says of
 * unacknowledged bytes is said here, so that a batch can be over in the same turn of the loop that began it.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include "directory.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/batch.h"
#include "sink/transport/connection.h"

#define SECONDS_MAX 5

/* Stands in for the C library's: a peer's kernel that acknowledges at once. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (request != SIOCOUTQ)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	*(int *)argument = 0;
	return 0;
}

/* A new certificate for 127.0.0.1 that signs itself, and its key. */
static void certificate_write(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_EXTENSION *address = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	X509_NAME *name = X509_get_subject_name(certificate);
	FILE *file = fopen(path, "w");

	assert_true(key && certificate && address && file);
	X509_set_version(certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"kstatsd tests", -1, -1,
				   0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, address, -1);
	assert_true(X509_sign(certificate, key, EVP_sha256()));
	assert_true(PEM_write_X509(file, certificate));
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	X509_EXTENSION_free(address);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct peer {
	int listener, fd; /* of who connected; -1: nobody */
	char address[32], path[128];
	pthread_t thread;
	SSL_CTX *context;
	SSL *ssl;
};

static void *handshake(void *context)
{
	struct peer *peer = context;

	peer->fd = accept(peer->listener, NULL, NULL);
	SSL_set_fd(peer->ssl, peer->fd);
	SSL_accept(peer->ssl);
	return NULL;
}

/* Waits for one connection, as who the file says. */
static void peer_expect(struct peer *peer)
{
	peer->context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate_file(peer->context, peer->path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(peer->context, peer->path, SSL_FILETYPE_PEM), 1);
	/* Nothing that would make the socket readable. */
	SSL_CTX_set_num_tickets(peer->context, 0);
	peer->ssl = SSL_new(peer->context);
	assert_int_equal(pthread_create(&peer->thread, NULL, handshake, peer), 0);
}

static void peer_hang_up(struct peer *peer)
{
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->context);
	close(peer->fd);
}

static void peer_open(struct peer *peer)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);

	*peer = (struct peer){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(peer->listener, 8), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&name, &len), 0);
	snprintf(peer->address, sizeof(peer->address), "127.0.0.1:%u", ntohs(name.sin_port));
	snprintf(peer->path, sizeof(peer->path), "%s/peer.pem", directory);
	certificate_write(peer->path);
}

struct scene {
	struct event_base *base;
	struct peer peer;
	struct transport *transport;
	struct batch *batch;
	unsigned int ready, sent, lost, refused;
};

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
	((struct scene *)context)->lost++;
}

static void on_refused(void *context)
{
	((struct scene *)context)->refused++;
}

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

/* Connected, with the peer's own certificate as the only authority. */
static void scene_open(struct scene *scene)
{
	const struct transport_events events = { on_ready, on_sent, on_lost, NULL, on_refused, scene };
	struct connection_options options = {
		.what = "graphite",
		.address = scene->peer.address,
		.retry_min = 1000000,
		.retry_max = 10000000,
		.timeout = SECONDS_MAX * NS_PER_SECOND,
		.tls.enabled = true,
	};
	struct error error = {};

	*scene = (struct scene){ .base = event_base_new(), .batch = batch_new(0, 0, 1, 4) };
	assert_int_equal(event_base_priority_init(scene->base, 2), 0);
	peer_open(&scene->peer);
	peer_expect(&scene->peer);
	memcpy(scene->batch->data, "a 1\n", 4);
	snprintf(options.tls.ca_file, sizeof(options.tls.ca_file), "%s", scene->peer.path);
	scene->transport = connection_new(scene->base, &options, &events, &error);
	if (!scene->transport)
		fail_msg("%s", error.text);
	scene_wait(scene, &scene->ready, 1);
	assert_int_equal(pthread_join(scene->peer.thread, NULL), 0);
}

static void scene_close(struct scene *scene)
{
	transport_free(scene->transport);
	batch_release(scene->batch);
	peer_hang_up(&scene->peer);
	close(scene->peer.listener);
	event_base_free(scene->base);
}

static void on_first(evutil_socket_t fd, short events, void *context)
{
	struct scene *scene = context;
	char byte;

	(void)events;
	assert_int_equal(read(fd, &byte, 1), 1);
	transport_send(scene->transport, scene->batch);
}

/*
 * The peer talks in the turn of the loop that begins a batch: that it may be read comes first, and sends all; that it
 * may be written comes when nothing is being sent any more.
 */
static void test_peer_talks(void **state)
{
	struct scene scene;
	struct event *first;
	int ends[2];

	(void)state;
	scene_open(&scene);
	assert_int_equal(pipe(ends), 0);
	first = event_new(scene.base, ends[0], EV_READ | EV_PERSIST, on_first, &scene);
	event_priority_set(first, 0);
	event_add(first, NULL);
	for (unsigned int i = 1; i <= 3; i++) {
		char got[8];

		assert_int_equal(SSL_write(scene.peer.ssl, "x", 1), 1);
		assert_int_equal(write(ends[1], "x", 1), 1);
		scene_wait(&scene, &scene.sent, i);
		event_base_loop(scene.base, EVLOOP_NONBLOCK);
		assert_int_equal(scene.sent, i);
		assert_int_equal(scene.ready, 1 + i);
		assert_int_equal(SSL_read(scene.peer.ssl, got, sizeof(got)), 4);
	}
	assert_int_equal(scene.lost, 0);
	event_free(first);
	close(ends[0]);
	close(ends[1]);
	scene_close(&scene);
}

/* The peer hangs up, and is there again as who its file says now; `then` is written into that file. */
static void reconnect(struct scene *scene, const char *then)
{
	unsigned int ready = scene->ready;
	FILE *file;

	peer_hang_up(&scene->peer);
	peer_expect(&scene->peer);
	if (then) {
		file = fopen(scene->peer.path, "w");
		assert_non_null(file);
		fputs(then, file);
		fclose(file);
	}
	scene_wait(scene, &scene->ready, ready + 1);
	assert_int_equal(pthread_join(scene->peer.thread, NULL), 0);
}

/* A certificate is renewed at its path. While there is rubbish, the old one is used, and that is said once. */
static void test_certificates_change(void **state)
{
	char log[4096] = "";
	int before = dup(STDERR_FILENO);
	FILE *captured = tmpfile();
	struct scene scene;
	unsigned int refused;
	const char *said;

	(void)state;
	scene_open(&scene);
	certificate_write(scene.peer.path);
	reconnect(&scene, NULL);
	assert_non_null(captured);
	log_set_level(LOG_LEVEL_WARNING);
	dup2(fileno(captured), STDERR_FILENO);
	reconnect(&scene, "rubbish");
	/* Nobody is there any more, and the attempts go on. */
	refused = scene.refused;
	shutdown(scene.peer.fd, SHUT_RDWR);
	shutdown(scene.peer.listener, SHUT_RDWR);
	scene_wait(&scene, &scene.refused, refused + 3);
	dup2(before, STDERR_FILENO);
	close(before);
	log_set_level(LOG_LEVEL_ERROR);
	rewind(captured);
	fread(log, 1, sizeof(log) - 1, captured);
	fclose(captured);
	said = strstr(log, "going on with what was read before");
	assert_non_null(said);
	assert_null(strstr(said + 1, "going on with"));
	scene_close(&scene);
}

static int setup(void **state)
{
	(void)state;
	return directory_make_one();
}

static int teardown(void **state)
{
	(void)state;
	return directory_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_peer_talks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificates_change, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
