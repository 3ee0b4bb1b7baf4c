/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The keyed 128-bit hash that stands for a value of a set: SipHash-1-3 with 128 bits of
 * output (Aumasson and Bernstein, 2012), over whole words, the length in the last one.
 * The key is drawn at start, so that nobody can make two values meet.
 *
 * A sketch (HyperLogLog) takes its register from the top HLL_BITS of hash[0] and its rank
 * from the leading zeros of hash[1].
 */
#ifndef KSTATSD_HASH_H
#define KSTATSD_HASH_H

#include "bucket.h"
#include "kstatsd.h"

#ifndef __bpf__
#include <string.h>
#endif

/* Longest value hashed, in words of 8 bytes. Longer ones are the slow path's, always. */
#ifdef __bpf__
#define HASH_WORDS_MAX 16
#else
#define HASH_WORDS_MAX (PAYLOAD_FAST_MAX / 8)
#endif

/* Eight bytes at any address. BPF may load them at once; clang would do it byte by byte. */
static inline __attribute__((always_inline)) __u64 load_word(const __u8 *bytes)
{
#ifdef __bpf__
	return *(const __u64 *)bytes;
#else
	__u64 word;

	memcpy(&word, bytes, sizeof(word));
	return word;
#endif
}

/* The first `left` bytes of a word that begins at the lowest address (little endian), the rest zero. */
static inline __attribute__((always_inline)) __u64 mask_word(__u64 word, __u32 left)
{
	return left >= 8 ? word : word & ((1ULL << ((left & 7) * 8)) - 1);
}

static inline __attribute__((always_inline)) __u64 rotate_left(__u64 word, __u32 bits)
{
	return word << bits | word >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

/*
 * Hashes `len` bytes, at most HASH_WORDS_MAX * 8 of them; up to 8 bytes behind them are
 * read and ignored, so they must exist.
 */
static inline __attribute__((always_inline)) void hash_value(const __u64 key[2], const __u8 *bytes, __u32 len,
							     __u64 hash[2])
{
	__u64 v[4] = {
		key[0] ^ 0x736f6d6570736575ULL,
		key[1] ^ 0x646f72616e646f6dULL ^ 0xee,
		key[0] ^ 0x6c7967656e657261ULL,
		key[1] ^ 0x7465646279746573ULL,
	};
	__u64 word;
	__u32 i;

	for (i = 0; i < HASH_WORDS_MAX; i++) {
		if (i * 8 >= len)
			break;
		word = mask_word(load_word(bytes + i * 8), len - i * 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (__u64)len << 56 | len;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;

	v[2] ^= 0xee;
	for (i = 0; i < 3; i++)
		sip_round(v);
	hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	for (i = 0; i < 3; i++)
		sip_round(v);
	hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline __attribute__((always_inline)) __u32 sketch_register(const __u64 hash[2])
{
	return (__u32)(hash[0] >> (64 - HLL_BITS));
}

/* 1 + leading zeros: 1 to 65. */
static inline __attribute__((always_inline)) __u8 sketch_rank(const __u64 hash[2])
{
	return hash[1] ? (__u8)(65 - bit_length(hash[1])) : 65;
}

#endif /* KSTATSD_HASH_H */
