/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Sentences for the person who runs the daemon, on stderr, one line each. Only the
 * top (main, the event loop, the subcommands) and transports log; parsers, formatters
 * and the core return their errors. Data never goes through here.
 *
 * An error or a warning that repeats word for word backs off: it is printed at once,
 * then after 1, 2, 4 ... at most 3600 seconds, with the number of times it was held back.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVELS,
};

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level level);

/* What is less urgent than `level` is not printed. Before the first call: info. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * What a library says about itself, of whatever urgency it thinks it is: debug, so that
 * our own sentence comes first. Any length, with or without a newline at the end. For the
 * callbacks of libbpf, libevent and libcyaml.
 */
void log_library(const char *library, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif /* LIB_LOG_H */
