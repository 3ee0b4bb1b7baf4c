/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Those who look on, for the files of this room: what the programs are told, and what comes
 * from the ring of the slow path. Nothing here costs anything while nobody looks.
 */
#ifndef PROBE_WATCHING_H
#define PROBE_WATCHING_H

#include "probe/internal.h"
#include "probe/senders.h"
#include "probe/tail.h"

struct bpf_map;

/* Changes the bits `mask` of what the programs are asked to do. */
void watching_set(struct capture *capture, uint32_t mask, uint32_t bits);
/* Puts a map into a map of maps. Returns when no program uses the one before any more. Negative errno. */
int watching_install(const struct bpf_map *outer, int inner_fd);
void watching_remove(const struct bpf_map *outer);

/* Shows one line, of a stream or a datagram, to those who look. */
void tail_line(struct capture *capture, const struct tail_line *line);
/* Shows the lines in `len` bytes that a record brought, or completed: those of a stream. */
void tail_bytes(struct capture *capture, const struct record *record, const void *data, size_t len);
/* Shows the lines of a RECORD_DATAGRAM. */
void tail_datagrams(struct capture *capture, const struct record *record);
void tail_free(struct capture *capture);

/* Passes the datagrams of a RECORD_DATAGRAM on. */
void relay_datagrams(struct capture *capture, const struct record *record);
/* The same of lines that a record of a stream completed. */
void relay_lines(struct capture *capture, const struct record *record, const void *lines, size_t len);
void relay_free(struct capture *capture);

/* What a record of the slow path became: adds what the ledger says beyond `before` to its sender. */
void senders_add(struct capture *capture, const struct record *record, const struct ledger *before,
		 const struct ledger *after);
void senders_free(struct capture *capture);

#endif /* PROBE_WATCHING_H */
