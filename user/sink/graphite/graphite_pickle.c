// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Lengths inside are little endian, the one before all and the value are big endian. */
#include <endian.h>
#include <string.h>
#include "sink/graphite/graphite_pickle.h"

#define TAIL_BYTES 21 /* from "\x8a" on */

void pickle_begin(struct text *text)
{
	text_add(text, "X\0\0\0\0", PICKLE_PATH_AT);
}

void pickle_end(struct text *text, size_t begin, int64_t timestamp, double value)
{
	uint32_t len = htole32((uint32_t)(text->len - begin - PICKLE_PATH_AT));
	uint64_t number, time = htole64((uint64_t)timestamp);
	char tail[TAIL_BYTES] = { '\x8a', 8 };

	if (text->failed)
		return;
	memcpy(text->data + begin + 1, &len, sizeof(len));
	memcpy(&number, &value, sizeof(number));
	number = htobe64(number);
	memcpy(tail + 2, &time, sizeof(time));
	tail[10] = 'G';
	memcpy(tail + 11, &number, sizeof(number));
	tail[19] = '\x86';
	tail[20] = '\x86';
	text_add(text, tail, sizeof(tail));
}

static size_t point_len(const char *data)
{
	uint32_t len;

	memcpy(&len, data + 1, sizeof(len));
	return PICKLE_PATH_AT + le32toh(len) + TAIL_BYTES;
}

void pickle_frame(const char *data, size_t len, struct text *batch)
{
	static const char head[] = "\x80\x02](", end[] = "e.";

	while (len) {
		size_t part = 0;
		uint32_t size;

		for (int points = 0; part < len && points < PICKLE_POINTS_MAX; points++) {
			size_t next = point_len(data + part);

			if (part && part + next > PICKLE_BYTES_MAX)
				break;
			part += next;
		}
		size = htobe32((uint32_t)(sizeof(head) - 1 + part + sizeof(end) - 1));
		text_add(batch, (const char *)&size, sizeof(size));
		text_add(batch, head, sizeof(head) - 1);
		text_add(batch, data, part);
		text_add(batch, end, sizeof(end) - 1);
		data += part;
		len -= part;
	}
}
