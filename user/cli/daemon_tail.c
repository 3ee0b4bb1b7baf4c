// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The daemon's part of `kstatsd tail`: every line that the capture shows goes to each client
 * whose pattern it matches, as long as the client's rate and buffer allow. What was left out
 * is said once a second. Programs copy nothing while there is no client.
 *
 * {"time": 1700000000.123, "pid": 4711, "command": "gunicorn", "line": "page.load:abc|ms",
 *  "faults": [{"reason": "lines.rejected.value", "at": 10}]}   and "why", where more is known than the ledger says
 *
 * A line (or command) that is no UTF-8 is sent byte by byte as U+0000 to U+00FF, with "bytes": true.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include "cli/daemon.h"
#include "cli/ledger.h"
#include "cli/tail_filter.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "probe/capture.h"
#include "probe/tail.h"

#define LOOK_NS 20000000 /* between two looks at the ring: senders do not wake us */
#define FAULTS_MAX 8
#define RATE_DEFAULT 1000
#define GIVEN_UP_MAX 10 /* lines on which a pattern takes too long, until its client has to go */

/* Why lines were not shown. */
enum skip {
	SKIP_RATE,
	SKIP_READER,
	SKIP_RING,
	SKIPS,
};

static const char *const skip_names[SKIPS] = {
	[SKIP_RATE] = "rate",
	[SKIP_READER] = "reader",
	[SKIP_RING] = "ring",
};

struct tail_client {
	struct tail_client *next;
	struct tails *tails;
	struct control_stream *stream;
	struct tail_pattern *pattern; /* NULL: every line */
	bool only_rejected;
	unsigned int given_up; /* lines for which the pattern took too long */
	struct tail_rate rate;
	uint64_t skipped[SKIPS];
	uint64_t missed; /* what the kernel's count was when it was told last */
	int64_t told;	 /* when */
};

struct tails {
	struct daemon *daemon;
	struct tail_client *clients;
	struct event *look, *ring;
	int64_t now; /* CLOCK_MONOTONIC, of this look */
	int64_t wall_offset;
};

static json_t *text_pack(const char *text, size_t len, bool *bytes)
{
	json_t *packed = json_stringn(text, len);
	char *wide, *end;

	if (packed)
		return packed;
	wide = malloc(2 * len);
	if (!wide)
		return NULL;
	*bytes = true;
	end = wide;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte >= 0x80)
			*end++ = (char)(0xc0 | byte >> 6);
		*end++ = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
	}
	packed = json_stringn(wide, (size_t)(end - wide));
	free(wide);
	return packed;
}

static json_t *faults_pack(const struct line_fault *faults, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count && i < FAULTS_MAX; i++)
		json_array_append_new(array, json_pack("{s:s, s:I, s:s*}", "reason",
						       ledger_rows[faults[i].reason].name, "at",
						       (json_int_t)faults[i].at, "why", faults[i].why));
	return array;
}

static json_t *line_pack(const struct tails *tails, const struct tail_line *line,
			 const struct line_fault *faults, size_t count)
{
	json_t *object = json_object();
	bool bytes = false;

	json_object_set_new(object, "time",
			    json_real((double)((int64_t)line->time + tails->wall_offset) / NS_PER_SECOND));
	json_object_set_new(object, "pid", json_integer(line->pid));
	json_object_set_new(object, "command",
			    text_pack(line->command, strnlen(line->command, COMMAND_BYTES), &bytes));
	bytes = false;
	json_object_set_new(object, "line", text_pack(line->text, line->len, &bytes));
	if (bytes)
		json_object_set_new(object, "bytes", json_true());
	if (count)
		json_object_set_new(object, "faults", faults_pack(faults, count));
	return object;
}

static bool client_wants(struct tail_client *client, const struct tail_line *line)
{
	int match;

	if (client->given_up >= GIVEN_UP_MAX)
		return false;
	match = tail_pattern_matches(client->pattern, line->text, line->len);
	client->given_up += match < 0;
	return match > 0;
}

static void client_show(struct tail_client *client, const struct tail_line *line)
{
	struct tails *tails = client->tails;
	struct line_fault faults[FAULTS_MAX];
	size_t count = 0;
	json_t *object;

	if (client->pattern && !client_wants(client, line))
		return;
	if (client->only_rejected) {
		count = capture_explain(tails->daemon->capture, line, faults, FAULTS_MAX);
		if (!count)
			return;
	}
	if (!tail_rate_take(&client->rate, tails->now)) {
		client->skipped[SKIP_RATE]++;
		return;
	}
	if (!control_stream_has_room(client->stream)) {
		client->skipped[SKIP_READER]++;
		return;
	}
	if (!client->only_rejected)
		count = capture_explain(tails->daemon->capture, line, faults, FAULTS_MAX);
	object = line_pack(tails, line, faults, count);
	if (control_stream_send(client->stream, object))
		client->skipped[SKIP_READER]++;
	json_decref(object);
}

static void tails_show(void *context, const struct tail_line *line)
{
	struct tails *tails = context;

	for (struct tail_client *client = tails->clients; client; client = client->next)
		client_show(client, line);
}

/* Says what was left out, at most once a second. */
static void client_tell(struct tail_client *client, uint64_t missed)
{
	json_t *object, *skipped = NULL;

	if (client->tails->now - client->told < NS_PER_SECOND)
		return;
	client->skipped[SKIP_RING] = missed - client->missed;
	for (int i = 0; i < SKIPS; i++) {
		if (!client->skipped[i])
			continue;
		skipped = skipped ? skipped : json_object();
		json_object_set_new(skipped, skip_names[i], json_integer((json_int_t)client->skipped[i]));
	}
	if (!skipped)
		return;
	object = json_pack("{s:o}", "skipped", skipped);
	if (!control_stream_send(client->stream, object)) {
		memset(client->skipped, 0, sizeof(client->skipped));
		client->missed = missed;
		client->told = client->tails->now;
	}
	json_decref(object);
}

static void tails_clock(struct tails *tails)
{
	tails->now = clock_read(CLOCK_MONOTONIC);
	tails->wall_offset = clock_read(CLOCK_REALTIME) - tails->now;
}

static void tails_on_look(evutil_socket_t fd, short what, void *context);

static void tails_unwatch(struct tails *tails)
{
	if (tails->ring)
		event_free(tails->ring);
	tails->ring = NULL;
	event_del(tails->look);
}

static int tails_watch(struct tails *tails, struct error *error)
{
	struct timeval look = { .tv_usec = LOOK_NS / 1000 };

	tails->ring = event_new(tails->daemon->base, capture_tail_fd(tails->daemon->capture),
				EV_READ | EV_PERSIST, tails_on_look, tails);
	if (tails->ring && !event_add(tails->ring, NULL) && !event_add(tails->look, &look))
		return 0;
	tails_unwatch(tails);
	/* Nobody would read what the programs copy. */
	capture_tail(tails->daemon->capture, TAIL_OFF, tails_show, tails, NULL);
	return error_set(error, -ENOMEM, "cannot watch lines: out of memory");
}

/* What the programs must copy now that a client came or went; nobody: everything stops. */
static int tails_update(struct tails *tails, struct error *error)
{
	enum tail_mode mode = tails->clients ? TAIL_REJECTED : TAIL_OFF;
	int err;

	for (struct tail_client *client = tails->clients; client; client = client->next)
		if (!client->only_rejected)
			mode = TAIL_ALL;
	if (mode == TAIL_OFF)
		tails_unwatch(tails);
	err = capture_tail(tails->daemon->capture, mode, tails_show, tails, error);
	return err || mode == TAIL_OFF || tails->ring ? err : tails_watch(tails, error);
}

static void client_free(struct tail_client *client)
{
	tail_pattern_free(client->pattern);
	free(client);
}

static void client_unlink(struct tail_client *client)
{
	struct tail_client **link = &client->tails->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
}

static void client_on_closed(void *owner)
{
	struct tail_client *client = owner;
	struct tails *tails = client->tails;
	struct error error = {};

	client_unlink(client);
	client_free(client);
	if (tails_update(tails, &error))
		log_error("%s", error.text);
}

static void tails_on_look(evutil_socket_t fd, short what, void *context)
{
	struct tails *tails = context;
	struct tail_client *client, *next;
	struct error error = {};
	uint64_t missed;

	(void)fd;
	(void)what;
	tails_clock(tails);
	if (capture_consume(tails->daemon->capture, &error) < 0 ||
	    capture_tail_consume(tails->daemon->capture, &error) < 0)
		log_error("%s", error.text);
	missed = capture_tail_missed(tails->daemon->capture);
	for (client = tails->clients; client; client = next) {
		next = client->next;
		client_tell(client, missed);
		if (client->given_up < GIVEN_UP_MAX)
			continue;
		control_stream_end(client->stream, "this pattern takes too long on the lines that come");
		client_on_closed(client);
	}
}

/* What the client asks for. */
static int client_configure(struct tail_client *client, const json_t *arguments, struct error *error)
{
	const char *pattern = json_string_value(json_object_get(arguments, "pattern"));
	const json_t *rate = json_object_get(arguments, "rate");

	client->only_rejected = json_is_true(json_object_get(arguments, "rejected"));
	tail_rate_init(&client->rate, rate ? (uint64_t)json_integer_value(rate) : RATE_DEFAULT,
		       clock_read(CLOCK_MONOTONIC));
	if (!pattern)
		return 0;
	client->pattern = tail_pattern_new(pattern, error);
	return client->pattern ? 0 : -EINVAL;
}

static struct tails *tails_new(struct daemon *daemon)
{
	struct tails *tails = calloc(1, sizeof(*tails));

	if (!tails)
		return NULL;
	tails->daemon = daemon;
	tails->look = event_new(daemon->base, -1, EV_PERSIST, tails_on_look, tails);
	if (tails->look)
		return tails;
	free(tails);
	return NULL;
}

int daemon_open_tail(void *context, struct control_stream *stream, const json_t *arguments,
		     struct error *error)
{
	struct daemon *daemon = context;
	struct tail_client *client;
	int err;

	if (!daemon->capture)
		return error_set(error, -ESHUTDOWN, "kstatsd is leaving");
	if (!daemon->tails)
		daemon->tails = tails_new(daemon);
	client = daemon->tails ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return error_set(error, -ENOMEM, "cannot watch lines: out of memory");
	client->tails = daemon->tails;
	client->stream = stream;
	client->missed = capture_tail_missed(daemon->capture);
	client->told = clock_read(CLOCK_MONOTONIC);
	err = client_configure(client, arguments, error);
	if (!err) {
		/* What waits was sent before somebody looked. */
		capture_consume(daemon->capture, NULL);
		tails_clock(daemon->tails);
		client->next = daemon->tails->clients;
		daemon->tails->clients = client;
		err = tails_update(daemon->tails, error);
		if (err)
			client_unlink(client);
	}
	if (err)
		client_free(client);
	else
		control_stream_own(stream, client_on_closed, client);
	return err;
}

void daemon_close_tails(struct daemon *daemon)
{
	struct tails *tails = daemon->tails;
	struct tail_client *client, *next;

	if (!tails)
		return;
	if (tails->clients) /* the last lines */
		tails_on_look(-1, 0, tails);
	for (client = tails->clients; client; client = next) {
		next = client->next;
		control_stream_end(client->stream, "kstatsd is leaving");
		client_free(client);
	}
	tails->clients = NULL;
	tails_update(tails, NULL);
	event_free(tails->look);
	free(tails);
	daemon->tails = NULL;
}
