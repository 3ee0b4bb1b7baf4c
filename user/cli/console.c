// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Clients of the management console, on libevent. A client is served line by line, as fast as it reads. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "cli/console.h"
#include "lib/log.h"

#define LINE_BYTES 4096	       /* longest command */
#define INPUT_BYTES 65536      /* read ahead of what is answered */
#define UNREAD_BYTES (1 << 20) /* over it no more is answered until the client has read */
#define CLIENTS_MAX 16
#define PAUSE_MSEC 250 /* after which a lone word is whole, also without its newline */
#define IDLE_SECONDS 300
#define WRITE_SECONDS 30
#define BACKLOG 16
#define ERROR_ANSWER "ERROR\n"
#define BLANKS " \t\n\v\f\r"

struct client {
	TAILQ_ENTRY(client) others;
	struct console *console;
	struct bufferevent *stream;
	struct event *next;
	bool said_all; /* its side of the conversation has ended */
	bool leaving;  /* nothing more is answered */
	bool skipping; /* the rest of a line that is too long */
};

TAILQ_HEAD(client_list, client);

struct console {
	const struct console_command *commands;
	void *context;
	struct evconnlistener *listener;
	struct client_list clients;
	unsigned int client_count;
};

static void client_free(struct client *client)
{
	TAILQ_REMOVE(&client->console->clients, client, others);
	client->console->client_count--;
	if (client->stream)
		bufferevent_free(client->stream);
	if (client->next)
		event_free(client->next);
	free(client);
}

/* As JavaScript's trim() does. */
static char *trim(char *line)
{
	size_t length;

	line += strspn(line, BLANKS);
	for (length = strlen(line); length && strchr(BLANKS, line[length - 1]); length--)
		line[length - 1] = '\0';
	return line;
}

/* NULL: no word is called so. */
static const struct console_command *command_find(const struct console *console, const char *word)
{
	for (const struct console_command *command = console->commands; command->word; command++)
		if (!strcmp(command->word, word))
			return command;
	return NULL;
}

static void client_command(struct client *client, char *line)
{
	const struct console_command *command;
	struct text text = {};
	char *word;

	line = trim(line);
	word = strsep(&line, " ");
	command = command_find(client->console, word);
	if (!command)
		text_add_string(&text, ERROR_ANSWER);
	else if (command->answer)
		command->answer(client->console->context, line ? line : word + strlen(word), &text);
	else
		client->leaving = true;
	if (text.failed) {
		log_error("cannot answer '%s' on the console: out of memory", word);
		text.len = 0;
	}
	/* The client's time to read it begins now, however long the making took. */
	event_base_update_cache_time(bufferevent_get_base(client->stream));
	bufferevent_write(client->stream, text.data, text.len);
	text_release(&text);
}

/* All that is left, without a newline. The caller frees it. */
static char *client_rest(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	size_t left = evbuffer_get_length(input);
	char *line = left && left < LINE_BYTES ? calloc(1, left + 1) : NULL;

	if (line)
		evbuffer_remove(input, line, left);
	return line;
}

/* The next line; NULL: none is whole yet. One that is too long becomes an empty one. The caller frees it. */
static char *client_line(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);
	size_t left = evbuffer_get_length(input);

	if (!line && left >= LINE_BYTES) {
		evbuffer_drain(input, left);
		client->skipping = true;
	}
	if (!line && client->said_all)
		line = client_rest(client);
	if (line && (client->skipping || strlen(line) >= LINE_BYTES)) {
		client->skipping = false;
		*line = '\0';
	}
	return line;
}

/*
 * statsd answers a packet, with or without a newline, and some never send one. So a word that
 * stands alone is answered after a pause, unless it deletes: there arguments may be on their way.
 */
static bool is_lone_word(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	char word[32] = "";
	size_t length = evbuffer_get_length(input);

	if (!length || length >= sizeof(word) || evbuffer_copyout(input, word, length) < 0)
		return false;
	return strncmp(word, "del", 3) && command_find(client->console, word);
}

/* In a moment, once others had their turn: the loop also flushes. */
static void client_serve_later(struct client *client, int msec)
{
	const struct timeval wait = { .tv_usec = msec * 1000 };

	event_add(client->next, &wait);
}

static bool has_line(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	return evbuffer_search_eol(input, NULL, NULL, EVBUFFER_EOL_LF).pos >= 0 ||
	       evbuffer_get_length(input) >= LINE_BYTES || (client->said_all && evbuffer_get_length(input));
}

/* Answers one line, if there is one and the client reads its answers. The client may be gone after it. */
static void client_serve(struct client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);
	bool reads = evbuffer_get_length(output) < UNREAD_BYTES;
	char *line = client->leaving || !reads ? NULL : client_line(client);

	if (line)
		client_command(client, line);
	free(line);
	if (client->said_all && !evbuffer_get_length(bufferevent_get_input(client->stream)))
		client->leaving = true;
	if (client->leaving) {
		bufferevent_disable(client->stream, EV_READ);
		if (!evbuffer_get_length(output))
			client_free(client);
	} else if (reads && has_line(client)) {
		client_serve_later(client, 0);
	} else if (is_lone_word(client)) {
		client_serve_later(client, PAUSE_MSEC);
	}
}

static void client_on_next(evutil_socket_t fd, short what, void *context)
{
	struct client *client = context;
	char *line = !has_line(client) && is_lone_word(client) ? client_rest(client) : NULL;

	(void)fd;
	(void)what;
	if (line)
		client_command(client, line);
	free(line);
	client_serve(client);
}

static void client_on_read(struct bufferevent *stream, void *context)
{
	(void)stream;
	client_serve(context);
}

/* All that was answered has left. */
static void client_on_written(struct bufferevent *stream, void *context)
{
	(void)stream;
	client_serve(context);
}

static void client_on_event(struct bufferevent *stream, short what, void *context)
{
	struct client *client = context;

	(void)stream;
	if (!(what & BEV_EVENT_EOF)) {
		client_free(client);
		return;
	}
	client->said_all = true;
	client_serve(client);
}

static struct client *client_new(struct console *console, struct event_base *base, evutil_socket_t fd)
{
	const struct timeval idle = { .tv_sec = IDLE_SECONDS }, patience = { .tv_sec = WRITE_SECONDS };
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->console = console;
	TAILQ_INSERT_TAIL(&console->clients, client, others);
	console->client_count++;
	client->next = evtimer_new(base, client_on_next, client);
	client->stream = client->next ? bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!client->stream) {
		client_free(client);
		return NULL;
	}
	bufferevent_setcb(client->stream, client_on_read, client_on_written, client_on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, INPUT_BYTES);
	bufferevent_set_timeouts(client->stream, &idle, &patience);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	return client;
}

static void console_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
			      int length, void *context)
{
	struct console *console = context;

	(void)address;
	(void)length;
	if (console->client_count < CLIENTS_MAX && client_new(console, evconnlistener_get_base(listener), fd))
		return;
	log_warning("refused a client of the console: there are %u, or no memory for one more",
		    console->client_count);
	evutil_closesocket(fd);
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;

	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* "host:port" or "[v6]:port" as an address; the caller frees it. NULL with the sentence in `error`. */
static struct addrinfo *address_find(const char *address, struct error *error)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(address, ':');
	struct addrinfo *found = NULL;
	bool brackets = address[0] == '[';
	char host[256];
	int err;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - 2 * brackets, address + brackets);
	err = getaddrinfo(host, colon + 1, &hints, &found);
	if (!err)
		return found;
	error_set(error, -EINVAL, "cannot listen for the console on %s: %s; correct console.listen", address,
		  gai_strerror(err));
	return NULL;
}

static int console_listen(struct console *console, struct event_base *base, const char *address,
			  struct error *error)
{
	const unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct addrinfo *found = address_find(address, error);

	if (!found)
		return -EINVAL;
	console->listener = evconnlistener_new_bind(base, console_on_accept, console, flags, BACKLOG,
						    found->ai_addr, (int)found->ai_addrlen);
	if (!console->listener)
		error_set(error, -EIO, "cannot listen for the console on %s: %s; set another console.listen",
			  address, strerror(errno));
	else if (!is_loopback(found->ai_addr))
		log_warning(
			"the console on %s lets everybody who reaches it read and delete series: it knows "
			"no passwords; 127.0.0.1 would be for this machine only",
			address);
	freeaddrinfo(found);
	return console->listener ? 0 : -EIO;
}

struct console *console_new(struct event_base *base, const char *address,
			    const struct console_command *commands, void *context, struct error *error)
{
	struct console *console = calloc(1, sizeof(*console));

	if (!console) {
		error_set(error, -ENOMEM, "cannot listen for the console: out of memory");
		return NULL;
	}
	console->commands = commands;
	console->context = context;
	TAILQ_INIT(&console->clients);
	if (console_listen(console, base, address, error)) {
		console_free(console);
		return NULL;
	}
	return console;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	while (!TAILQ_EMPTY(&console->clients))
		client_free(TAILQ_FIRST(&console->clients));
	if (console->listener)
		evconnlistener_free(console->listener);
	free(console);
}
