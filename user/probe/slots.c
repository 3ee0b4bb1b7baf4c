// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Slots: the cells of the kernel, and which series of the store each one is.
 *
 *     entered by a program -> drained, known -> idle: its entry is retired -> next closing:
 *     no program can hold it any more -> its cell is recycled, its entry is freed
 *
 * An entry is free only if the search for another one need not pass it: while the entry
 * behind it is taken, it stays, as a stone in the path.
 */
#include <errno.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/store.h"
#include "lib/log.h"
#include "probe/internal.h"
#include "probe/undisturbed.h"
#include "statsd.skel.h"

/* Tag of an entry that nobody is in any more: retired, without a hash. */
#define TAG_STONE ((uint64_t)ENTRY_RETIRED)

uint32_t slot_cells(const struct capture *capture, enum metric_type type)
{
	uint32_t used = capture->skeleton->bss->cells_used[type];

	return used < capture->cells_max[type] ? used : capture->cells_max[type];
}

/* The programs read and change tags at any time. */
static uint64_t tag_read(const struct series_entry *entry)
{
	return __atomic_load_n(&entry->tag, __ATOMIC_ACQUIRE);
}

static void tag_write(struct series_entry *entry, uint64_t tag)
{
	__atomic_store_n(&entry->tag, tag, __ATOMIC_RELEASE);
}

static uint32_t *slot_owner(const struct capture *capture, uint32_t number)
{
	return area_at(&capture->owners, number);
}

/* The entry of a slot that has one. */
static struct series_entry *slot_entry(const struct capture *capture, uint32_t number)
{
	return area_at(&capture->series, *slot_owner(capture, number) - 1);
}

/* Asks the store for the series of a slot that has an entry; it is held. */
static struct series *slot_name(struct capture *capture, enum metric_type type, uint32_t number)
{
	const struct series_entry *entry = slot_entry(capture, number);

	capture->slots[number].unit = entry->unit;
	return store_hold_series(capture->store, type, entry->key, entry->name_len,
				 entry->key + ((entry->name_len + 7U) & ~7U), entry->tags_len);
}

/* There is no series of that name, says errno. */
static void slot_unnamed(struct capture *capture, struct slot *slot)
{
	slot->nameless = errno == ENAMETOOLONG;
	if (!slot->nameless || capture->told_nameless)
		return;
	capture->told_nameless = true;
	log_warning(
		"the mapping makes a name of more than 8 kB of one that the kernel knows: its values are "
		"rejected; lines.rejected.too_long counts them, those of a counter, a gauge or a set as one in "
		"each window");
}

struct series *slot_series(struct capture *capture, enum metric_type type, uint32_t cell)
{
	uint32_t number = capture->slot_base[type] + cell;
	struct slot *slot = &capture->slots[number];

	slot->used = capture->closings;
	if (slot->series || slot->nameless)
		return slot->series;
	if (!*slot_owner(capture, number)) /* a rest of a series that is gone */
		return NULL;
	slot->series = slot_name(capture, type, number);
	if (!slot->series)
		slot_unnamed(capture, slot);
	return slot->series;
}

enum timer_unit slot_unit(const struct capture *capture, enum metric_type type, uint32_t cell)
{
	return capture->slots[capture->slot_base[type] + cell].unit;
}

bool slot_is_nameless(const struct capture *capture, enum metric_type type, uint32_t cell)
{
	return capture->slots[capture->slot_base[type] + cell].nameless;
}

/* Out of memory: it goes on under its old name. */
static void slot_rename(struct capture *capture, enum metric_type type, uint32_t number)
{
	struct slot *slot = &capture->slots[number];
	struct series *before = slot->series, *renamed;

	slot->nameless = false;
	if (!before)
		return;
	renamed = slot_name(capture, type, number);
	if (!renamed)
		slot_unnamed(capture, slot);
	if (!renamed && !slot->nameless)
		return;
	series_rename(before, renamed);
	slot->series = renamed;
}

void capture_rename(struct capture *capture)
{
	uint32_t cell, cells;
	int type;

	capture->told_nameless = false;
	for (type = 0; type < METRIC_TYPES; type++) {
		cells = slot_cells(capture, type);
		for (cell = 0; cell < cells; cell++)
			slot_rename(capture, type, capture->slot_base[type] + cell);
	}
}

uint32_t slots_used(const struct capture *capture)
{
	uint32_t slots = capture->slot_base[METRIC_SET] + capture->options.sets, used = 0, i;

	for (i = 0; i < slots; i++)
		used += *slot_owner(capture, i) != 0;
	return used;
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

/* Frees an entry, and the stones before it, if the path ends behind it. */
static void entry_free(struct capture *capture, uint32_t index)
{
	uint32_t mask = capture->skeleton->rodata->series_mask;
	const struct series_entry *next = area_at(&capture->series, (index + 1) & mask);
	struct series_entry *entry = area_at(&capture->series, index);

	tag_write(entry, TAG_STONE);
	while (tag_read(next) == ENTRY_FREE && tag_read(entry) == TAG_STONE) {
		tag_write(entry, ENTRY_FREE);
		next = entry;
		index = (index - 1) & mask;
		entry = area_at(&capture->series, index);
	}
}

static void gauge_mark(const struct capture *capture, uint32_t number)
{
	struct gauge_cell *cell = gauge_at(capture, capture->window, number);

	if (cell->slow == GAUGE_FAST)
		cell->slow = GAUGE_SLOW;
}

/*
 * A gauge that found no room in this window sent its writes through the ring. It must not find
 * room now and have the kernel fold those that follow: the store takes what the kernel folded in
 * a window for older than what came through the ring of it.
 *
 * Room appears only here: a cell of gauges is recycled, or an entry of any type is freed that
 * was in the way of a gauge. So first every cell that a gauge may enter becomes slow in the open
 * window: those that nobody owns, and each that is recycled. Who finds room afterwards enters one
 * of them, and its writes go on through the ring, in order, until the window closes. Gauges
 * that have their cell stay as fast as they were.
 *
 * The same keeps a gauge in order that is retired after a write in this window, and enters
 * again: the write in its old cell comes before those that the new one makes slow.
 *
 * A cell may become slow at any time: what the kernel folded there came before. So it does not
 * matter if a program takes one of them at this moment.
 */
static void gauges_mark(struct capture *capture)
{
	uint32_t number;

	if (capture->gauges_marked[capture->window])
		return;
	capture->gauges_marked[capture->window] = true;
	for (number = 0; number < capture->cells_max[METRIC_GAUGE]; number++) {
		if (!*slot_owner(capture, capture->slot_base[METRIC_GAUGE] + number))
			gauge_mark(capture, number);
	}
}

/* What is drained from, or shared by several spellings, has a series. */
void gauges_unmark(struct capture *capture, unsigned int window)
{
	const struct slot *slots = capture->slots + capture->slot_base[METRIC_GAUGE];
	struct gauge_cell *cell;
	uint32_t number;

	if (!capture->gauges_marked[window])
		return;
	capture->gauges_marked[window] = false;
	for (number = 0; number < capture->cells_max[METRIC_GAUGE]; number++) {
		cell = gauge_at(capture, window, number);
		if (cell->slow == GAUGE_SLOW && !slots[number].series)
			cell->slow = GAUGE_FAST;
	}
}

/* No program can hold the slot any more: what it stood for is forgotten, its cell can be another series. */
static void slot_recycle(struct capture *capture, enum metric_type type, uint32_t cell, struct slot *slot)
{
	uint32_t *owner = slot_owner(capture, capture->slot_base[type] + cell);
	struct undisturbed before;

	if (slot->series)
		series_release(slot->series);
	*slot = (struct slot){};
	gauges_mark(capture);
	if (type == METRIC_GAUGE)
		gauge_mark(capture, cell);
	entry_free(capture, *owner - 1);
	*owner = 0;
	undisturbed_begin(&before);
	bpf_map_update_elem(bpf_map__fd(recycled_map(capture, type)), NULL, &cell, BPF_ANY);
	undisturbed_end(&before);
}

static void slot_retire(struct capture *capture, enum metric_type type, uint32_t number, struct slot *slot)
{
	struct series_entry *entry = slot_entry(capture, number);

	if (type == METRIC_GAUGE)
		gauges_mark(capture);
	tag_write(entry, (entry->tag & ~(uint64_t)ENTRY_STATE_MASK) | ENTRY_RETIRED);
	slot->retired = true;
	slot->used = capture->closings;
}

/* A series that was entered, but all of whose lines took the slow path, has a slot that nobody drained. */
static void slot_adopt(struct capture *capture, enum metric_type type, uint32_t cell)
{
	uint32_t number = capture->slot_base[type] + cell;

	if (*slot_owner(capture, number) &&
	    (tag_read(slot_entry(capture, number)) & ENTRY_STATE_MASK) == ENTRY_LIVE)
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
			if (!slot->series && !slot->nameless)
				slot_adopt(capture, type, cell);
			else if (slot->retired && slot->used < capture->closings)
				slot_recycle(capture, type, cell, slot);
			else if (!slot->retired &&
				 slot->used + capture->options.retire_closings < capture->closings)
				slot_retire(capture, type, capture->slot_base[type] + cell, slot);
		}
	}
}
