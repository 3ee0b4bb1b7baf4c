// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Nanoseconds of BPF time per datagram by BPF_PROG_RUN, the egress program, one line of
 * JSON per case: the median of several rounds, and their spread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "core/store.h"
#include "packet.h"
#include "probe/capture.h"
#include "probe/internal.h"
#include "statsd.skel.h"

#define ROUNDS 9
#define REPEAT 200000
#define PORT 9

struct bench_case {
	const char *name;
	uint16_t port;
	const char *payload;
};

static const struct bench_case cases[] = {
	{ "other port", 53, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "counter, 20 bytes", PORT, "page.views.home:1|c\n" },
	{ "counter, 35 bytes", PORT, "shop.checkout.completed.total:1|c" },
	{ "counter with rate and tags", PORT, "page.views.home:1|c|@0.1|#env:prod,host:a" },
	{ "timer", PORT, "page.load.home:320.123456|ms" },
	{ "gauge", PORT, "queue.depth.mail:17|g" },
	{ "gauge delta", PORT, "queue.depth.mail:-3|g" },
	{ "set", PORT, "users.unique:alice|s" },
	{ "ten counters", PORT,
	  "page.views.a:1|c\npage.views.b:1|c\npage.views.c:1|c\npage.views.d:1|c\npage.views.e:1|c\n"
	  "page.views.f:1|c\npage.views.g:1|c\npage.views.h:1|c\npage.views.i:1|c\npage.views.j:1|c" },
	{ "ten timers", PORT,
	  "page.load.a:1|ms\npage.load.b:22|ms\npage.load.c:31|ms\npage.load.d:14|ms\npage.load.e:95|ms\n"
	  "page.load.f:16|ms\npage.load.g:73|ms\npage.load.h:81|ms\npage.load.i:91|ms\npage.load.j:10|ms" },
	{ "malformed", PORT, "page.views.home:x|c" },
};

static int by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int run_case(int program, const struct bench_case *bench)
{
	uint8_t packet[PACKET_BYTES];
	size_t size = packet_make(packet, bench->port, bench->payload);
	uint32_t ns[ROUNDS];
	int err, i;

	for (i = 0; i < ROUNDS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = (uint32_t)size,
			    .repeat = REPEAT);

		err = bpf_prog_test_run_opts(program, &options);
		if (err)
			return err;
		ns[i] = options.duration;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	printf("{\"case\": \"%s\", \"median_ns\": %u, \"min_ns\": %u, \"max_ns\": %u}\n", bench->name,
	       ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1]);
	return 0;
}

int main(void)
{
	struct store_options store_options = { .series_max = 100000, .set_exact_max = 1000 };
	struct capture_options options;
	struct capture *capture;
	struct error error = {};
	struct store *store;
	size_t i;
	int err = 0;

	store = store_new(&store_options);
	capture_options_init(&options);
	options.hook = HOOK_CGROUP;
	options.ports[0] = PORT;
	capture = capture_new(&options, store, &error);
	if (!capture) {
		fprintf(stderr, "%s\n", error.text);
		store_free(store);
		return 1;
	}
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]) && !err; i++)
		err = run_case(bpf_program__fd(capture->skeleton->progs.egress), &cases[i]);
	capture_free(capture);
	store_free(store);
	return err != 0;
}
