// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <math.h>
#include "core/scale.h"

static void timer_scale(struct timer_stats *timer, double scale)
{
	double upper = timer->upper * scale, lower = timer->lower * scale;

	timer->sum *= scale;
	timer->sum_squares *= scale * scale;
	timer->mean *= scale;
	timer->median *= scale;
	timer->std *= fabs(scale);
	timer->upper = scale < 0 ? lower : upper;
	timer->lower = scale < 0 ? upper : lower;
}

void metric_scale(struct metric *metric, double scale, struct percentile_stats *percentiles, size_t count)
{
	switch (metric->type) {
	case METRIC_COUNTER:
		metric->counter *= scale;
		break;
	case METRIC_GAUGE:
		metric->gauge *= scale;
		break;
	case METRIC_TIMER:
		timer_scale(&metric->timer, scale);
		for (size_t i = 0; i < count; i++) {
			percentiles[i].boundary *= scale;
			percentiles[i].sum *= scale;
			percentiles[i].sum_squares *= scale * scale;
			percentiles[i].mean *= scale;
		}
		break;
	case METRIC_SET:
	case METRIC_TYPES:
		break;
	}
}
