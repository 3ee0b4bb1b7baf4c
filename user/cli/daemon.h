/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The running daemon: one event loop over the flush timer, the ring of the capture, the
 * signals and the control socket. It lives until SIGTERM or SIGINT; nothing that arrives
 * from outside ends it.
 *
 *	timer, `kstatsd flush` --> close window --> snapshot --> each output
 *	SIGTERM ----------------> the same, end the capture, wait for the outputs, leave
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "cli/config.h"
#include "cli/console.h"
#include "cli/control.h"
#include "cli/outputs.h"
#include "cli/schedule.h"

struct event;
struct event_base;
struct capture;
struct naming;
struct relaying;
struct store;
struct tails;
struct tops;

enum daemon_signal {
	SIGNAL_TERM,
	SIGNAL_INT,
	SIGNAL_HUP,
	DAEMON_SIGNALS,
};

/* What the daemon counts of its own, exported as kstatsd.daemon.* and shown by `kstatsd status`. */
struct daemon_counts {
	uint64_t flushes;
	uint64_t config_errors; /* a reload was refused */
	uint64_t flush_errors;	/* a window could not be closed or computed */
	uint64_t ring_errors;	/* the ring could not be read */
	uint64_t names_dropped; /* series and values that the mapping left out, flush by flush */
	uint64_t names_failed; /* names that a rule of the mapping may be for, and that stayed as they were */
};

struct daemon {
	struct config config;
	const struct config_source *source; /* what a reload reads again */
	bool verbose;			    /* the command line wins over log.level */

	struct event_base *base;
	struct event *timer, *ring, *ring_retry, *pulse, *drain, *signals[DAEMON_SIGNALS];
	struct control *control;
	struct console *console; /* NULL: none is wanted, or the daemon is leaving */
	struct store *store;
	struct naming *naming, *next_naming; /* next: from the end of this window on; NULL: it stays */
	uint64_t naming_failures;	     /* of `naming`, counted */
	struct capture *capture;	     /* NULL once the daemon is leaving */
	struct outputs outputs;
	struct tails *tails;	   /* NULL: none was asked for so far */
	struct tops *tops;	   /* the same */
	struct relaying *relaying; /* NULL: there was no relay so far */

	struct schedule schedule;
	int64_t started, window_opened, leave_until; /* CLOCK_MONOTONIC; leave_until 0: not leaving */
	bool told_twice;			     /* to leave */
	struct daemon_counts counts, counted;	     /* counted: what was exported */
	struct {
		int64_t timestamp;
		double seconds;
		size_t metrics;
	} last_flush;
	struct {
		uint64_t count;	 /* datagrams and sends on connections */
		int64_t seen_at; /* CLOCK_MONOTONIC: when it was last found to have grown */
	} messages;
	bool unhealthy; /* somebody said so on the console; statsd's healthStatus */
};

/*
 * Runs until it is told to end. 0, or a negative errno with the sentence when it could not
 * start; -EINVAL: because of the configuration or a file it names. `source` must outlive the call.
 */
int daemon_run(const struct config *config, const struct config_source *source, bool verbose,
	       struct error *error);

/* Why a window closes; it decides the timestamp. */
enum flush_reason {
	FLUSH_SCHEDULED, /* the boundary that is now */
	FLUSH_ASKED,	 /* now */
	FLUSH_LEAVING,	 /* the boundary it would have reached: no window before it has that one */
};

/* What statsd counts of what it receives, made of the ledger. */
struct statsd_counts {
	uint64_t bad_lines_seen, packets_received, metrics_received;
};
void statsd_counts_make(const struct ledger *ledger, struct statsd_counts *counts);

/* Adds what the daemon tells about itself to `window`, which was just closed and ends at `timestamp`. -ENOMEM. */
int daemon_count_self(struct daemon *daemon, unsigned int window, int64_t timestamp);

/* Closes the window and delivers it. */
int daemon_flush(struct daemon *daemon, enum flush_reason reason, struct error *error);

/* Begins a new beat of flushes, after the start or a change of interval or alignment. */
void daemon_reschedule(struct daemon *daemon);

/* Takes note of whether anything was sent since the last call. */
void daemon_note_messages(struct daemon *daemon);

/* The words of the management console, and the answer to "config", which is a file of its own. */
extern const struct console_command daemon_console[];
/* Lines as statsd writes them: "name: value\n". */
void console_line(struct text *text, const char *name, const char *value);
void console_number(struct text *text, const char *name, double value);
void daemon_console_config(void *daemon, char *arguments, struct text *text);

/* What the control socket answers. New objects; NULL: out of memory. */
json_t *daemon_answer_status(void *daemon);
json_t *daemon_answer_flush(void *daemon);
json_t *daemon_answer_reload(void *daemon);

/* What goes on there until the client leaves, as control_command.open, and its end with the capture's. */
int daemon_open_tail(void *daemon, struct control_stream *stream, const json_t *arguments,
		     struct error *error);
void daemon_close_tails(struct daemon *daemon);
int daemon_open_top(void *daemon, struct control_stream *stream, const json_t *arguments,
		    struct error *error);
void daemon_close_tops(struct daemon *daemon);

/* To be called before the outputs are made. */
void daemon_open_relays(struct daemon *daemon);
/* Captured datagrams to the relays among the outputs, whenever those changed. Negative errno: nothing is relayed. */
int daemon_update_relays(struct daemon *daemon, struct error *error);
/* Hands what was captured so far to the relays that there are. */
void daemon_feed_relays(struct daemon *daemon);
/* The last datagrams. */
void daemon_close_relays(struct daemon *daemon);

#endif /* CLI_DAEMON_H */
