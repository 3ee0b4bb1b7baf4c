/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Options that several kinds of sinks have in common. Equal bytes mean equal options: a struct
 * is zeroed before it is filled.
 */
#ifndef SINK_OPTIONS_H
#define SINK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_BYTES 256
#define DESTINATIONS_MAX 16
#define GLOBS_MAX 8
#define GLOB_BYTES 96
#define PERCENTILES_MAX 32
#define GLOBAL_TAGS_BYTES 1024
#define FILE_PATH_BYTES 256

/* Which part of a snapshot a sink gets (view.h). */
struct view_options {
	/* Globs on names ('*' any text, '?' any character); "" ends a list. No include: all. */
	char include[GLOBS_MAX][GLOB_BYTES], exclude[GLOBS_MAX][GLOB_BYTES];
	double percentiles[PERCENTILES_MAX]; /* of those that the snapshot has */
	size_t percentile_count;
};

struct tls_options {
	bool enabled;
	bool insecure; /* the other side may be anybody */
	/* PEM; "": the system's authorities, no certificate of our own. */
	char ca_file[FILE_PATH_BYTES], cert_file[FILE_PATH_BYTES], key_file[FILE_PATH_BYTES];
	char server_name[ADDRESS_BYTES]; /* in its certificate; "": the host of the address */
};

/* What waits for one destination. */
struct queue_options {
	size_t memory, disk; /* bytes; disk 0: none */
	int64_t max_age;     /* nanoseconds after which a batch is not worth sending; 0: it always is */
};

enum distribution {
	DISTRIBUTION_ALL,  /* each destination gets everything */
	DISTRIBUTION_HASH, /* each series goes to one destination, always the same */
};

/* Of a sink that brings batches to others (push.h). The first member of its own options. */
struct push_options {
	char destinations[DESTINATIONS_MAX][ADDRESS_BYTES]; /* "host:port", "[v6]:port", or URLs */
	size_t destination_count;
	enum distribution distribution;
	struct view_options view;
	struct queue_options queue;
	struct tls_options tls;
	size_t batch_bytes, batch_points; /* a batch is not made larger; a single metric may be */
	int64_t retry_min,
		retry_max; /* nanoseconds between attempts: doubles from min to max, half of it by chance */
	int64_t timeout;   /* nanoseconds that a connection or an answer may take */
	int64_t jitter;	   /* nanoseconds: a flush waits for a part of it, by chance, before it is sent */
};

#endif /* SINK_OPTIONS_H */
