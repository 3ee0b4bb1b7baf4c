// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The sentence that travels beside -errno. Text that does not fit ends in "...", so that
 * nobody takes a cut sentence for a whole one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lib/error.h"

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list args;
	int length;

	if (!error)
		return code;
	va_start(args, format);
	length = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (length >= (int)sizeof(error->text))
		memcpy(error->text + sizeof(error->text) - sizeof("..."), "...", sizeof("..."));
	return code;
}
