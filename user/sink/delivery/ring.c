// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * FNV-1a for the text, then the finalizer of MurmurHash3, as FNV alone leaves texts that end
 * alike close together. 512 points each: shares differ by some percent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sink/delivery/ring.h"

#define POINTS 512 /* of each destination */

struct point {
	uint64_t at;
	size_t index;
};

struct ring {
	size_t count;
	const char (*addresses)[ADDRESS_BYTES]; /* while it is made */
	struct point points[];
};

#define FNV_START 0xcbf29ce484222325
#define FNV_PRIME 0x100000001b3

static uint64_t text_mix(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * FNV_PRIME;
	return hash;
}

static uint64_t hash_finish(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

/* Two points at one place, if ever: by their addresses, so that the order of the list says nothing. */
static int point_compare(const void *a, const void *b, void *context)
{
	const struct point *one = a, *other = b;
	const struct ring *ring = context;

	if (one->at != other->at)
		return one->at < other->at ? -1 : 1;
	return strcmp(ring->addresses[one->index], ring->addresses[other->index]);
}

struct ring *ring_new(const char (*addresses)[ADDRESS_BYTES], size_t count)
{
	struct ring *ring = malloc(sizeof(*ring) + count * POINTS * sizeof(ring->points[0]));
	char number[16];

	if (!ring)
		return NULL;
	ring->count = count * POINTS;
	ring->addresses = addresses;
	for (size_t i = 0; i < ring->count; i++) {
		uint64_t hash = text_mix(FNV_START, addresses[i / POINTS]);

		snprintf(number, sizeof(number), "#%zu", i % POINTS);
		ring->points[i] = (struct point){ hash_finish(text_mix(hash, number)), i / POINTS };
	}
	qsort_r(ring->points, ring->count, sizeof(ring->points[0]), point_compare, ring);
	return ring;
}

void ring_free(struct ring *ring)
{
	free(ring);
}

size_t ring_find(const struct ring *ring, const char *name, const char *tags)
{
	uint64_t hash = text_mix(FNV_START, name);
	size_t low = 0, high = ring->count;

	if (*tags)
		hash = text_mix(text_mix(hash, ";"), tags);
	hash = hash_finish(hash);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ring->points[middle].at < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return ring->points[low < ring->count ? low : 0].index;
}
