/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The statsd line parser, one source for the kernel, the daemon and the fuzzer. Reads a
 * line, says where its parts are and what its numbers mean; looks nothing up, keeps nothing.
 *
 *     page.load:320.5|ms|@0.1|#env:prod,host:a
 *     ^^^^^^^^^ ^^^^^ ^^  ^^^  ^^^^^^^^^^^^^^^
 *     name      value type rate tags
 *
 * One loop per field. Between fields the position goes through memory (cursor_set(),
 * cursor()): so the verifier forgets which iteration a loop ended in, and checks what
 * follows once instead of once per iteration.
 *
 * In the kernel the loops are short; what does not fit them is PARSE_SLOW there, and the
 * daemon parses the same bytes with the longer limits.
 */
#ifndef KSTATSD_PARSE_H
#define KSTATSD_PARSE_H

#include "digits.h"
#include "scratch.h"

parse_inline int parse_reject(struct scratch *s, enum ledger_counter reason)
{
	s->line.reason = reason;
	return PARSE_REJECT;
}

/*
 *     page.load:320.5|ms
 *     ^^^^^^^^^
 */
parse_inline int parse_name(struct scratch *s)
{
	const __u8 *text = s->payload + cursor(s);
	__u8 byte = 0;
	__u32 i;

	no_unroll for (i = 0; i < NAME_SCAN; i++)
	{
		byte = text[i];
		if (byte == ':' || byte == '\n')
			break;
	}
	s->line.name.len = i;
	cursor_set(s, cursor(s) + i);
	if (byte == ':')
		return i ? PARSE_OK : parse_reject(s, LEDGER_LINES_NAME);
	if (byte == '\n')
		return i ? parse_reject(s, LEDGER_LINES_VALUE) : PARSE_EMPTY;
	return PARSE_SLOW;
}

/* A decimal that micros hold: true, and the value in line.value. The cursor is behind it. */
parse_inline int parse_decimal(struct scratch *s)
{
	__u32 whole, fraction = 0;
	__u64 number;

	parse_digits(s, 0, WHOLE_DIGITS);
	whole = digits_read(s);
	number = number_read(s) * MICROS;
	if (cursor_byte(s) == '.') {
		cursor_set(s, cursor(s) + 1);
		parse_digits(s, 0, FRACTION_DIGITS);
		fraction = digits_read(s);
		number += number_read(s) * power_of_ten((FRACTION_DIGITS - fraction) & 7);
	}
	s->line.value = s->line.sign == '-' ? -(__s64)number : (__s64)number;
	return whole + fraction > 0;
}

/*
 *     page.load:320.5|ms
 *               ^^^^^
 * Whether text that is no plain decimal is a number at all depends on the type.
 */
parse_inline int parse_value(struct scratch *s)
{
	struct statsd_line *line = &s->line;
	__u32 at = cursor(s), i;
	__u8 byte = s->payload[at];
	const __u8 *text;

	*(volatile __u32 *)&line->value_text.at = at;
	line->sign = byte == '+' || byte == '-' ? byte : 0;
	if (line->sign)
		cursor_set(s, at + 1);
	if (parse_decimal(s) && cursor_byte(s) == '|') {
		line->value_text.len = cursor(s) - line->value_text.at;
		return PARSE_OK;
	}

	line->wide |= WIDE_VALUE;
	at = *(volatile __u32 *)&line->value_text.at & CURSOR_MASK;
	text = s->payload + at;
	byte = 0;
	no_unroll for (i = 0; i < VALUE_SCAN; i++)
	{
		byte = text[i];
		if (byte == '|' || byte == '\n')
			break;
	}
	line->value_text.len = i;
	cursor_set(s, at + i);
	if (byte == '|')
		return PARSE_OK;
	return byte == '\n' ? parse_reject(s, i ? LEDGER_LINES_TYPE : LEDGER_LINES_VALUE) : PARSE_SLOW;
}

parse_inline int is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\r' || byte == '\t';
}

/* statsd trims what stands behind the type: "5|c\r" is a counter. */
parse_inline void skip_blanks(struct scratch *s)
{
	const __u8 *text = s->payload + cursor(s);
	__u32 i;

	if (!is_blank(text[0]))
		return;
	no_unroll for (i = 1; i < 4; i++)
	{
		if (!is_blank(text[i]))
			break;
	}
	cursor_set(s, cursor(s) + i);
}

/*
 *     page.load:320.5|ms|@0.1
 *                     ^^
 */
parse_inline int parse_type(struct scratch *s)
{
	__u32 at = cursor(s);
	__u8 first = s->payload[at], second = s->payload[at + 1];
	__u32 len = 1;

	if (first == 'c') {
		s->line.type = METRIC_COUNTER;
	} else if (first == 'm' && second == 's') {
		s->line.type = METRIC_TIMER;
		s->line.is_ms = 1;
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
	skip_blanks(s);
	return PARSE_OK;
}

/* What follows a field: the next one or the end of the line. */
parse_inline int at_field_end(const struct scratch *s)
{
	__u8 byte = cursor_byte(s);

	return byte == '|' || byte == '\n';
}

/* Moves the cursor to the end of the field. */
parse_inline int skip_field(struct scratch *s)
{
	const __u8 *text = s->payload + cursor(s);
	__u32 i;

	no_unroll for (i = 0; i < TAGS_SCAN; i++)
	{
		if (text[i] == '|' || text[i] == '\n')
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
	if (at_field_end(s) && number > 0 && number <= scale && scale % number == 0) {
		line->weight = scale / number;
		return PARSE_OK;
	}

	line->wide |= WIDE_RATE;
	cursor_set(s, *(volatile __u32 *)&line->rate.at);
	if (skip_field(s))
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
	if (skip_field(s))
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
		return skip_field(s);
	if (text[0] == 'c' && text[1] == 'a' && text[2] == 'r' && text[3] == 'd' && text[4] == ':')
		return skip_field(s);
	return parse_reject(s, LEDGER_LINES_FIELD);
}

/* What follows the type: fields in any order. */
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
		if (s->payload[at] != '|')
			return parse_reject(s, i ? LEDGER_LINES_FIELD : LEDGER_LINES_TYPE);
		byte = s->payload[at + 1];
		cursor_set(s, at + (byte == '@' || byte == '#' ? 2 : 1));
		if (byte == '@')
			result = parse_rate(s);
		else if (byte == '#')
			result = parse_tags(s);
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

/* Could this text be a number that only strtod() reads? Its first byte says. */
parse_inline int is_number_start(const struct scratch *s)
{
	__u8 byte = s->payload[(s->line.value_text.at + !!s->line.sign) & CURSOR_MASK];

	return (byte >= '0' && byte <= '9') || byte == '.';
}

/* What the type demands of the value. */
parse_inline int check_value(struct scratch *s)
{
	struct statsd_line *line = &s->line;

	if (line->type == METRIC_SET) {
		line->wide &= ~WIDE_VALUE;
		line->value = 0;
		return PARSE_OK;
	}
	if ((line->wide & WIDE_VALUE) && !is_number_start(s))
		return parse_reject(s, LEDGER_LINES_VALUE);
	if (line->is_ms && line->sign == '-' && ((line->wide & WIDE_VALUE) || line->value))
		return parse_reject(s, LEDGER_LINES_VALUE);
	return PARSE_OK;
}

parse_inline int parse_parts(struct scratch *s)
{
	int result;

	result = parse_name(s);
	if (result)
		return result;
	cursor_set(s, cursor(s) + 1);
	result = parse_value(s);
	if (result)
		return result;
	cursor_set(s, cursor(s) + 1);
	result = parse_type(s);
	if (result)
		return result;
	result = parse_fields(s);
	if (result)
		return result;
	return check_value(s);
}

/* Moves the cursor behind the newline at or after `at`. False: none within LINE_SCAN bytes. */
parse_inline int skip_line(struct scratch *s, __u32 at)
{
	const __u8 *text = s->payload + (at & CURSOR_MASK);
	__u32 i;

	no_unroll for (i = 0; i < LINE_SCAN; i++)
	{
		if (text[i] == '\n')
			break;
	}
	cursor_set(s, (at & CURSOR_MASK) + i + 1);
	return i < LINE_SCAN;
}

/*
 * Parses the line at the cursor and moves the cursor behind its newline. The result is an
 * enum parse_result; after PARSE_SLOW the cursor says nothing.
 */
parse_inline int parse_line(struct scratch *s)
{
	struct statsd_line *line = &s->line;
	int result;

	line->name.at = cursor(s);
	line->rate.len = 0;
	line->tags.len = 0;
	line->weight = 1;
	line->wide = 0;
	line->is_ms = 0;
	result = parse_parts(s);
	if (result == PARSE_SLOW)
		return result;
	if (cursor_byte(s) == '\n') /* where every good line ends */
		cursor_set(s, cursor(s) + 1);
	else if (!skip_line(s, cursor(s)))
		return PARSE_SLOW;
	return result;
}

#endif /* KSTATSD_PARSE_H */
