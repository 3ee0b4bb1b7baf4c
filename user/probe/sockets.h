/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Unix and TCP sockets: seen by entry hooks only, whichever hook sees UDP. Which entry hook
 * that is, if any, and what it needs.
 */
#ifndef PROBE_SOCKETS_H
#define PROBE_SOCKETS_H

#include "probe/capture.h"

struct record;

/* Chooses an entry hook for each kind that is configured; says in the log what cannot be captured, and why. */
void sockets_choose(struct capture *capture);

/* The hook that sees this kind; HOOK_AUTO: none. */
enum capture_hook sockets_hook(const struct capture *capture, enum socket_kind kind);

/* Goes on without those that were chosen, because of `reason`. False: none was. */
bool sockets_give_up(struct capture *capture, const char *reason);

/* Tells the loaded programs which Unix sockets are captured. Negative errno. */
int sockets_set_names(struct capture *capture);

/* Takes a RECORD_STREAM or RECORD_STREAM_END of the ring. */
void sockets_take(struct capture *capture, const struct record *record);

/* Gives up lines that TCP connections began long ago; a window is being closed. */
void sockets_close_window(struct capture *capture, unsigned int window);

#endif /* PROBE_SOCKETS_H */
