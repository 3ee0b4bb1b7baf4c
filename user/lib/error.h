/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * One sentence for a person, carried up beside -errno: action, object, reason, remedy.
 * Who fails first writes it; only main() and the event loop print it.
 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

struct error {
	char text[1024];
};

/* Writes the sentence (truncated to fit) and returns `code`, a negative errno. `error` may be NULL. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif /* LIB_ERROR_H */
