// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The event loop and the life of the daemon: start, run, leave. Flush is in
 * daemon_flush.c, what it tells the control socket in daemon_answer.c.
 */
#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/daemon.h"
#include "cli/names.h"
#include "lib/version.h"
#include "core/store.h"
#include "lib/clock.h"
#include "lib/log.h"

#define DRAIN_POLL_NS 10000000
#define RING_RETRY_NS 100000000
/* What is on its way to disk when the time is up has so long: more often than not it needs a moment only. */
#define GRACE_NS NS_PER_SECOND
#define GRACE_TOLD_TWICE_NS (NS_PER_SECOND / 10)

static const int signal_numbers[DAEMON_SIGNALS] = {
	[SIGNAL_TERM] = SIGTERM,
	[SIGNAL_INT] = SIGINT,
	[SIGNAL_HUP] = SIGHUP,
};

static const struct control_command control_commands[] = {
	{ .name = "status", .answer = daemon_answer_status },
	{ .name = "flush", .answer = daemon_answer_flush },
	{ .name = "reload", .answer = daemon_answer_reload },
	{ .name = "tail", .open = daemon_open_tail },
	{ .name = "top", .open = daemon_open_top },
	{},
};

static void event_after(struct event *event, int64_t nanoseconds)
{
	struct timeval wait = {
		.tv_sec = nanoseconds / NS_PER_SECOND,
		.tv_usec = (nanoseconds % NS_PER_SECOND + 999) / 1000,
	};

	if (wait.tv_usec == 1000000)
		wait = (struct timeval){ .tv_sec = wait.tv_sec + 1 };
	event_add(event, &wait);
}

static void daemon_arm(struct daemon *daemon)
{
	event_after(daemon->timer, schedule_delay(&daemon->schedule, clock_read(CLOCK_REALTIME),
						  clock_read(CLOCK_MONOTONIC)));
}

void daemon_reschedule(struct daemon *daemon)
{
	schedule_init(&daemon->schedule, daemon->config.interval, daemon->config.align,
		      clock_read(CLOCK_REALTIME), clock_read(CLOCK_MONOTONIC));
	daemon_arm(daemon);
}

static void daemon_leave(struct daemon *daemon);

static void daemon_on_timer(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;
	struct error error = {};

	(void)fd;
	(void)what;
	if (schedule_is_due(&daemon->schedule, clock_read(CLOCK_REALTIME), clock_read(CLOCK_MONOTONIC)) &&
	    daemon_flush(daemon, FLUSH_SCHEDULED, &error))
		log_error("%s", error.text);
	if (!outputs_gone(&daemon->outputs)) {
		daemon_arm(daemon);
		return;
	}
	log_info("leaving: nobody reads standard output any more, and there is no other output");
	daemon_leave(daemon);
}

static void daemon_on_ring(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;
	struct error error = {};

	(void)fd;
	(void)what;
	if (capture_consume(daemon->capture, &error) >= 0)
		return;
	daemon->counts.ring_errors++;
	log_error("%s", error.text);
	/* The descriptor is still readable: do not spin on it. */
	event_del(daemon->ring);
	event_after(daemon->ring_retry, RING_RETRY_NS);
}

static void daemon_on_ring_retry(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;

	(void)fd;
	(void)what;
	event_add(daemon->ring, NULL);
}

static void daemon_tell_left(const struct daemon *daemon)
{
	uint64_t spooled, queued = outputs_queued(&daemon->outputs, &spooled);

	if (spooled)
		log_info("left with %" PRIu64 " bytes undelivered that wait in %s for the next start",
			 spooled, daemon->config.state_dir);
	if (spooled < queued)
		log_warning("left with values undelivered (%" PRIu64
			    " bytes): an output did not take them within shutdown_timeout",
			    queued - spooled);
}

/* Leaving: are the outputs done? */
static void daemon_on_drain(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;
	bool idle = outputs_idle(&daemon->outputs), safe = outputs_safe(&daemon->outputs);
	bool done = (idle || safe) && outputs_saved(&daemon->outputs);

	(void)fd;
	(void)what;
	if (!done && clock_read(CLOCK_MONOTONIC) < daemon->leave_until) {
		event_after(daemon->drain, DRAIN_POLL_NS);
		return;
	}
	if (!idle)
		daemon_tell_left(daemon);
	event_base_loopbreak(daemon->base);
}

static void daemon_leave(struct daemon *daemon)
{
	struct error error = {};

	event_del(daemon->timer);
	event_del(daemon->ring);
	event_del(daemon->ring_retry);
	event_del(daemon->pulse);
	console_free(daemon->console);
	daemon->console = NULL;
	/* First, so that nothing is captured, or absorbed, that nobody will flush. */
	capture_detach(daemon->capture);
	if (daemon_flush(daemon, FLUSH_LEAVING, &error))
		log_error("%s", error.text);
	daemon_close_tails(daemon);
	daemon_close_tops(daemon);
	daemon_close_relays(daemon);
	capture_free(daemon->capture);
	daemon->capture = NULL;
	outputs_hurry(&daemon->outputs);
	daemon->leave_until = clock_read(CLOCK_MONOTONIC) + daemon->config.shutdown_timeout;
	daemon_on_drain(-1, 0, daemon);
}

static void daemon_on_signal(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;
	json_t *answer;

	(void)what;
	if (number != SIGHUP && daemon->capture) {
		daemon_leave(daemon);
	} else if (number != SIGHUP) {
		log_warning("told twice to end: not waiting for the outputs");
		daemon->told_twice = true;
		if (!outputs_idle(&daemon->outputs))
			daemon_tell_left(daemon);
		event_base_loopbreak(daemon->base);
	} else {
		answer = daemon_answer_reload(daemon);
		json_decref(answer); /* it was logged */
	}
}

static int events_new(struct daemon *daemon, struct error *error)
{
	daemon->timer = evtimer_new(daemon->base, daemon_on_timer, daemon);
	daemon->drain = evtimer_new(daemon->base, daemon_on_drain, daemon);
	daemon->ring_retry = evtimer_new(daemon->base, daemon_on_ring_retry, daemon);
	daemon->ring = event_new(daemon->base, capture_fd(daemon->capture), EV_READ | EV_PERSIST,
				 daemon_on_ring, daemon);
	daemon->pulse = event_new(daemon->base, -1, EV_PERSIST, daemon_on_ring, daemon);
	if (!daemon->timer || !daemon->drain || !daemon->ring_retry || !daemon->ring || !daemon->pulse ||
	    event_add(daemon->ring, NULL))
		return error_set(error, -EIO, "cannot wait for the ring of the kernel: %s", strerror(errno));
	/* While absorbing, the kernel wants a sign of life also when the ring stays empty. */
	if (daemon->config.capture.absorb)
		event_after(daemon->pulse,
			    (int64_t)(daemon->config.capture.absorb_seconds / 3 * NS_PER_SECOND));
	for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, signal_numbers[i], daemon_on_signal, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL))
			return error_set(error, -EIO, "cannot wait for signals: %s", strerror(errno));
	}
	return 0;
}

static void events_free(struct daemon *daemon)
{
	struct event *events[] = { daemon->timer, daemon->drain, daemon->ring_retry, daemon->ring,
				   daemon->pulse };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
}

/* A loop whose timers are exact to the microsecond: intervals go down to 50 ms. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && !event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER))
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

static int store_open(struct daemon *daemon, struct error *error)
{
	const struct config *config = &daemon->config;
	double percentiles[PERCENTILES_MAX];
	struct store_options options = {
		.series_max = config->series_max,
		.exact_timers = config->capture.exact_timers,
		.set_exact_max = config->capture.set_exact_max,
		.percentiles = percentiles,
		.percentile_count = outputs_percentiles(config, percentiles),
		.weighted_timers = config->capture.weighted_timers,
		.percentile_limit = config->percentile_limit,
		.idle = config->idle,
		.keep_buckets = outputs_want_buckets(config),
		.bin_rules = config->bin_rules,
		.bin_rule_count = config->bin_rule_count,
	};

	daemon->naming = names_load(config, error);
	if (!daemon->naming)
		return -EINVAL;
	daemon->store = store_new(&options);
	if (!daemon->store)
		return error_set(error, -ENOMEM, "cannot create the store of series: out of memory");
	store_set_naming(daemon->store, daemon->naming);
	return 0;
}

static int daemon_open(struct daemon *daemon, struct error *error)
{
	int err;

	daemon->base = base_new();
	if (!daemon->base)
		return error_set(error, -EIO, "cannot create the event loop: %s", strerror(errno));
	/* First, as it keeps a second daemon from attaching anything. */
	daemon->control =
		control_new(daemon->base, daemon->config.runtime_dir, control_commands, daemon, error);
	if (!daemon->control)
		return -EBUSY;
	outputs_init(&daemon->outputs, daemon->base, daemon->config.state_dir);
	daemon_open_relays(daemon);
	err = outputs_update(&daemon->outputs, &daemon->config, error);
	if (!err)
		err = store_open(daemon, error);
	if (err)
		return err;
	daemon->capture = capture_new(&daemon->config.capture, daemon->store, error);
	if (!daemon->capture)
		return -EIO;
	err = daemon_update_relays(daemon, error);
	if (err)
		return err;
	if (*daemon->config.console) {
		daemon->console =
			console_new(daemon->base, daemon->config.console, daemon_console, daemon, error);
		if (!daemon->console)
			return -EIO;
	}
	return events_new(daemon, error);
}

static int64_t release_until(const struct daemon *daemon)
{
	const int64_t grace = daemon->told_twice ? GRACE_TOLD_TWICE_NS : GRACE_NS;
	const int64_t until = clock_read(CLOCK_MONOTONIC) + grace;

	return until > daemon->leave_until || daemon->told_twice ? until : daemon->leave_until;
}

static void daemon_close(struct daemon *daemon)
{
	events_free(daemon);
	console_free(daemon->console);
	daemon_close_tails(daemon);
	daemon_close_tops(daemon);
	daemon_close_relays(daemon);
	capture_free(daemon->capture);
	store_free(daemon->store);
	naming_free(daemon->naming);
	naming_free(daemon->next_naming);
	outputs_release(&daemon->outputs, release_until(daemon));
	control_free(daemon->control);
	if (daemon->base)
		event_base_free(daemon->base);
}

static void daemon_announce(const struct daemon *daemon)
{
	const struct capture_options *options = &daemon->config.capture;
	char ports[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < options->port_count; i++)
		used += (size_t)snprintf(ports + used, sizeof(ports) - used, "%s%u", i ? ", " : "",
					 options->ports[i]);
	log_info("version %s: captures UDP port%s %s with the %s hook%s, flushes every %g s", KSTATSD_VERSION,
		 options->port_count > 1 ? "s" : "", ports, capture_hook_name(capture_hook(daemon->capture)),
		 options->absorb ? ", absorbs" : "", (double)daemon->config.interval / NS_PER_SECOND);
}

/* Before it exits, libevent says why; all else is for -v. */
static void libevent_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void libevent_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_library("libevent", format, args);
	va_end(args);
}

static void on_libevent(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else
		libevent_log("%s", text);
}

static void on_evdns(int is_warning, const char *text)
{
	(void)is_warning;
	libevent_log("%s", text);
}

int daemon_run(const struct config *config, const struct config_source *source, bool verbose,
	       struct error *error)
{
	struct daemon daemon = { .config = *config, .source = source, .verbose = verbose };
	int err;

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_libevent);
	evdns_set_log_fn(on_evdns);
	err = daemon_open(&daemon, error);
	if (!err) {
		daemon.started = daemon.window_opened = clock_read(CLOCK_MONOTONIC);
		daemon.messages.seen_at = daemon.started;
		daemon_reschedule(&daemon);
		daemon_announce(&daemon);
		if (event_base_dispatch(daemon.base) < 0)
			err = error_set(error, -EIO, "the event loop failed: %s", strerror(errno));
	}
	daemon_close(&daemon);
	return err;
}
