/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Who sends how much: counted by the programs for as long as somebody asks. */
#ifndef PROBE_SENDERS_H
#define PROBE_SENDERS_H

#include <stdbool.h>
#include "kstatsd.h"
#include "lib/error.h"

struct capture;

/* Begins or ends the counting. Negative errno: it is as it was. */
int capture_senders(struct capture *capture, bool on, struct error *error);

/*
 * Calls `visit` for each process that sent since the last call, in no order; pid SENDER_OTHERS:
 * those that found no room. Lines that the daemon parses count when it does. Negative errno.
 */
int capture_senders_take(struct capture *capture,
			 void (*visit)(void *context, uint32_t pid, const struct sender *sender),
			 void *context, struct error *error);

#endif /* PROBE_SENDERS_H */
