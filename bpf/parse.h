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
 * daemon parses the same bytes with the longer limits. A line that holds, or may hold, more
 * than one value is PARSE_DEFER: the daemon takes it apart (user/core/line.h) and parses value
 * by value with parse_observation().
 */
#ifndef KSTATSD_PARSE_H
#define KSTATSD_PARSE_H

#include "digits.h"
#include "fields.h"
#include "scratch.h"

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

/*
 *     page.load:320.5|ms|@0.1|#env:prod
 *               ^^^^^^^^^^^^^^^^^^^^^^^
 */
parse_inline int parse_observation(struct scratch *s)
{
	int result;

	s->line.rate.len = 0;
	s->line.tags.len = 0;
	s->line.weight = 1;
	s->line.wide = 0;
	s->line.unit = UNIT_NONE;
	result = parse_value(s);
	if (result)
		return result;
	cursor_set(s, cursor(s) + 1);
	result = parse_type(s);
	if (result)
		return result;
	return parse_fields(s);
}

/* Could this text be a number that only the daemon reads, or several? Its first byte says. */
parse_inline int is_number_start(const struct scratch *s)
{
	__u8 byte = s->payload[(s->line.value_text.at + !!s->line.sign) & CURSOR_MASK];

	return (byte >= '0' && byte <= '9') || byte == '.' || is_blank(byte) || byte >= 0x80;
}

/* What the type demands of the value. */
parse_inline int check_value(struct scratch *s)
{
	struct statsd_line *line = &s->line;

	if (line->type == METRIC_SET) {
		if (line->value_text.len) /* nothing is the member "0", says the daemon */
			line->wide &= ~WIDE_VALUE;
		line->value = 0;
		return PARSE_OK;
	}
	if (line->wide & WIDE_VALUE)
		return is_number_start(s) ? PARSE_OK : parse_reject(s, LEDGER_LINES_VALUE);
	if (line->unit == UNIT_MILLISECONDS && line->sign == '-' && line->value)
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
	result = parse_observation(s);
	if (result)
		return result;
	return check_value(s);
}

/* "_e{5,4}:title|text" and "_sc|name|0" are no metrics. */
parse_inline int is_message(const struct scratch *s, __u32 at)
{
	const __u8 *text = s->payload + (at & CURSOR_MASK);

	if (text[0] != '_')
		return 0;
	return (text[1] == 'e' && text[2] == '{') || (text[1] == 's' && text[2] == 'c' && text[3] == '|');
}

/*
 * Moves the cursor behind the newline of a line that is not good. Where a colon follows that
 * of the name, other values may: PARSE_DEFER then, or PARSE_SLOW if the newline is far.
 */
parse_inline int leave_line(struct scratch *s, int result)
{
	__u32 at = (s->line.name.at + text_len(&s->line.name)) & CURSOR_MASK, i;
	const __u8 *text = s->payload + at;

	*(volatile __u32 *)&s->line.count =
		0; /* colons behind the first: not in a register, for the verifier */
	no_unroll for (i = 0; i < LINE_SCAN; i++)
	{
		if (text[i] == '\n')
			break;
		if (text[i] == ':' && i)
			*(volatile __u32 *)&s->line.count = 1;
	}
	cursor_set(s, at + i + 1);
	if (i == LINE_SCAN)
		return PARSE_SLOW;
	return digits_read(s) ? PARSE_DEFER : result;
}

/*
 * Parses the line at the cursor and moves the cursor behind its newline. The result is an
 * enum parse_result; after PARSE_SLOW the cursor says nothing.
 */
parse_inline int parse_line(struct scratch *s)
{
	__u32 start = cursor(s);
	int result;

	s->line.name.at = start;
	if (is_message(s, start)) {
		s->line.name.len = 0;
		return leave_line(s, PARSE_DEFER);
	}
	result = parse_parts(s);
	if (result == PARSE_SLOW)
		return result;
	if (result == PARSE_REJECT || result == PARSE_DEFER)
		return leave_line(s, result);
	cursor_set(s, cursor(s) + 1); /* the newline, where a good line ends */
	return result;
}

#endif /* KSTATSD_PARSE_H */
