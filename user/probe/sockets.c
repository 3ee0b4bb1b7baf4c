// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Unix and TCP sockets beside UDP: which hook sees them, and what the ring brings of them.
 */
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/ingest.h"
#include "core/stream.h"
#include "lib/log.h"
#include "probe/hook.h"
#include "probe/internal.h"
#include "probe/preempt.h"
#include "probe/sockets.h"
#include "probe/watching.h"
#include "statsd.skel.h"

#define IDLE_NS 600000000000 /* of a connection whose end was not seen, in the middle of a line */

static const char *const kind_names[SOCKET_KINDS] = {
	[SOCKETS_UDP] = "UDP",
	[SOCKETS_UNIX] = "unix datagrams",
	[SOCKETS_TCP] = "TCP",
};

static const char *const kind_keys[SOCKET_KINDS] = {
	[SOCKETS_UDP] = "capture.statsd.ports",
	[SOCKETS_UNIX] = "capture.statsd.unix",
	[SOCKETS_TCP] = "capture.statsd.tcp",
};

static bool is_configured(const struct capture_options *options, enum socket_kind kind)
{
	return kind == SOCKETS_UNIX ? options->unix_count > 0 : options->tcp;
}

/*
 * The first entry hook of the order that works, else all the reasons why not. For TCP fentry
 * comes first even where tasks preempt each other: what it skips then is little, and seen as a
 * hole. A kretprobe has ten places or so for all sends that wait anywhere; when they are taken
 * it sees none at all.
 */
static void report_fill(struct socket_report *row, const struct capture_options *options,
			const struct preemption *preemption)
{
	const enum capture_hook *order = hook_order(preemption->possible && row->kind != SOCKETS_TCP, false);
	bool fixed = options->hook == HOOK_FENTRY || options->hook == HOOK_KPROBE;
	char reason[200];
	size_t i, used = 0;

	for (i = 0; i < HOOKS - 1; i++) {
		if (order[i] == HOOK_CGROUP || (fixed && order[i] != options->hook))
			continue;
		if (!hook_try(order[i], row->kind, reason, sizeof(reason))) {
			row->hook = order[i];
			snprintf(row->reason, sizeof(row->reason), "by %s; preemption: %s",
				 capture_hook_name(order[i]), preemption->reason);
			return;
		}
		if (used < sizeof(row->reason))
			used += (size_t)snprintf(row->reason + used, sizeof(row->reason) - used, "%s%s: %s",
						 used ? "; " : "", capture_hook_name(order[i]), reason);
	}
}

static void report_init(struct socket_report *row, const struct capture_options *options, size_t index)
{
	*row = (struct socket_report){ .kind = (enum socket_kind)(SOCKETS_UNIX + index) };
	row->name = kind_names[row->kind];
	row->key = kind_keys[row->kind];
	row->configured = is_configured(options, row->kind);
}

void capture_check_sockets(const struct capture_options *options, struct socket_report rows[SOCKET_REPORTS])
{
	struct preemption preemption = {};
	size_t i;

	preemption_read(&preemption);
	for (i = 0; i < SOCKET_REPORTS; i++) {
		report_init(&rows[i], options, i);
		report_fill(&rows[i], options, &preemption);
	}
}

void capture_sockets(const struct capture *capture, struct socket_report rows[SOCKET_REPORTS])
{
	memcpy(rows, capture->sockets, sizeof(capture->sockets));
}

void sockets_choose(struct capture *capture)
{
	struct preemption preemption = {};
	struct socket_report *row;

	preemption_read(&preemption);
	for (row = capture->sockets; row < capture->sockets + SOCKET_REPORTS; row++) {
		report_init(row, &capture->options, (size_t)(row - capture->sockets));
		if (!row->configured)
			continue;
		report_fill(row, &capture->options, &preemption);
		if (row->hook == HOOK_AUTO)
			log_warning("%s has no effect, as no entry hook is usable on this kernel: %s",
				    row->key, row->reason);
	}
}

enum capture_hook sockets_hook(const struct capture *capture, enum socket_kind kind)
{
	return capture->sockets[kind - SOCKETS_UNIX].hook;
}

bool sockets_give_up(struct capture *capture, const char *reason)
{
	struct socket_report *row;
	bool given = false;

	for (row = capture->sockets; row < capture->sockets + SOCKET_REPORTS; row++) {
		if (row->hook == HOOK_AUTO)
			continue;
		log_warning("%s has no effect: %s", row->key, reason);
		row->hook = HOOK_AUTO;
		snprintf(row->reason, sizeof(row->reason), "%s", reason);
		given = true;
	}
	return given;
}

/* "/path" as it is; "@name" is abstract: it begins with a NUL. */
static void name_make(struct unix_name *name, const char *text)
{
	*name = (struct unix_name){ .len = (__u32)strlen(text) };
	memcpy(name->path, text, name->len);
	if (*text == '@')
		name->path[0] = '\0';
}

int sockets_set_names(struct capture *capture)
{
	int fd = bpf_map__fd(capture->skeleton->maps.unix_names), err = 0;
	const struct capture_options *options = &capture->options;
	struct unix_name name;
	uint8_t one = 1;
	size_t i;

	for (i = 0; i < options->unix_count && !err; i++) {
		name_make(&name, options->unix_paths[i]);
		err = bpf_map_update_elem(fd, &name, &one, BPF_ANY);
	}
	return err;
}

/* Where the lines of a record go. */
struct taking {
	struct capture *capture;
	const struct record *record;
	unsigned int window;
};

static void lines_ingest(void *context, const void *lines, size_t len)
{
	struct taking *taking = context;
	struct capture *capture = taking->capture;

	ingest_lines(capture->ingest, taking->window, lines, len, &capture->own[taking->window]);
	tail_bytes(capture, taking->record, lines, len);
	relay_lines(capture, taking->record, lines, len);
}

void sockets_take(struct capture *capture, const struct record *record)
{
	struct taking taking = { .capture = capture,
				 .record = record,
				 .window = record->window & (WINDOWS - 1) };
	const struct stream_piece *piece = (const void *)record->data;
	struct ledger *ledger = &capture->own[taking.window];

	if (record->len < sizeof(*piece))
		return;
	if (record->kind == RECORD_STREAM_END)
		streams_end(capture->streams, piece, ledger);
	else
		streams_add(capture->streams, piece, piece->data, record->len - sizeof(*piece), record->time,
			    ledger, lines_ingest, &taking);
}

void sockets_close_window(struct capture *capture, unsigned int window)
{
	uint64_t now = capture_time(), cut = streams_cut(capture->streams);

	if (now > IDLE_NS)
		streams_expire(capture->streams, now - IDLE_NS, &capture->own[window]);
	if (cut != capture->streams_cut)
		log_warning("lines were lost: more than %d TCP connections are in the middle of a line; let "
			    "clients send whole lines",
			    STREAMS_MAX);
	capture->streams_cut = cut;
}
