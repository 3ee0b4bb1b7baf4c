// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The client's side of the control socket: one question, one answer, blocking. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "cli/control.h"
#include "cli/control_path.h"

/* A flush may drain a million series, under emulation. */
#define ANSWER_SECONDS 60

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
