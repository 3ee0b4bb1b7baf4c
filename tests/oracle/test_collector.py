# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The collector of OpenTelemetry takes what outputs.otlp sends, and understands what was meant."""
import collections
import gzip
import math
import random
import socket
import urllib.error
import urllib.request

import pytest

import collector as collectors
from daemon import wait_for

SECOND = 10 ** 9


@pytest.fixture(scope="session")
def binary():
    return collectors.install()


@pytest.fixture
def collector(binary, tmp_path):
    with collectors.Collector(binary, tmp_path / "collector") as one:
        yield one


def bucket(value, scale=6):
    """base = 2^(2^-scale): (base^i, base^(i+1)]."""
    return math.ceil(math.ldexp(math.log2(value), scale)) - 1


def send_lines(port, lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line.encode(), ("127.0.0.1", port))


def held(side):
    """{index: count} of the buckets that hold something."""
    offset = int(side.get("offset", 0))
    return {offset + index: int(count) for index, count in enumerate(side.get("bucketCounts", [])) if int(count)}


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_understood(collector, start, compression):
    chance = random.Random(6)
    daemon = start(f"outputs.otlp=[{{url: \"{collector.url}\", compression: {compression}, resource: {{a.b: c}}}}]")
    loads = [round(10 ** chance.uniform(0, 2.9), 4) for _ in range(500)]
    sizes = [0, 0, -1, -7.5] + [round(10 ** chance.uniform(-3, 5), 3) for _ in range(200)]
    send_lines(daemon.port, [f"load:{value}|ms|#zone:eu" for value in loads] + [f"size:{value}|h" for value in sizes]
               + ["hits:3|c|#zone:eu", "hits:4|c|#zone:us", "hits:1|c", "back:-2|c", "depth:-7.25|g", "users:a|s\nusers:b|s"])
    end = daemon.flush().last("depth")["timestamp"] * SECOND
    points = wait_for(collector.there.points, lambda: f"the collector: {collector.said()}")
    eu = (("zone", "eu"),)
    assert set(points) == {("hits", eu), ("hits", (("zone", "us"),)), ("hits", ()), ("back", ()), ("depth", ()),
                           ("users", ()), ("load", eu), ("size", ())}
    for (name, tags), value, monotonic in ((("hits", eu), 3, True), (("hits", ()), 1, True), (("back", ()), -2, False)):
        point = points[(name, tags)]
        assert (point["kind"], point["asDouble"], point.get("isMonotonic", False)) == ("sum", value, monotonic)
        assert point["aggregationTemporality"] == 1 and int(point["timeUnixNano"]) == end
        assert 0 < end - int(point["startTimeUnixNano"]) < 600 * SECOND
    assert [(points[(name, ())]["kind"], points[(name, ())]["asDouble"]) for name in ("depth", "users")] == [
        ("gauge", -7.25), ("gauge", 2)]
    load, size = points[("load", eu)], points[("size", ())]
    assert load["kind"] == size["kind"] == "exponentialHistogram" and load["unit"] == "s" and size["unit"] == ""
    assert load["scale"] == 6 and load["aggregationTemporality"] == 1
    assert size["scale"] == 4 and len(size["positive"]["bucketCounts"]) <= 640  # eight decades
    assert held(load["positive"]) == collections.Counter(bucket(value / 1000) for value in loads)
    assert held(size["positive"]) == collections.Counter(bucket(value, 4) for value in sizes if value > 0)
    assert held(size["negative"]) == collections.Counter(bucket(-value, 4) for value in sizes if value < 0)
    assert (int(load["count"]), int(size["count"]), int(size["zeroCount"])) == (500, 204, 2)
    assert load["sum"] == pytest.approx(sum(loads) / 1000) and load["max"] == pytest.approx(max(loads) / 1000)
    assert size["sum"] == pytest.approx(sum(sizes)) and size["min"] == -7.5
    for resource, scope, _ in collector.there.scopes():
        assert resource == {"service.name": "kstatsd", "host.name": socket.gethostname(), "a.b": "c"}
        assert scope["name"] == "kstatsd" and scope["version"]


def test_many(collector, start):
    """3,000 series in several requests: all there, with their values, none twice."""
    daemon = start(f"outputs.otlp=[{{url: \"{collector.url}\", batch: {{points: 700}}}}]")
    send_lines(daemon.port, ("\n".join(f"many.{number % 50}:{number}|c|#n:{number}" for number in range(first, first + 60))
                             for first in range(0, 3000, 60)))
    daemon.flush()
    wait_for(lambda: len(collector.there.points()) == 3000, lambda: f"all of them; {collector.said()}")
    assert {tags[0][1]: point["asDouble"] for (_, tags), point in collector.there.points().items()} == {
        str(number): number for number in range(3000)}
    assert daemon.ledger.get("sinks.otlp.batches_rejected", 0) == 0


def test_garbage_is_refused(collector):
    """What the collector says to what is no request is what makes kstatsd drop a batch: 400."""
    for body in (b"\xff\xff\xff", gzip.compress(b"hits 1 2")):
        headers = {"Content-Type": "application/x-protobuf"}
        if body[:2] == b"\x1f\x8b":
            headers["Content-Encoding"] = "gzip"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(collector.url, body, headers), timeout=10)
        assert refused.value.code == 400


def test_rejected_is_counted(collector, start):
    """A batch that the collector refuses for good is counted and dropped; what comes later is taken."""
    daemon = start(f"outputs.otlp=[{{url: \"{collector.url}x\"}}, {{url: \"{collector.url}\"}}]")
    send_lines(daemon.port, ["one:1|c"])
    daemon.flush()
    wait_for(lambda: daemon.flush() and daemon.ledger.get("sinks.otlp.batches_rejected"), "the refusal to be counted")
    assert daemon.ledger["sinks.otlp.lines_rejected"] >= 1 and "404" in daemon.log()
    send_lines(daemon.port, ["two:2|c"])
    daemon.flush()
    wait_for(lambda: any(metric["name"] == "two" for _, _, metrics in collector.there.scopes() for metric in metrics),
             "the other one to be served")


def test_collector_away(collector, start):
    """What was flushed while the collector was away arrives when it is back, once."""
    daemon = start(f"outputs.otlp=[{{url: \"{collector.url}\", retry: {{min: 50ms, max: 200ms}}}}]")
    collector.stop()
    for number in range(3):
        send_lines(daemon.port, [f"away.{number}:{number}|c"])
        daemon.flush()
    collector.start()
    wait_for(lambda: len(collector.there.points()) == 3, "all three windows")
