// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The daemon's side of the control socket, on libevent. A client that says nothing, or
 * too much, is dropped after a while; it cannot hold up the daemon. The socket is reached
 * through /proc/self/fd, since a UNIX address has room for 107 bytes only.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/control.h"
#include "cli/control_path.h"
#include "cli/control_stream.h"
#include "lib/log.h"

#define REQUEST_MAX 4096
#define CLIENT_SECONDS 60 /* as long as a client waits: a flush may take a while, and others wait behind it */
#define BACKLOG 16

struct control {
	const struct control_command *commands;
	void *context;
	struct evconnlistener *listener;
	int dir_fd, pid_fd;
};

json_t *control_failure(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

json_t *control_misuse(const char *text)
{
	return json_pack("{s:b, s:s, s:b}", "ok", 0, "error", text, "usage", 1);
}

static const struct control_command *command_find(const struct control *control, const char *word)
{
	const struct control_command *command = control->commands;

	while (command->name && strcmp(command->name, word))
		command++;
	return command->name ? command : NULL;
}

static void client_on_event(struct bufferevent *client, short what, void *context)
{
	(void)what; /* end of file, error, timeout: all end the conversation */
	(void)context;
	bufferevent_free(client);
}

static void client_on_written(struct bufferevent *client, void *context)
{
	(void)context;
	bufferevent_free(client);
}

/* Begins a conversation that goes on. The failure that is to be answered, or NULL: it owns the client now. */
static json_t *client_stream(struct bufferevent *client, const struct control *control,
			     const struct control_command *command, const char *rest)
{
	json_t *arguments = *rest ? json_loads(rest, 0, NULL) : NULL;
	struct error error = {};
	int err = -EINVAL;

	if (*rest && !json_is_object(arguments))
		error_set(&error, err, "the arguments are no JSON object");
	else
		err = control_stream_begin(client, command, control->context, arguments, &error);
	json_decref(arguments);
	if (!err)
		return NULL;
	return err == -EINVAL ? control_misuse(error.text) : control_failure(error.text);
}

/* What is to be answered; NULL with *streaming: nothing, NULL without: out of memory. */
static json_t *request_answer(struct bufferevent *client, const struct control *control, char *request,
			      bool *streaming)
{
	char *rest = request + strcspn(request, " ");
	const struct control_command *command;
	json_t *failure;

	if (*rest)
		*rest++ = '\0';
	command = command_find(control, request);
	if (!command)
		return control_failure("unknown request");
	if (!command->open)
		return command->answer(control->context);
	failure = client_stream(client, control, command, rest);
	*streaming = !failure;
	return failure;
}

static void client_on_read(struct bufferevent *client, void *context)
{
	struct evbuffer *input = bufferevent_get_input(client);
	char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);
	bool streaming = false;
	json_t *answer;
	char *text;

	if (!line && evbuffer_get_length(input) < REQUEST_MAX)
		return; /* not whole yet */
	answer = line ? request_answer(client, context, line, &streaming)
		      : control_failure("request too long");
	free(line);
	if (streaming)
		return;
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	json_decref(answer);
	/* The client's time to read begins now, not when the loop last looked at the clock. */
	event_base_update_cache_time(bufferevent_get_base(client));
	bufferevent_disable(client, EV_READ);
	bufferevent_setcb(client, NULL, client_on_written, client_on_event, NULL);
	evbuffer_add_printf(bufferevent_get_output(client), "%s\n",
			    text ? text : "{\"ok\":false,\"error\":\"out of memory\"}");
	free(text);
}

static void control_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
			      int length, void *context)
{
	struct timeval patience = { .tv_sec = CLIENT_SECONDS };
	struct bufferevent *client =
		bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)address;
	(void)length;
	if (!client) {
		evutil_closesocket(fd);
		return;
	}
	event_base_update_cache_time(evconnlistener_get_base(listener));
	bufferevent_setcb(client, client_on_read, NULL, client_on_event, context);
	bufferevent_set_timeouts(client, &patience, &patience);
	bufferevent_enable(client, EV_READ | EV_WRITE);
}

/* Holds the pid file locked, or says who does. */
static int pid_lock(struct control *control, const char *runtime_dir, struct error *error)
{
	char pid[32] = "";

	control->pid_fd = openat(control->dir_fd, CONTROL_PID, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (control->pid_fd < 0)
		return error_set(error, -errno, "cannot open %s/%s: %s", runtime_dir, CONTROL_PID,
				 strerror(errno));
	if (flock(control->pid_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return error_set(error, -errno, "cannot lock %s/%s: %s", runtime_dir, CONTROL_PID,
					 strerror(errno));
		if (read(control->pid_fd, pid, sizeof(pid) - 1) < 0)
			*pid = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		return error_set(
			error, -EBUSY,
			"another kstatsd (process %s) runs with runtime_dir %s; end it, or set another "
			"runtime_dir",
			*pid ? pid : "unknown", runtime_dir);
	}
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(control->pid_fd, 0) ||
	    pwrite(control->pid_fd, pid, strlen(pid), 0) != (ssize_t)strlen(pid))
		return error_set(error, -EIO, "cannot write %s/%s: %s", runtime_dir, CONTROL_PID,
				 strerror(errno));
	return 0;
}

static int dir_open(struct control *control, const char *runtime_dir, struct error *error)
{
	if (mkdir(runtime_dir, 0755) && errno != EEXIST)
		return error_set(error, -errno, "cannot create runtime_dir %s: %s", runtime_dir,
				 strerror(errno));
	control->dir_fd = open(runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (control->dir_fd < 0)
		return error_set(error, -errno, "cannot open runtime_dir %s: %s", runtime_dir,
				 strerror(errno));
	return 0;
}

static int control_listen(struct control *control, struct event_base *base, struct error *error)
{
	struct sockaddr_un address = {};
	mode_t mask;
	int fd;

	control_address(control->dir_fd, &address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(error, -errno, "cannot create the control socket: %s", strerror(errno));
	/* We hold the lock, so whoever bound it is dead. */
	unlinkat(control->dir_fd, CONTROL_SOCKET, 0);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		error_set(error, -errno, "cannot bind the control socket %s: %s", CONTROL_SOCKET,
			  strerror(errno));
		umask(mask);
		close(fd);
		return -EIO;
	}
	umask(mask);
	control->listener = evconnlistener_new(base, control_on_accept, control,
					       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
	if (!control->listener) {
		close(fd);
		return error_set(error, -EIO, "cannot listen on the control socket: %s", strerror(errno));
	}
	return 0;
}

struct control *control_new(struct event_base *base, const char *runtime_dir,
			    const struct control_command *commands, void *context, struct error *error)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control) {
		error_set(error, -ENOMEM, "cannot listen for commands: out of memory");
		return NULL;
	}
	*control = (struct control){ .commands = commands, .context = context, .dir_fd = -1, .pid_fd = -1 };
	if (dir_open(control, runtime_dir, error) || pid_lock(control, runtime_dir, error) ||
	    control_listen(control, base, error)) {
		control_free(control);
		return NULL;
	}
	return control;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	if (control->listener) {
		/* Only who listened removes: without the lock it is another daemon's. */
		evconnlistener_free(control->listener);
		unlinkat(control->dir_fd, CONTROL_SOCKET, 0);
		if (ftruncate(control->pid_fd, 0))
			log_debug("cannot empty the pid file: %s", strerror(errno));
	}
	if (control->pid_fd >= 0)
		close(control->pid_fd);
	if (control->dir_fd >= 0)
		close(control->dir_fd);
	free(control);
}
