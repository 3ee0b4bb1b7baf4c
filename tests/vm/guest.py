# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What a guest runs: every hook through the capture cases and the sum invariant, then absorb and check.

usage: guest.py HOOK...        or: guest.py too-old

Prints TAP, one line per test: "ok fentry/sendto.connected.v4" or "not ok ... # reason". Standard
library only: the modules that this one imports are what initramfs.py packs.
"""
import os
import re
import shutil
import sys
import time

import hooks
import sockets
from absorb import CHECKS, begin_deadline, check_deadline, finish_deadline
from cases import CASES, run_case
from daemon import ENTRY_HOOKS, Daemon
from relaying import check_relay, relay_ready
from sums import run_sum
from watching import check_tail

FOLDER = "/tmp/guest"


class Report:
    def __init__(self):
        self.failed = 0

    def run(self, name, test, *arguments, **options):
        start = time.monotonic()
        try:
            said = test(*arguments, **options) or ""
            verdict = "ok"
        except Exception as failure:  # whatever it is, the report and the next test must go on
            verdict, said = "not ok", f"{type(failure).__name__}: {failure}"
            self.failed += 1
        said = str(said).replace("\n", " / ")[:1500]
        print(f"{verdict} {name} {time.monotonic() - start:.2f}s # {said}", flush=True)
        return verdict == "ok"


class Makers:
    """make_daemon() for checks; everything started ends with close()."""

    count = 0

    def __init__(self, hook):
        self.hook, self.started = hook, []

    def make(self, *settings, **options):
        Makers.count += 1
        one = Daemon(f"{FOLDER}/{Makers.count}", *settings, hook=self.hook, **options)
        one.asked = (settings, options)
        self.started.append(one)
        return one.start()

    def stop(self):
        """All that still run must end well, with a ledger that balances."""
        for one in self.started:
            if one.process is not None:
                one.stop()

    def close(self):
        for one in self.started:
            one.kill()
            shutil.rmtree(one.folder, ignore_errors=True)
        self.started = []


class SharedMakers(Makers):
    """Hands out a running daemon again, with an empty window, if its settings are those asked for."""

    def make(self, *settings, **options):
        for one in self.started:
            if one.asked == (settings, options) and one.process is not None and one.process.poll() is None:
                one.flush()
                return one
        return super().make(*settings, **options)


def run_hook(report, hook):
    """One daemon for all: the cases, on entry hooks other sockets too, the sum, and an end with a ledger that balances."""
    makers = Makers(hook)
    try:
        settings = sockets.socket_settings() if hook in ENTRY_HOOKS else ()
        if report.run(f"{hook}/start", lambda: makers.make(*settings, **relay_ready(f"{FOLDER}/{hook}")) and None):
            daemon = makers.started[0]
            for case in CASES:
                report.run(f"{hook}/{case.name}", run_case, case, daemon, hook)
            for check in sockets.CHECKS if settings else ():
                report.run(f"{hook}/{check.__name__}", check, daemon)
            report.run(f"{hook}/tail", check_tail, daemon)
            report.run(f"{hook}/relay", check_relay, daemon, hook in ENTRY_HOOKS)
            report.run(f"{hook}/sum", run_sum, daemon, "-T", flush=True,
                       may_skip=hook == "fentry" and is_preemptible())
            report.run(f"{hook}/stop-balances", lambda: daemon.stop() and None)
    finally:
        makers.close()


def run_absorb(report):
    """
    What has to wait for the deadline does so while the hooks are tested; returns its second half. That its two
    daemons stay attached has another use: the first and the last cgroup program make the kernel patch the code
    that sends, and under traffic qemu's emulation now and then runs the breakpoint of a patch that is over.
    """
    waiting = Makers("cgroup")
    pair = []
    report.run("absorb/begin_deadline", lambda: pair.extend(begin_deadline(waiting.make)))

    def finish():
        shared = SharedMakers("cgroup")
        for check in CHECKS:
            if check is not check_deadline:
                report.run(f"absorb/{check.__name__}", check, shared.make)
        report.run("absorb/stop-balances", shared.stop)
        if pair:
            report.run("absorb/check_deadline", finish_deadline, *pair)
        waiting.close()
    return finish


def check_hooks(preemptible):
    done = hooks.check_output()
    states = hooks.parse_hooks(done.stdout)
    chosen = [name for name, state in states.items() if state == "chosen"]
    unusable = [name for name in hooks.NAMES if states.get(name) not in ("usable", "chosen")]
    wanted = "kprobe" if preemptible else "fentry"
    if done.returncode or unusable or chosen != [wanted]:
        raise AssertionError(f"{wanted} should be chosen of three usable ones: {done.stdout} {done.stderr}")
    others = re.findall(r"^  (unix datagrams|TCP) +usable, not configured: by (\w+);", done.stdout, re.M)
    if others != [("unix datagrams", wanted), ("TCP", "fentry")]:
        raise AssertionError(f"{wanted} should be for Unix, fentry for TCP: {done.stdout}")
    return done.stdout


def check_too_old():
    """This kernel lacks what every hook needs: check and run say so, and which kernel has it."""
    done = hooks.check_output()
    states = hooks.parse_hooks(done.stdout)
    if done.returncode != 1 or set(states.values()) != {"unusable"} or "5.17" not in done.stdout:
        raise AssertionError(f"exit code {done.returncode}: {done.stdout} {done.stderr}")
    os.makedirs(FOLDER, exist_ok=True)
    one = Daemon(FOLDER)
    one.launch()
    code, said = one.process.wait(60), one.log()
    if code != 1 or "5.17" not in said or len(said.splitlines()) > 5:
        raise AssertionError(f"run: exit code {code}: {said}")
    return said


def is_preemptible():
    """Whether the kernel preempts its own code: as it says, or as it was told."""
    mode = "/sys/kernel/debug/sched/preempt"
    if os.path.exists(mode):
        with open(mode, encoding="utf-8") as file:
            text = file.read()
        return "(full)" in text or "(lazy)" in text
    return "PREEMPT_DYNAMIC" not in os.uname().version and "PREEMPT" in os.uname().version


def run_all(report, names):
    report.run("check/hooks", check_hooks, is_preemptible())
    finish_absorb = run_absorb(report)
    for hook in names:
        run_hook(report, hook)
    finish_absorb()


def main():
    report = Report()
    print(f"# {os.uname().release} {os.uname().version}, preemptible: {is_preemptible()}", flush=True)
    if sys.argv[1:] == ["too-old"]:
        report.run("check/too-old", check_too_old)
    else:
        run_all(report, sys.argv[1:])
    print(f"# done, {report.failed} failed, {time.monotonic():.1f} s after boot", flush=True)


if __name__ == "__main__":
    main()
