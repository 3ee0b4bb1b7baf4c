// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two maps of senders, one in use by the programs. To take, the other one is put in its
 * place, which returns when no program counts in the first any more; that is then emptied.
 * What the daemon learns itself, from the slow path, is in the same table of rows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/undisturbed.h"
#include "probe/watching.h"
#include "statsd.skel.h"

#define SENDERS_MAX 4096 /* in the kernel, and others */
#define ROWS 16384	 /* a power of two; filled to a half at most */
#define BATCH_SENDERS (SENDERS_MAX + 1)

struct sender_row {
	bool used;
	uint32_t pid;
	struct sender sender;
};

struct senders {
	int map_fds[2];
	unsigned int active;
	size_t count;
	struct sender_row rows[ROWS]; /* open addressing by pid */
	uint32_t pids[BATCH_SENDERS];
	struct sender batch[BATCH_SENDERS];
};

/* The row of a process; when there are too many, that of all others. */
static struct sender *row_find(struct senders *senders, uint32_t pid)
{
	size_t at = pid * 2654435761U & (ROWS - 1);

	for (; senders->rows[at].used; at = (at + 1) & (ROWS - 1)) {
		if (senders->rows[at].pid == pid)
			return &senders->rows[at].sender;
	}
	if (senders->count >= ROWS / 2 && pid != SENDER_OTHERS)
		return row_find(senders, SENDER_OTHERS);
	senders->count++;
	senders->rows[at] = (struct sender_row){ .used = true, .pid = pid };
	return &senders->rows[at].sender;
}

static void row_add(struct senders *senders, uint32_t pid, const struct sender *more)
{
	struct sender *sender = row_find(senders, pid);

	if (!*sender->command)
		memcpy(sender->command, more->command, sizeof(sender->command));
	sender->sends += more->sends;
	sender->bytes += more->bytes;
	sender->lines += more->lines;
	sender->rejected += more->rejected;
}

/* seen = accepted + rejected + lost; the only loss in the daemon is that of a series. */
static uint64_t ledger_rejected(const struct ledger *ledger)
{
	return ledger->n[LEDGER_LINES_SEEN] - ledger->n[LEDGER_LINES_ACCEPTED] -
	       ledger->n[LEDGER_LINES_SERIES_LIMIT];
}

void senders_add(struct capture *capture, const struct record *record, const struct ledger *before,
		 const struct ledger *after)
{
	struct sender more = {
		/* The kernel has seen one send; it may have been several datagrams. */
		.sends = after->n[LEDGER_DATAGRAMS_SEEN] - before->n[LEDGER_DATAGRAMS_SEEN],
		.lines = after->n[LEDGER_LINES_SEEN] - before->n[LEDGER_LINES_SEEN],
		.rejected = ledger_rejected(after) - ledger_rejected(before),
	};

	if (!capture->senders)
		return;
	memcpy(more.command, record->command, sizeof(more.command));
	row_add(capture->senders, record->pid, &more);
}

/* An empty map for the programs, with the entry of all others. */
static int map_ready(int map_fd)
{
	uint32_t others = SENDER_OTHERS;
	struct sender none = {};

	return bpf_map_update_elem(map_fd, &others, &none, BPF_ANY);
}

void senders_free(struct capture *capture)
{
	struct senders *senders = capture->senders;

	if (!senders)
		return;
	watching_remove(capture->skeleton->maps.sender_maps);
	for (int i = 0; i < 2; i++) {
		if (senders->map_fds[i] >= 0)
			close(senders->map_fds[i]);
	}
	free(senders);
	capture->senders = NULL;
}

static int senders_new(struct capture *capture, struct error *error)
{
	struct senders *senders = calloc(1, sizeof(*senders));
	int err = 0;

	if (!senders)
		return error_set(error, -ENOMEM, "cannot count senders: out of memory");
	capture->senders = senders;
	for (int i = 0; i < 2; i++) {
		senders->map_fds[i] = bpf_map_create(BPF_MAP_TYPE_HASH, "senders", sizeof(uint32_t),
						     sizeof(struct sender), SENDERS_MAX + 1, NULL);
		if (senders->map_fds[i] < 0)
			err = senders->map_fds[i];
		else
			err = err ?: map_ready(senders->map_fds[i]);
	}
	err = err ?: watching_install(capture->skeleton->maps.sender_maps, senders->map_fds[0]);
	if (!err)
		return 0;
	senders_free(capture);
	return error_set(error, err, "cannot count senders: no map for them: %s", strerror(-err));
}

int capture_senders(struct capture *capture, bool on, struct error *error)
{
	int err = on && !capture->senders ? senders_new(capture, error) : 0;

	if (err)
		return err;
	watching_set(capture, WATCH_SENDERS, on ? WATCH_SENDERS : 0);
	if (!on)
		senders_free(capture);
	return 0;
}

/* Everything out of the map that no program uses, into the rows. */
static int map_drain(struct senders *senders, int map_fd)
{
	uint32_t position[8], count = BATCH_SENDERS;
	struct undisturbed before;
	int err;

	undisturbed_begin(&before);
	err = bpf_map_lookup_and_delete_batch(map_fd, NULL, position, senders->pids, senders->batch, &count,
					      NULL);
	undisturbed_end(&before);
	if (err && err != -ENOENT)
		return err;
	for (uint32_t i = 0; i < count; i++)
		row_add(senders, senders->pids[i], &senders->batch[i]);
	return map_ready(map_fd);
}

int capture_senders_take(struct capture *capture,
			 void (*visit)(void *context, uint32_t pid, const struct sender *sender),
			 void *context, struct error *error)
{
	struct senders *senders = capture->senders;
	unsigned int old;
	int err;

	if (!senders)
		return 0;
	old = senders->active;
	err = watching_install(capture->skeleton->maps.sender_maps, senders->map_fds[1 - old]);
	if (!err) {
		senders->active = 1 - old;
		err = map_drain(senders, senders->map_fds[old]);
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (senders->rows[i].used && (senders->rows[i].sender.sends || senders->rows[i].sender.lines))
			visit(context, senders->rows[i].pid, &senders->rows[i].sender);
		senders->rows[i].used = false;
	}
	senders->count = 0;
	return err ? error_set(error, err, "cannot read who sends: %s", strerror(-err)) : 0;
}
