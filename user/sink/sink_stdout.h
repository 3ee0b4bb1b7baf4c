/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Standard output: a table for people, or lines for programs, as a flush happens. */
#ifndef SINK_SINK_STDOUT_H
#define SINK_SINK_STDOUT_H

#include "sink/options.h"
#include "sink/sink.h"

enum stdout_format {
	STDOUT_TABLE,
	STDOUT_GRAPHITE,
	STDOUT_JSON,
};

struct stdout_options {
	enum stdout_format format;
	struct view_options view;
};

/* `options` are struct stdout_options. NULL with the sentence in `error`. */
struct sink *sink_stdout_new(const struct sink_environment *environment, const void *options,
			     struct error *error);

#endif /* SINK_SINK_STDOUT_H */
