// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Two fair parts become one by drawing as if the wholes were there: from either with the
 * probability of what is left of it,
 *
 *     of 900 seen, 100 kept   --.  the first is drawn from this one with 900/1000
 *     of 100 seen, 100 kept   --'  and from that one with 100/1000, then 899/999, ...
 *
 * and which of the kept ones it is does not matter, since they are a fair part themselves.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/samples.h"

#define SIZE_MIN 64

uint64_t chance_below(uint64_t *chance, uint64_t bound)
{
	*chance ^= *chance >> 12;
	*chance ^= *chance << 25;
	*chance ^= *chance >> 27;
	return (uint64_t)((unsigned __int128)(*chance * 2685821657736338717ULL) * bound >> 64);
}

static int samples_reserve(struct samples *samples, size_t count)
{
	size_t size = samples->size ? samples->size : SIZE_MIN;
	struct sample *list;

	while (size < count)
		size *= 2;
	if (size == samples->size)
		return 0;
	list = realloc(samples->list, size * sizeof(*list));
	if (!list)
		return -ENOMEM;
	samples->list = list;
	samples->size = size;
	return 0;
}

/* Are those all that were seen? */
static bool samples_are_all(const struct samples *samples)
{
	return samples->used == samples->seen;
}

int samples_add(struct samples *samples, struct sample sample, size_t limit, uint64_t *chance)
{
	uint64_t at;

	if (samples_are_all(samples) && (!limit || samples->used < limit)) {
		if (samples_reserve(samples, samples->used + 1))
			return -ENOMEM;
		samples->list[samples->used++] = sample;
		samples->seen++;
		return 0;
	}
	at = chance_below(chance, ++samples->seen);
	if (at < samples->used)
		samples->list[at] = sample;
	return 0;
}

/* How many of both together can be kept such that neither has too few to draw from. */
static size_t samples_common(const struct samples *to, const struct samples *from, size_t limit)
{
	size_t count = to->used + from->used;

	if (limit && limit < count)
		count = limit;
	if (!samples_are_all(to) && to->used < count)
		count = to->used;
	if (!samples_are_all(from) && from->used < count)
		count = from->used;
	return count;
}

/* Takes one out by chance; the order is lost. */
static struct sample samples_draw(struct samples *samples, uint64_t *chance)
{
	size_t at = chance_below(chance, samples->used);
	struct sample drawn = samples->list[at];

	samples->list[at] = samples->list[--samples->used];
	samples->seen--;
	return drawn;
}

static int samples_blend(struct samples *to, struct samples *from, size_t count, uint64_t *chance)
{
	struct samples both = { .seen = to->seen + from->seen };
	bool first;

	if (samples_reserve(&both, count))
		return -ENOMEM;
	while (both.used < count) {
		first = chance_below(chance, to->seen + from->seen) < from->seen;
		both.list[both.used++] = samples_draw(first ? from : to, chance);
	}
	samples_release(from);
	samples_release(to);
	*to = both;
	return 0;
}

int samples_move(struct samples *to, struct samples *from, size_t limit, uint64_t *chance)
{
	size_t count = samples_common(to, from, limit);

	if (count < to->used + from->used || !samples_are_all(to) || !samples_are_all(from))
		return from->seen ? samples_blend(to, from, count, chance) : 0;
	if (!from->used)
		return 0;
	if (samples_reserve(from, count))
		return -ENOMEM;
	if (to->used)
		memcpy(from->list + from->used, to->list, to->used * sizeof(*to->list));
	from->used = count;
	from->seen = count;
	samples_release(to);
	*to = *from;
	*from = (struct samples){};
	return 0;
}

static int sample_compare(const void *a, const void *b)
{
	double one = ((const struct sample *)a)->value, other = ((const struct sample *)b)->value;

	return one < other ? -1 : one > other;
}

void samples_sort(struct samples *samples)
{
	if (samples->used)
		qsort(samples->list, samples->used, sizeof(*samples->list), sample_compare);
}

void samples_release(struct samples *samples)
{
	free(samples->list);
	*samples = (struct samples){};
}
