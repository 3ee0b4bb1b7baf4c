// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From OpenSSL's results and its queue of errors to errno and a sentence. Nothing below TLS 1.2. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "sink/transport/tls.h"

#define PROBLEM_BYTES 160

/* Of authorities, certificate and key: by what is seen that a file is another. */
#define FILES 3

struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct tls {
	SSL_CTX *context;
	const struct tls_options *options;
	struct stamp stamps[FILES]; /* of what `context` was made of */
	char name[ADDRESS_BYTES];   /* who the other side has to be */
};

struct tls_session {
	SSL *ssl;
	bool wants_write;
	char problem[PROBLEM_BYTES];
};

/*
 * OpenSSL's own words for the first thing that went wrong: what follows is only its consequence. For
 * what the kernel said it has none.
 */
static const char *reason_read(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	return reason ? reason : "no reason is known";
}

static int certificates_load(SSL_CTX *context, const struct tls_options *options, struct error *error)
{
	const char *key = *options->key_file ? options->key_file : options->cert_file;

	ERR_clear_error();
	if (*options->ca_file ? !SSL_CTX_load_verify_file(context, options->ca_file)
			      : !SSL_CTX_set_default_verify_paths(context))
		return error_set(error, -EINVAL, "cannot read the authorities in %s: %s",
				 *options->ca_file ? options->ca_file : "the system's folder", reason_read());
	if (!*options->cert_file)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1)
		return error_set(error, -EINVAL, "cannot read the certificate in %s: %s", options->cert_file,
				 reason_read());
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return error_set(error, -EINVAL, "cannot read the certificate's key in %s: %s", key,
				 reason_read());
	return 0;
}

/* A file that is not there has a stamp of its own: zeros. */
static void stamps_read(const struct tls_options *options, struct stamp stamps[FILES])
{
	const char *const names[FILES] = { options->ca_file, options->cert_file, options->key_file };
	struct stat file;

	memset(stamps, 0, FILES * sizeof(*stamps));
	for (size_t i = 0; i < FILES; i++) {
		if (!*names[i] || stat(names[i], &file))
			continue;
		stamps[i].device = file.st_dev;
		stamps[i].inode = file.st_ino;
		stamps[i].size = file.st_size;
		stamps[i].modified = file.st_mtim;
		stamps[i].changed = file.st_ctim;
	}
}

int tls_refresh(struct tls *tls, struct error *error)
{
	const struct tls_options *options = tls->options;
	struct stamp stamps[FILES];
	SSL_CTX *context;
	int err;

	/* Before the files are read: who writes meanwhile is seen the next time. */
	stamps_read(options, stamps);
	if (tls->context && !memcmp(stamps, tls->stamps, sizeof(stamps)))
		return 0;
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return error_set(error, -ENOMEM, "cannot set up TLS: out of memory");
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	err = certificates_load(context, options, error);
	if (err) {
		SSL_CTX_free(context);
		return err;
	}
	/* Sessions that there are keep theirs. */
	SSL_CTX_free(tls->context);
	tls->context = context;
	memcpy(tls->stamps, stamps, sizeof(stamps));
	return 0;
}

struct tls *tls_new(const struct tls_options *options, const char *host, struct error *error)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls) {
		error_set(error, -ENOMEM, "cannot set up TLS: out of memory");
		return NULL;
	}
	tls->options = options;
	snprintf(tls->name, sizeof(tls->name), "%s", *options->server_name ? options->server_name : host);
	if (!tls_refresh(tls, error))
		return tls;
	tls_free(tls);
	return NULL;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

/* By its name, or by its number: a number is no name to be told in the open. */
static bool session_expect(SSL *ssl, const struct tls *tls)
{
	unsigned char number[sizeof(struct in6_addr)];
	bool is_number =
		inet_pton(AF_INET, tls->name, number) == 1 || inet_pton(AF_INET6, tls->name, number) == 1;

	if (!is_number && !SSL_set_tlsext_host_name(ssl, tls->name))
		return false;
	if (tls->options->insecure)
		return true;
	return is_number ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->name)
			 : SSL_set1_host(ssl, tls->name);
}

struct tls_session *tls_session_new(struct tls *tls, int fd)
{
	struct tls_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->ssl = SSL_new(tls->context);
	if (session->ssl && SSL_set_fd(session->ssl, fd) && session_expect(session->ssl, tls)) {
		SSL_set_connect_state(session->ssl);
		return session;
	}
	tls_session_free(session);
	return NULL;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	ERR_clear_error();
	if (session->ssl && SSL_is_init_finished(session->ssl))
		SSL_shutdown(session->ssl);
	SSL_free(session->ssl);
	free(session);
}

/* What a call that returned `result` means. */
static int session_result(struct tls_session *session, int result)
{
	int saved = errno, error = SSL_get_error(session->ssl, result);
	long verified = SSL_get_verify_result(session->ssl);

	session->wants_write = error == SSL_ERROR_WANT_WRITE;
	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : -EPIPE;
	default:
		snprintf(session->problem, sizeof(session->problem), "TLS: %s%s%s", reason_read(),
			 verified == X509_V_OK ? "" : ": ",
			 verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
		return -EPROTO;
	}
}

int tls_handshake(struct tls_session *session)
{
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(session->ssl);
	return result == 1 ? 0 : session_result(session, result);
}

ssize_t tls_write(struct tls_session *session, const char *data, size_t len)
{
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_write(session->ssl, data, len < INT_MAX ? (int)len : INT_MAX);
	return result > 0 ? result : session_result(session, result);
}

ssize_t tls_read(struct tls_session *session, char *data, size_t size)
{
	int result, err;

	ERR_clear_error();
	errno = 0;
	result = SSL_read(session->ssl, data, (int)size);
	if (result > 0)
		return result;
	err = session_result(session, result);
	return err == -EPIPE ? 0 : err;
}

bool tls_wants_write(const struct tls_session *session)
{
	return session->wants_write;
}

const char *tls_problem(const struct tls_session *session)
{
	return session->problem;
}
