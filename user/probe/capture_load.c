// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Loads the programs of one hook with the sizes of the options, maps their arrays into
 * memory and attaches them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "probe/hook.h"
#include "probe/internal.h"
#include "probe/sockets.h"
#include "statsd.skel.h"

struct program_row {
	enum socket_kind kind;
	enum capture_hook hook;
	const char *name;
	const char *function; /* in the kernel; NULL: none */
	bool optional;	      /* the kernel may lack the function: IPv6 is not built in */
	bool counts;	      /* what the kernel skips of its runs are datagrams that nobody else sees */
};

/* What TCP programs miss, the stream's positions tell; most of it is other traffic. */
static const struct program_row program_rows[] = {
	{ SOCKETS_UDP, HOOK_FENTRY, "fentry_udp", "udp_sendmsg", false, true },
	{ SOCKETS_UDP, HOOK_FENTRY, "fentry_udpv6", "udpv6_sendmsg", true, true },
	{ SOCKETS_UDP, HOOK_FENTRY, "fexit_udp", "udp_sendmsg", false, false },
	{ SOCKETS_UDP, HOOK_FENTRY, "fexit_udpv6", "udpv6_sendmsg", true, false },
	{ SOCKETS_UDP, HOOK_KPROBE, "kprobe_udp", "udp_sendmsg", false, true },
	{ SOCKETS_UDP, HOOK_KPROBE, "kprobe_udpv6", "udpv6_sendmsg", true, true },
	{ SOCKETS_UDP, HOOK_KPROBE, "kretprobe_udp", "udp_sendmsg", false, false },
	{ SOCKETS_UDP, HOOK_KPROBE, "kretprobe_udpv6", "udpv6_sendmsg", true, false },
	{ SOCKETS_UDP, HOOK_CGROUP, "egress", NULL, false, true },
	{ SOCKETS_UNIX, HOOK_FENTRY, "fentry_unix", "unix_dgram_sendmsg", false, true },
	{ SOCKETS_UNIX, HOOK_FENTRY, "fexit_unix", "unix_dgram_sendmsg", false, false },
	{ SOCKETS_UNIX, HOOK_KPROBE, "kprobe_unix", "unix_dgram_sendmsg", false, true },
	{ SOCKETS_UNIX, HOOK_KPROBE, "kretprobe_unix", "unix_dgram_sendmsg", false, false },
	{ SOCKETS_TCP, HOOK_FENTRY, "fentry_tcp", "tcp_sendmsg_locked", false, false },
	{ SOCKETS_TCP, HOOK_FENTRY, "fexit_tcp", "tcp_sendmsg_locked", false, false },
	{ SOCKETS_TCP, HOOK_FENTRY, "fentry_tcp_close", "tcp_close", false, false },
	{ SOCKETS_TCP, HOOK_KPROBE, "kprobe_tcp", "tcp_sendmsg_locked", false, false },
	{ SOCKETS_TCP, HOOK_KPROBE, "kretprobe_tcp", "tcp_sendmsg_locked", false, false },
	{ SOCKETS_TCP, HOOK_KPROBE, "kprobe_tcp_close", "tcp_close", false, false },
};
#define PROGRAM_ROWS (sizeof(program_rows) / sizeof(program_rows[0]))

/* A function of a module, as IPv6 may be one, is in /proc/kallsyms only. */
static bool module_has(const char *function)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	bool found = false;

	if (!symbols)
		return false;
	while (!found && fgets(line, sizeof(line), symbols))
		found = sscanf(line, "%*s %*s %255s", name) == 1 && strcmp(name, function) == 0;
	fclose(symbols);
	return found;
}

static bool kernel_has(const struct btf *kernel, const char *function)
{
	return btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC) > 0 || module_has(function);
}

static void choose_programs(struct capture *capture, enum capture_hook hook, const struct btf *kernel)
{
	const struct program_row *row;
	struct bpf_program *program;
	enum capture_hook wanted;

	for (row = program_rows; row < program_rows + PROGRAM_ROWS; row++) {
		program = bpf_object__find_program_by_name(capture->skeleton->obj, row->name);
		wanted = row->kind == SOCKETS_UDP ? hook : sockets_hook(capture, row->kind);
		bpf_program__set_autoload(program,
					  row->hook == wanted &&
						  (!row->optional || kernel_has(kernel, row->function)));
	}
	bpf_map__set_autocreate(capture->skeleton->maps.stream_sends,
				sockets_hook(capture, SOCKETS_TCP) != HOOK_AUTO);
}

bool capture_program_counts(const struct bpf_program *program)
{
	const struct program_row *row;

	for (row = program_rows; row < program_rows + PROGRAM_ROWS; row++) {
		if (strcmp(row->name, bpf_program__name(program)) == 0)
			return bpf_program__autoload(program) && row->counts;
	}
	return false;
}

/* A power of two, at most four fifths full. */
static uint32_t series_entries(const struct capture *capture)
{
	uint64_t slots = (uint64_t)capture->slot_base[METRIC_SET] + capture->options.sets, entries = 64;

	while (entries < slots + slots / 4)
		entries *= 2;
	return entries <= 1U << 31 ? (uint32_t)entries : 1U << 31;
}

static int set_constants(struct capture *capture)
{
	struct statsd_bpf__rodata *rodata = capture->skeleton->rodata;
	const struct capture_options *options = &capture->options;
	size_t i;

	rodata->cpu_count = capture->cpus;
	rodata->exact_timers = options->exact_timers;
	rodata->weighted_timers = options->weighted_timers;
	rodata->absorb = options->absorb;
	rodata->series_mask = series_entries(capture) - 1;
	rodata->samples_max = options->samples;
	rodata->set_exact_max = options->set_exact_max;
	for (i = 0; i < METRIC_TYPES; i++)
		rodata->cells_max[i] = capture->cells_max[i];
	if (getrandom((void *)rodata->key_seed, sizeof(rodata->key_seed), 0) != sizeof(rodata->key_seed))
		return -EIO;
	return 0;
}

struct map_size {
	struct bpf_map *map;
	uint64_t entries;
};

static int size_maps(struct capture *capture)
{
	const struct capture_options *options = &capture->options;
	struct statsd_bpf *s = capture->skeleton;
	uint32_t slots = capture->slot_base[METRIC_SET] + options->sets;
	uint64_t per_cpu = (uint64_t)WINDOWS * capture->cpus;
	const struct map_size sizes[] = {
		{ s->maps.series, series_entries(capture) },
		{ s->maps.owners, slots },
		{ s->maps.counters, per_cpu * options->counters },
		{ s->maps.timers, options->exact_timers ? 1 : per_cpu * options->timers },
		{ s->maps.gauges, (uint64_t)WINDOWS * options->gauges },
		{ s->maps.sets, (uint64_t)WINDOWS * options->sets },
		{ s->maps.sketches, (uint64_t)WINDOWS * options->sets },
		{ s->maps.samples, options->exact_timers ? (uint64_t)WINDOWS * options->samples : 1 },
		{ s->maps.ledgers, per_cpu },
		{ s->maps.recycled_counters, options->counters },
		{ s->maps.recycled_timers, options->timers },
		{ s->maps.recycled_gauges, options->gauges },
		{ s->maps.recycled_sets, options->sets },
		{ s->maps.buckets_0, options->buckets },
		{ s->maps.buckets_1, options->buckets },
		{ s->maps.members_0, options->members },
		{ s->maps.members_1, options->members },
		{ s->maps.ring, options->ring_bytes },
		{ s->maps.cpus, capture->cpus },
		{ s->maps.scratches, (uint64_t)capture->cpus * SCRATCHES },
	};
	size_t i;
	int err;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].entries > UINT32_MAX)
			return -E2BIG;
		err = bpf_map__set_max_entries(sizes[i].map, (uint32_t)sizes[i].entries);
		if (err)
			return err;
	}
	return 0;
}

static int map_area(struct area *area, const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	area->stride = (bpf_map__value_size(map) + 7) & ~(size_t)7;
	area->bytes = (area->stride * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
	area->memory = mmap(NULL, area->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (area->memory == MAP_FAILED) {
		area->memory = NULL;
		return -errno;
	}
	return 0;
}

struct area_row {
	struct area *area;
	const struct bpf_map *map;
};

static int map_areas(struct capture *capture)
{
	struct statsd_bpf *s = capture->skeleton;
	const struct area_row rows[] = {
		{ &capture->series, s->maps.series },	  { &capture->owners, s->maps.owners },
		{ &capture->counters, s->maps.counters }, { &capture->timers, s->maps.timers },
		{ &capture->gauges, s->maps.gauges },	  { &capture->sets, s->maps.sets },
		{ &capture->sketches, s->maps.sketches }, { &capture->samples, s->maps.samples },
		{ &capture->ledgers, s->maps.ledgers },
	};
	size_t i;
	int err;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = map_area(rows[i].area, rows[i].map);
		if (err)
			return err;
	}
	return 0;
}

static void unmap_areas(struct capture *capture)
{
	struct area *const areas[] = { &capture->series,   &capture->owners,  &capture->counters,
				       &capture->timers,   &capture->gauges,  &capture->sets,
				       &capture->sketches, &capture->samples, &capture->ledgers };
	size_t i;

	for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		if (areas[i]->memory)
			munmap(areas[i]->memory, areas[i]->bytes);
		*areas[i] = (struct area){};
	}
}

static int attach_programs(struct capture *capture, struct error *error)
{
	const struct program_row *row;
	struct bpf_program *program;
	struct bpf_link *link;

	/* Backwards: the return of a send is watched before its entry is. */
	for (row = program_rows + PROGRAM_ROWS; row-- > program_rows;) {
		program = bpf_object__find_program_by_name(capture->skeleton->obj, row->name);
		if (!bpf_program__autoload(program))
			continue;
		link = hook_attach(program, row->hook);
		if (!link)
			return error_set(error, -errno, "cannot attach %s: %s", row->name, strerror(errno));
		capture->links[capture->link_count++] = link;
	}
	return 0;
}

static int open_maps(struct capture *capture, enum capture_hook hook, struct error *error)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	int err;

	if (!kernel)
		return error_set(error, -errno,
				 "cannot read the kernel's types from /sys/kernel/btf/vmlinux: %s; "
				 "a kernel with CONFIG_DEBUG_INFO_BTF is needed",
				 strerror(errno));
	choose_programs(capture, hook, kernel);
	err = set_constants(capture);
	btf__free(kernel);
	if (!err)
		err = size_maps(capture);
	return err ? error_set(error, err, "cannot size the maps: %s; lower the limits", strerror(-err)) : 0;
}

static void lay_out_slots(struct capture *capture)
{
	const struct capture_options *options = &capture->options;
	uint32_t base = 0;
	size_t i;

	capture->cells_max[METRIC_COUNTER] = options->counters;
	capture->cells_max[METRIC_TIMER] = options->timers;
	capture->cells_max[METRIC_GAUGE] = options->gauges;
	capture->cells_max[METRIC_SET] = options->sets;
	for (i = 0; i < METRIC_TYPES; i++) {
		capture->slot_base[i] = base;
		base += capture->cells_max[i];
	}
	capture->cpus = (unsigned int)libbpf_num_possible_cpus();
}

static int load_maps(struct capture *capture, enum capture_hook hook, struct error *error)
{
	int err;

	err = statsd_bpf__load(capture->skeleton);
	if (err)
		return error_set(error, err,
				 "cannot load the programs of hook %s: %s; -v shows what the kernel says",
				 capture_hook_name(hook), strerror(-err));
	err = sockets_set_names(capture);
	if (err)
		return error_set(error, err, "cannot set the captured Unix sockets: %s", strerror(-err));
	err = map_areas(capture);
	if (err)
		return error_set(error, err, "cannot map the cells into memory: %s; lower the limits",
				 strerror(-err));
	capture->slots =
		calloc(capture->slot_base[METRIC_SET] + capture->options.sets, sizeof(*capture->slots));
	capture->batch = malloc(BATCH_BYTES);
	if (!capture->slots || !capture->batch)
		return error_set(error, -ENOMEM, "cannot start the capture: out of memory");
	return 0;
}

static int load_chosen(struct capture *capture, enum capture_hook hook, struct error *error)
{
	int err;

	lay_out_slots(capture);
	capture->skeleton = statsd_bpf__open();
	if (!capture->skeleton)
		return error_set(error, -errno, "cannot open the programs: %s", strerror(errno));
	err = open_maps(capture, hook, error);
	if (!err)
		err = load_maps(capture, hook, error);
	if (!err)
		err = attach_programs(capture, error);
	if (err)
		capture_unload(capture);
	else
		capture->hook = hook;
	return err;
}

int capture_load(struct capture *capture, enum capture_hook hook, struct error *error)
{
	int err = load_chosen(capture, hook, error);

	if (!err || !sockets_give_up(capture, error->text))
		return err;
	return load_chosen(capture, hook, error);
}

void capture_unlink(struct capture *capture)
{
	while (capture->link_count)
		bpf_link__destroy(capture->links[--capture->link_count]);
}

void capture_unload(struct capture *capture)
{
	capture_unlink(capture);
	unmap_areas(capture);
	statsd_bpf__destroy(capture->skeleton);
	capture->skeleton = NULL;
	free(capture->slots);
	capture->slots = NULL;
	free(capture->batch);
	capture->batch = NULL;
}
