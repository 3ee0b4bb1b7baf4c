# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Receivers and surroundings that misbehave: nothing is lost, and nobody else waits for them."""
import glob
import os
import socket
import time

import pytest

from carbon import assert_lines_valid
from daemon import free_port, send, wait_for
from faults import Clock, Receiver, deaf_resolver, is_on_disk, sinks, small_disk
from wavefront import Answer
from wavefront import Receiver as Proxy

@pytest.fixture
def start(start):
    """A receiver may be gone before its daemon is: nobody waits for it then."""
    return lambda *settings, **options: start(*settings, "shutdown_timeout=100ms", **options)


QUICK = "retry: {min: 20ms, max: 100ms}, timeout: 500ms"
GARBAGE = os.urandom(1 << 20)


def graphite(*destinations, more=QUICK):
    """Each is a port of 127.0.0.1 or an address."""
    outputs = ", ".join(f'{{address: "{each if isinstance(each, str) else f"127.0.0.1:{each}"}", {more}}}'
                        for each in destinations)
    return f"outputs.graphite=[{outputs}]"


def posts_to(url):
    return f'outputs.wavefront=[{{proxy: "{url}", source: tests, histograms: [], {QUICK}}}]'


def closed_port():
    return free_port(socket.SOCK_STREAM)


def count_up(one, name, series):
    """Sends so many counters, in a datagram for each 200; returns Graphite's names of their counts."""
    names = [f"{name}.{index}" for index in range(series)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for at in range(0, series, 200):
            payload = "\n".join(f"{each}:1|c" for each in names[at:at + 200])
            sender.sendto(payload.encode(), ("127.0.0.1", one.port))
    return [f"stats.counters.{each}.count" for each in names]


def timed_flush(one):
    began = time.monotonic()
    window = one.flush()
    return window, time.monotonic() - began


def test_refused_connections_delay_nobody(start):
    """One is not there: the other has each flush at once; when the first comes it gets all, in their order."""
    port = closed_port()
    with Receiver() as good:
        one = start(graphite(port, good.port))
        for flush in range(10):
            names = count_up(one, f"refused{flush}", 20)
            _, seconds = timed_flush(one)
            assert seconds < 2
            good.wait_names(*names)
        row = sinks(one)[0]
        assert row["batches_queued"] == 10 and not row["connected"] and not row["lines_dropped"]
        with Receiver(port) as late:
            late.wait_names(*names)
            wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "the last acknowledgement")
            assert late.lines() == good.lines()


def test_resets_in_the_middle(start):
    """Of the connection's own bytes and in a batch: what was cut off comes again whole."""
    with Receiver(reset_after=30000, resets=5, buffer=4096) as receiver:
        one = start(graphite(receiver.port))
        names = count_up(one, "reset", 3000)
        one.flush()
        receiver.wait_names(*names)
        assert receiver.connections == 6
        assert_lines_valid(receiver.lines())
        assert {line.split(" ")[1] for line in receiver.lines() if line.split(" ")[0] in names} == {"1"}
        assert sinks(one)[0]["reconnects"] == 5
        assert sinks(one)[0]["lines_dropped"] == 0


def test_accepts_and_never_reads(start):
    """It is given up after `timeout` and asked again; meanwhile nothing else waits. Once it reads it gets all."""
    with Receiver(deaf=True, buffer=4096) as deaf, Receiver() as good:
        one = start(graphite(deaf.port, good.port))
        names = count_up(one, "deaf", 5000)
        _, seconds = timed_flush(one)
        assert seconds < 2
        good.wait_names(*names)
        wait_for(lambda: deaf.connections >= 3, "the daemon to try again")
        _, seconds = timed_flush(one)
        assert seconds < 2
        row = sinks(one)[0]
        assert row["batches_queued"] and not row["lines_dropped"]
        deaf.hears.set()
        deaf.wait_names(*names)
        wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "the last acknowledgement")


def test_garbage_instead_of_silence(start):
    """A carbon says nothing. What says a mebibyte all the same is not listened to."""
    with Receiver(greeting=GARBAGE) as talker:
        one = start(graphite(talker.port))
        for flush in range(3):
            names = count_up(one, f"garbage{flush}", 20)
            one.flush()
            talker.wait_names(*names)
        assert talker.connections == 1


REFUSALS = {
    "pushback": Answer(406),
    "too many": Answer(429),
    "its own fault": Answer(503),
    "garbage": Answer(0, raw=GARBAGE),
    "half an answer": Answer(0, raw=b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nonly this"),
    "nothing": Answer(0, raw=b""),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_posts_that_are_not_taken(refusal, start):
    """Again and again, for as long as it takes; other outputs have their flushes meanwhile. Then all comes, once."""
    # Half an answer takes as long as an answer may: a second.
    proxy = Proxy(answers=[REFUSALS[refusal]] * (2 if refusal == "half an answer" else 12))
    try:
        with Receiver() as good:
            one = start(graphite(good.port), posts_to(proxy.url))
            for flush in range(3):
                names = count_up(one, f"post{flush}", 20)
                _, seconds = timed_flush(one)
                assert seconds < 2
                good.wait_names(*names)
            for flush in range(3):
                proxy.wait_point(f"post{flush}.19.count")
            wait_for(lambda: sinks(one, "wavefront")[0]["batches_queued"] == 0, "an empty queue")
            assert len(proxy.named("post0.0.count")) == 1
            row = sinks(one, "wavefront")[0]
            assert not row["lines_dropped"] and not row["lines_rejected"]
            assert len([line for line in one.log().splitlines() if str(proxy.port) in line]) < 6, one.log()
            proxy.check()
    finally:
        proxy.stop()


def test_posts_that_will_never_be_taken(start):
    """Counted, and said once however many there are; what comes after them is delivered."""
    proxy = Proxy(answers=[Answer(400, body=b"no")] * 5)
    try:
        one = start(posts_to(proxy.url))
        for flush in range(6):
            count_up(one, f"bad{flush}", 20)
            one.flush()
        proxy.wait_point("bad5.19.count")
        row = sinks(one, "wavefront")[0]
        assert row["batches_rejected"] == 5 and row["lines_rejected"] >= 5 * 40
        assert not proxy.named("bad4.0.count") and not row["batches_queued"]
        assert one.log().count("400") == 1, one.log()
    finally:
        proxy.stop()


def test_one_message_for_a_long_outage(start):
    """Not one for each attempt."""
    port = closed_port()
    one = start(graphite(port))
    count_up(one, "silence", 1)
    one.flush()
    wait_for(lambda: str(port) in one.log(), "a message")
    time.sleep(1)  # ten to fifty attempts
    assert len([line for line in one.log().splitlines() if str(port) in line]) == 1, one.log()
    with Receiver(port) as receiver:
        receiver.wait_names("stats.counters.silence.0.count")


def test_a_full_disk(start, tmp_path):
    """What does not get on disk stays in memory as long as there is room; counted, said once; nobody else minds."""
    port = closed_port()
    with small_disk(str(tmp_path / "disk"), 1 << 20) as disk, Receiver() as good:
        one = start(graphite(port, good.port, more="queue: {memory: 8MiB, disk: 64MiB}, " + QUICK), f"state_dir={disk}")
        names = []
        for flush in range(20):
            names += count_up(one, f"full{flush}", 500)
            one.flush()
        good.wait_names(*names)
        wait_for(lambda: sinks(one)[0]["spool_errors"], "the disk to be full")
        row = sinks(one)[0]
        assert not row["lines_dropped"] and row["bytes_spooled"] < row["bytes_queued"]
        assert one.log().count("cannot write to the spool") == 1, one.log()
        with Receiver(port) as receiver:
            receiver.wait_names(*names)
            wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "an empty queue")
            one.stop()


def test_a_full_disk_has_room_again(start, tmp_path):
    port = closed_port()
    with small_disk(str(tmp_path / "disk"), 1 << 22) as disk:
        ballast = os.path.join(disk, "ballast")
        one = start(graphite(port), f"state_dir={disk}")
        with open(ballast, "wb") as file:
            file.write(bytes(7 << 19))
        count_up(one, "room", 500)
        one.flush()
        wait_for(lambda: sinks(one)[0]["spool_errors"], "the disk to be full")
        os.remove(ballast)
        wait_for(lambda: is_on_disk(sinks(one)[0]), lambda: f"all to be on disk: {sinks(one)[0]}")
        assert "can be written again" in one.log()
        one.kill()
        one.start()
        with Receiver(port) as receiver:
            receiver.wait_names("stats.counters.room.0.count", "stats.counters.room.499.count")


DAMAGE = {
    "no database": lambda data: b"this is no database\n" * 100,
    "zeros": lambda data: bytes(len(data)),
    "cut": lambda data: data[:len(data) // 2 + 77],
    "scrambled": lambda data: data[:4096] + GARBAGE[:len(data) - 4096],
    "a foreign header": lambda data: GARBAGE[:100] + data[100:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_corrupt_spool(damage, start):
    """It is set aside, with a message; the daemon starts, delivers and spools as ever."""
    port = closed_port()
    one = start(graphite(port))
    for flush in range(5):
        count_up(one, f"corrupt{flush}", 200)
        one.flush()
    wait_for(lambda: is_on_disk(sinks(one)[0]), "the spool")
    one.stop()  # leaves with all of it on disk, so the log is in the database
    spool = os.path.join(one.state, "spool.db")
    with open(spool, "rb") as file:
        data = file.read()
    with open(spool, "wb") as file:
        file.write(DAMAGE[damage](data))
    one.start()
    names = count_up(one, "afterwards", 10)
    one.flush()
    wait_for(lambda: is_on_disk(sinks(one)[0]), "the new spool")
    with Receiver(port) as receiver:
        receiver.wait_names(*names)
        wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "an empty queue")
        assert_lines_valid(receiver.lines())
    aside = [path for path in glob.glob(spool + ".corrupt-*") if path in one.log()]
    assert aside, (os.listdir(one.state), one.log())


def test_a_clock_that_steps(start, tmp_path):
    """An hour forward and back, also while a flush is on its way: durations stay true, all arrives, each window once."""
    clock = Clock(tmp_path)
    with Receiver(deaf=True, buffer=4096) as receiver:
        one = start(graphite(receiver.port), "flush.align=false", "queue.max_age=10m", command_prefix=clock.prefix)
        names, steps = [], (3600, -7200, 3600, 86400, -86400)
        for number, step in enumerate(steps):
            names += count_up(one, f"step{number}", 500)
            window = one.flush()
            clock.step(step)  # the batches are on their way, and not taken
            metric = window.last(f"step{number}.0")
            assert 0 < metric["seconds"] < 60
            assert abs(metric["timestamp"] - time.time() - sum(steps[:number])) < 60
        receiver.hears.set()
        receiver.wait_names(*names)
        assert sorted(set(receiver.names()) & set(names)) == sorted(names)
        row = sinks(one)[0]
        assert row["lines_dropped"] == 0, "an hour of a wall clock is no age"


@pytest.mark.parametrize("step", (3600, -3600))
def test_aligned_flushes_after_a_step(step, start, tmp_path):
    """They go on at once, at whole intervals of the new time."""
    clock = Clock(tmp_path)
    one = start(interval="1s", command_prefix=clock.prefix)
    wait_for(lambda: one.window().metrics, "a flush")
    clock.step(step)
    stamps = set()

    def flushed():
        stamps.update(metric["timestamp"] for metric in one.window().metrics)
        return len([stamp for stamp in stamps if abs(stamp - time.time() - step) < 60]) >= 2

    began = time.monotonic()
    wait_for(flushed, lambda: f"flushes at the new time; there were {sorted(stamps)}")
    assert time.monotonic() - began < 5


def test_names_of_ten_kibibytes(start):
    """They are too long for a name, with tags or without; their neighbours in the datagram arrive."""
    name, key = "n" * 10240, "k" * 10240
    with Receiver() as receiver:
        one = start(graphite(receiver.port))
        send("sendto", f"before:1|c\n{name}:2|g\nafter:3|c\ntagged:4|c|#{key}:v\n{name}:5|c|#{key}:v\nlast:6|c", port=one.port)
        window = one.flush()
        assert window.names() == {"before", "after", "last"}
        assert window.count("lines.rejected.too_long") == 3
        receiver.wait_names(*(f"stats.counters.{each}.count" for each in window.names()))
        assert_lines_valid(receiver.lines())


def test_nan_and_infinity(start):
    """Are no values: the line is bad. And what arithmetic makes of values at the end of a double reaches no carbon."""
    with Receiver() as receiver:
        one = start(graphite(receiver.port), "timers.percentiles=[0.001, 50, 100]")
        bad = [f"bad:{value}|{kind}" for value in ("nan", "NaN", "-nan", "inf", "Infinity", "-inf", "1e999")
               for kind in ("c", "g", "ms")]
        extreme = ["big:1.7e308|c", "big:1.7e308|c", "wide:1.7e308|h", "wide:-1.7e308|h", "wide:1.7e308|h",
                   "sum:1.7e308|g", "sum:+1.7e308|g", "tiny:5e-324|ms|@0.1"]
        send("sendto", "\n".join(bad + extreme), port=one.port)
        window = one.flush()
        assert window.names() == {"big", "wide", "sum", "tiny"}
        assert window.count("lines.rejected.value") == len(bad)
        receiver.wait_names("stats.timers.tiny.upper", "stats.timers.wide.upper")
        wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "an empty queue")
        assert_lines_valid(receiver.lines())
        for line in receiver.lines():
            assert "n" not in line.split(" ")[1].lower(), line


def test_a_hundred_thousand_series(start):
    """In one flush, to a receiver that reads slowly and one that does not: the loop answers all the time."""
    with Receiver(deaf=True, buffer=4096) as slow, Receiver() as good:
        one = start(graphite(slow.port, good.port), "limits.series=200000", "limits.counters=150000")
        count_up(one, "many", 100_000)
        window, seconds = timed_flush(one)
        assert len(window.by_key) == 100_000
        began = time.monotonic()
        wait_for(lambda: len(good.whole) >= 200_000, lambda: f"200000 lines; {len(good.whole)} arrived")
        one.ask("status")
        print(f"the flush took {seconds:.1f} s, the good one had it {time.monotonic() - began:.1f} s later")
        assert seconds < 10
        assert sinks(one)[0]["batches_queued"] > 0 and not sinks(one)[0]["lines_dropped"]


@pytest.fixture
def unresolved(start, tmp_path):
    """A daemon with one output whose name nobody resolves, and a receiver that it reaches."""
    with deaf_resolver(tmp_path) as (prefix, server), Receiver() as good:
        yield start(graphite("carbon.example:2003", good.port), command_prefix=prefix), good, server


def test_a_resolver_that_does_not_answer(unresolved):
    """Nothing waits for it: no flush, no other output, no end."""
    one, good, server = unresolved
    assert b"\6carbon\7example" in server.recv(512).lower(), "it is asked"
    for flush in range(5):
        names = count_up(one, f"resolver{flush}", 20)
        _, seconds = timed_flush(one)
        assert seconds < 2
        good.wait_names(*names)
    row = sinks(one)[0]
    assert row["batches_queued"] == 5 and not row["connected"]
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 3
