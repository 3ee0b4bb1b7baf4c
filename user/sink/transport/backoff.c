// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     min  2 min  4 min  ...  max  max        of each, between half and the whole
 *     '-- after a success
 */
#include <event2/util.h>
#include "sink/transport/backoff.h"

void backoff_init(struct backoff *backoff, int64_t min, int64_t max)
{
	*backoff = (struct backoff){ .min = min, .max = max, .next = min };
}

int64_t backoff_spread(int64_t pause)
{
	uint32_t chance;

	evutil_secure_rng_get_bytes(&chance, sizeof(chance));
	return (int64_t)((double)pause * (0.5 + (double)chance / UINT32_MAX / 2));
}

int64_t backoff_take(struct backoff *backoff)
{
	int64_t pause = backoff->next;

	backoff->next = pause < backoff->max / 2 ? 2 * pause : backoff->max;
	return backoff_spread(pause);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->next = backoff->min;
}
