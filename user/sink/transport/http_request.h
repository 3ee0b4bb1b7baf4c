/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One POST of libcurl's: what is asked for, and what came back. It is used again for each batch. */
#ifndef SINK_HTTP_REQUEST_H
#define SINK_HTTP_REQUEST_H

#include <curl/curl.h>
#include "sink/transport/http_token.h"
#include "sink/transport/http_transport.h"
#include "sink/text.h"

struct http_request {
	CURL *easy;
	char *urls[RECORD_KINDS]; /* as curl gets them */
	struct curl_slist *connect_to, *headers, *sent_headers;
	bool gzip;
	struct text body; /* if gzip */
	size_t sent_len;  /* of the body, as it is sent */
	char answer[HTTP_ANSWER_BYTES + 1];
	size_t answer_len, answer_seen;
	char problem[CURL_ERROR_SIZE];
};

/* -errno with the sentence in `error`; to be released also then. */
int http_request_init(struct http_request *request, const struct http_options *options, struct error *error);
void http_request_release(struct http_request *request);
/* Makes the POST of a batch; `data` must stay until it is over. -ENOMEM. */
int http_request_set(struct http_request *request, const struct http_token *token, unsigned int kind,
		     const char *data, size_t len);
/* Blots out what others say of the token and of the headers' values. */
void http_request_hide(const struct http_request *request, const struct http_token *token, char *text,
		       size_t len);

#endif /* SINK_HTTP_REQUEST_H */
