// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * From lines to the store: what each value of a line becomes, and what ingest_explain() says
 * of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/ingest.h"
#include "core/snapshot.h"
#include "core/store.h"

#define NOW 1700000000
#define FAULTS 8

static struct store *store;
static struct ingest *ingest;
static struct ledger ledger;

static int setup(void **state)
{
	const struct store_options options = {
		.series_max = 100, .set_exact_max = 100, .stamped_max = 4, .events_max = 2
	};

	(void)state;
	store = store_new(&options);
	ingest = ingest_new(store);
	ingest_set_time(ingest, NOW);
	memset(&ledger, 0, sizeof(ledger));
	return store && ingest ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ingest_free(ingest);
	store_free(store);
	return 0;
}

/* Folds lines into window 0 and closes it. The caller frees the snapshot. */
static struct snapshot *fold(const char *lines)
{
	struct snapshot *snapshot;

	ingest_lines(ingest, 0, lines, strlen(lines), &ledger);
	snapshot = store_close(store, 0, NOW, 10);
	assert_non_null(snapshot);
	return snapshot;
}

/* "a=1 b;k=v=2@1600000000 ": what metrics there are, as text. A timer's value is its sum. */
static const char *spell(const struct snapshot *snapshot)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct metric *metric = &snapshot->metrics[i];
		const double values[METRIC_TYPES] = { metric->counter, metric->timer.sum, metric->gauge,
						      metric->set.count };

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%c:%s=%.10g", i ? " " : "",
					 metric->name, metric->tags[0] ? ';' : '|', metric->tags,
					 values[metric->type]);
		if (metric->timestamp)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "@%lld",
						 (long long)metric->timestamp);
	}
	return text;
}

struct values_case {
	const char *lines, *metrics;
	unsigned int seen, continued;
};

static void check_values(const struct values_case *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct snapshot *snapshot;

		assert_int_equal(setup(NULL), 0);
		snapshot = fold(wanted[i].lines);
		if (strcmp(spell(snapshot), wanted[i].metrics) != 0)
			fail_msg("%s: %s, not %s", wanted[i].lines, spell(snapshot), wanted[i].metrics);
		if (ledger.n[LEDGER_LINES_SEEN] != wanted[i].seen ||
		    ledger.n[LEDGER_LINES_ACCEPTED] != wanted[i].seen ||
		    ledger.n[LEDGER_LINES_CONTINUED] != wanted[i].continued)
			fail_msg("%s: %llu seen, %llu accepted, %llu continued", wanted[i].lines,
				 ledger.n[LEDGER_LINES_SEEN], ledger.n[LEDGER_LINES_ACCEPTED],
				 ledger.n[LEDGER_LINES_CONTINUED]);
		snapshot_free(snapshot);
		teardown(NULL);
	}
}

static void test_values(void **state)
{
	static const struct values_case cases[] = {
		{ "a:1|c", "a|:=1", 1, 0 },
		{ "a:1:2:3|ms|@0.5|#k:v", "a;:k=v=6", 3, 2 },
		{ "a:1::2:|c", "a|:=3", 2, 1 },
		{ "a:::4|c", "a|:=4", 1, 0 },
		{ "a:10:+2:-5|g", "a|:=7", 3, 2 },
		{ "a:1|c:2|c|@0.1", "a|:=21", 2, 1 },
		{ "a:1|c:2|c|@0.1:3|ms|#t:x", "a;:t=x=21 a;:t=x=3", 3, 2 },
		{ "a:1|c|@0.5:2:3|c:4|g|#t:x", "a;:t=x=7 a;:t=x=4", 4, 3 },
		{ "a:1|c|#t:x|@0.5:2|c", "a;:t=x=4", 2, 1 },
		{ "a:5|g:-2|g:+4|g", "a|:=7", 3, 2 },
		{ "u:a:b|s", "u|:=1", 1, 0 },
		{ "u:a:b|s:c|s:c|s", "u|:=2", 3, 2 },
		{ "u:|s\nu:0|s\nu: |s", "u|:=2", 3, 0 },
		{ "a:1|c :2| c |@0.5 :3|c\r", "a|:=8", 3, 2 },
	};

	(void)state;
	check_values(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_numbers(void **state)
{
	static const struct values_case cases[] = {
		{ "a: 5 |c", "a|:=5", 1, 0 },
		{ "a:0x10|c", "a|:=16", 1, 0 },
		{ "a:0b101:0o17|c", "a|:=20", 2, 1 },
		{ "a:1e3|c", "a|:=1000", 1, 0 },
		{ "a:5.:.5|c", "a|:=5.5", 2, 1 },
		{ "a: |c", "a|:=0", 1, 0 },
		{ "a:+10e1|c", "a|:=100", 1, 0 },
		{ "a:1|c|@1e-3", "a|:=1000", 1, 0 },
		{ "a:1|c|@0.3333333333333333333 ", "a|:=3", 1, 0 },
		{ "a:-0|ms", "a|:=0", 1, 0 },
		{ "a:-0.00000000|ms", "a|:=0", 1, 0 },
		{ "a:10|g\na: -3|g", "a|:=-3", 2, 0 }, /* the sign is not at the beginning: no delta */
	};

	(void)state;
	check_values(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_fields(void **state)
{
	static const struct values_case cases[] = {
		{ "a:1|c|c:ci-1,in-2|#k:v|card:low|@0.5|e:it-false,cn-x", "a;:k=v=2", 1, 0 },
		{ "a:1|c|@0.5|#k:v|c:x|e:y|card:none|T1600000000", "a;:k=v=2@1600000000", 1, 0 },
		{ "a:3|c|T1600000000\na:4|c|T1500000000\na:5|c", "a|:=5 a|:=4@1500000000 a|:=3@1600000000", 3,
		  0 },
		{ "a:7|g|T1\na:-3|g|@0.5|T1", "a|:=7@1 a|:=-3@1", 2, 0 },
		{ "a:1:2|c|T1700000010\r", "a|:=1@1700000010 a|:=2@1700000010", 2, 1 },
	};

	(void)state;
	check_values(cases, sizeof(cases) / sizeof(cases[0]));
}

/* A line and its faults: "TYPE@4 VALUE@6", at the bytes where the carets stand. */
static const struct {
	const char *line, *faults;
	unsigned int accepted;
} bad[] = {
	{ "a", "VALUE@1", 0 },
	{ "noval|c|#env:1|c", "VALUE@7", 0 },
	{ "noval|#env:1|c:2|c", "VALUE@5", 0 },
	{ ":1|c", "NAME@0", 0 },
	{ ":1|c:2|c", "NAME@0", 0 },
	{ "a:", "VALUE@2", 0 },
	{ "a:|c", "VALUE@2", 0 },
	{ "a:1", "TYPE@3", 0 },
	{ "a:1|", "TYPE@4", 0 },
	{ "a:1|zz", "TYPE@4", 0 },
	{ "a:1|cc", "TYPE@5", 0 },
	{ "a:1|c|x", "FIELD@6", 0 },
	{ "a:x|c", "VALUE@2", 0 },
	{ "a:Infinity|g", "VALUE@2", 0 },
	{ "a:1e999|c", "VALUE@2", 0 },
	{ "a:-1|ms", "VALUE@2", 0 },
	{ "a: -1|ms", "VALUE@2", 0 },
	{ "a:1|ms:-1|ms|@0.5", "VALUE@7", 1 },
	{ "a:1|c|@0", "RATE@7", 0 },
	{ "a:1|c|@ 0.1", "RATE@7", 0 },
	{ "a:1|c|@2:3|c", "RATE@7", 1 },
	{ "a:1:x:3|c", "VALUE@4", 2 },
	{ "a::|c", "VALUE@3", 0 },
	{ "a:1:2", "TYPE@5 TYPE@5", 0 },
	{ "a:1|c:2", "TYPE@7", 1 },
	{ "a:1|c:", "VALUE@6", 1 },
	{ "a:1|z:2|c:3|q|#x:y", "TYPE@4 TYPE@12", 1 },
	{ "a:1|z|#t:x:2|c", "TYPE@4", 0 }, /* tags until the next bar */
	{ "a:1|z|c:4f3a|@0.5:2|c", "TYPE@4", 1 },
	{ "a:1|c|T", "TIMESTAMP@7", 0 },
	{ "a:1|c|T0", "TIMESTAMP@7", 0 },
	{ "a:1|c|T-5", "TIMESTAMP@7", 0 },
	{ "a:1|c|T1e3", "TIMESTAMP@7", 0 },
	{ "a:1|c|T1700000011", "TIMESTAMP@7", 0 },
	{ "a:1|c|T99999999999999999999", "TIMESTAMP@7", 0 },
	{ "a:1|ms|T1600000000", "TIMESTAMP@8", 0 },
	{ "a:b|s|T1600000000", "TIMESTAMP@7", 0 },
	{ "_e{5,4}", "EVENT@5", 0 },
	{ "_e{0,4}:|text", "EVENT@8", 0 },
	{ "_e{5,4}:titletext", "EVENT@13", 0 },
	{ "_e{5,4}:title|tex", "EVENT@13", 0 },
	{ "_e{5,4}:title|text2", "EVENT@18", 0 },
	{ "_e{x,4}:title|text", "EVENT@5", 0 },
	{ "_sc|name", "EVENT@8", 0 },
	{ "_sc||0", "EVENT@4", 0 },
	{ "_sc|name|4", "EVENT@9", 0 },
	{ "_sc|name|00", "EVENT@10", 0 },
};

static const struct {
	enum ledger_counter reason;
	const char *name;
} reasons[] = {
	{ LEDGER_LINES_NAME, "NAME" },	 { LEDGER_LINES_VALUE, "VALUE" },
	{ LEDGER_LINES_TYPE, "TYPE" },	 { LEDGER_LINES_RATE, "RATE" },
	{ LEDGER_LINES_FIELD, "FIELD" }, { LEDGER_LINES_TOO_LONG, "TOO_LONG" },
	{ LEDGER_LINES_EVENT, "EVENT" }, { LEDGER_LINES_TIMESTAMP, "TIMESTAMP" },
};

static const char *reason_name(enum ledger_counter reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].reason == reason)
			return reasons[i].name;
	return "?";
}

static const char *explain(const char *line, size_t *count)
{
	static char text[256];
	struct line_fault faults[FAULTS];
	size_t used = 0;

	text[0] = '\0';
	*count = ingest_explain(ingest, line, strlen(line), NOW, faults, FAULTS);
	assert_true(*count <= FAULTS);
	for (size_t i = 0; i < *count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s@%zu", i ? " " : "",
					 reason_name(faults[i].reason), faults[i].at);
	return text;
}

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t count;
		const char *said;

		assert_int_equal(setup(NULL), 0);
		said = explain(bad[i].line, &count);
		if (strcmp(said, bad[i].faults) != 0)
			fail_msg("%s: %s, not %s", bad[i].line, said, bad[i].faults);
		assert_int_equal(store_series_count(store), 0);
		ingest_lines(ingest, 0, bad[i].line, strlen(bad[i].line), &ledger);
		if (ledger.n[LEDGER_LINES_SEEN] != bad[i].accepted + count ||
		    ledger.n[LEDGER_LINES_ACCEPTED] != bad[i].accepted)
			fail_msg("%s: %llu seen, %llu accepted", bad[i].line, ledger.n[LEDGER_LINES_SEEN],
				 ledger.n[LEDGER_LINES_ACCEPTED]);
		teardown(NULL);
	}
}

static void test_why(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "a:-5|ms", "a timer in ms must not be negative" },
		{ "a:-1e300|ms", "a timer in ms must not be negative" },
		{ "a:1:-5|ms", "a timer in ms must not be negative" },
		{ "a:-x|ms", NULL },
		{ "a:x|ms", NULL },
		{ "a:1|c|@ 0.5", "blank before the rate" },
		{ "a:1|c|@2", NULL },
		{ "_sc|a", NULL },
	};
	struct line_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ingest_explain(ingest, cases[i].line, strlen(cases[i].line), NOW, &fault, 1),
				 1);
		if (!cases[i].why)
			assert_null(fault.why);
		else
			assert_string_equal(fault.why, cases[i].why);
	}
}

static void test_good_lines_have_no_fault(void **state)
{
	static const char *const good[] = {
		"a:1|c", "a:1:2|c", "a:1|c:b|s|#x:y", "_sc|a|0", "_e{1,0}:a|", ""
	};
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(explain(good[i], &count), "");
}

static void test_too_long(void **state)
{
	size_t len = 20000, count;
	char *line = calloc(1, len + 1);

	(void)state;
	assert_non_null(line);
	memset(line, 'n', len);
	memcpy(line + len - 4, ":1|c", 4);
	assert_string_equal(explain(line, &count), "TOO_LONG@8191");
	memmove(line + 8000, ":1|c|#aaaaaaaaaaaaaaaaaaaaaaaa", 31);
	memset(line + 10, '.', 1);
	assert_string_equal(explain(line, &count), "");
	ingest_lines(ingest, 0, line, strlen(line), &ledger);
	assert_int_equal(ledger.n[LEDGER_LINES_ACCEPTED], 1);
	memset(line + 8030, 'a', 161);
	line[8191] = '\0';
	assert_string_equal(explain(line, &count), "TOO_LONG@0");
	ingest_lines(ingest, 0, line, strlen(line), &ledger);
	assert_int_equal(ledger.n[LEDGER_LINES_TOO_LONG], 1);
	free(line);
}

static void check_event(const struct event *event, const struct event *wanted)
{
	assert_int_equal(event->kind, wanted->kind);
	assert_int_equal(event->status, wanted->status);
	assert_int_equal(event->timestamp, wanted->timestamp);
	assert_string_equal(event->title, wanted->title);
	assert_string_equal(event->text, wanted->text);
	assert_string_equal(event->tags, wanted->tags);
	assert_string_equal(event->host, wanted->host);
	assert_string_equal(event->aggregation_key, wanted->aggregation_key);
	assert_string_equal(event->priority, wanted->priority);
	assert_string_equal(event->source_type, wanted->source_type);
	assert_string_equal(event->alert_type, wanted->alert_type);
}

static void check_only_event(const char *line, const struct event *wanted)
{
	struct snapshot *snapshot;

	assert_int_equal(setup(NULL), 0);
	snapshot = fold(line);
	assert_int_equal(ledger.n[LEDGER_LINES_ACCEPTED], 1);
	assert_int_equal(ledger.n[wanted->kind == EVENT_EVENT ? LEDGER_EVENTS : LEDGER_SERVICE_CHECKS], 1);
	assert_int_equal(snapshot->count, 0);
	assert_int_equal(snapshot->event_count, 1);
	check_event(snapshot->events, wanted);
	snapshot_free(snapshot);
	teardown(NULL);
}

#define NOTHING                                                                                       \
	.text = "", .tags = "", .host = "", .aggregation_key = "", .priority = "", .source_type = "", \
	.alert_type = ""
#define PLAIN(kind_, title_) .kind = kind_, .timestamp = NOW, .title = title_, NOTHING

static void test_events(void **state)
{
	const struct event full = { EVENT_EVENT, "a|b:c",   "line\nnext m:", "env=prod;x=true", "web1", "key",
				    "low",	 "jenkins", "error",	     1600000000,	0 };
	struct event wanted = { PLAIN(EVENT_EVENT, "title") };

	(void)state;
	check_only_event("_e{5,14}:a|b:c|line\\nnext m\\:|d:1600000000|h:web1|k:key|p:low|s:jenkins|t:error|"
			 "#env:prod,x|c:4f3a|new:field",
			 &full);
	wanted.text = "text";
	check_only_event("_e{5,4}:title|text", &wanted);
	check_only_event("_e{5,4}:title|text\r", &wanted);
	check_only_event("_e{5,4}:title|text|p:high|t:bad|d:now", &wanted); /* as if not sent */
	wanted.title = "t\xef\xbf\xbd\xc3\xa9 ";
	wanted.text = "";
	check_only_event("_e{5,0}:t\xff\xc3\xa9\x01|", &wanted);
	wanted.title = "\xef\xbf\xbd\xef\xbf\xbd b";
	wanted.text = "\xef\xbf\xbd";
	check_only_event("_e{5,1}:\xed\xa0\xc2\x85"
			 "b|\xe2",
			 &wanted);
}

static void test_service_checks(void **state)
{
	const struct event full = {
		EVENT_SERVICE_CHECK, "db.alive", "refused m: x\ny", "env=prod", "web1", "", "", "", "",
		1600000000,	     2
	};
	const struct event plain = { PLAIN(EVENT_SERVICE_CHECK, "db.alive"), .status = 3 };

	(void)state;
	check_only_event("_sc|db.alive|2|d:1600000000|h:web1|#env:prod|m:refused m\\: x\\ny|c:ci-1", &full);
	check_only_event("_sc|db.alive|3", &plain);
	check_only_event("_sc|db.alive|3\r", &plain);
}

/* Over a bound, lines are lost, and counted as such; the next window begins anew. */
static void test_bounds(void **state)
{
	static const char stamped[] = "a:1|c|T1\nb:1|c|T1\nc:1|g|T1\nd:1|g|T1\ne:1|g|T1";
	static const char events[] = "_sc|a|0\n_sc|b|0\n_sc|c|0";
	struct snapshot *snapshot;

	(void)state;
	snapshot = fold(stamped);
	assert_int_equal(snapshot->count, 4);
	snapshot_free(snapshot);
	assert_int_equal(ledger.n[LEDGER_LINES_SERIES_LIMIT], 1);
	snapshot = fold(events);
	assert_int_equal(snapshot->event_count, 2);
	assert_string_equal(snapshot->events[0].title, "a");
	assert_string_equal(snapshot->events[1].title, "b");
	snapshot_free(snapshot);
	assert_int_equal(ledger.n[LEDGER_LINES_SERIES_LIMIT], 2);
	assert_int_equal(ledger.n[LEDGER_SERVICE_CHECKS], 2);
	snapshot = fold("");
	assert_int_equal(snapshot->event_count + snapshot->count, 0);
	snapshot_free(snapshot);
}

/* What is carried into another window comes before what that one holds, and counts towards the bound. */
static void test_carry(void **state)
{
	static const char first[] = "a:1|c|T1\nb:2|c|T1\n_sc|a|0",
			  second[] = "a:2|c|T1\nc:3|c|T1\nd:4|c|T1\n_e{1,0}:b|";
	struct snapshot *snapshot;

	(void)state;
	ingest_lines(ingest, 1, second, strlen(second), &ledger);
	ingest_lines(ingest, 0, first, strlen(first), &ledger);
	assert_int_equal(ledger.n[LEDGER_LINES_SERIES_LIMIT], 1); /* three and one make four */
	assert_int_equal(store_carry(store, 0, 1), 0);
	snapshot = fold("");
	assert_int_equal(snapshot->count + snapshot->event_count, 0);
	snapshot_free(snapshot);
	snapshot = store_close(store, 1, NOW, 10);
	assert_non_null(snapshot);
	assert_string_equal(spell(snapshot), "a|:=1@1 a|:=2@1 c|:=3@1 d|:=4@1");
	assert_int_equal(snapshot->event_count, 2);
	assert_string_equal(snapshot->events[0].title, "a");
	assert_string_equal(snapshot->events[1].title, "b");
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_faults),
		cmocka_unit_test_setup_teardown(test_why, setup, teardown),
		cmocka_unit_test_setup_teardown(test_good_lines_have_no_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_service_checks),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_carry, setup, teardown),
	};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
