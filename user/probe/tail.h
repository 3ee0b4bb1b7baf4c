/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Every line as it was sent, for those who look on: copies from the kernel of what it parsed
 * itself, and what the daemon parses. While nobody looks there is neither ring nor copy.
 */
#ifndef PROBE_TAIL_H
#define PROBE_TAIL_H

#include "core/ingest.h"
#include "lib/error.h"

struct capture;

struct tail_line {
	uint64_t time;	     /* CLOCK_MONOTONIC, nanoseconds */
	uint32_t pid;	     /* of the sender; 0: unknown */
	const char *command; /* of the sender, COMMAND_BYTES with at least one NUL */
	const void *text;    /* raw bytes, without the newline */
	size_t len;	     /* not 0 */
};

enum tail_mode {
	TAIL_OFF,
	TAIL_REJECTED, /* datagrams with bad lines are enough; others may come too */
	TAIL_ALL,
};

/*
 * Begins, changes or ends it. `show` gets each line, during the calls of capture_consume(),
 * capture_tail_consume() and others that drain. Negative errno: it is as it was.
 */
int capture_tail(struct capture *capture, enum tail_mode mode,
		 void (*show)(void *context, const struct tail_line *line), void *context,
		 struct error *error);
/* Polls readable when the copies want to be read at once; -1 while it is off. */
int capture_tail_fd(const struct capture *capture);
/* Reads copies, none that may be younger than what the last capture_consume() has not read. Negative errno. */
int capture_tail_consume(struct capture *capture, struct error *error);
/* Datagrams since the start that found no room for a copy. */
uint64_t capture_tail_missed(const struct capture *capture);

/* What is wrong with a line, as in ingest_explain(). */
size_t capture_explain(struct capture *capture, const struct tail_line *line, struct line_fault *faults,
		       size_t max);

#endif /* PROBE_TAIL_H */
