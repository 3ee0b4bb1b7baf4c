# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Where a limit is reached: full maps lose nothing, a set goes on as an estimate, and each is counted."""
import pytest

from daemon import assert_ledger_balances, flood, flood_result, send

TINY = ("limits.counters=16", "limits.timers=16", "limits.gauges=16", "limits.sets=16", "limits.buckets=16",
        "limits.members=16")


def send_lines(lines, port, per_datagram=20):
    for at in range(0, len(lines), per_datagram):
        send("sendto", "\n".join(lines[at:at + per_datagram]), port=port)


def test_full_maps_lose_nothing(start):
    """200 series of each type where the kernel holds 16: the daemon takes the rest."""
    one = start(*TINY)
    for _ in range(2):
        for kind, value in (("c", 2), ("ms", 7), ("g", 5), ("s", "x")):
            send_lines([f"{kind}.{index}:{value}|{kind}" for index in range(200)], one.port)
    window = one.flush()
    assert len(window.names()) == 800
    for index in range(200):
        assert window.counter(f"c.{index}") == 4
        timer = window.last(f"ms.{index}")
        assert (timer["count"], timer["sum"], timer["upper"]) == (2, 14, 7)
        assert window.last(f"g.{index}")["value"] == 5
        assert window.last(f"s.{index}")["count"] == 1
    assert window.count("slow.lines") > 0
    assert not [name for name, count in window.ledger.items() if ".lost." in name and count]
    assert_ledger_balances(window.ledger)


def test_full_buckets_lose_nothing(start):
    """More distinct buckets than the map holds: percentiles still see every sample."""
    one = start("limits.buckets=16", "timers.percentiles=[50, 99]")
    values = [1.05 ** power for power in range(400)]
    send_lines([f"wide:{value:.6f}|ms" for value in values], one.port)
    timer = one.flush().last("wide")
    assert timer["count"] == 400
    assert timer["upper_50"] == pytest.approx(values[199], rel=0.006)
    assert timer["upper_99"] == pytest.approx(values[395], rel=0.006)


def test_series_limit(start):
    """Over limits.series, and what the kernel holds, lines are lost and counted as such; known series go on."""
    one = start("limits.series=100", *TINY)
    send_lines([f"series.{index}:1|c" for index in range(300)], one.port)
    window = one.flush()
    kept = len(window.names())
    assert 100 <= kept <= 100 + 16
    assert window.count("lines.lost.series_limit") == 300 - kept
    assert_ledger_balances(window.ledger)
    known = sorted(window.names())[0]
    send("sendto", f"{known}:1|c", port=one.port)
    assert one.flush().counter(known) == 1


def test_set_is_exact_up_to_its_limit(start):
    one = start("limits.set_exact=500")
    send_lines([f"people:{index}|s" for index in range(500)] * 2, one.port, 100)
    people = one.flush().last("people")
    assert people["count"] == 500 and not people["estimated"]


@pytest.mark.parametrize("distinct", [501, 5000, 50000])
def test_set_over_its_limit_is_a_marked_estimate(distinct, start):
    """The sketch's standard error is 1.6 %: five of them."""
    one = start("limits.set_exact=500")
    send_lines([f"people:user-{index}|s" for index in range(distinct)], one.port, 400)
    people = one.flush().last("people")
    assert people["estimated"] is True
    assert people["count"] == pytest.approx(distinct, rel=0.08)


def test_one_large_set_does_not_disturb_another(start):
    one = start("limits.set_exact=500", "limits.members=600")
    send_lines([f"large:{index}|s" for index in range(3000)], one.port, 400)
    send_lines([f"small:{index}|s" for index in range(5)], one.port)
    window = one.flush()
    assert window.last("large")["estimated"] is True
    assert window.last("large")["count"] == pytest.approx(3000, rel=0.08)
    assert window.last("small")["count"] == pytest.approx(5, abs=1)


def test_exact_timers(start):
    """timers.mode: exact gives statsd's percentiles to the last digit."""
    one = start("timers.mode=exact", "timers.percentiles=[50, 90, 99.9, -10]")
    values = [round(1.017 ** power, 6) for power in range(1000)]
    send_lines([f"exact:{value}|ms" for value in values], one.port, 100)
    timer = one.flush().last("exact")
    assert timer["count"] == 1000
    assert timer["upper_50"] == values[499] and timer["upper_90"] == values[899]
    assert timer["upper_99_9"] == values[998] and timer["lower_top10"] == values[900]
    assert timer["median"] == pytest.approx((values[499] + values[500]) / 2, rel=1e-15)


def test_exact_timers_over_the_limit_lose_nothing(start):
    one = start("timers.mode=exact", "limits.samples=64", "timers.percentiles=[90]")
    send_lines([f"exact:{index}|ms" for index in range(1, 1001)], one.port, 100)
    timer = one.flush().last("exact")
    assert (timer["count"], timer["upper_90"], timer["sum"]) == (1000, 900, 500500)


def test_gauge_order_across_the_slow_path(start):
    """A value that only the daemon can read, then others: the last write wins, deltas add up in order."""
    one = start()
    send("sendto", "order:5|g\norder:1e2|g\norder:+1|g\norder:-2.5|g", port=one.port)
    assert one.flush().last("order")["value"] == 98.5
    send("sendto", "order:1e1|g", port=one.port)
    send("sendto", "order:3|g", port=one.port)
    assert one.flush().last("order")["value"] == 3
    send("sendto", "order:3|g", port=one.port)
    send("sendto", "order:1e1|g", port=one.port)
    assert one.flush().last("order")["value"] == 10


def test_gauges_that_come_and_go_leave_the_others_fast(start):
    """When the slot of one is given to another, only what is new takes the slow path, for a window."""
    one = start()
    slow = []
    for index in range(66):
        send("sendto", "\n".join([f"new.{index}:1|g", f"c.{index}:1|c"] + [f"old.{i}:{index}|g" for i in range(20)]), port=one.port)
        window = one.flush()
        assert window.last("old.19")["value"] == index and window.last(f"new.{index}")["value"] == 1
        slow.append(window.count("slow.lines"))
    assert slow[0] == 0 and max(slow) == slow[-1] == 1


def test_deltas_from_many_threads(start):
    one = start()
    sent = flood_result(flood("crowd", "-T", "-k", 8, "-n", 4000, port=one.port))
    window = one.flush()
    assert window.last("crowd.gauge")["value"] == sent["gauges"]
    assert window.last("crowd.set")["count"] == 50
    assert window.last("crowd.timer")["sum"] == sent["timer_sum"]
    assert window.counter("crowd") == sent["counters"]


def test_many_names(start):
    """More names than fit one datagram or one batch."""
    one = start("limits.counters=30000")
    names = [f"many.{index}" for index in range(20000)]
    send_lines([f"{name}:1|c" for name in names], one.port, 500)
    window = one.flush()
    assert window.names() == set(names)
    assert sum(window.counter(name) for name in names) == 20000
