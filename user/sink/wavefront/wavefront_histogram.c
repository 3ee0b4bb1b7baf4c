// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Counts are whole there, and here not always (a value sent with "@0.3" counts 3.33): what is
 * rounded off one bucket goes to the next, so that their sum is right.
 *
 *     buckets   3.33   3.33   3.33         sums   3.33   6.67   10
 *     written   3      4      3     <-  rounded   3      7      10
 */
#include <math.h>
#include <stdlib.h>
#include "core/histogram.h"
#include "core/snapshot.h"
#include "sink/wavefront/wavefront.h"
#include "sink/wavefront/wavefront_histogram.h"

#define DIGITS 6 /* significant ones: a bucket is far wider than what they leave out */

static double round_off(double value)
{
	int shift;
	double unit;

	if (value == 0)
		return 0;
	shift = DIGITS - 1 - (int)floor(log10(fabs(value)));
	unit = pow(10, abs(shift));
	if (!isfinite(unit))
		return value;
	/* A power of ten that is whole is exact, and so is what comes of dividing by it. */
	return shift < 0 ? round(value / unit) * unit : round(value * unit) / unit;
}

/* What the count of the next bucket becomes, with what was left of those before. */
static double count_take(struct wavefront_centroids *centroids)
{
	const struct metric *metric = centroids->metric;
	double count;

	centroids->seen += metric->buckets[centroids->at].count;
	count = round(centroids->seen) - centroids->written;
	/* Less than half a value in all is still a value. */
	if (count < 1 && centroids->written < 1 && centroids->seen > 0 &&
	    centroids->at + 1 == metric->bucket_count)
		count = 1;
	if (!(count >= 1))
		return 0;
	centroids->written += count;
	centroids->clamped += count > INT32_MAX;
	return count < INT32_MAX ? count : INT32_MAX;
}

size_t wavefront_add_centroids(struct wavefront_centroids *centroids, struct text *text)
{
	const struct metric *metric = centroids->metric;
	size_t added = 0;

	for (; centroids->at < metric->bucket_count && added < WAVEFRONT_CENTROIDS_MAX; centroids->at++) {
		double middle = histogram_middle(metric->unit, metric->buckets[centroids->at].index);
		double count = count_take(centroids);

		if (!count)
			continue;
		text_add(text, " #", 2);
		text_add_number(text, count);
		text_add(text, " ", 1);
		text_add_number(text, round_off(middle));
		added++;
	}
	return added;
}
