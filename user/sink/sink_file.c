// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Flushes wait in a queue; the worker writes the first of them, and tells when it has. What the
 * disk does not take stays the first, and is tried again with the next flush, until the queue is
 * full: then the oldest goes, counted. The worker is the file's own: a disk that hangs holds up
 * nobody else, and whoever frees the output does not wait for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/encoder.h"
#include "sink/file_disk.h"
#include "sink/format.h"
#include "sink/operations.h"
#include "sink/sink_file.h"
#include "sink/text.h"
#include "sink/view.h"
#include "sink/delivery/worker.h"

#define NS_PER_MSEC 1000000.0

struct chunk {
	TAILQ_ENTRY(chunk) next;
	struct text text;
	size_t lines;
};

TAILQ_HEAD(chunk_list, chunk);

struct file {
	struct sink sink;
	struct file_options options;
	const struct format_options *names;
	struct worker *worker;
	struct file_disk disk; /* the worker's while a job runs */
	struct chunk_list chunks;
	size_t bytes, count, lines;
	struct job job;
	const struct chunk *writing; /* by the job; NULL: there is none */
	int err;		     /* of the job */
	int64_t began;
	bool failing; /* complained of */
	uint64_t lines_sent, bytes_sent, batches_sent, lines_dropped, batches_dropped;
	uint64_t events_without_place;
	struct delivery_report report;
	struct sink_count errors;
};

static void chunk_free(struct file *file, struct chunk *chunk)
{
	TAILQ_REMOVE(&file->chunks, chunk, next);
	file->bytes -= chunk->text.len;
	file->count--;
	file->lines -= chunk->lines;
	text_release(&chunk->text);
	free(chunk);
}

/* In the worker's thread. */
static void job_work(struct job *job)
{
	struct file *file = (struct file *)((char *)job - offsetof(struct file, job));

	file->err = file_disk_append(&file->disk, file->writing->text.data, file->writing->text.len);
}

static void file_write(struct file *file)
{
	file->writing = file->writing ? file->writing : TAILQ_FIRST(&file->chunks);
	if (!file->writing)
		return;
	file->began = clock_read(CLOCK_MONOTONIC);
	worker_submit(file->worker, &file->job);
}

static void file_failed(struct file *file)
{
	file->errors.value++;
	file->report.last_exception = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	if (!file->failing)
		log_warning("cannot write to %s: %s; up to %zu bytes wait for it", file->options.path,
			    strerror(-file->err), file->options.memory);
	file->failing = true;
}

static void file_written(struct file *file, struct chunk *chunk)
{
	if (file->failing)
		log_info("%s takes lines again", file->options.path);
	file->failing = false;
	file->batches_sent++;
	file->lines_sent += chunk->lines;
	file->bytes_sent += chunk->text.len;
	file->report.flush_ms = (double)(clock_read(CLOCK_MONOTONIC) - file->began) / NS_PER_MSEC;
	file->report.flush_length = chunk->text.len;
	file->report.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	chunk_free(file, chunk);
}

static void job_done(struct job *job)
{
	struct file *file = (struct file *)((char *)job - offsetof(struct file, job));
	struct chunk *chunk = TAILQ_FIRST(&file->chunks);

	file->writing = NULL;
	if (file->err) {
		file_failed(file);
	} else {
		file_written(file, chunk);
		file_write(file);
	}
}

/* Over the limit the oldest goes that is not being written. */
static void chunks_bound(struct file *file)
{
	struct chunk *chunk = TAILQ_FIRST(&file->chunks), *next;

	for (; chunk && file->bytes > file->options.memory; chunk = next) {
		next = TAILQ_NEXT(chunk, next);
		if (chunk == file->writing)
			continue;
		file->batches_dropped++;
		file->lines_dropped += chunk->lines;
		chunk_free(file, chunk);
	}
}

static int file_format(struct file *file, const struct snapshot *snapshot, struct text *text)
{
	int64_t began = clock_read(CLOCK_MONOTONIC);
	int err;

	if (file->options.format == FILE_JSON) {
		err = format_json(snapshot, file->names, text);
	} else {
		err = format_graphite(snapshot, file->names, text);
		file->report.calculation_ms = (double)(clock_read(CLOCK_MONOTONIC) - began) / NS_PER_MSEC;
		err = err ?: format_graphite_self(snapshot, file->names, &file->report, text);
		file->events_without_place += snapshot->event_count;
	}
	return err;
}

static size_t lines_count(const struct text *text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	return lines;
}

static void file_deliver(struct sink *sink, struct snapshot *snapshot)
{
	struct file *file = (struct file *)sink;
	bool changes = view_changes(snapshot, &file->options.view);
	struct snapshot *view = changes ? view_make(snapshot, &file->options.view) : NULL;
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if ((changes && !view) || !chunk || file_format(file, view ? view : snapshot, &chunk->text)) {
		file->batches_dropped++;
		log_error("cannot format %zu metrics for %s: out of memory; they are dropped",
			  snapshot->count, file->options.path);
		if (chunk)
			text_release(&chunk->text);
		free(chunk);
	} else if (!chunk->text.len) {
		free(chunk);
	} else {
		chunk->lines = lines_count(&chunk->text);
		TAILQ_INSERT_TAIL(&file->chunks, chunk, next);
		file->bytes += chunk->text.len;
		file->count++;
		file->lines += chunk->lines;
	}
	snapshot_free(view);
	/* First, so that one that is larger than the limit is not what goes over it. */
	if (!file->writing)
		file_write(file);
	chunks_bound(file);
}

static bool file_idle(const struct sink *sink)
{
	return !((const struct file *)sink)->count;
}

static void file_stats(const struct sink *sink, struct sink_stats *stats)
{
	const struct file *file = (const struct file *)sink;

	*stats = (struct sink_stats){
		.kind = "file",
		.address = file->options.path,
		.connected = !file->failing,
		.lines_sent = file->lines_sent,
		.bytes_sent = file->bytes_sent,
		.batches_sent = file->batches_sent,
		.batches_dropped = file->batches_dropped,
		.lines_dropped = file->lines_dropped,
		.batches_queued = file->count,
		.bytes_queued = file->bytes,
		.batches_unsaved = file->count,
		.lines_unsaved = file->lines,
		.events_without_place = file->events_without_place,
		.report = file->report,
		.counts = &file->errors,
		.count_count = 1,
	};
	if (file->failing)
		snprintf(stats->last_error, sizeof(stats->last_error), "%s", strerror(-file->err));
}

static void file_release(struct file *file)
{
	while (!TAILQ_EMPTY(&file->chunks))
		chunk_free(file, TAILQ_FIRST(&file->chunks));
	file_disk_close(&file->disk);
	free(file);
}

static void job_drop(struct job *job)
{
	file_release((struct file *)((char *)job - offsetof(struct file, job)));
}

static void file_free(struct sink *sink)
{
	struct file *file = (struct file *)sink;
	bool writing = file->writing;

	/* Which drops the job, and the file with it: now, or when the disk lets go of it. */
	worker_dismiss(file->worker);
	if (!writing)
		file_release(file);
}

static const struct sink_operations file_operations = {
	.deliver = file_deliver,
	.idle = file_idle,
	.stats = file_stats,
	.free = file_free,
};

struct sink *sink_file_new(const struct sink_environment *environment, const void *options,
			   struct error *error)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file) {
		error_set(error, -ENOMEM, "cannot create an output to a file: out of memory");
		return NULL;
	}
	file->sink.operations = &file_operations;
	file->options = *(const struct file_options *)options;
	file->names = environment->names ? environment->names : &format_defaults;
	file->disk =
		(struct file_disk){ file->options.path, file->options.max_bytes, file->options.keep, -1 };
	file->job = (struct job){ .work = job_work, .done = job_done, .drop = job_drop };
	file->errors.name = "write_errors";
	file->report.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	TAILQ_INIT(&file->chunks);
	file->worker = worker_new(environment->base, error);
	if (!file->worker) {
		free(file);
		return NULL;
	}
	return &file->sink;
}
