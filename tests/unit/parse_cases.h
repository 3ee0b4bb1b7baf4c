/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Lines and what the parser must make of them. tests/unit runs the table on the host,
 * tests/bpf in the kernel; both must give the same.
 */
#ifndef PARSE_CASES_H
#define PARSE_CASES_H

#include "parse.h"

struct parse_case {
	const char *line; /* without its newline */
	int result;	  /* enum parse_result */
	int reason;	  /* enum ledger_counter, if rejected */
	int type;	  /* and the rest, if it parses */
	long long value;
	long long weight;
	const char *name;
	const char *tags;
	int wide;
};

#define GOOD(line, name, type, value, weight, tags)                            \
	{                                                                      \
		line, PARSE_OK, 0, METRIC_##type, value, weight, name, tags, 0 \
	}
#define WIDE(line, name, type, tags, wide)                               \
	{                                                                \
		line, PARSE_OK, 0, METRIC_##type, 0, 0, name, tags, wide \
	}
#define BAD(line, reason)                                                         \
	{                                                                         \
		line, PARSE_REJECT, LEDGER_LINES_##reason, 0, 0, 0, NULL, NULL, 0 \
	}
/* The daemon's: perhaps several values, or no metric. */
#define DEFER(line)                                          \
	{                                                    \
		line, PARSE_DEFER, 0, 0, 0, 0, NULL, NULL, 0 \
	}
#define TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct parse_case parse_cases[] = {
	GOOD("hits:1|c", "hits", COUNTER, 1000000, 1, ""),
	GOOD("hits:3|c|@0.1", "hits", COUNTER, 3000000, 10, ""),
	GOOD("hits:-3|c", "hits", COUNTER, -3000000, 1, ""),
	GOOD("hits:+3|c", "hits", COUNTER, 3000000, 1, ""),
	GOOD("hits:0.5|c", "hits", COUNTER, 500000, 1, ""),
	GOOD("hits:.5|c", "hits", COUNTER, 500000, 1, ""),
	GOOD("hits:5.|c", "hits", COUNTER, 5000000, 1, ""),
	GOOD("hits:0|c", "hits", COUNTER, 0, 1, ""),
	GOOD("hits:007|c", "hits", COUNTER, 7000000, 1, ""),
	GOOD("hits:999999999999|c", "hits", COUNTER, 999999999999000000LL, 1, ""),
	GOOD("hits:0.000001|c", "hits", COUNTER, 1, 1, ""),
	GOOD("load:320.123456|ms", "load", TIMER, 320123456, 1, ""),
	GOOD("load:320|ms|@0.25", "load", TIMER, 320000000, 4, ""),
	GOOD("load:1|h", "load", TIMER, 1000000, 1, ""),
	GOOD("load:-1|d", "load", TIMER, -1000000, 1, ""),
	GOOD("load:-0|ms", "load", TIMER, 0, 1, ""),
	GOOD("depth:17|g", "depth", GAUGE, 17000000, 1, ""),
	GOOD("depth:-17|g", "depth", GAUGE, -17000000, 1, ""),
	GOOD("users:alice|s", "users", SET, 0, 1, ""),
	WIDE("users:|s", "users", SET, "", WIDE_VALUE), /* the member is "0" */
	GOOD("users:a:b|s", "users", SET, 0, 1, ""),
	GOOD("users:17|s", "users", SET, 0, 1, ""),
	GOOD("a b/c*:1|c", "a b/c*", COUNTER, 1000000, 1, ""),
	GOOD("a|b:1|c", "a|b", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c|#env:prod,x", "n", COUNTER, 1000000, 1, "env:prod,x"),
	GOOD("n:1|c|@0.5|#env:prod", "n", COUNTER, 1000000, 2, "env:prod"),
	GOOD("n:1|c|#env:prod|@0.5", "n", COUNTER, 1000000, 2, "env:prod"),
	GOOD("n:1|c|#", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c|c:4f3a|#e:f", "n", COUNTER, 1000000, 1, "e:f"),
	GOOD("n:1|c|e:it-false", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c|card:low", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c\r", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|ms \t", "n", TIMER, 1000000, 1, ""),
	GOOD("n:1|c|@0.1\r", "n", COUNTER, 1000000, 10, ""),
	GOOD("n:1|c|#a:b\r", "n", COUNTER, 1000000, 1, "a:b"),
	GOOD("n:1|c|@1", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c|@1.0", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1|c|@.5", "n", COUNTER, 1000000, 2, ""),
	GOOD("n:1|c|@0.000000001", "n", COUNTER, 1000000, 1000000000, ""),
	GOOD(TEXT_64 TEXT_64 TEXT_64 ":1|c", TEXT_64 TEXT_64 TEXT_64, COUNTER, 1000000, 1, ""),
	WIDE("n:1e-9|c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:1.2345678|ms", "n", TIMER, "", WIDE_VALUE),
	WIDE("n:1234567890123|g", "n", GAUGE, "", WIDE_VALUE),
	WIDE("n:0x10|c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:1:2|c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:1 |c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n: 1|c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n: |c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:\xc2\xa0"
	     "1|c",
	     "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:+ 1|c", "n", COUNTER, "", WIDE_VALUE),
	WIDE("n:-1e-9|ms", "n", TIMER, "", WIDE_VALUE),
	WIDE("n:1:2:3|ms|@0.5|#k:v", "n", TIMER, "k:v", WIDE_VALUE),
	WIDE("n:1:-2|g", "n", GAUGE, "", WIDE_VALUE),
	WIDE("n:1|c|T1656581400", "n", COUNTER, "", WIDE_TIME),
	WIDE("n:1|g|T", "n", GAUGE, "", WIDE_TIME),
	WIDE("n:1|c|Tx:1|@0.5", "n", COUNTER, "", WIDE_TIME),
	WIDE("n:1|c|#a:b|T1656581400|c:4f3a", "n", COUNTER, "a:b", WIDE_TIME),
	WIDE("n:1|c|@0.3", "n", COUNTER, "", WIDE_RATE),
	WIDE("n:1|c|@2", "n", COUNTER, "", WIDE_RATE),
	WIDE("n:1|c|@0", "n", COUNTER, "", WIDE_RATE),
	WIDE("n:1|c|@", "n", COUNTER, "", WIDE_RATE),
	WIDE("n:1|c|@ 0.1", "n", COUNTER, "", WIDE_RATE),
	WIDE("n:1|c|@1e-3|#a:b", "n", COUNTER, "a:b", WIDE_RATE),
	GOOD("n:1| c", "n", COUNTER, 1000000, 1, ""),
	GOOD("n:1| ms\r|@0.5", "n", TIMER, 1000000, 2, ""),
	GOOD("n:1|c|@0.5|#a:b|c:ci-4f3a|e:it-false,cn-x|card:low", "n", COUNTER, 1000000, 2, "a:b"),
	GOOD("noval|c|#env:1|c", "noval|c|#env", COUNTER, 1000000, 1, ""), /* the daemon rejects it */
	GOOD("_e:1|c", "_e", COUNTER, 1000000, 1, ""),
	GOOD("_score:1|c", "_score", COUNTER, 1000000, 1, ""),
	GOOD("_sc:1|c", "_sc", COUNTER, 1000000, 1, ""),
	DEFER("_e{5,4}:title|text"),
	DEFER("_e{1,1}:5|c"),
	DEFER("_e{"),
	DEFER("_sc|name|0"),
	DEFER("_sc|name|0|h:x|#a:b|m:y"),
	DEFER("a:1|c:2|c"),
	DEFER("a:1|c:2|c|@0.1:3|ms|#t:x"),
	DEFER("a:1|c|@0.5:2|c"),
	DEFER("a:1|c|@0.3:2|c"),
	DEFER("a:1|c|#t:x|@0.5:2|c"),
	DEFER("a:1|c :2|c"),
	DEFER("a:1|c:"),
	DEFER("users:a|s:b|s"),
	DEFER("a:x:1|c"), /* bad, and perhaps good ones behind it */
	DEFER("a::1|c"),
	DEFER("a:1|z:2|c"),
	DEFER("a:1|z|#t:x"),
	DEFER("a:1|c|x:2|c"),
	DEFER("a:x|c|#t:x"),
	DEFER("a:1:2"),
	DEFER(":1|c:2|c"),
	{ "", PARSE_EMPTY, 0, 0, 0, 0, NULL, NULL, 0 },
	BAD(":1|c", NAME),
	BAD(":", NAME),
	BAD(":1", NAME),
	BAD("noval", VALUE),
	BAD("ctr|c", VALUE),
	BAD("n:", VALUE),
	BAD("n:|c", VALUE),
	BAD("n:-|c", VALUE),
	BAD("n:+-1|c", VALUE),
	BAD("n:abc|c", VALUE),
	BAD("n:nan|g", VALUE),
	BAD("n:inf|ms", VALUE),
	BAD("n:-1|ms", VALUE),
	BAD("n:Infinity|c", VALUE),
	BAD("n:1", TYPE),
	BAD("n:1|", TYPE),
	BAD("n:1|z", TYPE),
	BAD("n:1|cc", TYPE),
	BAD("n:1|m", TYPE),
	BAD("n:1|mss", TYPE),
	BAD("n:1|C", TYPE),
	BAD("n:1|c|", FIELD),
	BAD("n:1|c|x", FIELD),
	BAD("n:1|c|@0.5|", FIELD),
	BAD("n:1|c|0.1", FIELD),
};
#define PARSE_CASES (sizeof(parse_cases) / sizeof(parse_cases[0]))

/* Puts a line into a scratch, as the programs do: a newline behind the last byte. */
static inline void scratch_fill(struct scratch *s, const char *line, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		s->payload[i] = (__u8)line[i];
	s->payload[len] = '\n';
	s->len = len;
	s->pos = 0;
}

#endif /* PARSE_CASES_H */
