/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What stands behind the value of a line: the type, then fields between bars, in any order.
 *
 *     page.load:320.5|ms|@0.1|#env:prod,host:a|c:ci-4f3a|T1656581400
 *                     ^^ type  ^^^^^^^^^^^^^^^ tags       ^^^^^^^^^^ time
 *                         ^^^ rate             ^^^^^^^^^ origin
 *
 * Part of the parser, see parse.h.
 */
#ifndef KSTATSD_FIELDS_H
#define KSTATSD_FIELDS_H

#include "digits.h"
#include "scratch.h"

parse_inline int parse_reject(struct scratch *s, enum ledger_counter reason)
{
	s->line.reason = reason;
	return PARSE_REJECT;
}

/* A newline is none: it ends the line. */
parse_inline int is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\r' || byte == '\t' || byte == '\v' || byte == '\f';
}

/* statsd trims the type: "5|c\r" and "5| c" are counters. False: more blanks than the kernel skips. */
parse_inline int skip_blanks(struct scratch *s)
{
	const __u8 *text = s->payload + cursor(s);
	__u32 i;

	if (!is_blank(text[0]))
		return 1;
	no_unroll for (i = 1; i < BLANKS_SCAN; i++)
	{
		if (!is_blank(text[i]))
			break;
	}
	cursor_set(s, cursor(s) + i);
	return i < BLANKS_SCAN;
}

/*
 *     page.load:320.5|ms|@0.1
 *                     ^^
 */
parse_inline int parse_type(struct scratch *s)
{
	__u8 first, second;
	__u32 at, len = 1;

	if (cursor_byte(s) <= ' ' && !skip_blanks(s))
		return PARSE_SLOW;
	at = cursor(s);
	first = s->payload[at];
	second = s->payload[at + 1];
	if (first == 'c') {
		s->line.type = METRIC_COUNTER;
	} else if (first == 'm' && second == 's') {
		s->line.type = METRIC_TIMER;
		s->line.unit = UNIT_MILLISECONDS;
		len = 2;
	} else if (first == 'g') {
		s->line.type = METRIC_GAUGE;
	} else if (first == 's') {
		s->line.type = METRIC_SET;
	} else if (first == 'h' || first == 'd') {
		s->line.type = METRIC_TIMER;
	} else {
		return parse_reject(s, LEDGER_LINES_TYPE);
	}
	cursor_set(s, at + len);
	return skip_blanks(s) ? PARSE_OK : PARSE_SLOW;
}

/* What follows a rate: the next field, another value, or the end of the line. */
parse_inline int at_rate_end(const struct scratch *s)
{
	__u8 byte = cursor_byte(s);

	return byte == '|' || byte == '\n' || byte == ':';
}

/* Moves the cursor to the end of the field: the next one, the end of the line, or `stop`. */
parse_inline int skip_field(struct scratch *s, __u8 stop)
{
	const __u8 *text = s->payload + cursor(s);
	__u32 i;

	no_unroll for (i = 0; i < TAGS_SCAN; i++)
	{
		if (text[i] == '|' || text[i] == '\n' || text[i] == stop)
			break;
	}
	cursor_set(s, cursor(s) + i);
	return i < TAGS_SCAN ? PARSE_OK : PARSE_SLOW;
}

/*
 *     page.load:320.5|ms|@0.1
 *                         ^^^
 * 1/rate is an integer for 1, 0.5, 0.25, 0.1, 0.01: those are the kernel's.
 */
parse_inline int parse_rate(struct scratch *s)
{
	struct statsd_line *line = &s->line;
	__u64 number, scale = 1;

	*(volatile __u32 *)&line->rate.at = cursor(s);
	parse_digits(s, 0, 2);
	if (cursor_byte(s) == '.') {
		number = number_read(s);
		cursor_set(s, cursor(s) + 1);
		parse_digits(s, number, RATE_DIGITS);
		scale = power_of_ten(digits_read(s));
	}
	skip_blanks(s);
	line->rate.len = cursor(s) - line->rate.at;
	number = number_read(s);
	if (at_rate_end(s) && number > 0 && number <= scale && scale % number == 0) {
		line->weight = scale / number;
		return PARSE_OK;
	}

	line->wide |= WIDE_RATE;
	cursor_set(s, *(volatile __u32 *)&line->rate.at);
	if (skip_field(s, ':'))
		return PARSE_SLOW;
	line->rate.len = cursor(s) - line->rate.at;
	return PARSE_OK;
}

/*
 *     page.load:320.5|ms|@0.1|#env:prod,host:a
 *                              ^^^^^^^^^^^^^^^
 */
parse_inline int parse_tags(struct scratch *s)
{
	struct statsd_line *line = &s->line;

	*(volatile __u32 *)&line->tags.at = cursor(s);
	if (skip_field(s, '|'))
		return PARSE_SLOW;
	line->tags.len = cursor(s) - line->tags.at;
	if (line->tags.len && s->payload[(cursor(s) - 1) & CURSOR_MASK] == '\r')
		line->tags.len--;
	return PARSE_OK;
}

/* DogStatsD's origin fields "c:ID", "e:..." and "card:..." say nothing about the value. */
parse_inline int parse_origin(struct scratch *s)
{
	__u32 at = cursor(s);
	const __u8 *text = s->payload + at;

	if ((text[0] == 'c' || text[0] == 'e') && text[1] == ':')
		return skip_field(s, '|');
	if (text[0] == 'c' && text[1] == 'a' && text[2] == 'r' && text[3] == 'd' && text[4] == ':')
		return skip_field(s, '|');
	return parse_reject(s, LEDGER_LINES_FIELD);
}

/*
 *     page.load:320.5|g|T1656581400
 *                        ^^^^^^^^^^
 */
parse_inline int parse_time(struct scratch *s)
{
	struct statsd_line *line = &s->line;

	line->wide |= WIDE_TIME;
	*(volatile __u32 *)&line->time.at = cursor(s);
	if (skip_field(s, '|'))
		return PARSE_SLOW;
	line->time.len = cursor(s) - line->time.at;
	return PARSE_OK;
}

/*
 * What follows the type: fields in any order. PARSE_DEFER: the cursor is at the colon before
 * another value.
 *
 *     page.load:320.5|ms|@0.1:17|ms
 *                            ^
 */
parse_inline int parse_fields(struct scratch *s)
{
	__u32 i, at;
	__u8 byte;
	int result;

	no_unroll for (i = 0; i < FIELDS_SCAN; i++)
	{
		at = cursor(s);
		if (s->payload[at] == '\n')
			return PARSE_OK;
		if (s->payload[at] == ':')
			return PARSE_DEFER;
		if (s->payload[at] != '|')
			return parse_reject(s, i ? LEDGER_LINES_FIELD : LEDGER_LINES_TYPE);
		byte = s->payload[at + 1];
		cursor_set(s, at + (byte == '@' || byte == '#' || byte == 'T' ? 2 : 1));
		if (byte == '@')
			result = parse_rate(s);
		else if (byte == '#')
			result = parse_tags(s);
		else if (byte == 'T')
			result = parse_time(s);
		else
			result = parse_origin(s);
		if (result)
			return result;
	}
	if (cursor_byte(s) == '\n')
		return PARSE_OK;
#ifdef __bpf__
	return PARSE_SLOW;
#else
	return parse_reject(s, LEDGER_LINES_FIELD);
#endif
}

#endif /* KSTATSD_FIELDS_H */
