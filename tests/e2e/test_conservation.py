# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Half an hour without a destination, the daemon killed twice, the destination restarted three times: nothing is missing.

The daemon's wall clock is the test's (faults.Clock): it goes 10 seconds ahead before each flush, so that 200 flushes have
the 200 timestamps they would have had in 33 minutes, in as many seconds as they take. What was flushed is known from the
JSON on standard output, which has no part in the delivery. Before a kill the test waits until `kstatsd status` says that all
that waits is on disk, and the window that is open then is empty: what the kernel still holds dies with the daemon, and is
not promised.
"""
import random
import socket

import wavefront as lines_of
from daemon import free_port, send, wait_for
from faults import Clock, Receiver, is_on_disk, sinks

INTERVAL = 10  # seconds of the daemon's clock between two flushes
OUTAGE = 180  # flushes, half an hour
SERIES = 60
TIMER_FIELDS = ("count", "sum", "upper", "lower", "mean")


class Run:
    """A daemon with one destination; keeps what it flushed and what arrived, over all their lives."""

    def __init__(self, start, folder, output):
        self.port = free_port(socket.SOCK_STREAM)
        self.clock = Clock(folder)
        self.one = start(output(self.port), "flush.align=false", "shutdown_timeout=10s", command_prefix=self.clock.prefix)
        self.kind = output.__name__
        self.receivers, self.metrics = [], []
        self.random = random.Random(6)

    def listen(self, **options):
        """Another life of the destination."""
        self.receivers.append(Receiver(self.port, buffer=8192, **options))
        return self.receivers[-1]

    def flush(self, times=1):
        for _ in range(times):
            self.clock.step(INTERVAL)
            self.observe()
            self.metrics += self.one.flush().metrics

    def observe(self):
        dice = self.random
        lines = [f"shop.hits{index}:{dice.randrange(1, 9)}|c|#zone:z{index % 3}" for index in range(SERIES)]
        lines += [f"shop.depth{index}:{dice.uniform(0, 1):.6f}|g" for index in range(SERIES)]
        lines += [f"shop.load{index % 4}:{dice.lognormvariate(3, 1):.3f}|ms" for index in range(20)]
        lines += [f"shop.users:{dice.randrange(1000)}|s"]
        send("sendto", "\n".join(lines), port=self.one.port)

    def waiting(self):
        return sinks(self.one, self.kind)[0]

    def kill(self):
        wait_for(lambda: is_on_disk(self.waiting()), lambda: f"all to be on disk: {self.waiting()}")
        self.one.kill()
        self.one.start()

    def finish(self):
        wait_for(lambda: self.waiting()["batches_queued"] == 0, lambda: f"all to be delivered: {self.waiting()}", 60)
        self.clock.step(INTERVAL)  # it flushes once more
        self.metrics += self.one.stop().metrics

    def lines(self):
        return [line for receiver in self.receivers for line in receiver.lines()]


def endure(run):
    """The course of it. Each life of the destination ends in the middle of a batch; in the last it stays."""
    first = run.listen(reset_after=40_000, resets=1, dies=True)
    while not first.is_dead:
        run.flush()
    run.flush(OUTAGE // 2)
    run.kill()
    run.flush(OUTAGE - OUTAGE // 2)
    waited = run.waiting()
    assert waited["batches_queued"] >= OUTAGE and not waited["lines_dropped"]
    for _ in range(2):
        again = run.listen(reset_after=waited["bytes_queued"] // 4, resets=1, dies=True)
        wait_for(lambda: again.is_dead, "the destination to die of what it gets")
        run.flush()
    run.kill()
    assert run.waiting()["bytes_queued"] > waited["bytes_queued"] // 4, "killed with much to be delivered"
    run.listen()
    run.flush(3)
    run.finish()


def arrived(points):
    """{(name, timestamp): value} of [(name, timestamp, value)]. What came twice must have come with one value."""
    found = {}
    for name, timestamp, value in points:
        assert found.setdefault((name, timestamp), value) == value, f"two values of {name} at {timestamp}"
    return found


def compare(points, wanted):
    found = arrived(points)
    missing = set(wanted) - set(found)
    assert not missing, f"{len(missing)} of {len(wanted)} points are missing: {sorted(missing)[:5]}"
    assert {key: found[key] for key in wanted} == wanted
    print(f"{len(wanted)} points flushed, {len(points)} arrived, {len(points) - len(found)} of them again")
    assert len(points) > len(found), "nothing was sent again: nothing was cut off"
    return found


def graphite(port):
    return f'outputs.graphite=[{{address: "127.0.0.1:{port}", retry: {{min: 20ms, max: 100ms}}}}]'


def graphite_points(lines):
    fields = [line.split(" ") for line in lines]
    return [(name, int(timestamp), float(value)) for name, value, timestamp in fields]


def graphite_wanted(metrics):
    wanted = {}
    for metric in metrics:
        fields = {"counter": ("count", "rate"), "timer": TIMER_FIELDS, "set": ("count",), "gauge": ("",)}[metric["type"]]
        for field in fields:
            path = f"stats.{metric['type']}s.{metric['name']}" + (f".{field}" if field else "")
            path += f";{metric['tags']}" if metric["tags"] else ""
            wanted[path, metric["timestamp"]] = metric[field or "value"]
    return wanted


def test_graphite(start, tmp_path):
    run = Run(start, tmp_path, graphite)
    endure(run)
    wanted = graphite_wanted(run.metrics)
    found = compare(graphite_points(run.lines()), wanted)
    kept = {key for key in found if key[0].startswith(("stats.counters.", "stats.gauges.", "stats.sets."))}
    assert kept <= set(wanted), "nothing arrives that was not flushed"


def test_killed_while_it_delivers(start, tmp_path):
    """Four times, by SIGKILL, with a batch half sent and others behind it, to a destination that takes its time."""
    run = Run(start, tmp_path, graphite)
    run.flush(60)
    run.kill()
    receiver = run.listen(pace=0.004)
    for _ in range(4):
        had = len(receiver.whole)
        wait_for(lambda: len(receiver.whole) > had + 1000, "the delivery to go on")
        assert run.waiting()["batches_queued"] > 5, "killed with much to be delivered"
        run.one.kill()
        run.one.start()
    run.finish()
    compare(graphite_points(run.lines()), graphite_wanted(run.metrics))


def wavefront(port):
    return f'outputs.wavefront=[{{proxy: "127.0.0.1:{port}", source: tests, retry: {{min: 20ms, max: 100ms}}}}]'


def wavefront_wanted(metrics):
    wanted = {}
    for metric in metrics:
        fields = {"counter": ("count", "rate"), "timer": TIMER_FIELDS, "set": ("count",), "gauge": ("",)}[metric["type"]]
        tags = tuple(tag.partition("=")[::2] for tag in metric["tags"].split(";") if tag)
        for field in fields:
            name = (metric["name"] + (f".{field}" if field else "")).replace("_", ".")
            wanted[(name, tags), metric["timestamp"]] = metric[field or "value"]
    return wanted


def test_wavefront(start, tmp_path):
    """Points by name, tags and timestamp; and of each timer's distributions as many values as were flushed."""
    run = Run(start, tmp_path, wavefront)
    endure(run)
    parsed = [lines_of.parse(line) for line in run.lines()]  # raises where Wavefront would refuse
    for line in run.lines():
        lines_of.record(line)
    points = [((one.name, tuple(one.tags.items())), one.timestamp, one.value)
              for one in parsed if isinstance(one, lines_of.Point)]
    wanted = wavefront_wanted(run.metrics)
    found = compare(points, wanted)
    kept = {key for key in found if not key[0][0].startswith("shop.load") and key[0][0].endswith((".count", ".rate"))}
    assert kept <= set(wanted), "nothing arrives that was not flushed"
    distributions = {one.key: one.count for one in parsed if isinstance(one, lines_of.Histogram)}
    timers = [metric for metric in run.metrics if metric["type"] == "timer"]
    assert sum(distributions.values()) == sum(metric["samples"] for metric in timers) > 0
    assert {key[1] for key in distributions} == {metric["name"] for metric in timers}
