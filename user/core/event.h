/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * DogStatsD's events and service checks: from a line to a struct event. Pure; the text that
 * comes out is valid UTF-8 without control characters, but for the line breaks that were
 * written "\n".
 *
 *     _e{5,4}:title|text|d:1656581400|h:web1|k:deploys|p:low|s:jenkins|t:success|#env:prod
 *     _sc|db.alive|2|d:1656581400|h:web1|#env:prod|m:connection refused
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include "core/name.h"
#include "core/snapshot.h"

/* A byte that is no UTF-8 becomes three. */
#define EVENT_BYTES (4 * PAYLOAD_FAST_MAX)

struct event_parser {
	struct event event;	    /* of the last line that was accepted; points into the parser */
	struct canonical_name tags; /* beside a name that nobody sees */
	char text[EVENT_BYTES];
	size_t used;
};

/* Is the line (without its newline) one of the two, good or not? */
bool event_is(const void *line, size_t len);

/*
 * Parses such a line: LEDGER_LINES_ACCEPTED and parser->event, its timestamp 0 if none was sent;
 * else LEDGER_LINES_EVENT or _TOO_LONG, and `*at` is the byte where the fault is. Fields that are
 * unknown, or whose value is not one of those that may be, are as if not sent.
 */
enum ledger_counter event_parse(struct event_parser *parser, const void *line, size_t len, size_t *at);

#endif /* CORE_EVENT_H */
