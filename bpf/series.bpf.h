/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * From the bytes of a name to the cell of its series.
 *
 * A hash table in one array, so that a program and the daemon both reach it without a call:
 *
 *     hash of type, unit, name, tags -> home
 *     series:  ... | live | live | retired | live | free | ...
 *                    ^ tags compared, entry by entry, up to a free one; then the bytes
 *
 * The bytes are compared at every observation, so two names never merge: the second of two
 * with one tag takes the slow path. A new series claims the free entry that ends its
 * search, by exchanging the tag; until it is live, others of it take the slow path.
 *
 * The daemon retires an idle series by changing its tag. Its cell is given to another series
 * only after the window has changed, when no program can still hold it.
 */
#ifndef SERIES_BPF_H
#define SERIES_BPF_H

#include "hash.h"
#include "maps.bpf.h"

#define KEY_WORDS (KEY_MAX / 8)
#define NO_CELL 0xffffffffU
#define NO_CELL_YET 0xfffffffeU /* another task enters the series at this moment */

/* Word i of a part of the line; it may reach beyond the part. */
static __always_inline __u64 text_word(const struct scratch *s, const struct text *text, __u32 i)
{
	return load_word(s->payload + (text->at & CURSOR_MASK) + i * 8);
}

/* Bytes of a part that fill whole words. */
static __always_inline __u32 text_whole(const struct text *text)
{
	return text_len(text) & (KEY_MAX * 2 - 8);
}

/* What is left behind the whole words, zeros behind it; 0 if nothing is. */
static __always_inline __u64 text_tail(const struct scratch *s, const struct text *text)
{
	return mask_word(load_word(s->payload + (text->at & CURSOR_MASK) + text_whole(text)),
			 text_len(text) & 7);
}

/*
 * Two secret multipliers: the difference of two words that survives the first one, as that of
 * their highest bits does, does not survive the second for anybody who does not know it.
 */
static __always_inline __u64 hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * (key_seed[0] | 1);
	hash = (hash ^ hash >> 32) * (key_seed[1] | 1);
	return hash ^ hash >> 29;
}

static __always_inline __u64 hash_text(__u64 hash, const struct scratch *s, const struct text *text)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		if (i * 8 >= text_whole(text))
			break;
		hash = hash_word(hash, text_word(s, text, i));
	}
	return hash_word(hash, text_tail(s, text));
}

/* The tag of the line's series without its state. */
static __always_inline __u64 hash_series(const struct scratch *s)
{
	const struct statsd_line *line = &s->line;
	__u64 kind = (__u64)line->unit << 40 | (__u64)line->type << 32;
	__u64 hash = key_seed[1] ^ (kind | line->name.len << 16 | line->tags.len);

	hash = hash_text(hash, s, &line->name);
	if (line->tags.len)
		hash = hash_text(hash, s, &line->tags);
	return hash_word(hash, key_seed[1]) & ~(__u64)ENTRY_STATE_MASK;
}

/* Offset of the tags in series_entry.key. */
static __always_inline __u32 tags_offset(const struct scratch *s)
{
	return (text_len(&s->line.name) + 7) & (KEY_MAX * 2 - 8);
}

static __always_inline bool same_text(const struct scratch *s, const struct text *text,
				      const struct series_entry *entry, __u32 offset)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		if (i * 8 >= text_whole(text))
			break;
		barrier_var(offset); /* so that what is compared is what is added */
		if (offset > KEY_MAX || text_word(s, text, i) != *(const __u64 *)(entry->key + offset))
			return false;
		offset += 8;
	}
	barrier_var(offset);
	return !(text_len(text) & 7) ||
	       (offset <= KEY_MAX && text_tail(s, text) == *(const __u64 *)(entry->key + offset));
}

static __always_inline void copy_text(const struct scratch *s, const struct text *text,
				      struct series_entry *entry, __u32 offset)
{
	__u32 i;

	no_unroll for (i = 0; i < KEY_WORDS; i++)
	{
		barrier_var(offset);
		if (i * 8 >= text_whole(text) || offset > KEY_MAX)
			break;
		*(__u64 *)(entry->key + offset) = text_word(s, text, i);
		offset += 8;
	}
	barrier_var(offset);
	if (offset <= KEY_MAX)
		*(__u64 *)(entry->key + offset) = text_tail(s, text);
}

static __always_inline bool same_series(const struct series_entry *entry, const struct scratch *s)
{
	const struct statsd_line *line = &s->line;

	if (entry->name_len != line->name.len || entry->tags_len != line->tags.len ||
	    entry->type != line->type || entry->unit != line->unit)
		return false;
	if (!same_text(s, &line->name, entry, 0))
		return false;
	return !line->tags.len || same_text(s, &line->tags, entry, tags_offset(s));
}

/* First of a type's cells in `owners`: the types lie behind each other. */
static __always_inline __u32 owner_base(__u32 type)
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

/* "noval|c|#env:1|c": tags before the first colon. The daemon rejects the line; nothing is entered for it. */
static __always_inline bool name_holds_tags(const struct scratch *s)
{
	const __u8 *text = s->payload + (s->line.name.at & CURSOR_MASK);
	__u32 i;

	no_unroll for (i = 0; i < KEY_MAX - 1; i++)
	{
		if (i + 1 >= text_len(&s->line.name))
			break;
		if (text[i] == '|' && text[i + 1] == '#')
			return true;
	}
	return false;
}

/* Enters the line's series at a free entry. Its cell, or NO_CELL: no room; NO_CELL_YET: another was faster. */
static __noinline __u32 series_enter(struct scratch *s, __u64 tag, __u32 index)
{
	__u32 type = s->line.type & (METRIC_TYPES - 1);
	struct series_entry *entry = bpf_map_lookup_elem(&series, &index);
	__u32 cell, number, *owner;

	if (!entry || name_holds_tags(s))
		return NO_CELL;
	cell = cell_take(type);
	if (cell == NO_CELL)
		return NO_CELL;
	number = owner_base(type) + cell;
	owner = bpf_map_lookup_elem(&owners, &number);
	if (!owner || __sync_val_compare_and_swap(&entry->tag, 0, tag | ENTRY_WRITING)) {
		with_recycled(type, bpf_map_push_elem, &cell, 0);
		return NO_CELL_YET;
	}
	entry->cell = cell;
	entry->type = type;
	entry->unit = s->line.unit;
	entry->name_len = s->line.name.len;
	entry->tags_len = s->line.tags.len;
	copy_text(s, &s->line.name, entry, 0);
	if (s->line.tags.len)
		copy_text(s, &s->line.tags, entry, tags_offset(s));
	*owner = index + 1;
	__sync_val_compare_and_swap(&entry->tag, tag | ENTRY_WRITING, tag | ENTRY_LIVE);
	return cell;
}

/*
 * Where the search for a tag ends: at its entry, live or being written, or at a free one.
 * *index is which. NULL: neither is within SERIES_PROBES.
 */
static __always_inline struct series_entry *series_find(__u64 tag, __u32 *index)
{
	__u32 home = series_home(tag, series_mask), i;
	struct series_entry *entry;
	__u64 seen;

	no_unroll for (i = 0; i < SERIES_PROBES; i++)
	{
		*index = (home + i) & series_mask;
		entry = bpf_map_lookup_elem(&series, index);
		if (!entry)
			break;
		seen = *(volatile __u64 *)&entry->tag;
		if (!seen || seen == (tag | ENTRY_LIVE) || seen == (tag | ENTRY_WRITING))
			return entry;
	}
	return NULL;
}

/* The cell of the line's series, or NO_CELL or NO_CELL_YET: the slow path's. */
static __always_inline __u32 series_cell(struct scratch *s)
{
	struct series_entry *entry;
	__u64 tag, seen;
	__u32 index;

	if (s->line.name.len + s->line.tags.len > KEY_MAX)
		return NO_CELL;
	tag = hash_series(s);
	entry = series_find(tag, &index);
	if (!entry)
		return NO_CELL;
	seen = *(volatile __u64 *)&entry->tag;
	if (seen == (tag | ENTRY_LIVE))
		return same_series(entry, s) ? entry->cell : NO_CELL;
	return seen ? NO_CELL_YET : series_enter(s, tag, index);
}

#endif /* SERIES_BPF_H */
