# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The sum invariant: over all flushes, exactly what was sent. Runs on the host and in guests."""
import time

from daemon import expect, flood, flood_result

FLUSHES = 60
INTERVAL = 0.05
THREADS = 4


def check_sum(make_daemon, *flags, seconds=FLUSHES * INTERVAL + 0.5):
    """make_daemon(*settings, interval=) gives a running Daemon. Returns what was sent."""
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
    expect(total("sum") == sent["counters"],
           f"sent {sent['counters']}, flushed {total('sum'):.0f} ({total('sum') - sent['counters']:+.0f}) "
           f"in {flushes} flushes; ledger: {daemon.ledger}")
    expect(daemon.ledger.get("datagrams.seen") == sent["calls"], f"sent {sent['calls']}, ledger: {daemon.ledger}")
    lost = {name: value for name, value in daemon.ledger.items() if ".lost." in name and value}
    expect(not lost, f"lost: {lost}")
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


