# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The sum invariant: over all flushes, exactly what was sent. Runs on the host and in guests."""
import time

from daemon import expect, flood, flood_result

FLUSHES = 60
INTERVAL = 0.05
THREADS = 4


def check_sum(make_daemon, *flags, seconds=FLUSHES * INTERVAL + 0.5, may_skip=False):
    """
    make_daemon(*settings, interval=) gives a running Daemon. Returns what was sent. may_skip: the kernel may
    skip this hook's program (fentry on a preemptible kernel); then each skipped send is in the ledger.
    """
    daemon = make_daemon("flush.align=false", interval=f"{int(INTERVAL * 1000)}ms")
    sending = flood("sum", *flags, "-k", THREADS, "-t", int(seconds * 1000), port=daemon.port)
    flushes = 0
    metrics = []
    while sending.poll() is None:
        window = daemon.window()
        flushes += len({(metric["timestamp"], metric["seconds"]) for metric in window.metrics})
        metrics.append(window)
        time.sleep(INTERVAL)
    sent = flood_result(sending)
    expect(sent["calls"] == sent["ok"], f"the flood itself failed: {sent}")
    metrics.append(daemon.flush())
    metrics.append(daemon.stop())
    total = lambda name: sum(window.counter(name) for window in metrics)  # noqa: E731
    ledger = daemon.ledger
    skipped = ledger.get("datagrams.lost.skipped", 0) if may_skip else 0
    lost = {name: value for name, value in ledger.items() if ".lost." in name and value}
    what = f"sent {sent}, flushed {total('sum'):.0f} in {flushes} flushes, seen {ledger.get('datagrams.seen')}, lost {lost}"
    expect(ledger.get("datagrams.seen") == sent["calls"], "every send must be in the ledger: " + what)
    expect(ledger.get("datagrams.accepted") == sent["calls"] - skipped, "nothing may be lost: " + what)
    if skipped:
        return {**sent, "flushes": flushes, "skipped": skipped}
    expect(total("sum") == sent["counters"], "every send must be flushed, once: " + what)
    if "-T" in flags:
        check_mixed(sent, metrics, total)
    sent["flushes"] = flushes
    return sent


def check_mixed(sent, metrics, total):
    expect(total("sum.timer") == sent["timers"], f"timers: sent {sent['timers']}, flushed {total('sum.timer')}")
    timer_sum = sum(metric["sum"] for window in metrics for metric in window.by_key.get("sum.timer", []))
    expect(timer_sum == sent["timer_sum"], f"sum of timers: sent {sent['timer_sum']}, flushed {timer_sum}")
    gauge = [metric["value"] for window in metrics for metric in window.by_key.get("sum.gauge", [])][-1]
    expect(gauge == sent["gauges"], f"gauge: sent {sent['gauges']} times +1, it is {gauge}")
    sets = [metric["count"] for window in metrics for metric in window.by_key.get("sum.set", [])]
    expect(max(sets) <= 50, f"the set has 50 distinct values, flushed were up to {max(sets)}")


