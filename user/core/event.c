// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * An event says how many bytes its title and text have, so that they may hold anything; what
 * follows them, and all of a service check, is fields between bars. What is left of the line
 * while it is read is one span of text.
 */
#include <string.h>
#include "core/event.h"
#include "kstatsd.h"
#include "lib/number.h"
#include "lib/utf8.h"

#define EVENT_PREFIX "_e{"
#define CHECK_PREFIX "_sc|"

struct span {
	const uint8_t *text;
	size_t len;
};

static bool span_begins(const struct span *span, const char *prefix)
{
	return span->len >= strlen(prefix) && !memcmp(span->text, prefix, strlen(prefix));
}

static bool span_is(const struct span *span, const char *text)
{
	return span->len == strlen(text) && span_begins(span, text);
}

/* Takes the first `len` bytes off the rest. */
static struct span span_cut(struct span *rest, size_t len)
{
	struct span first = { rest->text, len };

	rest->text += len;
	rest->len -= len;
	return first;
}

static struct span span_behind(const struct span *span, size_t len)
{
	return (struct span){ span->text + len, span->len - len };
}

/* Takes what is before `end`, and `end`, off the rest; all of it if there is none. */
static struct span span_until(struct span *rest, char end)
{
	const uint8_t *found = memchr(rest->text, end, rest->len);
	struct span first = span_cut(rest, found ? (size_t)(found - rest->text) : rest->len);

	if (found)
		span_cut(rest, 1);
	return first;
}

/* A line may end as text of the web does, "\r\n". */
static void drop_return(struct span *rest)
{
	if (rest->len && rest->text[rest->len - 1] == '\r')
		rest->len--;
}

bool event_is(const void *line, size_t len)
{
	const struct span span = { line, len };

	return span_begins(&span, EVENT_PREFIX) || span_begins(&span, CHECK_PREFIX);
}

/* Is it one of Unicode's C0 or C1, or DEL? `len` is that of the character. */
static bool is_control(const uint8_t *text, size_t len)
{
	return (len == 1 && (*text < ' ' || *text == 127)) || (len == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

/*
 * Copies text, made safe, into the parser. `breaks`: "\n" is a line break, else it is a blank, as
 * is every control character. "m\:" is how clients write "m:" in a message.
 */
static const char *text_keep(struct event_parser *parser, struct span from, bool breaks)
{
	char *kept = parser->text + parser->used, *to = kept;
	struct span taken;

	while (from.len) {
		size_t len = utf8_length(from.text, from.len);

		if (span_begins(&from, "\\n")) {
			span_cut(&from, 2);
			*to++ = breaks ? '\n' : ' ';
			continue;
		}
		if (breaks && span_begins(&from, "m\\:")) {
			span_cut(&from, 3);
			to = mempcpy(to, "m:", 2);
			continue;
		}
		taken = span_cut(&from, len ? len : 1);
		if (!len)
			to = mempcpy(to, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
		else if (is_control(taken.text, len))
			*to++ = ' ';
		else
			to = mempcpy(to, taken.text, len);
	}
	*to++ = '\0';
	parser->used = (size_t)(to - parser->text);
	return kept;
}

/* What a field sets: a text, if it is one of those that may be, or if any may. */
struct text_field {
	const char *prefix;
	size_t offset; /* in struct event */
	bool breaks;
	const char *may[5];
};

static const struct text_field event_fields[] = {
	{ "h:", offsetof(struct event, host), false, {} },
	{ "k:", offsetof(struct event, aggregation_key), false, {} },
	{ "p:", offsetof(struct event, priority), false, { "normal", "low" } },
	{ "s:", offsetof(struct event, source_type), false, {} },
	{ "t:", offsetof(struct event, alert_type), false, { "error", "warning", "info", "success" } },
	{},
};

static const struct text_field check_fields[] = {
	{ "h:", offsetof(struct event, host), false, {} },
	{ "m:", offsetof(struct event, text), true, {} },
	{},
};

static bool may_be(const struct text_field *field, const struct span *value)
{
	for (size_t i = 0; field->may[i]; i++)
		if (span_is(value, field->may[i]))
			return true;
	return !field->may[0];
}

static void field_take(struct event_parser *parser, const struct text_field *fields, const struct span *field)
{
	for (; fields->prefix; fields++) {
		struct span value;

		if (!span_begins(field, fields->prefix))
			continue;
		value = span_behind(field, strlen(fields->prefix));
		if (may_be(fields, &value))
			*(const char **)((char *)&parser->event + fields->offset) =
				text_keep(parser, value, fields->breaks);
	}
}

static int tags_take(struct event_parser *parser, const struct span *tags)
{
	int err = canonical_name_make(&parser->tags, "event", 5, tags->text, tags->len);

	if (!err)
		parser->event.tags = canonical_name_tags(&parser->tags);
	return err;
}

/* The fields behind what must be there. */
static enum ledger_counter fields_take(struct event_parser *parser, const struct text_field *fields,
				       struct span rest)
{
	uint64_t seconds;

	while (rest.len) {
		struct span field = span_until(&rest, '|'), value;

		if (span_begins(&field, "#")) {
			value = span_behind(&field, 1);
			if (tags_take(parser, &value))
				return LEDGER_LINES_TOO_LONG;
		} else if (span_begins(&field, "d:")) {
			value = span_behind(&field, 2);
			if (!number_parse_uint64((const char *)value.text, value.len, &seconds) &&
			    seconds <= INT64_MAX)
				parser->event.timestamp = (int64_t)seconds;
		} else {
			field_take(parser, fields, &field);
		}
	}
	return LEDGER_LINES_ACCEPTED;
}

/* A number of bytes up to `end`, which it takes too. False: none, or more than are left. */
static bool length_take(struct span *rest, char end, size_t *length)
{
	struct span digits = span_until(rest, end);
	uint64_t number;

	if (number_parse_uint64((const char *)digits.text, digits.len, &number) || number > rest->len)
		return false;
	*length = (size_t)number;
	return true;
}

/*
 *     _e{5,4}:title|text|p:low
 *        ^^^^^ ^^^^^ ^^^^
 */
static enum ledger_counter parse_event(struct event_parser *parser, struct span *rest)
{
	size_t title_len, text_len;
	struct span title, text;

	span_cut(rest, strlen(EVENT_PREFIX));
	if (!length_take(rest, ',', &title_len) || !length_take(rest, '}', &text_len) ||
	    !span_begins(rest, ":"))
		return LEDGER_LINES_EVENT;
	span_cut(rest, 1);
	if (!title_len || title_len > rest->len)
		return LEDGER_LINES_EVENT;
	title = span_cut(rest, title_len);
	if (!span_begins(rest, "|") || text_len > rest->len - 1)
		return LEDGER_LINES_EVENT;
	span_cut(rest, 1);
	text = span_cut(rest, text_len);
	drop_return(rest);
	if (rest->len && !span_begins(rest, "|"))
		return LEDGER_LINES_EVENT;
	parser->event.kind = EVENT_EVENT;
	parser->event.title = text_keep(parser, title, false);
	parser->event.text = text_keep(parser, text, true);
	return fields_take(parser, event_fields, *rest);
}

/*
 *     _sc|db.alive|2|m:connection refused
 *         ^^^^^^^^ ^
 */
static enum ledger_counter parse_check(struct event_parser *parser, struct span *rest)
{
	struct span name, status;

	span_cut(rest, strlen(CHECK_PREFIX));
	drop_return(rest);
	if (!rest->len || span_begins(rest, "|"))
		return LEDGER_LINES_EVENT;
	name = span_until(rest, '|');
	if (!rest->len || *rest->text < '0' || *rest->text > '3')
		return LEDGER_LINES_EVENT;
	status = span_cut(rest, 1);
	if (rest->len && !span_begins(rest, "|"))
		return LEDGER_LINES_EVENT;
	parser->event.kind = EVENT_SERVICE_CHECK;
	parser->event.status = (unsigned int)(*status.text - '0');
	parser->event.title = text_keep(parser, name, false);
	return fields_take(parser, check_fields, *rest);
}

enum ledger_counter event_parse(struct event_parser *parser, const void *line, size_t len, size_t *at)
{
	struct span rest = { line, len };
	enum ledger_counter verdict;

	*at = PAYLOAD_FAST_MAX - 1;
	if (len >= PAYLOAD_FAST_MAX)
		return LEDGER_LINES_TOO_LONG;
	parser->used = 0;
	parser->event = (struct event){ .title = "", .text = "", .tags = "", .host = "" };
	parser->event.aggregation_key = "";
	parser->event.priority = "";
	parser->event.source_type = "";
	parser->event.alert_type = "";
	verdict = span_begins(&rest, EVENT_PREFIX) ? parse_event(parser, &rest) : parse_check(parser, &rest);
	*at = (size_t)(rest.text - (const uint8_t *)line);
	return verdict;
}
