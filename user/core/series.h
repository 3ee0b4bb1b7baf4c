/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Inside of the store, for user/core only: what a series is made of, and the table that
 * finds it.
 *
 *     store.table ---> series <--- store.touched[w]: what the snapshot of window w will hold
 *                        ^-------- store.idle: the longest untouched first, none that is held
 */
#ifndef CORE_SERIES_H
#define CORE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include "core/distinct.h"
#include "core/name.h"
#include "core/passing.h"
#include "core/statistics.h"
#include "core/store.h"
#include "core/sum.h"

/* Writes to a gauge, folded into one. */
struct gauge_writes {
	struct sum sum; /* absolute if set, else what is to be added */
	bool set;
};

/* The kernel sends a gauge's writes down the slow path once one had to go there: those come last. */
struct gauge_window {
	struct gauge_writes kernel, slow;
};

/* Indexed by window, except the value that a gauge carries from window to window. */
union series_state {
	struct sum counter[WINDOWS];
	struct timer_window timer[WINDOWS];
	struct {
		struct sum value;
		struct gauge_window windows[WINDOWS];
	} gauge;
	struct distinct set[WINDOWS];
};

struct series {
	struct store *store;
	TAILQ_ENTRY(series) idle; /* in a list unless it is held */
	struct series *touched_next[WINDOWS];
	bool touched[WINDOWS];
	bool has_unit; /* of a timer: it was observed */
	enum metric_type type;
	enum timer_unit unit; /* that of its first observation */
	unsigned int holds;
	bool own;	     /* the daemon's, which holds it */
	uint64_t touched_at; /* store->closings at that time */
	/* Of the last snapshot that held an observation of it; closed_at is of store->closings, too. */
	bool known; /* there is one, and it was not forgotten since */
	bool forgotten;
	bool renamed; /* nobody was called so when names were made last: what a window still holds is its last */
	uint64_t closed_at;
	int64_t closed_time; /* of store->time */
	uint64_t hash;
	const char *name; /* NUL-terminated, in the same allocation as the series */
	const char *tags;
	size_t name_len, tags_len;
	double scale; /* by the mapping; values are kept as they were sent and multiplied in the snapshot */
	bool dropped; /* by the mapping; not in snapshots */
	int64_t ttl;  /* by the mapping, nanoseconds; 0: as for all */
	const struct mapping_rule *rule; /* of the naming that the store has; NULL: none */
	union series_state state;	 /* allocated as far as the type needs it */
};

TAILQ_HEAD(series_list, series);

struct store {
	struct store_options options; /* percentiles and bin_rules: the store's own copies */
	uint64_t hash_key[2];
	struct series **table; /* open addressing, linear probing; size: a power of two */
	size_t table_size, count, held;
	size_t own_count; /* of store_count_self() */
	struct series *touched[WINDOWS];
	struct passing passing[WINDOWS];
	uint64_t dropped_stamped[WINDOWS]; /* values with a time of their own, by the mapping */
	uint64_t closings;
	int64_t time;	 /* nanoseconds of all closed windows */
	uint64_t chance; /* of samples_add() */
	struct series_list idle[METRIC_TYPES];
	struct naming *naming;
	struct canonical_name name; /* scratch of store_series() */
};

/* The series of a name, found or made; over `series_max` that nobody holds another one goes. NULL and errno. */
struct series *store_find(struct store *store, enum metric_type type, const struct canonical_name *name,
			  size_t series_max);
/* The same by raw bytes. */
struct series *store_find_raw(struct store *store, enum metric_type type, const void *name, size_t name_len,
			      const void *tags, size_t tags_len, size_t series_max);
/* Makes room: the longest idle series goes, of any type. False: all were observed in a window still open. */
bool store_evict(struct store *store);
/* Marks the series as to be sent when `window` closes. */
void series_touch(struct series *series, unsigned int window);
/* What the gauge will be when `window` closes. */
struct sum series_gauge_sum(const struct series *series, unsigned int window);
/* Empties one window of a series. */
void series_reset(struct series *series, unsigned int window);
/* Forgets what a series was, as if it had not been observed; what a window holds of it stays. */
void series_forget(struct series *series);
/* Removes it from the store and frees it; nobody may hold it. */
void series_remove(struct series *series);
/* What the daemon calls its own will be called otherwise: lets go of it. */
void store_disown(struct store *store);
/* Is it in a window that is not closed yet? */
bool series_is_touched(const struct series *series);
/* "name" or "name;k=v;k2=v2", as statsd spells it, into key[NAME_BYTES]. */
void series_key(const struct series *series, char *key);
/* The rule for the bins of a timer; NULL: it has none. */
const struct bin_rule *series_bin_rule(const struct series *series);
int series_compare(const struct series *one, const struct series *other);

/* idle.c: a closing of `seconds`, seen from those whom it finds idle. */
struct closing {
	uint64_t number; /* of store->closings */
	int64_t time;	 /* its end, of store->time */
	int64_t length;	 /* nanoseconds */
};
struct closing closing_of(const struct store *store, double seconds);
/* May any series be sent without having been observed? */
bool store_sends_idle(const struct store *store);
/* Is this one, which `window` does not hold? */
bool series_is_sent_idle(const struct series *series, unsigned int window, const struct closing *closing);
/* A window that held it was closed. */
void series_closed(struct series *series, const struct closing *closing);
/* Forgets whose time is over; removes and frees the series that nobody touched for long. */
void store_drop_idle(struct store *store, const struct closing *closing);

#endif /* CORE_SERIES_H */
