// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What libcurl is told. A server whose certificate names somebody else than the address does is asked
 * for by the certificate's name, while the connection goes to the address:
 *
 *     url https://10.0.0.1:8443/report, server_name proxy.example
 *       URL https://proxy.example:8443/report   CONNECT_TO proxy.example:8443:10.0.0.1:8443
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sink/transport/gzip.h"
#include "sink/transport/http_request.h"
#include "sink/transport/http_secret.h"

#define NS_PER_MSEC 1000000
#define HEADER_BYTES (TOKEN_BYTES + 64)

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	size_t len = size * count, room = HTTP_ANSWER_BYTES - request->answer_len;

	request->answer_seen += len;
	if (request->answer_seen > HTTP_ANSWER_MAX)
		return 0;
	if (room > len)
		room = len;
	memcpy(request->answer + request->answer_len, data, room);
	request->answer_len += room;
	request->answer[request->answer_len] = '\0';
	return len;
}

static int header_add(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* The parts of a URL that say where to connect to, for CURLOPT_CONNECT_TO. */
static int connect_to_add(struct http_request *request, CURLU *url, const char *server_name)
{
	char *host = NULL, *port = NULL, entry[2 * ADDRESS_BYTES + 32];
	int err = -EINVAL;

	if (!curl_url_get(url, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
		snprintf(entry, sizeof(entry), "%s:%s:%s:%s", server_name, port, host, port);
		err = header_add(&request->connect_to, entry);
	}
	curl_free(host);
	curl_free(port);
	return err;
}

static int url_take(struct http_request *request, size_t kind, const char *text, const char *server_name,
		    struct error *error)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *whole = NULL;
	bool is_http, is_fine;

	is_fine = url && !curl_url_set(url, CURLUPART_URL, text, 0) &&
		  !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	is_http = is_fine && (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
	if (is_http && *server_name && !strcmp(scheme, "https"))
		is_fine = !connect_to_add(request, url, server_name) &&
			  !curl_url_set(url, CURLUPART_HOST, server_name, 0);
	is_fine = is_http && is_fine && !curl_url_get(url, CURLUPART_URL, &whole, 0);
	if (is_fine)
		request->urls[kind] = strdup(whole);
	curl_free(scheme);
	curl_free(whole);
	curl_url_cleanup(url);
	if (request->urls[kind])
		return 0;
	return error_set(error, -EINVAL, "'%s' is no URL such as http://127.0.0.1:2878", text);
}

static void tls_set(CURL *easy, const struct tls_options *tls)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);
	/* curl keeps authorities for a day; they may be renewed. */
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (*tls->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
		/* Not the system's besides. */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (*tls->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
	if (*tls->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file);
}

static void easy_set(struct http_request *request, const struct http_options *options)
{
	/* Whoever watches (http_watch.h) gives up before. */
	long connect_timeout = (long)(options->timeout / NS_PER_MSEC) * 2 + 1000;
	CURL *easy = request->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "kstatsd");
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->problem);
	if (request->connect_to)
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, request->connect_to);
	if (options->tls)
		tls_set(easy, options->tls);
}

/* A body is sent at once: nobody asks whether it would be welcome. */
static int headers_take(struct http_request *request, const struct http_options *options)
{
	int err = header_add(&request->headers, "Expect:");

	if (!err && options->gzip)
		err = header_add(&request->headers, "Content-Encoding: gzip");
	for (const char *const *header = options->headers; !err && header && *header; header++)
		err = header_add(&request->headers, *header);
	return err;
}

int http_request_init(struct http_request *request, const struct http_options *options, struct error *error)
{
	const char *server_name = options->tls ? options->tls->server_name : "";
	int err;

	*request = (struct http_request){ .easy = curl_easy_init(), .gzip = options->gzip };
	for (size_t kind = 0; kind < RECORD_KINDS; kind++) {
		err = options->urls[kind] ? url_take(request, kind, options->urls[kind], server_name, error)
					  : 0;
		if (err)
			return err;
	}
	if (!request->easy || headers_take(request, options))
		return error_set(error, -ENOMEM, "cannot set up HTTP: out of memory");
	easy_set(request, options);
	return 0;
}

void http_request_release(struct http_request *request)
{
	curl_easy_cleanup(request->easy);
	for (size_t kind = 0; kind < RECORD_KINDS; kind++)
		free(request->urls[kind]);
	curl_slist_free_all(request->connect_to);
	curl_slist_free_all(request->headers);
	curl_slist_free_all(request->sent_headers);
	text_release(&request->body);
	*request = (struct http_request){};
}

/* Those of every request, and the one that changes with the token. */
static int headers_make(struct http_request *request, const struct http_token *token)
{
	char bearer[HEADER_BYTES];
	int err = 0;

	curl_slist_free_all(request->sent_headers);
	request->sent_headers = NULL;
	for (const struct curl_slist *header = request->headers; !err && header; header = header->next)
		err = header_add(&request->sent_headers, header->data);
	if (!err && *token->text) {
		snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token->text);
		err = header_add(&request->sent_headers, bearer);
		explicit_bzero(bearer, sizeof(bearer));
	}
	return err;
}

int http_request_set(struct http_request *request, const struct http_token *token, unsigned int kind,
		     const char *data, size_t len)
{
	CURL *easy = request->easy;

	request->answer_len = request->answer_seen = 0;
	request->answer[0] = request->problem[0] = '\0';
	request->body.len = 0;
	request->body.failed = false;
	if (headers_make(request, token))
		return -ENOMEM;
	if (request->gzip) {
		if (gzip_add(&request->body, data, len))
			return -ENOMEM;
		data = request->body.data;
		len = request->body.len;
	}
	curl_easy_setopt(easy, CURLOPT_URL, request->urls[kind]);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->sent_headers);
	request->sent_len = len;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, data) ? -ENOMEM : 0;
}

void http_request_hide(const struct http_request *request, const struct http_token *token, char *text,
		       size_t len)
{
	static const char content[] = "Content-"; /* -Type, -Encoding: anybody may know */

	http_secret_hide(token->text, text, len);
	for (const struct curl_slist *header = request->headers; header; header = header->next)
		if (strncasecmp(header->data, content, strlen(content)) != 0)
			http_secret_hide_header(header->data, text, len);
}
