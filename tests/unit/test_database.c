// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Databases are made, found again, locked, refused when they are not ours, and set aside when they are corrupt. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "directory.h"
#include "sink/delivery/database.h"

/* More than SQLite keeps in its memory. */
#define ROWS 20000

enum { INSERT, COUNT, STATEMENTS };

static const char *const upgrades[] = { "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)",
					"ALTER TABLE words ADD COLUMN language TEXT" };
static const char *const statements[STATEMENTS] = {
	[INSERT] = "INSERT INTO words (word) VALUES (?)",
	[COUNT] = "SELECT count(*), sum(length(word)) FROM words",
};

static char inner[80], path[96];

static struct database_options options = {
	.directory = inner,
	.name = "words.db",
	.application = 0x776f7264,
	.version = 1,
	.upgrades = upgrades,
	.statements = statements,
	.statement_count = STATEMENTS,
};

static int directory_open(void **state)
{
	(void)state;
	if (directory_make_one())
		return -1;
	snprintf(inner, sizeof(inner), "%s/a/b", directory);
	snprintf(path, sizeof(path), "%s/words.db", inner);
	options.version = 1;
	options.application = 0x776f7264;
	return 0;
}

static int directory_close(void **state)
{
	(void)state;
	return directory_remove();
}

static struct database *opened(void)
{
	struct error error = {};
	struct database *database = database_open(&options, &error);

	if (!database)
		fail_msg("%s", error.text);
	return database;
}

static void refused(const char *why)
{
	struct error error = {};

	assert_null(database_open(&options, &error));
	if (!strstr(error.text, why))
		fail_msg("\"%s\" does not say \"%s\"", error.text, why);
}

static void fill(struct database *database, int rows)
{
	char word[401] = "";

	memset(word, 'w', sizeof(word) - 1);
	assert_int_equal(database_execute(database, "BEGIN"), 0);
	for (int i = 0; i < rows; i++) {
		struct sqlite3_stmt *insert = database_statement(database, INSERT);

		sqlite3_bind_text(insert, 1, word, -1, SQLITE_STATIC);
		assert_int_equal(database_run(database, insert), 0);
	}
	assert_int_equal(database_execute(database, "COMMIT"), 0);
}

/* -errno, or how many words there are. */
static int count(struct database *database)
{
	struct sqlite3_stmt *statement = database_statement(database, COUNT);
	int err = database_step(database, statement);

	if (err != 1)
		return err;
	err = sqlite3_column_int(statement, 0);
	assert_int_equal(database_step(database, statement), 0);
	return err;
}

static size_t aside_count(void)
{
	DIR *list = opendir(inner);
	struct dirent *found;
	size_t files = 0;

	assert_non_null(list);
	while ((found = readdir(list)))
		files += strstr(found->d_name, ".corrupt-") && !strstr(found->d_name, "-wal");
	closedir(list);
	return files;
}

static void test_found_again(void **state)
{
	struct database *database = opened();
	struct stat status;

	(void)state;
	assert_null(database_notice(database));
	fill(database, 3);
	database_close(database);
	assert_int_equal(stat(inner, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* A later version of this program makes more of it. */
	options.version = 2;
	database = opened();
	assert_int_equal(count(database), 3);
	assert_int_equal(database_execute(database, "UPDATE words SET language = 'en'"), 0);
	database_close(database);
	options.version = 1;
	refused("a later version of kstatsd made it");
	assert_int_equal(aside_count(), 0);
}

static void test_another_program(void **state)
{
	(void)state;
	database_close(opened());
	options.application = 1;
	refused("another program");
	options.application = 0x776f7264;
	database_close(opened());
	assert_int_equal(aside_count(), 0);
}

static void test_locked(void **state)
{
	struct database *database = opened();
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (!child) {
		struct error error = {};

		/* The lock of the parent is inherited; what counts is who asks for it anew. */
		_exit(database_open(&options, &error) || !strstr(error.text, "another daemon uses it"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	refused("state_dir");
	database_close(database);
	database_close(opened());
}

static void test_no_directory(void **state)
{
	FILE *file;

	(void)state;
	snprintf(inner, sizeof(inner), "%s/a", directory);
	file = fopen(inner, "w");
	assert_non_null(file);
	fclose(file);
	snprintf(inner, sizeof(inner), "%s/a/b", directory);
	refused("cannot create the directory");
	refused("set state_dir to a directory that can be written to");
	/* One that is a file. */
	snprintf(inner, sizeof(inner), "%s/a", directory);
	refused(".lock: Not a directory; set state_dir to a directory that can be written to");
	options.directory = "/proc/kstatsd";
	refused("cannot create the directory /proc/kstatsd");
	options.directory = inner;
}

static void expect_set_aside(size_t files)
{
	struct database *database = opened();
	const char *notice = database_notice(database);

	assert_non_null(notice);
	assert_non_null(strstr(notice, "set aside as"));
	assert_null(database_notice(database));
	assert_int_equal(count(database), 0);
	assert_int_equal(aside_count(), files);
	fill(database, ROWS);
	database_close(database);
	database = opened();
	assert_int_equal(count(database), ROWS);
	database_close(database);
}

static void test_corrupt_at_the_start(void **state)
{
	struct database *database = opened();

	(void)state;
	fill(database, ROWS);
	database_close(database);
	assert_int_equal(file_spoil(path, 0, 4096), 0);
	expect_set_aside(1);
	assert_int_equal(file_spoil(path, 40 * 4096, 65536), 0);
	expect_set_aside(2);
	assert_int_equal(truncate(path, 50 * 4096 + 17), 0);
	expect_set_aside(3);
	/* What it says of itself is intact, what it needs is not there. */
	database = opened();
	assert_int_equal(database_execute(database, "DROP TABLE words"), 0);
	database_close(database);
	expect_set_aside(3); /* the oldest has gone */
	/* Nothing is nothing corrupt. */
	assert_int_equal(truncate(path, 0), 0);
	database = opened();
	assert_null(database_notice(database));
	assert_int_equal(count(database), 0);
	database_close(database);
}

static void test_corrupt_later(void **state)
{
	struct database *database = opened();

	(void)state;
	fill(database, ROWS);
	database_close(database);
	database = opened();
	assert_int_equal(file_spoil(path, 40 * 4096, 65536), 0);
	assert_int_equal(count(database), -EUCLEAN);
	assert_int_equal(database_renew(database), 0);
	assert_non_null(strstr(database_notice(database), "malformed"));
	assert_int_equal(count(database), 0);
	/* Somebody has removed the directory: there is no way to go on, and no crash. */
	assert_int_equal(directory_close(NULL), 0);
	assert_int_equal(database_renew(database), -ENOENT);
	assert_int_equal(count(database), -EBADF);
	assert_int_equal(database_execute(database, "BEGIN"), -EBADF);
	database_close(database);
	assert_int_equal(mkdir(directory, 0700), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, directory_open, directory_close)
	const struct CMUnitTest tests[] = {
		TEST(test_found_again),	 TEST(test_another_program),	  TEST(test_locked),
		TEST(test_no_directory), TEST(test_corrupt_at_the_start), TEST(test_corrupt_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
