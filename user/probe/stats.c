// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * What the kernel knows of the capture's programs and maps: run times, misses, fill.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/internal.h"
#include "statsd.skel.h"

static int program_info(const struct bpf_program *program, struct bpf_prog_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), info, &size);
}

uint64_t capture_misses(const struct capture *capture)
{
	struct bpf_program *program;
	struct bpf_prog_info info;
	uint64_t misses = 0;

	bpf_object__for_each_program(program, capture->skeleton->obj)
	{
		if (capture_program_counts(program) && !program_info(program, &info))
			misses += info.recursion_misses;
	}
	return misses;
}

size_t capture_programs(const struct capture *capture, struct capture_program *rows, size_t max)
{
	struct bpf_program *program;
	struct bpf_prog_info info;
	size_t count = 0;

	bpf_object__for_each_program(program, capture->skeleton->obj)
	{
		if (count == max || !bpf_program__autoload(program) || program_info(program, &info))
			continue;
		snprintf(rows[count].name, sizeof(rows[count].name), "%s", bpf_program__name(program));
		rows[count].runs = info.run_cnt;
		rows[count].nanoseconds = info.run_time_ns;
		rows[count].misses = info.recursion_misses;
		count++;
	}
	return count;
}

/* The kernel's own account of a map's memory: "memlock:" of its descriptor. */
static uint64_t map_bytes(const struct bpf_map *map)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	fclose(file);
	return bytes;
}

/* Entries of a hash map, which nobody counts: the keys are walked. */
static uint64_t count_keys(const struct bpf_map *map)
{
	uint8_t key[64], next[64];
	uint64_t used = 0, max = bpf_map__max_entries(map);
	void *at = NULL;

	while (used < max && !bpf_map_get_next_key(bpf_map__fd(map), at, next)) {
		memcpy(key, next, sizeof(key));
		at = key;
		used++;
	}
	return used;
}

uint64_t capture_abandoned(const struct capture *capture)
{
	return capture->link_count ? 0 : count_keys(capture->skeleton->maps.retries);
}

uint64_t capture_abandoned_streams(const struct capture *capture)
{
	if (capture->link_count || !bpf_map__autocreate(capture->skeleton->maps.stream_sends))
		return 0;
	return count_keys(capture->skeleton->maps.stream_sends);
}

struct fill {
	const char *name;
	const struct bpf_map *map;
	uint64_t used;
	uint64_t size; /* 0: as many as the map has */
};

static size_t add_fill(const struct fill *fill, struct capture_map *row)
{
	*row = (struct capture_map){
		.name = fill->name,
		.used = fill->used,
		.size = fill->size ? fill->size : bpf_map__max_entries(fill->map),
		.bytes = map_bytes(fill->map),
	};
	return 1;
}

size_t capture_maps(const struct capture *capture, struct capture_map *rows, size_t max)
{
	const struct statsd_bpf *s = capture->skeleton;
	unsigned int open = capture->window;
	const struct fill fills[] = {
		{ "counters", s->maps.counters, slot_cells(capture, METRIC_COUNTER),
		  capture->options.counters },
		{ "timers", s->maps.timers, slot_cells(capture, METRIC_TIMER), capture->options.timers },
		{ "gauges", s->maps.gauges, slot_cells(capture, METRIC_GAUGE), capture->options.gauges },
		{ "sets", s->maps.sets, slot_cells(capture, METRIC_SET), capture->options.sets },
		{ "series", s->maps.series, slots_used(capture), 0 },
		{ "sketches", s->maps.sketches, slot_cells(capture, METRIC_SET), capture->options.sets },
		{ "buckets", open ? s->maps.buckets_1 : s->maps.buckets_0,
		  count_keys(open ? s->maps.buckets_1 : s->maps.buckets_0), 0 },
		{ "members", open ? s->maps.members_1 : s->maps.members_0,
		  count_keys(open ? s->maps.members_1 : s->maps.members_0), 0 },
		{ "samples", s->maps.samples, s->bss->samples_used[open],
		  capture->options.exact_timers ? capture->options.samples : 1 },
	};
	size_t i, count = 0;

	for (i = 0; i < sizeof(fills) / sizeof(fills[0]) && count < max; i++)
		count += add_fill(&fills[i], &rows[count]);
	return count;
}
