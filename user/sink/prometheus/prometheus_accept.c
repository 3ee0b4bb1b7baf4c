// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Which format a client wants.
 *
 *     Accept: application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5
 *             ^ a range                    ^ a parameter ^ the best q wins, the first of equals
 */
#include <string.h>
#include <strings.h>
#include "lib/number.h"
#include "sink/prometheus/prometheus_exposition.h"

#define BLANKS " \t"
#define PARAMETERS_MAX 8

const char *const exposition_types[EXPOSITIONS] = {
	[EXPOSITION_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
	[EXPOSITION_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	[EXPOSITION_OPENMETRICS_OLD] = "application/openmetrics-text; version=0.0.1; charset=utf-8",
	[EXPOSITION_PROTOBUF] =
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
};

/* What a range must say to mean a format. A parameter that a row does not name is passed over. */
static const struct {
	const char *range;
	struct {
		const char *key, *value; /* must be so, if the range has it */
		bool needed;		 /* and the range must have it */
	} parameters[2];
	enum exposition exposition;
} formats[] = {
	{ "application/vnd.google.protobuf",
	  { { "proto", "io.prometheus.client.MetricFamily", true }, { "encoding", "delimited", true } },
	  EXPOSITION_PROTOBUF },
	{ "application/openmetrics-text", { { "version", "0.0.1", true } }, EXPOSITION_OPENMETRICS_OLD },
	{ "application/openmetrics-text", { { "version", "1.0.0", false } }, EXPOSITION_OPENMETRICS },
	{ "text/plain", { { "version", "0.0.4", false } }, EXPOSITION_TEXT },
	{ "text/*", {}, EXPOSITION_TEXT },
	{ "*/*", {}, EXPOSITION_TEXT },
};

struct piece_of {
	const char *text;
	size_t len;
};

static struct piece_of piece_trim(const char *text, size_t len)
{
	while (len && strchr(BLANKS, *text)) {
		text++;
		len--;
	}
	while (len && strchr(BLANKS, text[len - 1]))
		len--;
	return (struct piece_of){ text, len };
}

/* The piece of *rest up to `end`; *rest begins behind that. */
static struct piece_of piece_cut(struct piece_of *rest, char end)
{
	const char *found = memchr(rest->text, end, rest->len);
	size_t len = found ? (size_t)(found - rest->text) : rest->len;
	struct piece_of piece = piece_trim(rest->text, len);

	len += found != NULL;
	rest->text += len;
	rest->len -= len;
	return piece;
}

static bool piece_is(struct piece_of piece, const char *text)
{
	return piece.len == strlen(text) && !strncasecmp(piece.text, text, piece.len);
}

/* An element of a header: the range, and its parameters "key=value". */
struct range {
	struct piece_of name;
	struct {
		struct piece_of key, value;
	} parameters[PARAMETERS_MAX];
	size_t count;
	double q;
};

static void range_read(struct range *range, struct piece_of element)
{
	*range = (struct range){ .name = piece_cut(&element, ';'), .q = 1 };
	while (element.len) {
		struct piece_of value = piece_cut(&element, ';'), key = piece_cut(&value, '=');

		value = piece_trim(value.text, value.len);
		if (value.len >= 2 && value.text[0] == '"' && value.text[value.len - 1] == '"')
			value = (struct piece_of){ value.text + 1, value.len - 2 };
		if (piece_is(key, "q")) {
			if (number_parse_double(value.text, value.len, &range->q) || range->q < 0 ||
			    range->q > 1)
				range->q = 0;
		} else if (range->count < PARAMETERS_MAX) {
			range->parameters[range->count].key = key;
			range->parameters[range->count++].value = value;
		}
	}
}

/* What the range says of a key; NULL: nothing. */
static const struct piece_of *range_find(const struct range *range, const char *key)
{
	for (size_t i = 0; i < range->count; i++)
		if (piece_is(range->parameters[i].key, key))
			return &range->parameters[i].value;
	return NULL;
}

static bool range_means(const struct range *range, size_t row)
{
	if (!piece_is(range->name, formats[row].range))
		return false;
	for (size_t i = 0; i < 2 && formats[row].parameters[i].key; i++) {
		const struct piece_of *value = range_find(range, formats[row].parameters[i].key);

		if (value ? !piece_is(*value, formats[row].parameters[i].value)
			  : formats[row].parameters[i].needed)
			return false;
	}
	return true;
}

enum exposition exposition_choose(const char *accept)
{
	struct piece_of rest = { accept ? accept : "", accept ? strlen(accept) : 0 };
	enum exposition best = EXPOSITION_TEXT;
	double best_q = 0;

	while (rest.len) {
		struct range range;

		range_read(&range, piece_cut(&rest, ','));
		for (size_t i = 0; range.q > best_q && i < sizeof(formats) / sizeof(formats[0]); i++) {
			if (!range_means(&range, i))
				continue;
			best = formats[i].exposition;
			best_q = range.q;
		}
	}
	return best;
}

bool exposition_takes_gzip(const char *accept_encoding)
{
	struct piece_of rest = { accept_encoding ? accept_encoding : "",
				 accept_encoding ? strlen(accept_encoding) : 0 };
	bool takes = false;

	while (rest.len) {
		struct range range;

		range_read(&range, piece_cut(&rest, ','));
		if (piece_is(range.name, "gzip"))
			return range.q > 0;
		takes |= piece_is(range.name, "*") && range.q > 0;
	}
	return takes;
}
