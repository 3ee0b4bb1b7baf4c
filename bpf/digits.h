/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Runs of digits at the cursor. What they make goes through memory, as every position does,
 * so that the verifier does not carry one state per number of digits.
 */
#ifndef KSTATSD_DIGITS_H
#define KSTATSD_DIGITS_H

#include "scratch.h"

#define WHOLE_DIGITS 12	  /* digits before the point that fit micros in 64 bits, with room to add */
#define FRACTION_DIGITS 6 /* digits behind the point that micros hold */
#define RATE_DIGITS 9

/* Reads at most `max` digits at the cursor into line.number, their count into line.count. */
parse_inline void parse_digits(struct scratch *s, __u64 number, __u32 max)
{
	const __u8 *text = s->payload + cursor(s);
	__u8 digit;
	__u32 i;

	no_unroll for (i = 0; i < max; i++)
	{
		digit = text[i] - '0';
		if (digit > 9)
			break;
		number = number * 10 + digit;
	}
	*(volatile __u64 *)&s->line.number = number;
	*(volatile __u32 *)&s->line.count = i;
	cursor_set(s, cursor(s) + i);
}

parse_inline __u32 digits_read(const struct scratch *s)
{
	return *(const volatile __u32 *)&s->line.count;
}

parse_inline __u64 number_read(const struct scratch *s)
{
	return *(const volatile __u64 *)&s->line.number;
}

/* 10^n, n at most RATE_DIGITS. */
parse_inline __u64 power_of_ten(__u32 n)
{
	static const __u32 powers[16] = { 1,	  10,	   100,	     1000,	10000,
					  100000, 1000000, 10000000, 100000000, 1000000000 };

	return powers[n & 15];
}

#endif /* KSTATSD_DIGITS_H */
