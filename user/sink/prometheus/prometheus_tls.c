// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Files are looked at before they are read: who replaces one in between is noticed the next time. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include "sink/prometheus/prometheus_tls.h"

static void files_look(const struct tls_options *options, struct tls_seen *seen)
{
	const char *const names[] = { options->cert_file, options->key_file, options->ca_file };

	*seen = (struct tls_seen){};
	for (size_t i = 0; i < 3; i++)
		if (*names[i] && stat(names[i], &seen->files[i]))
			seen->files[i] = (struct stat){};
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

bool server_tls_is_old(const struct tls_options *options, const struct tls_seen *seen)
{
	struct tls_seen now;

	files_look(options, &now);
	for (size_t i = 0; i < 3; i++)
		if (!is_same(&now.files[i], &seen->files[i]))
			return true;
	return false;
}

/* Asks for no pass phrase: nobody sits there. */
static int no_pass_phrase(char *room, int size, int writing, void *context)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)context;
	return 0;
}

static SSL_CTX *tls_fail(SSL_CTX *tls, struct error *error, const char *what, const char *file)
{
	char reason[160] = "out of memory";
	unsigned long code = ERR_get_error();

	if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	error_set(error, -EINVAL, "cannot serve Prometheus by TLS: %s %s: %s", what, file, reason);
	SSL_CTX_free(tls);
	return NULL;
}

SSL_CTX *server_tls_new(const struct tls_options *options, struct tls_seen *seen, struct error *error)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	files_look(options, seen);
	ERR_clear_error();
	if (!tls)
		return tls_fail(tls, error, "OpenSSL", "cannot begin");
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(tls, no_pass_phrase);
	if (SSL_CTX_use_certificate_chain_file(tls, options->cert_file) != 1)
		return tls_fail(tls, error, "the certificate", options->cert_file);
	if (SSL_CTX_use_PrivateKey_file(tls, options->key_file, SSL_FILETYPE_PEM) != 1)
		return tls_fail(tls, error, "the key", options->key_file);
	if (!*options->ca_file)
		return tls;
	if (SSL_CTX_load_verify_locations(tls, options->ca_file, NULL) != 1)
		return tls_fail(tls, error, "the clients' authority", options->ca_file);
	SSL_CTX_set_client_CA_list(tls, SSL_load_client_CA_file(options->ca_file));
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* A session that is taken up again has no certificate: there are to be none. */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
	return tls;
}
