// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     GET /metrics     the metrics; who has a token to show must show it
 *     GET /-/healthy   200 as long as the daemon lives
 *     GET /-/ready     200 once it has what it needs to answer, else 503
 *     GET /            a page that says so
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/transport/http_token.h"
#include "sink/prometheus/prometheus_http.h"
#include "sink/prometheus/prometheus_listen.h"
#include "sink/prometheus/prometheus_tls.h"

#define HEADERS_MAX (16 << 10)
#define BODY_MAX 1024
#define IDLE_SECONDS 180
#define ANSWER_TIMEOUTS 6 /* an answer may take so many times what a request may */
#define BEARER "Bearer "

struct prometheus_http {
	struct event_base *base;
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
	struct guard *guard;
	struct prometheus_http_events events;
	struct prometheus_options options;
	struct http_token token;
	struct tls_seen seen;
	struct prometheus_http_counts counts;
};

struct response *response_new(struct text *text)
{
	struct response *response = text->failed ? NULL : calloc(1, sizeof(*response));

	if (!response) {
		text_release(text);
		return NULL;
	}
	*response = (struct response){ .refs = 1, .text = *text };
	*text = (struct text){};
	return response;
}

void response_free(struct response *response)
{
	if (!response || --response->refs)
		return;
	text_release(&response->text);
	free(response);
}

static void response_on_sent(const void *data, size_t len, void *context)
{
	(void)data;
	(void)len;
	response_free(context);
}

static void header_add(struct evhttp_request *request, const char *key, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), key, value);
}

/* `body` NULL: as long as it says, but not sent: HEAD. */
static void reply(struct evhttp_request *request, int code, const char *type, struct evbuffer *body,
		  size_t len)
{
	char number[24];

	snprintf(number, sizeof(number), "%zu", len);
	header_add(request, "Content-Type", type);
	header_add(request, "Content-Length", number);
	header_add(request, "Cache-Control", "no-store");
	evhttp_send_reply(request, code, NULL, body);
}

static void reply_text(struct evhttp_request *request, int code, const char *type, const char *text)
{
	struct evbuffer *body =
		evhttp_request_get_command(request) == EVHTTP_REQ_HEAD ? NULL : evbuffer_new();

	if (body)
		evbuffer_add(body, text, strlen(text));
	reply(request, code, type, body, strlen(text));
	if (body)
		evbuffer_free(body);
}

static void reply_plain(struct evhttp_request *request, int code, const char *text)
{
	reply_text(request, code, "text/plain; charset=utf-8", text);
}

void prometheus_http_answer(struct prometheus_http *http, struct scrape *scrape, struct response *response)
{
	struct evbuffer *body = response && !scrape->head ? evbuffer_new() : NULL;
	size_t len = response ? response->text.len : 0;

	if (body && len &&
	    !evbuffer_add_reference(body, response->text.data, len, response_on_sent, response))
		response->refs++;
	if (!response || (!scrape->head && (!body || evbuffer_get_length(body) != len))) {
		reply_plain(scrape->request, HTTP_SERVUNAVAIL, "out of memory\n");
	} else {
		if (scrape->gzip)
			header_add(scrape->request, "Content-Encoding", "gzip");
		header_add(scrape->request, "Vary", "Accept, Accept-Encoding");
		http->counts.answers++;
		http->counts.bytes += scrape->head ? 0 : len;
		reply(scrape->request, HTTP_OK, exposition_types[scrape->exposition], body, len);
	}
	if (body)
		evbuffer_free(body);
	free(scrape);
}

/* The same time for each token of one length: that of a hash. */
static bool is_authorized(const struct prometheus_http *http, struct evhttp_request *request)
{
	const char *shown = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
	unsigned char wanted[SHA256_DIGEST_LENGTH], got[SHA256_DIGEST_LENGTH];

	if (!*http->options.token && !*http->options.token_file)
		return true;
	if (!*http->token.text || !shown || strncasecmp(shown, BEARER, strlen(BEARER)))
		return false;
	shown += strlen(BEARER);
	shown += strspn(shown, " ");
	SHA256((const unsigned char *)http->token.text, strlen(http->token.text), wanted);
	SHA256((const unsigned char *)shown, strlen(shown), got);
	return !CRYPTO_memcmp(wanted, got, sizeof(wanted));
}

static void on_metrics(struct prometheus_http *http, struct evhttp_request *request)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	struct scrape *scrape;

	if (!is_authorized(http, request)) {
		http->counts.unauthorized++;
		header_add(request, "WWW-Authenticate", "Bearer");
		reply_plain(request, 401, "a bearer token is needed\n");
		return;
	}
	scrape = calloc(1, sizeof(*scrape));
	if (!scrape) {
		reply_plain(request, HTTP_SERVUNAVAIL, "out of memory\n");
		return;
	}
	scrape->request = request;
	scrape->head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
	scrape->exposition = exposition_choose(evhttp_find_header(headers, "Accept"));
	scrape->gzip = exposition_takes_gzip(evhttp_find_header(headers, "Accept-Encoding"));
	http->events.scraped(http->events.context, scrape);
}

static void on_healthy(struct prometheus_http *http, struct evhttp_request *request)
{
	(void)http;
	reply_plain(request, HTTP_OK, "healthy\n");
}

static void on_ready(struct prometheus_http *http, struct evhttp_request *request)
{
	bool ready = http->events.is_ready(http->events.context);

	reply_plain(request, ready ? HTTP_OK : HTTP_SERVUNAVAIL, ready ? "ready\n" : "not ready\n");
}

static void on_index(struct prometheus_http *http, struct evhttp_request *request)
{
	char page[512];

	snprintf(page, sizeof(page),
		 "<!DOCTYPE html><title>kstatsd</title><h1>kstatsd</h1>\n"
		 "<p><a href=\"%s\">metrics</a>, <a href=\"/-/healthy\">healthy</a>, "
		 "<a href=\"/-/ready\">ready</a></p>\n",
		 http->options.path);
	reply_text(request, HTTP_OK, "text/html; charset=utf-8", page);
}

static void on_request(struct evhttp_request *request, void *context)
{
	static const struct {
		const char *path; /* NULL: the configured one */
		void (*answer)(struct prometheus_http *http, struct evhttp_request *request);
	} pages[] = {
		{ NULL, on_metrics },
		{ "/-/healthy", on_healthy },
		{ "/-/ready", on_ready },
		{ "/", on_index },
	};
	struct prometheus_http *http = context;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(request);

	if (!guard_request(http->guard, request)) {
		header_add(request, "Connection", "close");
		reply_plain(request, HTTP_SERVUNAVAIL, "too many connections\n");
		return;
	}
	for (size_t i = 0; path && i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(path, pages[i].path ? pages[i].path : http->options.path))
			continue;
		if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) {
			pages[i].answer(http, request);
			return;
		}
		header_add(request, "Allow", "GET, HEAD");
		reply_plain(request, HTTP_BADMETHOD, "only GET and HEAD\n");
		return;
	}
	http->counts.not_found++;
	reply_plain(request, HTTP_NOTFOUND, "nothing here\n");
}

/* What the files of the options hold. -errno with the sentence in `error`: nothing is to be freed. */
static int files_read(const struct prometheus_options *options, struct http_token *token, SSL_CTX **tls,
		      struct tls_seen *seen, struct error *error)
{
	int err = http_token_init(token, options->token_file, options->token, error);

	*tls = NULL;
	if (!err)
		err = http_token_refresh(token, true, error);
	if (!err && options->tls.enabled && !(*tls = server_tls_new(&options->tls, seen, error)))
		err = -EINVAL;
	if (err)
		http_token_release(token);
	return err;
}

int prometheus_http_check(const struct prometheus_options *options, struct error *error)
{
	struct http_token token;
	struct tls_seen seen;
	SSL_CTX *tls;
	int err = files_read(options, &token, &tls, &seen, error);

	SSL_CTX_free(tls);
	http_token_release(&token);
	return err;
}

/* All that may fail comes before anything is changed. */
int prometheus_http_update(struct prometheus_http *http, const struct prometheus_options *options,
			   struct error *error)
{
	const struct guard_limits limits = { options->connections_max, options->timeout,
					     IDLE_SECONDS * NS_PER_SECOND,
					     ANSWER_TIMEOUTS * options->timeout };
	struct http_token token;
	struct tls_seen seen = {};
	SSL_CTX *tls;
	int err = files_read(options, &token, &tls, &seen, error);

	if (err)
		return err;
	if (!http->bound || strcmp(http->options.listen, options->listen))
		err = listen_move(http->base, http->http, &http->bound, http->options.listen, options->listen,
				  error);
	if (err) {
		http_token_release(&token);
		SSL_CTX_free(tls);
		return err;
	}
	http->options = *options;
	http_token_release(&http->token);
	http->token = token;
	http->token.file = http->options.token_file;
	http->seen = seen;
	guard_set_tls(http->guard, tls);
	guard_set_limits(http->guard, &limits);
	return 0;
}

void prometheus_http_close(struct prometheus_http *http)
{
	listen_end(http->http, &http->bound);
	guard_hang_up(http->guard);
}

struct prometheus_http *prometheus_http_new(struct event_base *base, const struct prometheus_options *options,
					    const struct prometheus_http_events *events, struct error *error)
{
	struct prometheus_http *http = calloc(1, sizeof(*http));

	if (http)
		http->http = evhttp_new(base);
	if (http && http->http)
		http->guard = guard_new(base, http->http);
	if (!http || !http->http || !http->guard) {
		error_set(error, -ENOMEM, "cannot listen for Prometheus: out of memory");
		prometheus_http_free(http);
		return NULL;
	}
	http->base = base;
	http->events = *events;
	evhttp_set_gencb(http->http, on_request, http);
	evhttp_set_allowed_methods(http->http, 0xffff);
	evhttp_set_max_headers_size(http->http, HEADERS_MAX);
	evhttp_set_max_body_size(http->http, BODY_MAX);
	evhttp_set_timeout(http->http, IDLE_SECONDS);
	if (!prometheus_http_update(http, options, error))
		return http;
	prometheus_http_free(http);
	return NULL;
}

void prometheus_http_free(struct prometheus_http *http)
{
	if (!http)
		return;
	if (http->http)
		evhttp_free(http->http);
	guard_free(http->guard);
	http_token_release(&http->token);
	explicit_bzero(http->options.token, sizeof(http->options.token));
	free(http);
}

void prometheus_http_refresh(struct prometheus_http *http)
{
	const struct tls_options *options = &http->options.tls;
	struct error error = {};
	struct tls_seen seen;
	SSL_CTX *tls;

	if (http_token_refresh(&http->token, false, &error))
		log_error("nobody can scrape the metrics for Prometheus: %s", error.text);
	if (!options->enabled || !server_tls_is_old(options, &http->seen))
		return;
	tls = server_tls_new(options, &seen, &error);
	http->seen = tls ? seen : http->seen;
	if (tls)
		guard_set_tls(http->guard, tls);
	else
		log_error("%s; the certificate of before is used", error.text);
}

void prometheus_http_counts(const struct prometheus_http *http, struct prometheus_http_counts *counts)
{
	*counts = http->counts;
	guard_counts(http->guard, &counts->connections);
}
