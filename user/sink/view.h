/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What one sink gets of a snapshot: metrics whose names its filters let through, and the
 * percentiles it wants. Names, histograms and events are the snapshot's own, by reference.
 */
#ifndef SINK_VIEW_H
#define SINK_VIEW_H

#include <stdbool.h>
#include "sink/options.h"

struct snapshot;

/* Would view_make() make anything but what there is? */
bool view_changes(const struct snapshot *snapshot, const struct view_options *options);

/*
 * A snapshot of its own for snapshot_free(), or another reference to `snapshot` where the options change
 * nothing. NULL: out of memory.
 */
struct snapshot *view_make(struct snapshot *snapshot, const struct view_options *options);

/* Does a name match a glob: '*' any text, '?' one character. */
bool glob_matches(const char *glob, const char *name);

#endif /* SINK_VIEW_H */
