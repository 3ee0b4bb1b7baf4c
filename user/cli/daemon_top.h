/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the daemon knows for `kstatsd top`, between daemon_top.c, which looks, and daemon_top_pack.c. */
#ifndef CLI_DAEMON_TOP_H
#define CLI_DAEMON_TOP_H

#include <jansson.h>
#include "cli/busiest.h"
#include "kstatsd.h"

struct daemon;
struct event;
struct top_client;

struct top_sender {
	uint32_t pid;
	struct sender sent;
};

struct tops {
	struct daemon *daemon;
	struct top_client *clients;
	struct event *beat;
	int64_t looked; /* CLOCK_MONOTONIC of the last look */
	double seconds; /* between the last two */
	struct ledger ledger, before;
	struct busy_look look;
	struct top_sender *senders;
	size_t sender_count;
	int err; /* of a visit */
};

/* The last look, at most `most` rows for each order. A new object; NULL: out of memory. */
json_t *top_report_pack(const struct tops *tops, size_t most);

#endif /* CLI_DAEMON_TOP_H */
