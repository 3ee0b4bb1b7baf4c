/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Objects as Node prints them (util.inspect with its defaults), for those who read statsd's
 * management console: one line where it fits, else one for each property; long lists in columns.
 *
 *     { hits: 3, 'page.load': [ 1, 2.5 ] }
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <stddef.h>
#include "sink/text.h"

/* An object that is being made. All zero: an empty one. Memory that runs out is remembered in `entries`. */
struct inspect {
	struct text entries; /* "key: value" and a NUL behind each */
	size_t count;
};

void inspect_number(struct inspect *inspect, const char *key, double value);
void inspect_numbers(struct inspect *inspect, const char *key, const double *values, size_t count);
/* `inner` becomes a property, and empty. */
void inspect_object(struct inspect *inspect, const char *key, struct inspect *inner);
/* Appends the whole to `text`, and empties it. */
void inspect_finish(struct inspect *inspect, struct text *text);

#endif /* CLI_INSPECT_H */
