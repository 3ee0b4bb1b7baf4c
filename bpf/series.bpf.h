/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From the bytes of a name to the cell of its series.
 *
 * The map `slots` finds a slot by a 64-bit keyed hash of type, name and tags; the array
 * `series` holds the bytes themselves, and they are compared at every observation. So two
 * names never merge: the second of two with one hash takes the slow path.
 *
 * A slot is written once and then published by its hash. The daemon retires an idle series
 * by deleting the hash, and recycles the slot only after the window has changed, when no
 * program can still hold it.
 */
#ifndef SERIES_BPF_H
#define SERIES_BPF_H

#include "hash.h"
#include "maps.bpf.h"

#define KEY_WORDS (KEY_MAX / 8)
#define NO_CELL 0xffffffffU

static __always_inline __u64 text_word(const struct scratch *s, const struct text *text, __u32 i)
{
	return mask_word(load_word(s->payload + (text->at & CURSOR_MASK) + i * 8), text_len(text) - i * 8);
}

static __always_inline __u64 hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_text(__u64 hash, const struct scratch *s, const struct text *text)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		if (i * 8 >= text_len(text))
			break;
		hash = hash_word(hash, text_word(s, text, i));
	}
	return hash;
}

static __always_inline __u64 hash_series(const struct scratch *s)
{
	const struct statsd_line *line = &s->line;
	__u64 hash = key_seed[0] ^ ((__u64)line->type << 32 | line->name.len << 16 | line->tags.len);

	hash = hash_text(hash, s, &line->name);
	if (line->tags.len)
		hash = hash_text(hash, s, &line->tags);
	hash = hash_word(hash, key_seed[1]);
	return hash ? hash : 1; /* 0 marks a slot that was never used */
}

/* Offset of the tags in series_entry.key. */
static __always_inline __u32 tags_offset(const struct scratch *s)
{
	return (text_len(&s->line.name) + 7) & 0x1f8;
}

static __always_inline bool same_text(const struct scratch *s, const struct text *text,
				      const struct series_entry *entry, __u32 offset)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		if (i * 8 >= text_len(text))
			break;
		barrier_var(offset); /* so that what is compared is what is added */
		if (offset > KEY_MAX || text_word(s, text, i) != *(const __u64 *)(entry->key + offset))
			return false;
		offset += 8;
	}
	return true;
}

static __always_inline void copy_text(const struct scratch *s, const struct text *text,
				      struct series_entry *entry, __u32 offset)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		barrier_var(offset);
		if (i * 8 >= text_len(text) || offset > KEY_MAX)
			break;
		*(__u64 *)(entry->key + offset) = text_word(s, text, i);
		offset += 8;
	}
}

static __always_inline bool same_series(const struct series_entry *entry, const struct scratch *s)
{
	const struct statsd_line *line = &s->line;

	if (entry->name_len != line->name.len || entry->tags_len != line->tags.len ||
	    entry->type != line->type)
		return false;
	if (!same_text(s, &line->name, entry, 0))
		return false;
	return !line->tags.len || same_text(s, &line->tags, entry, tags_offset(s));
}

/* First slot of a type: the types lie behind each other. */
static __always_inline __u32 slot_base(__u32 type)
{
	__u32 base = 0;

	if (type > METRIC_COUNTER)
		base += cells_max[METRIC_COUNTER];
	if (type > METRIC_TIMER)
		base += cells_max[METRIC_TIMER];
	if (type > METRIC_GAUGE)
		base += cells_max[METRIC_GAUGE];
	return base;
}

/* A map must be named by a constant at each call. */
#define with_recycled(type, call, ...)                                    \
	((type) == METRIC_COUNTER ? call(&recycled_counters, __VA_ARGS__) \
	 : (type) == METRIC_TIMER ? call(&recycled_timers, __VA_ARGS__)   \
	 : (type) == METRIC_GAUGE ? call(&recycled_gauges, __VA_ARGS__)   \
				  : call(&recycled_sets, __VA_ARGS__))

static __always_inline __u32 cell_take(__u32 type)
{
	__u32 cell;

	if (!with_recycled(type, bpf_map_pop_elem, &cell))
		return cell;
	if (cells_used[type] >= cells_max[type])
		return NO_CELL;
	cell = __sync_fetch_and_add(&cells_used[type], 1);
	return cell < cells_max[type] ? cell : NO_CELL;
}

/* Enters a new series. The slot, or NO_CELL: no room, or another CPU was first and disagrees. */
static __noinline __u32 series_register(struct scratch *s, __u64 hash)
{
	__u32 type = s->line.type & (METRIC_TYPES - 1);
	__u32 cell, slot, *first;
	struct series_entry *entry;

	cell = cell_take(type);
	if (cell == NO_CELL)
		return NO_CELL;
	slot = slot_base(type) + cell;
	entry = bpf_map_lookup_elem(&series, &slot);
	if (!entry)
		return NO_CELL;
	entry->hash = hash;
	entry->type = type;
	entry->name_len = s->line.name.len;
	entry->tags_len = s->line.tags.len;
	copy_text(s, &s->line.name, entry, 0);
	copy_text(s, &s->line.tags, entry, tags_offset(s));
	if (!bpf_map_update_elem(&slots, &hash, &slot, BPF_NOEXIST))
		return slot;

	entry->hash = 0;
	with_recycled(type, bpf_map_push_elem, &cell, 0);
	first = bpf_map_lookup_elem(&slots, &hash);
	if (!first)
		return NO_CELL;
	slot = *first;
	entry = bpf_map_lookup_elem(&series, &slot);
	return entry && same_series(entry, s) ? slot : NO_CELL;
}

/* The cell of the line's series, or NO_CELL: the slow path's. */
static __always_inline __u32 series_cell(struct scratch *s)
{
	struct series_entry *entry;
	__u32 *found, slot;
	__u64 hash;

	if (s->line.name.len + s->line.tags.len > KEY_MAX)
		return NO_CELL;
	hash = hash_series(s);
	found = bpf_map_lookup_elem(&slots, &hash);
	if (found) {
		slot = *found;
		entry = bpf_map_lookup_elem(&series, &slot);
		if (!entry || !same_series(entry, s))
			return NO_CELL;
	} else {
		slot = series_register(s, hash);
		if (slot == NO_CELL)
			return NO_CELL;
	}
	return slot - slot_base(s->line.type & (METRIC_TYPES - 1));
}

#endif /* SERIES_BPF_H */
