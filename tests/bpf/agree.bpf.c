// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * The parser, the bucket index and the hash as the kernel runs them, for BPF_PROG_RUN: the
 * test writes the input into a map, runs a program once and reads the result back.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "bucket.h"
#include "hash.h"
#include "parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} parsed SEC(".maps");

int result;
__u32 bucket_unit;
__s64 bucket_value;
__s32 bucket_result;
__u64 hash_key[2];
__u64 hash_result[2];

SEC("socket")
int run_parse(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&parsed, &zero);

	if (s)
		result = parse_line(s);
	return 0;
}

SEC("socket")
int run_bucket(struct __sk_buff *skb)
{
	bucket_result = bucket_index(bucket_unit, bucket_value);
	return 0;
}

/* Hashes the whole payload in the map. */
SEC("socket")
int run_hash(struct __sk_buff *skb)
{
	__u64 key[2] = { hash_key[0], hash_key[1] }, hash[2];
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&parsed, &zero);

	if (!s || s->len > HASH_WORDS_MAX * 8)
		return 0;
	hash_value(key, s->payload, s->len, hash);
	hash_result[0] = hash[0];
	hash_result[1] = hash[1];
	return 0;
}
