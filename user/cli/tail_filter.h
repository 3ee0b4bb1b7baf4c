/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which lines a tail shows, and how many of them: pattern and rate. Pure; the clock is told. */
#ifndef CLI_TAIL_FILTER_H
#define CLI_TAIL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/error.h"

struct tail_pattern;

/*
 * "api.*": a glob on what stands before the colon, the whole line if there is none, with the tags
 * that are part of it or without; '*' matches any bytes. "/time.*ms$/": a regular expression (PCRE2, bytes) anywhere in the line. NULL with
 * the sentence in `error`. Free with tail_pattern_free(), safe on NULL.
 */
struct tail_pattern *tail_pattern_new(const char *text, struct error *error);
void tail_pattern_free(struct tail_pattern *pattern);
/* 1, 0, or -E2BIG: it was given up, as it takes too long. */
int tail_pattern_matches(const struct tail_pattern *pattern, const void *line, size_t len);

/* So many lines per second; unused ones of one second at most are saved up. */
struct tail_rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t credit;     /* lines times 10^9 */
	int64_t filled;	     /* CLOCK_MONOTONIC */
};

void tail_rate_init(struct tail_rate *rate, uint64_t per_second, int64_t now);
/* Takes one line's worth; false: there is none left. */
bool tail_rate_take(struct tail_rate *rate, int64_t now);

#endif /* CLI_TAIL_FILTER_H */
