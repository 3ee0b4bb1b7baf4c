// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Slots: the kernel's numbers for series, and which series of the store each one is.
 *
 *     entered by a program -> drained, known -> idle: its hash is deleted -> next closing:
 *     no program can hold it any more -> its cell is recycled
 */
#include <stdlib.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/store.h"
#include "probe/internal.h"
#include "statsd.skel.h"

uint32_t slot_cells(const struct capture *capture, enum metric_type type)
{
	uint32_t used = capture->skeleton->bss->cells_used[type];

	return used < capture->cells_max[type] ? used : capture->cells_max[type];
}

struct series *slot_series(struct capture *capture, enum metric_type type, uint32_t cell)
{
	uint32_t number = capture->slot_base[type] + cell;
	struct slot *slot = &capture->slots[number];
	const struct series_entry *entry;

	slot->used = capture->closings;
	if (slot->series)
		return slot->series;
	entry = area_at(&capture->series, number);
	slot->series = store_hold_series(capture->store, type, entry->key, entry->name_len,
					 entry->key + ((entry->name_len + 7U) & ~7U), entry->tags_len);
	return slot->series;
}

static struct bpf_map *recycled_map(const struct capture *capture, enum metric_type type)
{
	struct bpf_map *const maps[METRIC_TYPES] = {
		[METRIC_COUNTER] = capture->skeleton->maps.recycled_counters,
		[METRIC_TIMER] = capture->skeleton->maps.recycled_timers,
		[METRIC_GAUGE] = capture->skeleton->maps.recycled_gauges,
		[METRIC_SET] = capture->skeleton->maps.recycled_sets,
	};

	return maps[type];
}

/* No program can hold the slot any more: what it stood for is forgotten, its cell can be another series. */
static void slot_recycle(struct capture *capture, enum metric_type type, uint32_t cell, struct slot *slot)
{
	struct series_entry *entry = area_at(&capture->series, capture->slot_base[type] + cell);

	series_release(slot->series);
	*slot = (struct slot){};
	entry->hash = 0;
	bpf_map_update_elem(bpf_map__fd(recycled_map(capture, type)), NULL, &cell, BPF_ANY);
}

static void slot_retire(struct capture *capture, uint32_t number, struct slot *slot)
{
	const struct series_entry *entry = area_at(&capture->series, number);

	bpf_map_delete_elem(bpf_map__fd(capture->skeleton->maps.slots), &entry->hash);
	slot->retired = true;
	slot->used = capture->closings;
}

/* A series that was entered, but all of whose lines took the slow path, has a slot that nobody drained. */
static void slot_adopt(struct capture *capture, enum metric_type type, uint32_t cell)
{
	uint32_t number = capture->slot_base[type] + cell, published;
	const struct series_entry *entry = area_at(&capture->series, number);

	if (entry->hash &&
	    !bpf_map_lookup_elem(bpf_map__fd(capture->skeleton->maps.slots), &entry->hash, &published) &&
	    published == number)
		slot_series(capture, type, cell);
}

void slots_retire(struct capture *capture)
{
	uint32_t cell, cells;
	struct slot *slot;
	int type;

	for (type = 0; type < METRIC_TYPES; type++) {
		cells = slot_cells(capture, type);
		for (cell = 0; cell < cells; cell++) {
			slot = &capture->slots[capture->slot_base[type] + cell];
			if (!slot->series)
				slot_adopt(capture, type, cell);
			else if (slot->retired && slot->used < capture->closings)
				slot_recycle(capture, type, cell, slot);
			else if (!slot->retired &&
				 slot->used + capture->options.retire_closings < capture->closings)
				slot_retire(capture, capture->slot_base[type] + cell, slot);
		}
	}
}
