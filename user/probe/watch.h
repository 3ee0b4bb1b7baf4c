/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Says in words what the ledger says in numbers: that a map is full, that something was
 * lost, and what to do.
 */
#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H

struct capture;
struct ledger;

/* Looks at a window that was drained, and at its ledger. */
void watch_window(const struct capture *capture, const struct ledger *ledger);

#endif /* PROBE_WATCH_H */
