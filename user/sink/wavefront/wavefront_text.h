/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Names, keys and values as Wavefront takes them, whatever was sent. */
#ifndef SINK_WAVEFRONT_TEXT_H
#define SINK_WAVEFRONT_TEXT_H

#include <stddef.h>
#include "sink/wavefront/sink_wavefront.h"
#include "sink/text.h"

/*
 * Appends a name or a key with '-' in the place of each character that may not stand there. A '~' may stand first in
 * the text, unless options->use_regex; '/' and ',' only with options->use_strict, as in Telegraf.
 */
void wavefront_add_name(struct text *text, const char *name, size_t len,
			const struct wavefront_options *options);
/* Turns each '_' from `begin` on into the separator, if the options say so. */
void wavefront_convert_paths(struct text *text, size_t begin, const struct wavefront_options *options);
/* Appends a value without blanks around it; '-' for '*', as in Telegraf, and for what is no text. Not escaped. */
void wavefront_add_value(struct text *text, const char *value, size_t len);
/* Appends a value in quotes, escaped. */
void wavefront_add_quoted(struct text *text, const char *value, size_t len);
/* How many characters Java sees in UTF-8. */
size_t wavefront_length(const char *text, size_t len);
/* How many bytes of the text hold so many characters at most. */
size_t wavefront_cut(const char *text, size_t len, size_t characters);

#endif /* SINK_WAVEFRONT_TEXT_H */
