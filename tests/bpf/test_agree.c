// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Kernel and daemon must agree: the same inputs through the same headers, once compiled
 * here, once for BPF and run by BPF_PROG_RUN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bucket.h"
#include "hash.h"
#include "parse_cases.h"
#include "agree.skel.h"

/* The scratch is longer on the host, which reads further; up to `payload` they are one. */
#define SCRATCH_HEAD offsetof(struct scratch, payload)
#define RANDOM_LINES 20000
#define RANDOM_VALUES 20000

static struct agree_bpf *skeleton;
static struct scratch here, there;

static int setup(void **state)
{
	(void)state;
	skeleton = agree_bpf__open_and_load();
	return skeleton ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	agree_bpf__destroy(skeleton);
	return 0;
}

static void run_in_kernel(const struct bpf_program *program)
{
	uint8_t packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
}

/* `there` into the kernel's map, the program over it, and back. */
static void exchange(const struct bpf_program *program)
{
	uint32_t size = bpf_map__value_size(skeleton->maps.parsed), zero = 0;
	uint8_t *value = calloc(1, size);

	assert_non_null(value);
	assert_true(size <= sizeof(there));
	memcpy(value, &there, size);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.parsed), &zero, value, BPF_ANY), 0);
	run_in_kernel(program);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.parsed), &zero, value), 0);
	memcpy(&there, value, SCRATCH_HEAD);
	free(value);
}

static void compare_parse(const char *line, unsigned int len)
{
	int result;

	memset(&here, 0, sizeof(here));
	scratch_fill(&here, line, len);
	there = here;
	result = parse_line(&here);
	exchange(skeleton->progs.run_parse);
	if (skeleton->bss->result == PARSE_SLOW) /* longer than the kernel's limits: the daemon decides */
		return;
	if (skeleton->bss->result != result || memcmp(&here, &there, SCRATCH_HEAD) != 0)
		fail_msg("host and kernel disagree on: %.*s", (int)len, line);
}

static void test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < PARSE_CASES; i++) {
		compare_parse(parse_cases[i].line, (unsigned int)strlen(parse_cases[i].line));
		assert_int_equal(skeleton->bss->result, parse_cases[i].result);
	}
}

/* Lines made of the parser's own alphabet, so that most get past the first field. */
static void test_random_lines(void **state)
{
	static const char alphabet[] = "::||||@#cmsghd0123456789..+-eT\r ab,\xff\n";
	char line[96];
	unsigned int len, i, n;

	(void)state;
	srandom(20260101);
	for (n = 0; n < RANDOM_LINES; n++) {
		len = (unsigned int)random() % sizeof(line);
		for (i = 0; i < len; i++)
			line[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		if (n % 2 && len > 4)
			memcpy(line, "n:1|", 4);
		compare_parse(line, len);
	}
}

static void test_buckets(void **state)
{
	enum timer_unit unit;
	int64_t value;
	int n;

	(void)state;
	srandom(20260102);
	for (n = 0; n < RANDOM_VALUES; n++) {
		value = ((int64_t)random() << 31 | random()) >> (random() % 62);
		if (n % 3 == 0)
			value = -value;
		if (n % 5 == 0)
			value = (int64_t)MICROS << (n % 40);
		for (unit = 0; unit < TIMER_UNITS; unit++) {
			skeleton->bss->bucket_unit = unit;
			skeleton->bss->bucket_value = value;
			run_in_kernel(skeleton->progs.run_bucket);
			assert_int_equal(skeleton->bss->bucket_result, bucket_index(unit, value));
		}
	}
}

static void test_hashes(void **state)
{
	const __u64 key[2] = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };
	__u64 hash[2];
	unsigned int len, i;

	(void)state;
	skeleton->bss->hash_key[0] = key[0];
	skeleton->bss->hash_key[1] = key[1];
	for (len = 0; len <= 128; len++) {
		memset(&there, 0xaa, sizeof(there));
		for (i = 0; i < len; i++)
			there.payload[i] = (__u8)i;
		there.len = len;
		hash_value(key, there.payload, len, hash);
		exchange(skeleton->progs.run_hash);
		assert_int_equal(skeleton->bss->hash_result[0], hash[0]);
		assert_int_equal(skeleton->bss->hash_result[1], hash[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_random_lines),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_hashes),
	};

	return cmocka_run_group_tests_name("agree", tests, setup, teardown);
}
