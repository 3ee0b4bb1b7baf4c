// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Logging to stderr. Complaints are remembered by their text in a small table; the one
 * that was not heard for the longest time makes room for a new one.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "lib/clock.h"
#include "lib/log.h"

#define TEXT_MAX 1200
#define COMPLAINTS 64
#define BACKOFF_MIN_NS NS_PER_SECOND
#define BACKOFF_MAX_NS (3600 * BACKOFF_MIN_NS)

/* A sentence that was printed, and when it may be printed again. */
struct complaint {
	uint64_t hash; /* of its text; 0: unused */
	int64_t heard; /* last time, nanoseconds */
	int64_t next;
	int64_t backoff;
	uint64_t held_back;
};

static enum log_level log_level = LOG_LEVEL_INFO;
static struct complaint complaints[COMPLAINTS];

static const char *const level_names[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

bool log_wants(enum log_level level)
{
	return level <= log_level;
}

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash ? hash : 1;
}

static struct complaint *complaint_find(uint64_t hash)
{
	struct complaint *oldest = &complaints[0];

	for (size_t i = 0; i < COMPLAINTS; i++) {
		if (complaints[i].hash == hash)
			return &complaints[i];
		if (complaints[i].heard < oldest->heard)
			oldest = &complaints[i];
	}
	*oldest = (struct complaint){ .hash = hash };
	return oldest;
}

/* True when the text is to be printed now; *held_back: how often it was not since the last time. */
static bool complaint_is_due(const char *text, uint64_t *held_back)
{
	struct complaint *complaint = complaint_find(text_hash(text));
	int64_t now = clock_read(CLOCK_MONOTONIC);
	int64_t silence = now - complaint->heard;

	complaint->heard = now;
	if (now < complaint->next) {
		complaint->held_back++;
		return false;
	}
	/* What comes back after a long silence is news again. */
	if (!complaint->backoff || silence > 2 * complaint->backoff)
		complaint->backoff = BACKOFF_MIN_NS;
	else if (complaint->backoff < BACKOFF_MAX_NS)
		complaint->backoff *= 2;
	complaint->next = now + complaint->backoff;
	*held_back = complaint->held_back;
	complaint->held_back = 0;
	return true;
}

static void log_write(enum log_level level, const char *format, va_list args)
{
	char text[TEXT_MAX], repeats[64] = "";
	uint64_t held_back = 0;

	if (!log_wants(level))
		return;
	vsnprintf(text, sizeof(text), format, args);
	if (level <= LOG_LEVEL_WARNING && !complaint_is_due(text, &held_back))
		return;
	if (held_back)
		snprintf(repeats, sizeof(repeats), " (%llu more times since)", (unsigned long long)held_back);
	/* One call, so that lines of several processes do not mix. */
	if (level == LOG_LEVEL_INFO)
		fprintf(stderr, "kstatsd: %s\n", text);
	else
		fprintf(stderr, "kstatsd: %s: %s%s\n", level_names[level], text, repeats);
}

#define LOG_FUNCTION(name, level)               \
	void name(const char *format, ...)      \
	{                                       \
		va_list args;                   \
                                                \
		va_start(args, format);         \
		log_write(level, format, args); \
		va_end(args);                   \
	}
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void log_library(const char *library, const char *format, va_list args)
{
	size_t length = strlen(format);

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	fprintf(stderr, "kstatsd: debug: %s: ", library);
	vfprintf(stderr, format, args);
	if (!length || format[length - 1] != '\n')
		fputc('\n', stderr);
}
