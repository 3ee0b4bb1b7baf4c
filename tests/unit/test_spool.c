// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The spool keeps what it said that it has written: over a restart, SIGKILL, a bad or a full disk. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "directory.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sink/delivery/spool_internal.h"
#include "sink/delivery/worker.h"

#define ROWS_MAX 4096
#define MIB (1 << 20)

static struct event_base *base;
static struct worker *worker;
static struct spool *spool;

/* What a client was told. */
struct told {
	struct spool_client *client;
	struct spool_row rows[ROWS_MAX];
	size_t found, lists;
	uint64_t written[ROWS_MAX];
	size_t written_count, failed;
	uint64_t failed_row; /* the first */
	struct batch *batch; /* read last */
	int err;	     /* told last */
	unsigned int lost;
	size_t written_at_loss;
	int report; /* file descriptor; 0: none */
};

static struct told one, other;

static void on_found(void *context, const struct spool_row *rows, size_t count, int err)
{
	struct told *told = context;

	assert_true(count <= ROWS_MAX);
	if (count)
		memcpy(told->rows, rows, count * sizeof(*rows));
	told->found = count;
	told->lists++;
	told->err = err;
}

static void on_written(void *context, uint64_t row, int err)
{
	struct told *told = context;
	ssize_t written;

	told->err = err;
	if (err && !told->failed++)
		told->failed_row = row;
	if (!err)
		told->written[told->written_count++ % ROWS_MAX] = row;
	if (told->report && !err) {
		written = write(told->report, &row, sizeof(row));
		(void)written;
	}
}

static void on_read(void *context, uint64_t row, struct batch *batch, int err)
{
	struct told *told = context;

	(void)row;
	batch_release(told->batch);
	told->batch = batch;
	told->err = err;
}

static void on_lost(void *context)
{
	struct told *told = context;

	told->lost++;
	told->written_at_loss = told->written_count;
}

static bool attach(struct told *told, const char *destination)
{
	const struct spool_events events = { on_found, on_written, on_read, on_lost, told };
	int report = told->report;
	bool waits;

	*told = (struct told){ .report = report };
	told->client = spool_attach(spool, destination, &events, &waits);
	assert_non_null(told->client);
	return waits;
}

static void detach(struct told *told)
{
	spool_detach(told->client);
	batch_release(told->batch);
	told->client = NULL;
	told->batch = NULL;
}

static void spool_open_in(const char *where)
{
	struct error error = {};

	base = event_base_new();
	worker = worker_new(base, &error);
	assert_non_null(worker);
	spool = spool_new(worker, where, &error);
	if (!spool)
		fail_msg("%s", error.text);
}

static void spool_end(void)
{
	spool_free(spool);
	worker_free(worker);
	event_base_free(base);
}

static void spool_again(void)
{
	spool_end();
	spool_open_in(directory);
}

static int files_open(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	one = (struct told){};
	return directory_make_one();
}

static int files_close(void **state)
{
	(void)state;
	return directory_remove();
}

/* What row `row` holds, so that it can be recognized. */
static void data_fill(char *data, size_t len, uint64_t row)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(row * 31 + i * 7 + (i >> 8));
}

static void write_row(struct told *told, uint64_t row, size_t len)
{
	struct batch *batch = batch_new(1, (int64_t)row * 1000, row + 5, len);

	assert_non_null(batch);
	data_fill(batch->data, len, row);
	assert_int_equal(spool_write(told->client, row, batch), 0);
	batch_release(batch);
}

static uint64_t write_one(struct told *told, size_t len)
{
	const uint64_t row = spool_row(spool);

	write_row(told, row, len);
	return row;
}

static int read_one(struct told *told, uint64_t row)
{
	assert_int_equal(spool_read(told->client, row), 0);
	worker_finish(worker);
	return told->err;
}

static void expect_row(struct told *told, uint64_t row, size_t len)
{
	char *data = malloc(len + 1);

	assert_non_null(data);
	data_fill(data, len, row);
	assert_int_equal(read_one(told, row), 0);
	assert_int_equal(told->batch->len, len);
	assert_int_equal(told->batch->kind, 1);
	assert_int_equal(told->batch->points, row + 5);
	assert_int_equal(told->batch->created, row * 1000);
	assert_memory_equal(told->batch->data, data, len);
	free(data);
}

static void test_written_and_found(void **state)
{
	uint64_t first, last;

	(void)state;
	spool_open_in(directory);
	assert_false(attach(&one, "a"));
	assert_false(attach(&other, "b"));
	first = write_one(&one, 100);
	write_one(&other, 70000);
	last = write_one(&one, 300000);
	assert_true(last > first);
	worker_finish(worker);
	assert_int_equal(one.lists, 1);
	assert_int_equal(one.found, 0);
	assert_int_equal(one.written_count, 2);
	assert_int_equal(one.written[1], last);
	expect_row(&one, last, 300000);
	detach(&one);
	detach(&other);
	spool_again();
	assert_true(spool_row(spool) > last);
	attach(&one, "a");
	worker_finish(worker);
	assert_int_equal(one.found, 2);
	assert_int_equal(one.rows[0].row, first);
	assert_int_equal(one.rows[0].len, 100);
	assert_int_equal(one.rows[0].points, first + 5);
	assert_int_equal(one.rows[0].created, first * 1000);
	assert_int_equal(one.rows[1].row, last);
	expect_row(&one, first, 100);
	expect_row(&one, last, 300000);
	spool_delete(one.client, first);
	assert_int_equal(read_one(&one, first), -ENOENT);
	assert_null(one.batch);
	detach(&one);
	spool_again();
	attach(&one, "a");
	worker_finish(worker);
	assert_int_equal(one.found, 1);
	detach(&one);
	spool_end();
}

/* A job that holds the worker up for as long as `gate` is locked. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void gate_pass(struct job *job)
{
	(void)job;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void gate_done(struct job *job)
{
	(void)job;
}

static void test_cancelled(void **state)
{
	struct job job = { .work = gate_pass, .done = gate_done };
	uint64_t row;

	(void)state;
	spool_open_in(directory);
	attach(&one, "a");
	worker_finish(worker);
	pthread_mutex_lock(&gate);
	worker_submit(worker, &job);
	/* This one is the worker's already, the next one waits. */
	row = write_one(&one, 10);
	assert_false(spool_cancel(one.client, row));
	row = write_one(&one, 10);
	assert_true(spool_cancel(one.client, row));
	row = write_one(&one, 10);
	pthread_mutex_unlock(&gate);
	worker_finish(worker);
	assert_int_equal(one.written_count, 2);
	assert_int_equal(one.written[1], row);
	detach(&one);
	spool_end();
}

static void test_heir(void **state)
{
	(void)state;
	spool_open_in(directory);
	attach(&one, "a");
	worker_finish(worker);
	write_one(&one, 10);
	worker_finish(worker);
	assert_true(attach(&other, "a"));
	write_one(&other, 10);
	worker_finish(worker);
	assert_int_equal(other.lists, 0);
	/* What the first one left, also what it left to be written; not what is the second's own. */
	detach(&one);
	worker_finish(worker);
	assert_int_equal(other.lists, 1);
	assert_int_equal(other.found, 1);
	assert_true(other.rows[0].row < other.written[0]);
	detach(&other);
	spool_end();
}

/* Writes until it is killed, and tells which rows it was told. */
static void child_run(int report)
{
	one.report = report;
	spool_open_in(directory);
	attach(&one, "a");
	for (unsigned int i = 0;; i++) {
		uint64_t row = write_one(&one, 1 + i * 7919 % 50000);

		if (row > 100 && row % 5 == 0)
			spool_delete(one.client, row - 100);
		event_base_loop(base, i % 40 == 39 ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
	}
}

static void test_killed(void **state)
{
	static uint64_t rows[ROWS_MAX], lens[ROWS_MAX];
	size_t count = 0;
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		close(ends[0]);
		child_run(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	while (count < 400 && read(ends[0], &rows[count], sizeof(rows[0])) == sizeof(rows[0]))
		count++;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (count < ROWS_MAX && read(ends[0], &rows[count], sizeof(rows[0])) == sizeof(rows[0]))
		count++;
	close(ends[0]);
	one.report = 0;
	spool_open_in(directory);
	attach(&one, "a");
	worker_finish(worker);
	assert_true(count >= 400);
	/* Every fifth may have been deleted. */
	for (size_t i = 0; i < one.found; i++)
		lens[one.rows[i].row % ROWS_MAX] = one.rows[i].len;
	for (size_t i = 0; i < count; i++) {
		if (rows[i] % 5)
			assert_int_not_equal(lens[rows[i] % ROWS_MAX], 0);
		if (lens[rows[i] % ROWS_MAX])
			expect_row(&one, rows[i], lens[rows[i] % ROWS_MAX]);
	}
	detach(&one);
	spool_end();
}

static void spoil(off_t offset, size_t len)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/spool.db", directory);
	assert_int_equal(file_spoil(path, offset, len), 0);
}

/* Eight rows of a MiB each, no longer in SQLite's memory. */
static uint64_t fill(void)
{
	uint64_t first = 0;

	spool_open_in(directory);
	attach(&one, "a");
	for (int i = 0; i < 8; i++) {
		uint64_t row = write_one(&one, MIB);

		first = first ? first : row;
	}
	worker_finish(worker);
	assert_int_equal(one.written_count, 8);
	detach(&one);
	spool_again();
	attach(&one, "a");
	worker_finish(worker);
	assert_int_equal(one.found, 8);
	return first;
}

static void test_damaged_row(void **state)
{
	const uint64_t first = fill();

	(void)state;
	/* In the middle of a page: SQLite sees nothing. */
	spoil(3 * MIB / 2 + 1000, 100);
	assert_int_equal(read_one(&one, first + 1), -EBADMSG);
	expect_row(&one, first, MIB);
	expect_row(&one, first + 2, MIB);
	assert_int_equal(one.lost, 0);
	detach(&one);
	spool_end();
}

static void test_corrupt_while_used(void **state)
{
	const uint64_t first = fill();
	int failed = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		spoil(MIB + i * 65536, 65536);
	for (int i = 0; i < 8 && !one.lost; i++)
		failed = read_one(&one, first + i);
	assert_int_equal(failed, -EUCLEAN);
	assert_int_equal(one.lost, 1);
	assert_int_equal(read_one(&one, first + 7), -ENOENT);
	/* The new one is as good as any. */
	write_one(&one, MIB);
	worker_finish(worker);
	assert_int_equal(one.written_count, 1);
	expect_row(&one, one.written[0], MIB);
	assert_int_equal(one.lost, 1);
	detach(&one);
	spool_end();
}

/* What the new file got in the same job is told after the loss of the old one: it is not lost. */
static void test_corrupt_beside_writes(void **state)
{
	const uint64_t first = fill();
	size_t before = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		spoil(MIB + i * 65536, 65536);
	for (int i = 0; i < 8 && !one.lost; i++) {
		struct job job = { .work = gate_pass, .done = gate_done };

		pthread_mutex_lock(&gate);
		worker_submit(worker, &job);
		/* The worker's already; what comes now is one job. */
		write_one(&one, 10);
		assert_int_equal(spool_read(one.client, first + i), 0);
		for (int j = 0; j < 3; j++)
			write_one(&one, 10);
		pthread_mutex_unlock(&gate);
		worker_finish(worker);
		before = one.written_count - 3;
	}
	assert_int_equal(one.lost, 1);
	assert_int_equal(one.failed, 0);
	assert_int_equal(one.written_at_loss, before);
	expect_row(&one, one.written[one.written_count - 1], 10);
	detach(&one);
	spool_end();
}

/* Nobody's data keep the room that they had. */
static void test_shrinks_when_empty(void **state)
{
	const uint64_t first = fill();
	struct stat file;
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/spool.db", directory);
	for (int i = 0; i < 8; i++) {
		/* Not while there is something in it. */
		event_active(spool->tick, EV_TIMEOUT, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		worker_finish(worker);
		assert_int_equal(stat(path, &file), 0);
		assert_true(file.st_size > 8 * MIB);
		spool_delete(one.client, first + i);
		worker_finish(worker);
	}
	event_active(spool->tick, EV_TIMEOUT, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	worker_finish(worker);
	assert_int_equal(stat(path, &file), 0);
	assert_true(file.st_size < MIB);
	write_one(&one, 10);
	worker_finish(worker);
	expect_row(&one, one.written[0], 10);
	detach(&one);
	spool_end();
}

/* A corrupt file costs what it held, never the start. */
static void test_corrupt_at_the_start(void **state)
{
	char path[96];

	(void)state;
	fill();
	detach(&one);
	for (int how = 0; how < 4; how++) {
		spool_end();
		snprintf(path, sizeof(path), "%s/spool.db", directory);
		if (how == 0)
			assert_int_equal(truncate(path, 0), 0);
		else if (how == 1)
			assert_int_equal(truncate(path, 4 * MIB + 5), 0);
		else
			spoil(how == 2 ? 0 : MIB, 65536);
		spool_open_in(directory);
		attach(&one, "a");
		worker_finish(worker);
		assert_int_equal(one.err, 0);
		assert_int_equal(one.found, 0);
		for (int i = 0; i < 8; i++)
			write_one(&one, MIB);
		worker_finish(worker);
		assert_int_equal(one.written_count, 8);
		detach(&one);
	}
	spool_end();
}

static void test_file_cannot_grow(void **state)
{
	struct rlimit before, little = { .rlim_cur = 4 * MIB };

	(void)state;
	spool_open_in(directory);
	attach(&one, "a");
	write_one(&one, MIB);
	worker_finish(worker);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	for (int i = 0; i < 8; i++) {
		write_one(&one, MIB);
		worker_finish(worker);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(one.failed > 0);
	assert_true(one.err == -EFBIG || one.err == -EIO);
	assert_int_equal(one.lost, 0);
	/* What was there is there, and there is room again. */
	expect_row(&one, one.written[0], MIB);
	write_one(&one, MIB);
	worker_finish(worker);
	assert_int_equal(one.err, 0);
	assert_int_equal(one.written_count + one.failed, 10);
	detach(&one);
	spool_end();
}

/* A disk of 32 MiB, seen by this process only. */
static void disk_mount(void)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("kstatsd-unit", directory, "tmpfs", 0, "size=32m"), 0);
}

/* The spool alone fills it. What is delivered makes room, for as much again. */
static void test_disk_full(void **state)
{
	size_t most, i;

	(void)state;
	disk_mount();
	spool_open_in(directory);
	attach(&one, "a");
	for (i = 0; i < 40; i++)
		write_one(&one, MIB);
	worker_finish(worker);
	most = one.written_count;
	assert_int_equal(one.err, -ENOSPC);
	assert_true(most >= 20 && most < 32);
	assert_int_equal(most + one.failed, 40);
	expect_row(&one, one.written[0], MIB);
	for (int round = 0; round < 3; round++) {
		for (i = one.written_count - most; i < one.written_count; i++)
			spool_delete(one.client, one.written[i]);
		for (i = 0; i < most - 2; i++)
			write_one(&one, MIB);
		worker_finish(worker);
		assert_int_equal(one.err, 0);
		most -= 2;
	}
	detach(&one);
	spool_again();
	attach(&one, "a");
	worker_finish(worker);
	assert_int_equal(one.found, most);
	for (i = 0; i < most; i++)
		expect_row(&one, one.rows[i].row, MIB);
	detach(&one);
	spool_end();
	assert_int_equal(umount2(directory, MNT_DETACH), 0);
}

/* Lets the worker finish, and puts what is said meanwhile behind what `log` has. */
static void finish_logged(FILE *log)
{
	int saved = dup(STDERR_FILENO);

	fflush(stderr);
	assert_true(saved >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
	log_set_level(LOG_LEVEL_INFO);
	worker_finish(worker);
	log_set_level(LOG_LEVEL_ERROR);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static int times_said(FILE *log, const char *words)
{
	static char text[65536];
	ssize_t len = pread(fileno(log), text, sizeof(text) - 1, 0);
	int times = 0;

	assert_true(len >= 0);
	text[len] = '\0';
	for (const char *at = text; (at = strstr(at, words)); at++)
		times++;
	return times;
}

/* What is small finds room where what is large does not: the disk is full all the same, which is said once. */
static void test_disk_full_is_said_once(void **state)
{
	FILE *log = tmpfile();
	char again[128];

	(void)state;
	assert_non_null(log);
	snprintf(again, sizeof(again), "the spool in %s can be written again", directory);
	disk_mount();
	spool_open_in(directory);
	attach(&one, "a");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++)
			write_one(&one, 3 * MIB);
		finish_logged(log);
		assert_int_equal(one.err, -ENOSPC);
		write_one(&one, 1000);
		finish_logged(log);
		assert_int_equal(one.err, 0);
		assert_int_equal(times_said(log, "the disk is full"), 1);
		assert_int_equal(times_said(log, again), 0);
	}
	/* One that had failed is stored: now it can. */
	for (size_t i = 0; i < one.written_count; i++)
		spool_delete(one.client, one.written[i]);
	write_row(&one, one.failed_row, 3 * MIB);
	finish_logged(log);
	assert_int_equal(one.err, 0);
	assert_int_equal(times_said(log, again), 1);
	fclose(log);
	detach(&one);
	spool_end();
	assert_int_equal(umount2(directory, MNT_DETACH), 0);
}

static void test_locked(void **state)
{
	struct error error = {};

	(void)state;
	spool_open_in(directory);
	assert_null(spool_new(worker, directory, &error));
	assert_non_null(strstr(error.text, "another daemon uses it"));
	spool_end();
}

static void execute(const char *sql)
{
	char path[96];
	sqlite3 *handle;

	snprintf(path, sizeof(path), "%s/spool.db", directory);
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

static void test_outputs_that_are_gone(void **state)
{
	struct spool_stats stats;
	uint64_t points;
	char sql[128];

	(void)state;
	spool_open_in(directory);
	attach(&one, "a");
	attach(&other, "b");
	points = write_one(&one, 10) + 5;
	write_one(&one, 10);
	write_one(&other, 10);
	detach(&one);
	detach(&other);
	spool_end();
	/* The second one was made a minute ago, the others long ago. */
	snprintf(sql, sizeof(sql), "UPDATE batches SET created = %lld WHERE row = 2",
		 (long long)(clock_read(CLOCK_REALTIME) - 60 * NS_PER_SECOND));
	execute(sql);
	spool_open_in(directory);
	attach(&other, "b");
	spool_settle(spool, 0);
	worker_finish(worker);
	spool_stats(spool, &stats);
	assert_int_equal(stats.batches_dropped, 0);
	spool_settle(spool, 3600 * NS_PER_SECOND);
	worker_finish(worker);
	spool_stats(spool, &stats);
	assert_int_equal(stats.batches_dropped, 1);
	assert_int_equal(stats.points_dropped, points);
	/* What a client has is the client's to judge. */
	expect_row(&other, other.rows[0].row, 10);
	attach(&one, "a");
	worker_finish(worker);
	assert_int_equal(one.found, 1);
	detach(&one);
	detach(&other);
	spool_end();
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, files_open, files_close)
	const struct CMUnitTest tests[] = {
		TEST(test_written_and_found),
		TEST(test_cancelled),
		TEST(test_heir),
		TEST(test_killed),
		TEST(test_damaged_row),
		TEST(test_corrupt_while_used),
		TEST(test_corrupt_beside_writes),
		TEST(test_shrinks_when_empty),
		TEST(test_corrupt_at_the_start),
		TEST(test_file_cannot_grow),
		TEST(test_disk_full),
		TEST(test_disk_full_is_said_once),
		TEST(test_locked),
		TEST(test_outputs_that_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
