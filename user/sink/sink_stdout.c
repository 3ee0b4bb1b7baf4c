// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Standard output. Whoever reads it may be slow, or a stopped terminal; the descriptor is
 * shared with others, so it stays blocking, and no more is written than poll() promises to
 * take: PIPE_BUF bytes at a time, but to a file, which always takes all. What is not taken soon
 * is written from the loop, as the reader reads; the last flush waits whole, whatever its size.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>
#include "core/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/format.h"
#include "sink/queue.h"
#include "sink/operations.h"
#include "sink/sink_stdout.h"
#include "sink/view.h"

#define NS_PER_MSEC (NS_PER_SECOND / 1000)
#define QUEUE_BYTES (16 << 20) /* of flushes before the last one */
#define FILE_BYTES (256 << 10) /* written to a file at once */
#define PATIENCE_MSEC 20       /* a reader that takes nothing for so long is not waited for */
#define DELIVER_MSEC 500       /* nor longer than this for one that takes something */
#define TURN_MSEC 20	       /* nor than this in a turn of the loop */
#define GOODBYE_MSEC 1000      /* and this at the end */

struct standard_output {
	struct sink sink;
	struct stdout_options options;
	const struct format_options *names;
	bool is_terminal;
	size_t write_max;   /* bytes that are surely taken at once, if any are */
	bool is_waited_for; /* by poll(): a pipe, a socket, a terminal */
	struct event *more; /* can be written */
	struct queue queue;
	size_t written; /* of the first batch */
	bool gone;	/* its reader; a pipe gets no other */
	uint64_t lines_sent, bytes_sent, batches_sent, events_without_place;
	struct delivery_report self;
	char last_error[128];
};

/* Nobody will read this: gone, but counted. */
static void output_broken(struct standard_output *output, int err)
{
	struct batch *batch;
	bool is_news = !output->gone;

	snprintf(output->last_error, sizeof(output->last_error), "%s", strerror(err));
	output->self.last_exception = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	output->gone = err == EPIPE;
	if (is_news)
		log_error("cannot write to standard output: %s; what was to be written is dropped",
			  output->last_error);
	while ((batch = queue_first(&output->queue))) {
		output->queue.batches_dropped++;
		output->queue.lines_dropped += batch->lines;
		queue_pop(&output->queue);
	}
	output->written = 0;
}

/* Writes a piece of the first batch. False: it failed. */
static bool output_write(struct standard_output *output, struct batch *batch)
{
	size_t left = batch->len - output->written;
	ssize_t got = write(STDOUT_FILENO, batch->data + output->written,
			    left < output->write_max ? left : output->write_max);

	if (got < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return true;
		output_broken(output, errno);
		return false;
	}
	output->last_error[0] = '\0';
	batch->sending = true;
	output->written += (size_t)got;
	output->bytes_sent += (size_t)got;
	if (output->written == batch->len) {
		output->batches_sent++;
		output->lines_sent += batch->lines;
		output->self.flush_length = batch->len;
		output->self.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
		output->written = 0;
		queue_pop(&output->queue);
	}
	return true;
}

static void output_drain(struct standard_output *output, int64_t patience, int64_t most)
{
	const int64_t deadline = clock_read(CLOCK_MONOTONIC) + most * NS_PER_MSEC;
	struct pollfd reader = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct batch *batch;

	while ((batch = queue_first(&output->queue)) && clock_read(CLOCK_MONOTONIC) < deadline) {
		if (poll(&reader, 1, (int)patience) <= 0)
			return;
		if (!output_write(output, batch))
			return;
	}
}

/* The loop goes on with what is left. */
static void output_go_on(struct standard_output *output)
{
	const struct timeval at_once = {};

	if (queue_first(&output->queue))
		event_add(output->more, output->is_waited_for ? NULL : &at_once);
}

static void on_more(evutil_socket_t fd, short events, void *context)
{
	struct standard_output *output = context;

	(void)fd;
	(void)events;
	output_drain(output, 0, TURN_MSEC);
	output_go_on(output);
}

/* The flush is kept whole; what is older has to go, if there is too much of it. */
static void output_add(struct standard_output *output, const struct text *text)
{
	const struct batch *first = queue_first(&output->queue);
	const size_t needed = text->len + (first ? first->len : 0);

	output->queue.limit = needed > QUEUE_BYTES ? needed : QUEUE_BYTES;
	queue_add(&output->queue, text->data, text->len);
}

static int output_format_graphite(struct standard_output *output, const struct snapshot *snapshot,
				  struct text *text)
{
	const struct format_options *names = output->names;
	int64_t began = clock_read(CLOCK_MONOTONIC);
	int err = format_graphite(snapshot, names, text);

	output->self.calculation_ms = (double)(clock_read(CLOCK_MONOTONIC) - began) / (double)NS_PER_MSEC;
	output->events_without_place += snapshot->event_count;
	return err ? err : format_graphite_self(snapshot, names, &output->self, text);
}

static int output_format(struct standard_output *output, const struct snapshot *snapshot, struct text *text)
{
	switch (output->options.format) {
	case STDOUT_GRAPHITE:
		return output_format_graphite(output, snapshot, text);
	case STDOUT_JSON:
		return format_json(snapshot, output->names, text);
	default:
		return format_table(snapshot, output->is_terminal, text);
	}
}

static void output_deliver(struct sink *sink, struct snapshot *snapshot)
{
	struct standard_output *output = (struct standard_output *)sink;
	bool changes = view_changes(snapshot, &output->options.view);
	struct snapshot *view = changes ? view_make(snapshot, &output->options.view) : NULL;
	struct text text = {};
	int64_t began;

	if ((changes && !view) || output_format(output, view ? view : snapshot, &text)) {
		output->queue.batches_dropped++;
		log_error("cannot format %zu metrics for standard output: out of memory; they are dropped",
			  snapshot->count);
	} else {
		output_add(output, &text);
	}
	text_release(&text);
	snapshot_free(view);
	began = clock_read(CLOCK_MONOTONIC);
	output_drain(output, PATIENCE_MSEC, DELIVER_MSEC);
	output->self.flush_ms = (double)(clock_read(CLOCK_MONOTONIC) - began) / (double)NS_PER_MSEC;
	output_go_on(output);
}

static bool output_idle(const struct sink *sink)
{
	return !((const struct standard_output *)sink)->queue.count;
}

static void output_stats(const struct sink *sink, struct sink_stats *stats)
{
	const struct standard_output *output = (const struct standard_output *)sink;

	*stats = (struct sink_stats){
		.kind = "stdout",
		.address = "",
		.connected = !output->last_error[0],
		.gone = output->gone,
		.lines_sent = output->lines_sent,
		.bytes_sent = output->bytes_sent,
		.batches_sent = output->batches_sent,
		.batches_dropped = output->queue.batches_dropped,
		.lines_dropped = output->queue.lines_dropped,
		.batches_queued = output->queue.count,
		.bytes_queued = output->queue.bytes,
		.batches_unsaved = output->queue.count,
		.lines_unsaved = queue_lines(&output->queue),
		.events_without_place = output->events_without_place,
		.report = output->self,
	};
	snprintf(stats->last_error, sizeof(stats->last_error), "%s", output->last_error);
}

static void output_free(struct sink *sink)
{
	struct standard_output *output = (struct standard_output *)sink;

	event_free(output->more);
	output_drain(output, GOODBYE_MSEC, GOODBYE_MSEC);
	queue_release(&output->queue);
	free(output);
}

static const struct sink_operations output_operations = {
	.deliver = output_deliver,
	.idle = output_idle,
	.stats = output_stats,
	.free = output_free,
};

/* What standard output is, and how to wait for it: epoll knows no files. */
static int output_open(struct standard_output *output, struct event_base *base)
{
	struct stat status = {};

	output->is_terminal = isatty(STDOUT_FILENO);
	fstat(STDOUT_FILENO, &status);
	output->is_waited_for = output->is_terminal || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
	output->write_max = S_ISREG(status.st_mode) ? FILE_BYTES : PIPE_BUF;
	output->more = event_new(base, output->is_waited_for ? STDOUT_FILENO : -1,
				 output->is_waited_for ? EV_WRITE : 0, on_more, output);
	return output->more ? 0 : -ENOMEM;
}

struct sink *sink_stdout_new(const struct sink_environment *environment, const void *options,
			     struct error *error)
{
	struct standard_output *output = calloc(1, sizeof(*output));

	if (!output || output_open(output, environment->base)) {
		free(output);
		error_set(error, -ENOMEM, "cannot create the output to stdout: out of memory");
		return NULL;
	}
	output->sink.operations = &output_operations;
	output->options = *(const struct stdout_options *)options;
	output->names = environment->names ? environment->names : &format_defaults;
	output->self.last_flush = clock_read(CLOCK_REALTIME) / NS_PER_SECOND;
	queue_init(&output->queue, QUEUE_BYTES);
	return &output->sink;
}
