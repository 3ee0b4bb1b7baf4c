// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * A glob becomes a regular expression, so there is one matcher, and its work per line is
 * bounded: an expression that takes forever is given up and does not hold up the daemon.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include "cli/tail_filter.h"
#include "lib/clock.h"

#define MATCH_LIMIT 10000
#define RATE_MAX 1000000000ULL

struct tail_pattern {
	bool on_name; /* with and without its tags; else on the whole line */
	pcre2_code *code;
	pcre2_match_data *found;
	pcre2_match_context *limits;
};

/* The text of /regex/, or of what a glob means; NULL: neither. The caller frees with pcre2_free_... */
static int pattern_compile(struct tail_pattern *pattern, const char *text, size_t len)
{
	PCRE2_UCHAR *converted = NULL;
	PCRE2_SIZE at, size = len;
	int err = 0;

	if (pattern->on_name)
		err = pcre2_pattern_convert((PCRE2_SPTR)text, len,
					    PCRE2_CONVERT_GLOB | PCRE2_CONVERT_GLOB_NO_WILD_SEPARATOR,
					    &converted, &size, NULL);
	if (!err)
		pattern->code = pcre2_compile(converted ? converted : (PCRE2_SPTR)text, size,
					      pattern->on_name ? PCRE2_DOTALL : 0, &err, &at, NULL);
	pcre2_converted_pattern_free(converted);
	return pattern->code ? 0 : err;
}

static bool is_regex(const char *text, size_t len)
{
	return len >= 2 && text[0] == '/' && text[len - 1] == '/';
}

struct tail_pattern *tail_pattern_new(const char *text, struct error *error)
{
	struct tail_pattern *pattern = calloc(1, sizeof(*pattern));
	size_t len = strlen(text);
	bool regex = is_regex(text, len);
	PCRE2_UCHAR reason[120] = "";
	int err;

	if (!pattern) {
		error_set(error, -ENOMEM, "cannot watch lines: out of memory");
		return NULL;
	}
	if (text[0] == '/' && len > 1 && !regex) {
		error_set(error, -EINVAL,
			  "cannot use the pattern %s: a regular expression ends with a slash, too, /%s/; a "
			  "glob for names that begin with one is [/]%s",
			  text, text + 1, text + 1);
		tail_pattern_free(pattern);
		return NULL;
	}
	pattern->on_name = !regex;
	err = pattern_compile(pattern, regex ? text + 1 : text, regex ? len - 2 : len);
	if (err) {
		pcre2_get_error_message(err, reason, sizeof(reason));
		error_set(error, -EINVAL, "cannot use the pattern %s: %s", text, (char *)reason);
		tail_pattern_free(pattern);
		return NULL;
	}
	pattern->found = pcre2_match_data_create(1, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	if (!pattern->found || !pattern->limits) {
		error_set(error, -ENOMEM, "cannot watch lines: out of memory");
		tail_pattern_free(pattern);
		return NULL;
	}
	pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
	return pattern;
}

void tail_pattern_free(struct tail_pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->limits);
	pcre2_match_data_free(pattern->found);
	pcre2_code_free(pattern->code);
	free(pattern);
}

static int text_matches(const struct tail_pattern *pattern, const char *text, size_t len)
{
	int result = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, pattern->found, pattern->limits);

	if (result >= 0)
		return 1;
	return result == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}

/*
 *     api.get,env=p:1|c
 *     ^^^^^^^ the bare name: tags begin with one of these in some dialect
 */
static size_t bare_length(const char *name, size_t len)
{
	size_t bare = 0;

	while (bare < len && !memchr(",;#[", name[bare], 4))
		bare++;
	return bare;
}

int tail_pattern_matches(const struct tail_pattern *pattern, const void *line, size_t len)
{
	const char *colon;
	size_t bare;
	int result;

	if (!pattern->on_name)
		return text_matches(pattern, line, len);
	colon = memchr(line, ':', len);
	if (colon)
		len = (size_t)(colon - (const char *)line);
	result = text_matches(pattern, line, len);
	bare = bare_length(line, len);
	return result || bare == len ? result : text_matches(pattern, line, bare);
}

void tail_rate_init(struct tail_rate *rate, uint64_t per_second, int64_t now)
{
	if (per_second > RATE_MAX)
		per_second = RATE_MAX;
	*rate = (struct tail_rate){ .per_second = per_second,
				    .credit = per_second * NS_PER_SECOND,
				    .filled = now };
}

bool tail_rate_take(struct tail_rate *rate, int64_t now)
{
	uint64_t most = rate->per_second * NS_PER_SECOND;
	int64_t passed = now - rate->filled;

	if (!rate->per_second)
		return true;
	if (passed > NS_PER_SECOND)
		passed = NS_PER_SECOND;
	rate->credit += passed > 0 ? (uint64_t)passed * rate->per_second : 0;
	if (rate->credit > most)
		rate->credit = most;
	rate->filled = now;
	if (rate->credit < (uint64_t)NS_PER_SECOND)
		return false;
	rate->credit -= NS_PER_SECOND;
	return true;
}
