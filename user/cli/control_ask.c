// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The client's side of the control socket, blocking: one question, one answer or many. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "cli/control.h"
#include "cli/control_path.h"

/* A flush may drain a million series, under emulation. */
#define ANSWER_SECONDS 60
#define READ_BYTES 65536

/* Why the daemon in `runtime_dir` cannot be reached, as a sentence. Returns `err`. */
static int control_refused(const char *runtime_dir, int err, struct error *error)
{
	if (err == -EACCES || err == -EPERM)
		return error_set(error, err,
				 "only the user who runs kstatsd may talk to it (%s/%s): try as root",
				 runtime_dir, CONTROL_SOCKET);
	return error_set(error, err, "no kstatsd answers at %s/%s: %s; is it running, with this runtime_dir?",
			 runtime_dir, CONTROL_SOCKET, strerror(-err));
}

/* A connected socket, or -errno with the sentence. */
static int control_connect(const char *runtime_dir, struct error *error)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_un address = {};
	int dir_fd, fd, err = 0;

	dir_fd = open(runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return control_refused(runtime_dir, -errno, error);
	control_address(dir_fd, &address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err = -errno;
	close(dir_fd);
	if (!err && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return fd;
	err = err ? err : -errno;
	if (fd >= 0)
		close(fd);
	return control_refused(runtime_dir, err, error);
}

json_t *control_ask(const char *runtime_dir, const char *command, struct error *error)
{
	json_error_t problem;
	json_t *answer = NULL;
	char request[64];
	FILE *stream;
	int fd, length;

	fd = control_connect(runtime_dir, error);
	if (fd < 0)
		return NULL;
	length = snprintf(request, sizeof(request), "%s\n", command);
	if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
		error_set(error, -EIO, "cannot ask the running kstatsd to %s: %s", command, strerror(errno));
		close(fd);
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		error_set(error, -ENOMEM, "cannot read the answer of the running kstatsd: out of memory");
		return NULL;
	}
	answer = json_loadf(stream, 0, &problem);
	if (!answer)
		error_set(error, -EIO, "the running kstatsd gave no answer to %s: %s", command, problem.text);
	fclose(stream);
	return answer;
}

static int reader_ask(struct control_reader *reader, const char *command, const json_t *arguments)
{
	char *words = arguments ? json_dumps(arguments, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	char *request = NULL;
	int length, err = 0;

	if (arguments && !words)
		return -EINVAL;
	length = asprintf(&request, "%s %s\n", command, words ? words : "{}");
	free(words);
	if (length < 0)
		return -ENOMEM;
	if (send(reader->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
		err = -EIO;
	free(request);
	return err;
}

/* Takes the first answer: may it go on? */
static int reader_greet(struct control_reader *reader, struct error *error)
{
	const char *refusal;
	json_t *answer;
	char *line;
	int err = 1;

	while (!(line = control_reader_line(reader)) && err > 0)
		err = control_reader_fill(reader);
	if (!line)
		return error_set(error, err == -EINTR ? err : -EIO, "the running kstatsd gave no answer");
	answer = json_loads(line, 0, NULL);
	refusal = json_string_value(json_object_get(answer, "error"));
	err = json_is_true(json_object_get(answer, "usage")) ? -EINVAL : -EIO;
	if (json_is_true(json_object_get(answer, "ok")))
		err = 0;
	else
		error_set(error, err, "the running kstatsd refuses: %s", refusal ? refusal : line);
	json_decref(answer);
	return err;
}

int control_reader_open(struct control_reader *reader, const char *runtime_dir, const char *command,
			const json_t *arguments, struct error *error)
{
	struct timeval forever = {};
	int err;

	*reader = (struct control_reader){ .fd = control_connect(runtime_dir, error) };
	if (reader->fd < 0)
		return reader->fd;
	err = reader_ask(reader, command, arguments);
	if (err)
		return error_set(error, err, "cannot ask the running kstatsd to %s: %s", command,
				 strerror(-err));
	err = reader_greet(reader, error);
	if (!err && setsockopt(reader->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever)))
		return error_set(error, -errno, "cannot wait for the running kstatsd: %s", strerror(errno));
	return err;
}

void control_reader_close(struct control_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->data);
	*reader = (struct control_reader){ .fd = -1 };
}

char *control_reader_line(struct control_reader *reader)
{
	char *line = reader->data + reader->taken, *newline;

	newline = reader->used > reader->taken ? memchr(line, '\n', reader->used - reader->taken) : NULL;
	if (!newline)
		return NULL;
	*newline = '\0';
	reader->taken += (size_t)(newline - line) + 1;
	return line;
}

int control_reader_fill(struct control_reader *reader)
{
	ssize_t count;
	char *data;

	if (reader->taken) {
		reader->used -= reader->taken;
		memmove(reader->data, reader->data + reader->taken, reader->used);
		reader->taken = 0;
	}
	if (reader->size - reader->used < READ_BYTES) {
		data = realloc(reader->data, reader->used + 2 * READ_BYTES);
		if (!data)
			return -ENOMEM;
		reader->data = data;
		reader->size = reader->used + 2 * READ_BYTES;
	}
	count = read(reader->fd, reader->data + reader->used, READ_BYTES);
	if (count < 0)
		return -errno;
	reader->used += (size_t)count;
	return (int)count;
}
