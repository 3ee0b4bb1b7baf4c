# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Receivers and surroundings that misbehave: nothing is lost, and nobody else waits for them."""
import glob
import math
import os
import socket
import time

import pytest

from carbon import assert_lines_valid
from daemon import free_port, send, wait_for
from faults import RESET, Clock, Receiver, deaf_resolver, is_on_disk, sinks, small_disk
from otlp import Receiver as Otlp
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


class WavefrontPosts(Proxy):
    """Gives `answers` to POSTs before it takes any. has() one point of a counter."""
    kind, lines = "wavefront", 2  # of a counter

    @property
    def output(self):
        return f'outputs.wavefront=[{{proxy: "{self.url}", source: tests, histograms: [], {QUICK}}}]'

    def has(self, name):
        return len(self.named(f"{name}.count")) == 1


class OtlpPosts(Otlp):
    kind, lines = "otlp", 1

    def __init__(self, answers=()):
        super().__init__()
        self.answers += [answer.raw for answer in answers]

    @property
    def output(self):
        return f'outputs.otlp=[{{url: "{self.url}", {QUICK}}}]'

    def has(self, name):
        return (name, ()) in self.points()

    def check(self):
        """Whatever came twice, or is no protobuf, is complained of."""
        self.points()

    stop = Otlp.close


both = pytest.mark.parametrize("posts", (WavefrontPosts, OtlpPosts), ids=("wavefront", "otlp"))


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


def delivered_soon(one, good, name, series=20):
    """Counts up and flushes: nothing else that is wrong delays it. The names, which the good one has by then."""
    names = count_up(one, name, series)
    _, seconds = timed_flush(one)
    assert seconds < 2
    good.wait_names(*names)
    return names


def test_refused_connections_delay_nobody(start):
    """One is not there: the other has each flush at once; when the first comes it gets all, in their order."""
    port = closed_port()
    with Receiver() as good:
        one = start(graphite(port, good.port))
        for flush in range(10):
            names = delivered_soon(one, good, f"refused{flush}")
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
        names = delivered_soon(one, good, "deaf", 5000)
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
    "reset": Answer(0, raw=RESET),
}


@both
@pytest.mark.parametrize("refusal", REFUSALS)
def test_posts_that_are_not_taken(refusal, posts, start, tmp_path):
    """
    For a minute of the daemon's wall clock, and for as many attempts as that would have at a retry.min of 5 s: both are
    compressed to a second. Other outputs have their flushes meanwhile. Then all comes, once.
    """
    clock = Clock(tmp_path)
    receiver = posts(answers=[REFUSALS[refusal]] * 1000)
    try:
        with Receiver() as good:
            one = start(graphite(good.port), receiver.output, "flush.align=false", command_prefix=clock.prefix)
            for flush in range(3):
                delivered_soon(one, good, f"post{flush}")
                clock.step(20)
            # Half an answer takes as long as an answer may: half a second.
            left = 1000 - (2 if refusal == "half an answer" else 12)
            wait_for(lambda: len(receiver.answers) <= left, lambda: f"attempts; {len(receiver.answers)} answers are left")
            assert not receiver.has("post0.0") and sinks(one, posts.kind)[0]["batches_queued"] >= 3
            del receiver.answers[1:]
            for flush in range(3):
                wait_for(lambda flush=flush: receiver.has(f"post{flush}.19"), f"post{flush}.19")
            wait_for(lambda: sinks(one, posts.kind)[0]["batches_queued"] == 0, "an empty queue")
            assert receiver.has("post0.0") and not receiver.answers
            row = sinks(one, posts.kind)[0]
            assert not row["lines_dropped"] and not row["lines_rejected"]
            assert len([line for line in one.log().splitlines() if str(receiver.port) in line]) < 6, one.log()
            receiver.check()
    finally:
        receiver.stop()


@both
def test_posts_that_will_never_be_taken(posts, start):
    """Counted, and said once however many there are; what comes after them is delivered."""
    receiver = posts(answers=[Answer(400, body=b"no")] * 5)
    try:
        one = start(receiver.output)
        for flush in range(6):
            count_up(one, f"bad{flush}", 20)
            one.flush()
        wait_for(lambda: receiver.has("bad5.19"), "what came after them")
        row = sinks(one, posts.kind)[0]
        assert row["batches_rejected"] == 5 and row["lines_rejected"] >= 5 * 20 * posts.lines
        assert not receiver.has("bad4.0") and not row["batches_queued"]
        assert one.log().count("answered 400") == 1, one.log()
    finally:
        receiver.stop()


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
        assert one.log().count(f"the spool in {disk} can be written again") == 1, one.log()
        one.kill()
        one.start()
        with Receiver(port) as receiver:
            receiver.wait_names("stats.counters.room.0.count", "stats.counters.room.499.count")


def test_what_a_reload_drops_is_counted(start, tmp_path):
    """Without a spool the successor of a changed output does not get what the old one had: that is in the counters."""
    config = tmp_path / "config.yaml"
    port = closed_port()

    def configure(more):
        config.write_text(f'outputs: {{graphite: [{{address: "127.0.0.1:{port}", queue: {{disk: 0}}, {more}}}]}}\n')

    configure("retry: {max: 5s}")
    one = start(config=config)
    for flush in range(3):
        count_up(one, f"gone{flush}", 10)
        one.flush()
    assert sinks(one)[0]["batches_queued"] == 3
    configure("retry: {max: 6s}")
    assert one.ask("reload").returncode == 0
    dropped = 0

    def counted():
        nonlocal dropped
        dropped += one.flush().count("sinks.graphite.batches_dropped")
        return dropped

    wait_for(counted, "the old output to end")
    assert dropped == 3, one.log()
    assert one.log().count("which is no output any more, have not left") == 1, one.log()


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
    with Receiver() as receiver, WavefrontPosts() as wavefront, OtlpPosts() as otlp:
        one = start(graphite(receiver.port), wavefront.output, otlp.output)
        send("sendto", f"before:1|c\n{name}:2|g\nafter:3|c\ntagged:4|c|#{key}:v\n{name}:5|c|#{key}:v\nlast:6|c", port=one.port)
        window = one.flush()
        assert window.names() == {"before", "after", "last"}
        assert window.count("lines.rejected.too_long") == 3
        receiver.wait_names(*(f"stats.counters.{each}.count" for each in window.names()))
        assert_lines_valid(receiver.lines())
        for posts in (wavefront, otlp):
            wait_for(lambda posts=posts: all(map(posts.has, window.names())), f"all of them by {posts.kind}")
            posts.check()


def test_nan_and_infinity(start):
    """Are no values: the line is bad. And what arithmetic makes of values at the end of a double reaches no carbon."""
    with Receiver() as receiver, WavefrontPosts() as wavefront, OtlpPosts() as otlp:
        one = start(graphite(receiver.port), wavefront.output, otlp.output, "timers.percentiles=[0.001, 50, 100]")
        bad = [f"bad:{value}|{kind}" for value in ("nan", "NaN", "-nan", "inf", "Infinity", "-inf", "1e999")
               for kind in ("c", "g", "ms")]
        extreme = ["big:1.7e308|c", "big:1.7e308|c", "wide:1.7e308|h", "wide:-1.7e308|h", "wide:1.7e308|h",
                   "sum:1.7e308|g", "sum:+1.7e308|g", "tiny:5e-324|ms|@0.1"]
        send("sendto", "\n".join(bad + extreme), port=one.port)
        window = one.flush()
        assert window.names() == {"big", "wide", "sum", "tiny"}
        assert window.count("lines.rejected.value") == len(bad)
        receiver.wait_names("stats.timers.tiny.upper", "stats.timers.wide.upper")
        wait_for(lambda: not any(sinks(one, kind)[0]["batches_queued"] for kind in ("graphite", "wavefront", "otlp")),
                 "empty queues")
        assert_lines_valid(receiver.lines())
        for line in receiver.lines():
            assert "n" not in line.split(" ")[1].lower(), line
        wavefront.check()
        points = {name: point for (name, _), point in otlp.points().items()}
        assert set(points) == {"wide", "tiny"}
        assert one.flush().count("sinks.otlp.values_not_finite") == 2, "the counter and the gauge"
        for point in points.values():
            assert all(math.isfinite(point[field]) for field in ("sum", "min", "max")), point


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


def test_what_the_resolver_library_says(start, tmp_path):
    """It is for those who want to know all, and in lines like the daemon's own."""
    with deaf_resolver(tmp_path, "timeout:1 attempts:1 max-timeouts:1") as (prefix, _):
        # Its own patience is a second: `timeout` must not end the lookup before.
        one = start(graphite("carbon.example:2003", more="timeout: 10s"), "log.level=debug", command_prefix=prefix)
        wait_for(lambda: "has failed: request timed out" in one.log(), "the resolver to give up")
        assert "kstatsd: debug: libevent: " in one.log()
        assert [line for line in one.log().splitlines() if not line.startswith("kstatsd: ")] == []


@pytest.fixture
def unresolved(start, tmp_path):
    """A daemon with one output whose name nobody resolves, and a receiver that it reaches."""
    with deaf_resolver(tmp_path) as (prefix, server), Receiver() as good:
        yield start(graphite("carbon.example:2003", good.port).replace(
            "[{", f'[{{address: "udp.example:2003", protocol: udp, {QUICK}}}, {{', 1), command_prefix=prefix), good, server


def test_a_resolver_that_does_not_answer(unresolved):
    """Nothing waits for it: no flush, no other output, no end."""
    one, good, server = unresolved
    server.settimeout(5)
    asked = b""
    while b"\6carbon\7example" not in asked or b"\3udp\7example" not in asked:
        asked += server.recv(512).lower()
    # `timeout` bounds the lookup, too.
    for what in ("connect to graphite at carbon", "send to graphite at udp"):
        words = f"cannot {what}.example:2003: its name cannot be looked up: no answer within 0.5 s"
        wait_for(lambda: one.log().count(words) == 1, lambda: f"{words} in {one.log()}", 3)
    for flush in range(5):
        delivered_soon(one, good, f"resolver{flush}")
    for row in sinks(one)[:2]:
        assert row["batches_queued"] == 5 and not row["connected"]
        assert "its name cannot be looked up" in row["last_error"]
    began = time.monotonic()
    one.stop()
    assert time.monotonic() - began < 3


def test_a_hundred_thousand_timers(start):
    """
    One flush of 1.4 million points, several times what the queue may hold: a receiver that reads gets all of them. The
    loop answers meanwhile, and so it is with the file that is standard output.
    """
    timers, points = 100_000, 14  # of each timer
    with Receiver() as receiver:
        one = start(graphite(receiver.port, more="timeout: 10s"), "limits.timers=100000", "limits.series=200000",
                    "internal_metrics=[]")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for at in range(0, timers, 200):
                payload = "\n".join(f"all.{index:05}:{index}|ms" for index in range(at, at + 200))
                sender.sendto(payload.encode(), ("127.0.0.1", one.port))
        assert one.ask("flush").returncode == 0
        waited, slowest = [], 0
        while len(receiver.whole) < timers * points and len(waited) < 500:
            began = time.monotonic()
            waited.append(sinks(one)[0]["metrics_waiting"])
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
        wait_for(lambda: sinks(one)[0]["batches_queued"] == 0, "the last acknowledgement")
        row = sinks(one)[0]
        assert not row["lines_dropped"] and not row["batches_dropped"] and not row["metrics_waiting"], row
        names = receiver.names()
        assert len(names) == len(set(names)) == timers * points == row["lines_sent"]
        assert any(waited) and slowest < 1, (waited[:5], slowest)
        with open(one.stdout, "rb") as file:
            assert file.read().count(b"\n") == timers
