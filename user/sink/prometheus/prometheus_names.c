// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 *     tags      z.one=1;a-b=2;a.b=3;le=4
 *     keys      z_one, a_b, a_b, exported_le       each made safe, then sorted, the last of equals stays
 *     labels    a_b\0 3\0 exported_le\0 4\0 z_one\0 1\0
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sink/prometheus/prometheus_names.h"

struct label {
	size_t key;	   /* where it begins in the work text */
	const char *value; /* in the tags */
	size_t value_len;
	const struct text *work;
};

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_plain(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || is_digit(byte) || byte == '_';
}

void prometheus_name_add(struct text *text, const char *name, size_t len)
{
	size_t plain = 0;

	if (!len || is_digit(*name))
		text_add(text, "_", 1);
	for (size_t i = 0; i < len; i++) {
		if (is_plain(name[i]))
			continue;
		text_add(text, name + plain, i - plain);
		if (!i || name[i] != '-' || name[i - 1] != '-')
			text_add(text, "_", 1);
		plain = i + 1;
	}
	text_add(text, name + plain, len - plain);
}

static bool is_reserved(const char *key, size_t len, bool timer)
{
	static const char *const of_timers[] = { "le", "quantile" };

	for (size_t i = 0; timer && i < 2; i++)
		if (len == strlen(of_timers[i]) && !memcmp(key, of_timers[i], len))
			return true;
	return len >= 2 && !memcmp(key, "__", 2);
}

/* A key, safe, with its NUL; returns where it begins. */
static size_t key_add(struct text *work, const char *key, size_t len, bool timer)
{
	size_t at = work->len;

	prometheus_name_add(work, key, len);
	if (!work->failed && is_reserved(work->data + at, work->len - at, timer)) {
		work->len = at;
		text_add_string(work, "exported_");
		prometheus_name_add(work, key, len);
	}
	text_add(work, "", 1);
	return at;
}

static int label_compare(const void *a, const void *b)
{
	const struct label *one = a, *other = b;
	int order = strcmp(one->work->data + one->key, other->work->data + other->key);

	if (order)
		return order;
	return one->value < other->value ? -1 : one->value > other->value;
}

/* An upper bound. */
static size_t tags_count(const char *tags)
{
	size_t count = *tags != '\0';

	while ((tags = strchr(tags, ';'))) {
		count++;
		tags++;
	}
	return count;
}

static size_t labels_read(struct label *labels, const char *tags, bool timer, struct text *work)
{
	const struct label *first = labels;

	for (; *tags; labels++) {
		size_t len = strcspn(tags, ";"), key = strcspn(tags, "=;");

		*labels = (struct label){
			.key = key_add(work, tags, key, timer),
			.value = tags + key + (tags[key] == '='),
			.work = work,
		};
		labels->value_len = (size_t)(tags + len - labels->value);
		tags += len + (tags[len] == ';');
	}
	return (size_t)(labels - first);
}

void prometheus_labels_add(struct text *text, const char *tags, bool timer, struct text *work)
{
	size_t count = tags_count(tags);
	struct label *labels;

	if (!count)
		return;
	labels = calloc(count, sizeof(*labels));
	work->len = 0;
	if (labels)
		count = labels_read(labels, tags, timer, work);
	if (!labels || work->failed) {
		text->failed = true;
		free(labels);
		return;
	}
	qsort(labels, count, sizeof(*labels), label_compare);
	for (size_t i = 0; i < count; i++) {
		const char *key = work->data + labels[i].key;

		if (!labels[i].value_len || (i + 1 < count && !strcmp(key, work->data + labels[i + 1].key)))
			continue;
		text_add(text, key, strlen(key) + 1);
		text_add(text, labels[i].value, labels[i].value_len);
		text_add(text, "", 1);
	}
	free(labels);
}
