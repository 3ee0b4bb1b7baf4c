// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Tries hooks for real: what a kernel's configuration or version promises is not asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "hooks.skel.h"
#include "lib/log.h"
#include "probe/hook.h"
#include "probe/preempt.h"

/* libbpf's sentences are for -v; what matters of them is said by who called it. */
static int libbpf_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_DEBUG)
		log_library("libbpf", format + (strncmp(format, "libbpf: ", 8) ? 0 : 8), arguments);
	return 0;
}

/* What the kernel answers where it lacks a feature; not in errno.h. */
#define ENOTSUPP 524

static const char *const hook_names[HOOKS] = {
	[HOOK_AUTO] = "auto",
	[HOOK_FENTRY] = "fentry",
	[HOOK_KPROBE] = "kprobe",
	[HOOK_CGROUP] = "cgroup",
};

const char *capture_hook_name(enum capture_hook hook)
{
	return hook_names[hook];
}

/*
 * fentry costs least. Where tasks preempt each other inside a program the kernel skips it
 * for the second, so there kprobe comes first: it runs with preemption off.
 */
const enum capture_hook *hook_order(bool preemption, bool absorb)
{
	static const enum capture_hook plain[] = { HOOK_FENTRY, HOOK_KPROBE, HOOK_CGROUP };
	static const enum capture_hook preemptible[] = { HOOK_KPROBE, HOOK_CGROUP, HOOK_FENTRY };
	static const enum capture_hook absorbing[] = { HOOK_CGROUP, HOOK_AUTO, HOOK_AUTO };

	if (absorb)
		return absorbing;
	return preemption ? preemptible : plain;
}

int hook_cgroup_open(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	int fd = -ENOENT;

	if (!mounts)
		return -errno;
	while (fd == -ENOENT && (mount = getmntent(mounts)) != NULL) {
		if (strcmp(mount->mnt_type, "cgroup2") != 0)
			continue;
		fd = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	endmntent(mounts);
	return fd;
}

struct bpf_link *hook_attach(struct bpf_program *program, enum capture_hook hook)
{
	struct bpf_link *link;
	int fd, saved;

	if (hook != HOOK_CGROUP)
		return bpf_program__attach(program);
	fd = hook_cgroup_open();
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	link = bpf_program__attach_cgroup(program, fd);
	saved = errno;
	close(fd);
	errno = saved;
	return link;
}

struct hint {
	enum capture_hook hook;
	int error;
	const char *text;
};

static const struct hint hints[] = {
	{ HOOK_FENTRY, EPERM,
	  "the kernel refuses tracing programs (EPERM): kernel lockdown, or a guest whose host forbids them" },
	{ HOOK_FENTRY, ENOTSUPP, "the kernel has no BPF trampolines for this function" },
	{ HOOK_FENTRY, ESRCH, "the kernel's BTF does not name the function" },
	{ HOOK_KPROBE, ENOENT, "the kernel has no kprobes: built without CONFIG_KPROBES" },
	{ HOOK_KPROBE, EOPNOTSUPP, "the kernel has no kprobes: built without CONFIG_KPROBES" },
	{ HOOK_CGROUP, ENOENT,
	  "no cgroup v2 hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified" },
	{ HOOK_CGROUP, EINVAL, "the kernel has no cgroup programs: built without CONFIG_CGROUP_BPF" },
};

static void explain(enum capture_hook hook, int error, const char *step, char *reason, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].hook == hook && hints[i].error == error) {
			snprintf(reason, size, "%s", hints[i].text);
			return;
		}
	}
	snprintf(reason, size, "cannot %s a minimal program: %s", step, strerror(error));
}

static struct bpf_program *trial_program(struct hooks_bpf *skeleton, enum capture_hook hook,
					 enum socket_kind kind)
{
	struct bpf_program *const programs[SOCKET_KINDS][HOOKS] = {
		[SOCKETS_UDP] = { [HOOK_FENTRY] = skeleton->progs.try_fentry,
				  [HOOK_KPROBE] = skeleton->progs.try_kprobe,
				  [HOOK_CGROUP] = skeleton->progs.try_cgroup },
		[SOCKETS_UNIX] = { [HOOK_FENTRY] = skeleton->progs.try_fentry_unix,
				   [HOOK_KPROBE] = skeleton->progs.try_kprobe_unix },
		[SOCKETS_TCP] = { [HOOK_FENTRY] = skeleton->progs.try_fentry_tcp,
				  [HOOK_KPROBE] = skeleton->progs.try_kprobe_tcp },
	};

	return programs[kind][hook];
}

/* What the programs of every hook need beside the hook. */
static bool has_bpf_loop(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_loop, NULL) == 1;
}

int hook_try(enum capture_hook hook, enum socket_kind kind, char *reason, size_t size)
{
	struct bpf_link *link = NULL;
	struct bpf_program *program;
	struct hooks_bpf *skeleton;
	const char *step = "open";
	int err = 0;

	libbpf_set_print(libbpf_log);
	if (!has_bpf_loop()) {
		snprintf(reason, size, "the kernel has no bpf_loop: Linux 5.17 or newer is needed");
		return -ENOTSUP;
	}
	skeleton = hooks_bpf__open();
	if (!skeleton) {
		err = -errno;
		goto out;
	}
	program = trial_program(skeleton, hook, kind);
	bpf_program__set_autoload(program, true);
	step = "load";
	err = hooks_bpf__load(skeleton);
	if (err)
		goto out;
	step = "attach";
	link = hook_attach(program, hook);
	if (!link)
		err = -errno;
out:
	if (err)
		explain(hook, -err, step, reason, size);
	bpf_link__destroy(link);
	hooks_bpf__destroy(skeleton);
	return err;
}

static void report_choice(struct hook_report *row, const struct capture_options *options,
			  const char *preemption, bool is_best)
{
	if (row->chosen)
		snprintf(row->reason, sizeof(row->reason), "%s; preemption: %s",
			 options->hook == HOOK_AUTO ? "best of what is usable" : "as configured", preemption);
	else if (options->absorb && row->hook != HOOK_CGROUP)
		snprintf(row->reason, sizeof(row->reason), "cannot absorb datagrams");
	else if (is_best)
		snprintf(row->reason, sizeof(row->reason), "would be chosen by hook: auto");
	else
		snprintf(row->reason, sizeof(row->reason), "another hook is better here (preemption: %s)",
			 preemption);
}

/* The first usable hook in the order of `auto`; HOOKS if there is none. */
static enum capture_hook best_hook(const struct hook_report rows[HOOKS - 1], const enum capture_hook *order)
{
	size_t i;

	for (i = 0; i < HOOKS - 1 && order[i] != HOOK_AUTO; i++) {
		if (rows[order[i] - 1].usable)
			return order[i];
	}
	return HOOKS;
}

int capture_check(const struct capture_options *options, struct hook_report rows[HOOKS - 1],
		  struct error *error)
{
	struct preemption preemption = {};
	enum capture_hook best, chosen;
	size_t i;

	preemption_read(&preemption);
	for (i = 0; i < HOOKS - 1; i++) {
		rows[i] = (struct hook_report){ .hook = (enum capture_hook)(i + 1) };
		rows[i].usable =
			hook_try(rows[i].hook, SOCKETS_UDP, rows[i].reason, sizeof(rows[i].reason)) == 0;
	}
	best = best_hook(rows, hook_order(preemption.possible, options->absorb));
	chosen = options->hook == HOOK_AUTO ? best : options->hook;
	for (i = 0; i < HOOKS - 1; i++) {
		if (!rows[i].usable)
			continue;
		rows[i].chosen = rows[i].hook == chosen;
		report_choice(&rows[i], options, preemption.reason, rows[i].hook == best);
	}
	if (best == HOOKS)
		return error_set(error, -ENOTSUP, "no hook is usable on this kernel");
	return 0;
}
