# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The sum invariant: over all flushes, exactly what was sent. Runs on the host and in guests."""
import collections
import time

from daemon import PATIENCE, assert_ledger_balances, expect, flood, flood_result

FLUSHES = 60
INTERVAL = 0.05
THREADS = 4


def collect_windows(daemon, flush):
    """What FLUSHES flushes wrote: the daemon's own, or if `flush` such as are asked for, every INTERVAL."""
    windows, flushes = [], 0
    deadline = time.monotonic() + PATIENCE
    while flushes < FLUSHES:
        expect(time.monotonic() < deadline, f"only {flushes} flushes in {PATIENCE} s")
        started = time.monotonic()
        window = daemon.flush() if flush else daemon.window()
        flushes += int(window.count("daemon.flushes"))
        windows.append(window)
        time.sleep(max(0, started + INTERVAL - time.monotonic()))
    return windows


def run_sum(daemon, *flags, flush=False, may_skip=False):
    """
    Floods a running daemon during FLUSHES flushes. may_skip: the kernel may skip this hook's program (fentry on
    a preemptible kernel); then each skipped send must be in the ledger. Returns what was sent.
    """
    daemon.flush()
    sending = flood("sum", *flags, "-k", THREADS, "-t", int(PATIENCE * 2000), port=daemon.port)
    try:
        windows = collect_windows(daemon, flush)
    finally:
        sending.terminate()
        sent = flood_result(sending)
    windows.append(daemon.flush())
    expect(sent["calls"] == sent["ok"], f"the flood itself failed: {sent}")
    check_totals(sent, windows, may_skip)
    if "-T" in flags and not may_skip:
        check_mixed(sent, windows)
    return sent


def total(windows, name):
    return sum(window.counter(name) for window in windows)


def check_totals(sent, windows, may_skip):
    ledger = collections.Counter()
    for window in windows:
        ledger.update(window.ledger)
    assert_ledger_balances(ledger)
    lost = {name: value for name, value in ledger.items() if ".lost." in name and value}
    what = f"sent {sent}, flushed {total(windows, 'sum'):.0f}, seen {ledger['datagrams.seen']:.0f}, lost {lost}"
    expect(ledger["datagrams.seen"] == sent["calls"], "every send must be in the ledger: " + what)
    if may_skip:
        lost.pop("datagrams.lost.skipped", None)
    else:
        expect(total(windows, "sum") == sent["counters"], "every send must be flushed, once: " + what)
    expect(not lost, "nothing else may be lost: " + what)


def check_mixed(sent, windows):
    timers = total(windows, "sum.timer")
    expect(timers == sent["timers"], f"timers: sent {sent['timers']}, flushed {timers}")
    timer_sum = sum(metric["sum"] for window in windows for metric in window.by_key.get("sum.timer", []))
    expect(timer_sum == sent["timer_sum"], f"sum of timers: sent {sent['timer_sum']}, flushed {timer_sum}")
    gauge = [metric["value"] for window in windows for metric in window.by_key.get("sum.gauge", [])][-1]
    expect(gauge == sent["gauges"], f"gauge: sent {sent['gauges']} times +1, it is {gauge}")
    sets = [metric["count"] for window in windows for metric in window.by_key.get("sum.set", [])]
    expect(max(sets) <= 50, f"the set has 50 distinct values, flushed were up to {max(sets)}")


