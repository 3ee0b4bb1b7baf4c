// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A pattern that must begin with certain text, "^web\.", is first compared with that: most
 * names end there, without a call of PCRE2.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/*
 * Steps back and forth in one search, and KiB of memory. A pattern with four ".*" takes some
 * thousand steps over a name of 60 bytes.
 */
#define STEPS_MAX 100000
#define HEAP_KIB_MAX 4096

#define PREFIX_BYTES 64

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	char prefix[PREFIX_BYTES];
	size_t prefix_len;
};

/* As in Go: '$' is the very end, \d and \w are ASCII, text is UTF-8 and what is not is not matched. */
#define PATTERN_OPTIONS (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY)

/* What every match begins with. Any doubt makes it shorter. */
static void prefix_find(struct pattern *pattern, const char *regex)
{
	const char *at = regex + 1;
	char byte;

	if (*regex != '^' || strchr(regex, '|'))
		return;
	while (pattern->prefix_len < PREFIX_BYTES) {
		byte = *at++;
		if (byte == '\\' && ispunct((unsigned char)*at))
			byte = *at++;
		else if (!isalnum((unsigned char)byte) && byte != '_' && byte != '-')
			return;
		/* "ab?": the b need not be there */
		if (*at && strchr("?*{", *at))
			return;
		pattern->prefix[pattern->prefix_len++] = byte;
	}
}

struct pattern *pattern_new(const char *regex, struct error *error)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	unsigned char reason[256];
	PCRE2_SIZE at;
	int code;

	if (!pattern)
		goto out_memory;
	pattern->code =
		pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PATTERN_OPTIONS, &code, &at, NULL);
	if (!pattern->code) {
		pcre2_get_error_message(code, reason, sizeof(reason));
		error_set(error, -EINVAL, "%s, at byte %zu", (char *)reason, (size_t)at + 1);
		goto out_free;
	}
	/* Where it cannot be (no memory may be executed), searching is slower, that is all. */
	pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->data = pcre2_match_data_create_from_pattern(pattern->code, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	if (!pattern->data || !pattern->limits)
		goto out_memory;
	pcre2_set_match_limit(pattern->limits, STEPS_MAX);
	pcre2_set_heap_limit(pattern->limits, HEAP_KIB_MAX);
	prefix_find(pattern, regex);
	return pattern;

out_memory:
	error_set(error, -ENOMEM, "out of memory");
out_free:
	pattern_free(pattern);
	return NULL;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->limits);
	pcre2_match_data_free(pattern->data);
	pcre2_code_free(pattern->code);
	free(pattern);
}

int pattern_group(const void *context, const char *name, size_t len)
{
	const struct pattern *pattern = context;
	char word[64];
	int number;

	if (len >= sizeof(word))
		return -ENOENT;
	memcpy(word, name, len);
	word[len] = '\0';
	number = pcre2_substring_number_from_name(pattern->code, (PCRE2_SPTR)word);
	return number > 0 ? number : -ENOENT;
}

static void groups_fill(const struct pattern *pattern, struct piece text, size_t count, struct piece *groups)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(pattern->data);

	for (size_t i = 0; i < count; i++) {
		bool matched = ends[2 * i] != PCRE2_UNSET && ends[2 * i] <= ends[2 * i + 1];

		groups[i] = (struct piece){ text.text + (matched ? ends[2 * i] : 0),
					    matched ? ends[2 * i + 1] - ends[2 * i] : 0 };
	}
}

int pattern_search(const struct pattern *pattern, struct piece text, struct piece *groups,
		   size_t *group_count)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text.text;
	int found;

	if (text.len < pattern->prefix_len || memcmp(text.text, pattern->prefix, pattern->prefix_len) != 0)
		return 0;
	found = pcre2_match(pattern->code, subject, text.len, 0, 0, pattern->data, pattern->limits);
	if (found == PCRE2_ERROR_JIT_STACKLIMIT)
		found = pcre2_match(pattern->code, subject, text.len, 0, PCRE2_NO_JIT, pattern->data,
				    pattern->limits);
	if (found == PCRE2_ERROR_NOMATCH)
		return 0;
	if (found < 0)
		return -ELOOP;
	*group_count = found < PATTERN_GROUPS_MAX ? (size_t)found : PATTERN_GROUPS_MAX;
	groups_fill(pattern, text, *group_count, groups);
	return 1;
}
