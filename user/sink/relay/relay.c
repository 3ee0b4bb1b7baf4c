// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Batches, and the feed that fills those of all relays. The socket, which may be refused or have
 * nowhere to send to, is relay_socket.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/log.h"
#include "sink/encoder.h"
#include "sink/operations.h"
#include "sink/relay/relay.h"
#include "sink/relay/relay_socket.h"

enum relay_count {
	RELAY_DATAGRAMS,
	RELAY_MISSED,
	RELAY_REFUSED,
	RELAY_COUNTS,
};

struct relay {
	struct sink sink;
	LIST_ENTRY(relay) next;
	struct relay_feed *feed; /* NULL: it gets nothing new */
	struct relay_options options;
	struct relay_socket *socket; /* NULL: the same */
	uint64_t cookie;	     /* 0: it has not connected yet */
	int64_t looked;		     /* CLOCK_MONOTONIC: when the batch was sent by its time */
	uint64_t datagrams_sent, lines_sent, lines_dropped, bytes_sent;
	uint64_t refused_before; /* when it was looked at last */
	bool tried;		 /* something was sent since then */
	bool complained;	 /* and nothing went well since */
	struct sink_count counts[RELAY_COUNTS];
	char problem[256]; /* of the last datagram that was refused */
	size_t len;	   /* of the batch */
	char batch[];
};

static size_t count_lines(const char *data, size_t len)
{
	size_t lines = 0;

	for (const char *end = data + len, *newline; data < end; data = newline + 1) {
		newline = memchr(data, '\n', (size_t)(end - data));
		if (!newline)
			newline = end;
		lines += newline > data;
	}
	return lines;
}

static void relay_refuse(struct relay *relay, int err)
{
	const char *problem = err == -ENOTCONN ? relay_socket_problem(relay->socket) : strerror(-err);

	relay->counts[RELAY_REFUSED].value++;
	snprintf(relay->problem, sizeof(relay->problem), "%s", problem);
	if (relay->complained)
		return;
	relay->complained = true;
	log_warning("the relay to %s: %s; what it does not take is lost there, and counted in "
		    "kstatsd.sinks.relay.refused",
		    relay->options.address, problem);
}

/* Something that was sent before was refused by who should have received it. */
static void relay_ask(struct relay *relay)
{
	int err = relay_socket_refused(relay->socket);

	if (err)
		relay_refuse(relay, err);
}

static void relay_send(struct relay *relay, const char *data, size_t len)
{
	int err;

	relay_ask(relay);
	err = relay_socket_send(relay->socket, data, len);
	if (err) {
		relay_refuse(relay, err);
		relay->lines_dropped += count_lines(data, len);
		return;
	}
	relay->tried = true;
	relay->datagrams_sent++;
	relay->bytes_sent += len;
	relay->lines_sent += count_lines(data, len);
}

static void relay_send_batch(struct relay *relay)
{
	size_t len = relay->len;

	relay->len = 0;
	if (len)
		relay_send(relay, relay->batch, len);
}

static void relay_pass(struct relay *relay, const char *data, size_t len)
{
	bool join = relay->len && relay->batch[relay->len - 1] != '\n';

	relay->counts[RELAY_DATAGRAMS].value++;
	if (relay->len + join + len > relay->options.batch_bytes) {
		relay_send_batch(relay);
		join = false;
	}
	if (len > relay->options.batch_bytes) {
		relay_send(relay, data, len);
		return;
	}
	if (join)
		relay->batch[relay->len++] = '\n';
	memcpy(relay->batch + relay->len, data, len);
	relay->len += len;
}

void relay_feed_pass(struct relay_feed *feed, const void *data, size_t len)
{
	struct relay *relay;

	LIST_FOREACH(relay, &feed->relays, next)
	relay_pass(relay, data, len);
}

void relay_feed_miss(struct relay_feed *feed, uint64_t count)
{
	struct relay *relay;

	LIST_FOREACH(relay, &feed->relays, next)
	relay->counts[RELAY_MISSED].value += count;
}

static void relay_look(struct relay *relay, int64_t now)
{
	relay_ask(relay);
	if (relay->tried && relay->counts[RELAY_REFUSED].value == relay->refused_before) {
		relay->complained = false;
		relay->problem[0] = '\0';
	}
	relay->refused_before = relay->counts[RELAY_REFUSED].value;
	relay->tried = false;
	relay->looked = now;
	relay_send_batch(relay);
}

void relay_feed_tick(struct relay_feed *feed, int64_t now)
{
	struct relay *relay;

	/* A timer that came a little early is meant all the same. */
	LIST_FOREACH(relay, &feed->relays, next)
	if (now - relay->looked >= relay->options.delay - relay->options.delay / 8)
		relay_look(relay, now);
}

void relay_feed_finish(struct relay_feed *feed)
{
	struct relay *relay;

	LIST_FOREACH(relay, &feed->relays, next)
	relay_send_batch(relay);
}

int64_t relay_feed_delay(const struct relay_feed *feed)
{
	const struct relay *relay;
	int64_t shortest = 0;

	LIST_FOREACH(relay, &feed->relays, next)
	if (!shortest || relay->options.delay < shortest)
		shortest = relay->options.delay;
	return shortest;
}

size_t relay_feed_cookies(const struct relay_feed *feed, uint64_t *cookies, size_t max)
{
	const struct relay *relay;
	size_t count = 0;

	LIST_FOREACH(relay, &feed->relays, next)
	if (relay->cookie && count < max)
		cookies[count++] = relay->cookie;
	return count;
}

static void on_opened(void *context, uint64_t cookie, const struct sockaddr *to)
{
	struct relay *relay = context;

	relay->cookie = cookie;
	if (relay->feed->opened)
		relay->feed->opened(relay->feed->context, relay->options.address, to);
}

static void relay_deliver(struct sink *sink, struct snapshot *snapshot)
{
	(void)sink;
	(void)snapshot;
}

static bool relay_idle(const struct sink *sink)
{
	return !((const struct relay *)sink)->len;
}

static void relay_hurry(struct sink *sink)
{
	relay_send_batch((struct relay *)sink);
}

static void relay_retire(struct sink *sink)
{
	struct relay *relay = (struct relay *)sink;

	if (!relay->feed)
		return;
	relay_send_batch(relay);
	LIST_REMOVE(relay, next);
	relay->feed = NULL;
	relay_socket_free(relay->socket);
	relay->socket = NULL;
}

static void relay_stats(const struct sink *sink, struct sink_stats *stats)
{
	const struct relay *relay = (const struct relay *)sink;

	*stats = (struct sink_stats){
		.kind = "relay",
		.address = relay->options.address,
		.connected = relay->cookie && !relay->complained,
		.lines_sent = relay->lines_sent,
		.lines_dropped = relay->lines_dropped,
		.bytes_sent = relay->bytes_sent,
		.batches_sent = relay->datagrams_sent,
		.batches_queued = relay->len > 0,
		.bytes_queued = relay->len,
		.counts = relay->counts,
		.count_count = RELAY_COUNTS,
	};
	snprintf(stats->last_error, sizeof(stats->last_error), "%s", relay->problem);
}

static void relay_free(struct sink *sink)
{
	struct relay *relay = (struct relay *)sink;

	if (relay->feed)
		LIST_REMOVE(relay, next);
	relay_socket_free(relay->socket);
	free(relay);
}

static const struct sink_operations relay_operations = {
	.deliver = relay_deliver,
	.idle = relay_idle,
	.hurry = relay_hurry,
	.retire = relay_retire,
	.stats = relay_stats,
	.free = relay_free,
};

static struct relay *relay_new(const struct relay_options *options)
{
	struct relay *relay = calloc(1, sizeof(*relay) + options->batch_bytes);

	if (!relay)
		return NULL;
	relay->sink.operations = &relay_operations;
	relay->options = *options;
	relay->counts[RELAY_DATAGRAMS].name = "datagrams";
	relay->counts[RELAY_MISSED].name = "missed";
	relay->counts[RELAY_REFUSED].name = "refused";
	return relay;
}

struct sink *sink_relay_new(const struct sink_environment *environment, const void *options,
			    struct error *error)
{
	struct relay *relay = relay_new(options);

	if (!relay) {
		error_set(error, -ENOMEM, "cannot create an output for a relay: out of memory");
		return NULL;
	}
	relay->feed = environment->relays;
	LIST_INSERT_HEAD(&relay->feed->relays, relay, next);
	relay->socket = relay_socket_new(environment->base, relay->options.address, on_opened, relay, error);
	if (relay->socket)
		return &relay->sink;
	relay_free(&relay->sink);
	return NULL;
}
