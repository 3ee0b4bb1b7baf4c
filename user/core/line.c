// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Values are separated in two ways. A colon behind a type or a rate begins a value with a type
 * of its own (statsd); colons within the text before the type separate values that share what
 * follows (DogStatsD). So the parser is run once for each of the former, and the text that it
 * says is the value is cut into the latter. What is bad spoils only itself: after a fault the
 * next value begins behind the next colon that is not part of a field.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "core/line.h"
#include "lib/number.h"

static const uint8_t *bytes_of(const struct line_reader *reader, const struct text *text)
{
	return reader->scratch.payload + text->at;
}

/* The line's only value is its fault. */
static void line_fail(struct line_reader *reader, enum ledger_counter reason, size_t at)
{
	reader->shared = (struct observation){ .verdict = reason, .at = at };
	reader->left = (struct text){};
	reader->pieces = true;
}

/* The end of the field at `at`. */
static __u32 field_end(const uint8_t *text, __u32 at)
{
	while (text[at] != '|' && text[at] != '\n')
		at++;
	return at;
}

/* The tags of the line, wherever they are: the last field of them. */
static void find_tags(struct line_reader *reader, __u32 at)
{
	const uint8_t *text = reader->scratch.payload;
	struct text *tags = &reader->tags;

	for (at = field_end(text, at); text[at] != '\n'; at = field_end(text, at + 1)) {
		if (text[at + 1] != '#')
			continue;
		tags->at = at + 2;
		tags->len = field_end(text, tags->at) - tags->at;
		if (tags->len && text[tags->at + tags->len - 1] == '\r')
			tags->len--;
	}
}

void line_begin(struct line_reader *reader, const void *line, size_t len, int64_t now)
{
	struct scratch *s = &reader->scratch;
	const uint8_t *tags;

	reader->tags = (struct text){};
	reader->now = now;
	reader->more = false;
	reader->pieces = false;
	if (!len)
		return;
	if (len > LINE_BYTES_MAX)
		return line_fail(reader, LEDGER_LINES_TOO_LONG, LINE_BYTES_MAX);
	memcpy(s->payload, line, len);
	s->payload[len] = '\n';
	s->len = (__u32)len;
	s->line.name.at = 0;
	cursor_set(s, 0);
	if (parse_name(s))
		return line_fail(reader, s->line.reason, cursor(s));
	tags = memmem(s->payload, s->line.name.len, "|#", 2);
	if (tags) /* statsd finds no colon before the tags */
		return line_fail(reader, LEDGER_LINES_VALUE, (size_t)(tags - s->payload));
	find_tags(reader, cursor(s));
	reader->next = cursor(s) + 1;
	reader->more = true;
}

/* Does the field hold text that may have colons in it? */
static bool is_text_field(const uint8_t *field)
{
	return field[0] == '#' || ((field[0] == 'c' || field[0] == 'e') && field[1] == ':') ||
	       !memcmp(field, "card:", 5);
}

/* Moves the cursor from a fault to the colon before the next value, or to the end of the line. */
static void skip_fault(struct scratch *s)
{
	__u32 at = cursor(s);

	while (s->payload[at] != '\n' && s->payload[at] != ':') {
		at++;
		if (s->payload[at - 1] == '|' && is_text_field(s->payload + at))
			at = field_end(s->payload, at);
	}
	cursor_set(s, at);
}

/* 1/rate. -EINVAL if the rate is not above 0 and at most 1. */
static int line_weight(const struct line_reader *reader, double *weight)
{
	const struct statsd_line *line = &reader->scratch.line;
	const uint8_t *text = bytes_of(reader, &line->rate);
	size_t len = line->rate.len;
	double rate;

	if (!(line->wide & WIDE_RATE)) {
		*weight = (double)line->weight;
		return 0;
	}
	while (len && is_blank(text[len - 1]))
		len--;
	if (number_parse_double((const char *)text, len, &rate) || !(rate > 0 && rate <= 1))
		return -EINVAL;
	*weight = 1 / rate;
	return isfinite(*weight) ? 0 : -EINVAL;
}

/* The time behind "T". -EINVAL: it is none, or in the future, or its type cannot have one. */
static int line_time(const struct line_reader *reader, int64_t *time)
{
	const struct statsd_line *line = &reader->scratch.line;
	size_t len = line->time.len;
	uint64_t seconds;

	if (!(line->wide & WIDE_TIME))
		return 0;
	if (line->type != METRIC_COUNTER && line->type != METRIC_GAUGE)
		return -EINVAL;
	while (len && is_blank(bytes_of(reader, &line->time)[len - 1]))
		len--;
	if (number_parse_uint64((const char *)bytes_of(reader, &line->time), len, &seconds) || !seconds ||
	    seconds > INT64_MAX || (int64_t)seconds > reader->now + LINE_AHEAD_MAX)
		return -EINVAL;
	*time = (int64_t)seconds;
	return 0;
}

static const char negative[] = "a timer in ms must not be negative";

/* What the values of one text share: type, rate, time, and the faults in them. */
static void read_shared(struct line_reader *reader)
{
	const struct statsd_line *line = &reader->scratch.line;
	struct observation *shared = &reader->shared;

	*shared = (struct observation){ .verdict = LEDGER_LINES_ACCEPTED,
					.type = line->type,
					.unit = line->unit };
	if (line_weight(reader, &shared->weight)) {
		shared->verdict = LEDGER_LINES_RATE;
		shared->at = line->rate.at;
		if (line->rate.len && is_blank(*bytes_of(reader, &line->rate)))
			shared->why = "blank before the rate";
	} else if (line_time(reader, &shared->time)) {
		shared->verdict = LEDGER_LINES_TIMESTAMP;
		shared->at = line->time.at;
	}
}

/* Of a value that the parser read: is that why it is rejected? */
static bool is_negative_ms(const struct scratch *s)
{
	return s->line.unit == UNIT_MILLISECONDS && !(s->line.wide & WIDE_VALUE) && s->line.sign == '-' &&
	       s->line.value;
}

/* Parses from `next` to the colon before another value, or to the end. */
static void read_values(struct line_reader *reader)
{
	struct scratch *s = &reader->scratch;
	int result;

	cursor_set(s, reader->next);
	s->line.type = METRIC_TYPES; /* until one is read */
	result = parse_observation(s);
	if (result == PARSE_REJECT) {
		reader->shared = (struct observation){ .verdict = s->line.reason, .at = cursor(s) };
		reader->shared.type = s->line.type;
		if (s->line.reason == LEDGER_LINES_VALUE && is_negative_ms(s))
			reader->shared.why = negative;
		skip_fault(s);
	} else {
		read_shared(reader);
	}
	reader->more = cursor_byte(s) == ':';
	reader->next = cursor(s) + 1;
	reader->left = s->line.value_text;
	reader->pieces = true;
}

static void skip_colons(struct line_reader *reader)
{
	for (; reader->left.len && *bytes_of(reader, &reader->left) == ':'; reader->left.len--)
		reader->left.at++;
}

/*
 * The next of the values that share a type; of length 0 if there is none but empty ones.
 *
 *     load:1::2|ms
 *          ^  ^      colons may be in the value of a set
 */
static struct text take_piece(struct line_reader *reader)
{
	struct text piece = reader->left;
	const uint8_t *colon;

	if (reader->shared.type == METRIC_SET) {
		reader->pieces = false;
		return piece;
	}
	skip_colons(reader);
	piece = reader->left;
	colon = memchr(bytes_of(reader, &piece), ':', piece.len);
	if (colon)
		piece.len = (__u32)(colon - bytes_of(reader, &piece));
	reader->left.at += piece.len;
	reader->left.len -= piece.len;
	skip_colons(reader);
	reader->pieces = reader->left.len > 0;
	return piece;
}

/* The value of a piece in units. -EINVAL: no number; -ERANGE: negative where that means nothing. */
static int piece_value(const struct line_reader *reader, const struct text *piece, double *value)
{
	const struct statsd_line *line = &reader->scratch.line;

	if (!(line->wide & WIDE_VALUE))
		*value = (double)line->value / MICROS;
	else if (number_parse_javascript((const char *)bytes_of(reader, piece), piece->len, value))
		return -EINVAL;
	return line->unit == UNIT_MILLISECONDS && *value < 0 ? -ERANGE : 0;
}

/* What statsd makes of a set's value that is empty; the hash reads whole words. */
static const uint8_t zero[8] = "0";

static void observe(const struct line_reader *reader, const struct text *piece, struct observation *seen)
{
	const uint8_t *text = bytes_of(reader, piece);
	int err;

	if (seen->type == METRIC_SET) {
		seen->member = piece->len ? text : zero;
		seen->member_len = piece->len ? piece->len : 1;
		return;
	}
	err = piece_value(reader, piece, &seen->value);
	if (err || !isfinite(seen->value * (seen->verdict == LEDGER_LINES_ACCEPTED ? seen->weight : 1))) {
		seen->verdict = LEDGER_LINES_VALUE;
		seen->why = err == -ERANGE ? negative : NULL;
		seen->at = piece->at;
		return;
	}
	if (seen->type == METRIC_GAUGE && !seen->time && (*text == '+' || *text == '-'))
		seen->sign = (char)*text;
}

/* Did the parser get as far as to know what the value should be? */
static bool is_observed(const struct observation *seen)
{
	return seen->verdict == LEDGER_LINES_ACCEPTED || seen->verdict == LEDGER_LINES_RATE ||
	       seen->verdict == LEDGER_LINES_TIMESTAMP;
}

bool line_next(struct line_reader *reader, struct observation *seen)
{
	struct text piece;

	if (!reader->pieces && !reader->more)
		return false;
	if (!reader->pieces)
		read_values(reader);
	*seen = reader->shared;
	piece = take_piece(reader);
	if (is_observed(seen))
		observe(reader, &piece, seen);
	return true;
}
