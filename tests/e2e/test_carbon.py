# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The main job: Python's statsd client, nothing listening, Debian's carbon-cache: stored is what was sent.

And what goes wrong with a carbon: it is not there, it comes late, it hangs up in a batch.
"""
import json
import os
import socket
import statistics

import pytest
import statsd

from carbon import Carbon, FakeCarbon, assert_lines_valid
from daemon import free_port, send, wait_for


def graphite(*ports):
    addresses = ", ".join(f'{{address: "127.0.0.1:{port}"}}' for port in ports)
    return f"outputs.graphite=[{addresses}]"


@pytest.fixture(scope="module")
def carbon(tmp_path_factory):
    one = Carbon(tmp_path_factory.mktemp("carbon"))
    try:
        yield one.start()
    finally:
        one.stop()


def test_client_to_whisper(carbon, start):
    one = start(graphite(carbon.port), interval="1s")
    client = statsd.StatsClient("127.0.0.1", one.port, prefix="shop")
    durations = [10, 20, 30.5, 40, 1000]
    for _ in range(250):
        client.incr("orders")
    client.incr("items", 7)
    client.decr("items", 2)
    for duration in durations:
        client.timing("checkout", duration)
    client.gauge("queue", 40)
    client.gauge("queue", -3, delta=True)
    for user in ("ann", "bob", "ann", "eve"):
        client.set("users", user)
    carbon.wait_stored("stats.counters.shop.orders.count", lambda values: sum(values) == 250)
    carbon.wait_stored("stats.counters.shop.items.count", lambda values: sum(values) == 5)
    carbon.wait_stored("stats.gauges.shop.queue", lambda values: values and values[-1] == 37)
    assert sum(carbon.wait_stored("stats.sets.shop.users.count")) >= 3
    assert sum(carbon.wait_stored("stats.timers.shop.checkout.count")) == len(durations)
    assert sum(carbon.stored("stats.timers.shop.checkout.sum")) == sum(durations)


def test_statistics_of_a_timer(carbon, start):
    """All samples in one datagram, so in one window: every statistic is known."""
    one = start(graphite(carbon.port), "timers.percentiles=[90, -10]", "timers.mode=exact")
    durations = [float(value) for value in range(1, 101)]
    send("sendto", "\n".join(f"exact:{value}|ms" for value in durations), port=one.port)
    one.flush()
    wanted = {
        "count": 100, "sum": sum(durations), "mean": statistics.fmean(durations), "median": 50.5, "lower": 1, "upper": 100,
        "std": statistics.pstdev(durations), "sum_squares": sum(value * value for value in durations),
        "count_90": 90, "mean_90": 45.5, "upper_90": 90, "sum_90": 4095,
        "count_top10": 10, "lower_top10": 91, "sum_top10": 955, "mean_top10": 95.5,
    }
    for name, value in wanted.items():
        assert carbon.wait_stored(f"stats.timers.exact.{name}") == [pytest.approx(value, rel=1e-15)], name


def test_histogram_percentiles_are_within_bounds(carbon, start):
    one = start(graphite(carbon.port), "timers.percentiles=[50, 90, 99]", "timers.mode=histogram")
    durations = [1.03 ** power for power in range(300)]
    for at in range(0, 300, 100):
        send("sendto", "\n".join(f"buckets:{value:.6f}|ms" for value in durations[at:at + 100]), port=one.port)
    one.flush()
    for percent in (50, 90, 99):
        exact = durations[round(percent / 100 * 300) - 1]
        assert carbon.wait_stored(f"stats.timers.buckets.upper_{percent}") == [pytest.approx(exact, rel=0.006)]
    assert carbon.stored("stats.timers.buckets.count") == [300]
    assert carbon.stored("stats.timers.buckets.upper") == [pytest.approx(durations[-1], abs=1e-6)]


@pytest.mark.parametrize("protocol", ["plaintext", "pickle"])
def test_names_too_long_for_a_file(carbon, start, protocol):
    """What carbon has no file name for is left out and counted; what it just has is stored."""
    port = carbon.pickle if protocol == "pickle" else carbon.port
    one = start(f'outputs.graphite=[{{address: "127.0.0.1:{port}", protocol: {protocol}}}]')
    word = protocol[0]
    stored = [word * 251, word * 255 + ".in", ".".join([word * 99] * 39)]
    too_long = [word * 252, word * 256 + ".in", ".".join([word * 99] * 40)]
    for name in stored + too_long:
        send("sendto", f"{name}:1|g", port=one.port)
    send("sendto", f"{word}.last:1|g", port=one.port)
    one.flush()
    carbon.wait_stored(f"stats.gauges.{word}.last")
    for name in stored:
        assert carbon.wait_stored(f"stats.gauges.{name}") == [1]
    row = next(row for row in json.loads(one.ask("status", "--json").stdout)["sinks"] if row["kind"] == "graphite")
    assert row["counts"]["names_too_long"] == 3 and not row["counts"]["lines_too_long"]
    assert one.log().count("carbon has no file for it") == 1
    with open(os.path.join(carbon.folder, "output"), encoding="utf-8", errors="replace") as log:
        assert "File name too long" not in log.read()


def test_ledger_is_exported(carbon, start):
    one = start(graphite(carbon.port))
    send("sendto", "one:1|c\nbad\nbad", port=one.port)
    one.flush()
    carbon.wait_stored("stats.counters.kstatsd.lines.seen.count", lambda values: 3 in values)
    carbon.wait_stored("stats.counters.kstatsd.lines.rejected.value.count", lambda values: 2 in values)


def test_rate_uses_the_time_that_passed(start):
    fake = FakeCarbon()
    try:
        one = start(graphite(fake.port))
        send("sendto", "rated:100|c", port=one.port)
        metric = one.flush().last("rated")
        rate = fake.wait_value("stats.counters.rated.rate")[0]
        assert rate == pytest.approx(100 / metric["seconds"], rel=1e-9)
        assert 0 < metric["seconds"] < 60, "the interval is 600 s, the window was not"
    finally:
        fake.stop()


def test_final_flush_on_sigterm(start):
    """What came since the last flush is delivered before the daemon ends."""
    fake = FakeCarbon()
    try:
        one = start(graphite(fake.port))
        send("sendto", "final:5|c", port=one.port)
        window = one.stop()
        assert window.counter("final") == 5
        assert fake.wait_value("stats.counters.final.count") == [5]
        assert_lines_valid(fake.lines)
    finally:
        fake.stop()


def test_unreachable_carbon(start):
    """The daemon starts, counts, says so once, and delivers when carbon comes."""
    port = free_port(socket.SOCK_STREAM)
    one = start(graphite(port))
    send("sendto", "early:1|c", port=one.port)
    assert one.flush().counter("early") == 1
    wait_for(lambda: str(port) in one.log(), "a message about the unreachable carbon")
    assert len([line for line in one.log().splitlines() if str(port) in line]) < 5, one.log()
    fake = FakeCarbon(port)
    try:
        assert fake.wait_value("stats.counters.early.count") == [1]
    finally:
        fake.stop()


def test_sigterm_does_not_wait_for_ever(start):
    port = free_port(socket.SOCK_STREAM)
    one = start(graphite(port), "shutdown_timeout=1s")
    send("sendto", "undelivered:1|c", port=one.port)
    one.process.terminate()
    assert one.process.wait(10) in (0, 1)
    one.process = None
    assert str(port) in one.log()


def test_full_queue_is_counted(start):
    """65536 bytes of queue hold about a thousand lines: the oldest batches go, and are counted."""
    port = free_port(socket.SOCK_STREAM)
    one = start(f'outputs.graphite=[{{address: "127.0.0.1:{port}", queue: {{memory: 65536, disk: 0}}}}]')
    for batch in range(8):
        for part in range(5):
            lines = [f"queue.{batch}.{part}.{index}:1|c" for index in range(60)]
            send("sendto", "\n".join(lines), port=one.port)
        one.flush()
    status = one.ask("status").stdout
    fake = FakeCarbon(port)
    try:
        wait_for(lambda: any(".queue.7." in line for line in fake.lines), "the newest batch")
        assert not any(".queue.0." in line for line in fake.lines), "the oldest batch should have gone"
        assert "dropped" in status, status
    finally:
        fake.stop()


def test_hangup_in_the_middle_of_a_batch(start):
    """Carbon closes after 500 bytes, twice. What its TCP has not acknowledged is sent again, by whole batches."""
    fake = FakeCarbon(close_after=500, hangups=2, buffer=4096)
    try:
        one = start(graphite(fake.port))
        names = [f"hangup.number{index}" for index in range(2000)]
        for at in range(0, 2000, 200):
            send("sendto", "\n".join(f"{name}:1|c" for name in names[at:at + 200]), port=one.port)
        one.flush()
        wait_for(lambda: all(fake.connections >= 3 and set(fake.values(f"stats.counters.{name}.count")) == {1}
                             for name in (names[0], names[999], names[1999])), "the batches, sent again")
        arrived = {line.split(" ")[0] for line in fake.lines}
        assert {f"stats.counters.{name}.count" for name in names} <= arrived
        assert_lines_valid(fake.lines)
        assert str(fake.port) in one.log(), "one clear message"
        send("sendto", "afterwards:1|c", port=one.port)
        one.flush()
        assert fake.wait_value("stats.counters.afterwards.count") == [1]
        sink = json.loads(one.ask("status", "--json").stdout)["sinks"]
        assert [row["reconnects"] for row in sink if row["kind"] == "graphite"] == [2]
    finally:
        fake.stop()


def test_one_connection_is_kept_open(start):
    fake = FakeCarbon()
    try:
        one = start(graphite(fake.port))
        for index in range(5):
            send("sendto", f"kept{index}:1|c", port=one.port)
            one.flush()
            fake.wait_value(f"stats.counters.kept{index}.count")
        assert fake.connections == 1
    finally:
        fake.stop()


def test_two_carbons_do_not_delay_each_other(start):
    fake = FakeCarbon()
    try:
        one = start(graphite(free_port(socket.SOCK_STREAM), fake.port), "shutdown_timeout=100ms")
        send("sendto", "twofold:1|c", port=one.port)
        one.flush()
        assert fake.wait_value("stats.counters.twofold.count") == [1]
    finally:
        fake.stop()
