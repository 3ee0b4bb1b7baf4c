# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Series of which nothing comes: deleted, or sent again at each flush as statsd does by default."""
import os
import time

import pytest

from daemon import Daemon, expect, send, wait_for

ALL = "hits:3|c\nload:7|ms\ndepth:5|g\nusers:x|s"
TYPES = {"counters": "hits", "timers": "load", "gauges": "depth", "sets": "users"}


def test_deleted_by_default(start):
    one = start()
    send("sendto", ALL, port=one.port)
    assert one.flush().names() == set(TYPES.values())
    assert one.flush().names() == set()
    send("sendto", "depth:+2|g", port=one.port)
    assert one.flush().last("depth")["value"] == 7


def assert_idle(window):
    assert window.names() == set(TYPES.values())
    assert window.last("hits")["count"] == 0
    assert window.last("users")["count"] == 0
    assert window.last("depth")["value"] == 5
    timer = window.last("load")
    assert timer["count"] == 0 and timer["count_ps"] == 0
    assert "mean" not in timer and "upper_90" not in timer


def test_sent_at_each_flush(start):
    """Also after the kernel has given back what it held of them, which takes 60 flushes."""
    one = start("delete_idle=false")
    assert one.flush().names() == set()
    send("sendto", ALL, port=one.port)
    window = one.flush()
    assert window.last("hits")["count"] == 3 and window.last("load")["mean"] == 7
    for _ in range(130):
        assert_idle(one.flush())
    send("sendto", ALL.replace("depth:5", "depth:+1"), port=one.port)
    window = one.flush()
    assert window.last("hits")["count"] == 3
    assert window.last("load")["upper"] == 7
    assert window.last("users")["count"] == 1
    assert window.last("depth")["value"] == 6


def test_slow_path(start):
    """Series that only the daemon knows."""
    one = start("delete_idle=false")
    send("sendto", "tiny:0.0000001|c\nlevel:0.0000001|g", port=one.port)
    one.flush()
    window = one.flush()
    assert window.last("tiny")["count"] == 0
    assert window.last("level")["value"] == 1e-7


@pytest.mark.parametrize("kept", TYPES)
def test_by_type(kept, start):
    one = start(f"delete_idle={{{kept}: false}}")
    send("sendto", ALL, port=one.port)
    one.flush()
    assert one.flush().names() == {TYPES[kept]}


def test_one_type_overridden(start):
    one = start("delete_idle=false", "delete_idle.gauges=true")
    send("sendto", ALL, port=one.port)
    one.flush()
    assert one.flush().names() == {"hits", "load", "users"}


@pytest.mark.parametrize("flushes", [1, 2, 5])
def test_gauge_ttl(flushes, start):
    """statsd's gaugesMaxTTL: sent by so many flushes, then a delta starts from nothing."""
    one = start(f"gauge_ttl={flushes}")
    for _ in range(2):
        send("sendto", "depth:+5|g", port=one.port)
        for _ in range(flushes):
            assert one.flush().last("depth")["value"] == 5
        assert one.flush().names() == set()


def test_gauge_ttl_begins_anew_with_a_write(start):
    one = start("gauge_ttl=2")
    for value in (5, 10, 15):
        send("sendto", "depth:+5|g", port=one.port)
        assert one.flush().last("depth")["value"] == value
    assert one.flush().last("depth")["value"] == 15
    assert one.flush().names() == set()


def test_ttl(start):
    """What was not observed for so long is forgotten, what comes on is not."""
    one = start("delete_idle=false", "ttl=1s")
    send("sendto", ALL, port=one.port)
    begun = time.monotonic()  # before the close from which the time counts
    one.flush()
    assert one.flush().names() == set(TYPES.values())

    def hits_alone():
        send("sendto", "hits:1|c", port=one.port)
        return one.flush().names() == {"hits"}

    wait_for(hits_alone, "the others to be forgotten")
    assert time.monotonic() - begun > 0.7  # to the nearest close, and a loaded machine closes seldom
    send("sendto", "depth:+2|g", port=one.port)
    assert one.flush().last("depth")["value"] == 2


def test_limit_drops_the_longest_idle(start):
    one = start("delete_idle=false", "limits.series=50", "limits.counters=1")
    for first in range(0, 200, 40):
        names = {f"n{index}" for index in range(first, first + 40)}
        send("sendto", "\n".join(f"{name}:1|c" for name in sorted(names)), port=one.port)
        window = one.flush()
        assert names <= window.names()
        assert len(window.names()) <= 51
        assert not window.count("lines.lost.series_limit")


class FileDaemon(Daemon):
    """Takes what is to be reloaded from a file."""

    def arguments(self):
        return ["-c", os.path.join(self.folder, "kstatsd.yaml"), *super().arguments()]

    def reload(self, text):
        with open(os.path.join(self.folder, "kstatsd.yaml"), "w", encoding="ascii") as file:
            file.write(text)
        if self.process:
            expect(self.ask("reload").returncode == 0, f"reload failed: {self.log()}")


def test_reload(tmp_path, hook):
    one = FileDaemon(tmp_path, hook=hook)
    one.reload("delete_idle: true\n")
    one.start()
    try:
        send("sendto", ALL, port=one.port)
        one.flush()
        assert one.flush().names() == set()
        one.reload("delete_idle: {counters: false, gauges: false}\n")
        assert one.flush().names() == {"hits", "depth"}
        one.reload("gauge_ttl: 1\n")
        assert one.flush().names() == set()
        send("sendto", "depth:+1|g", port=one.port)
        assert one.flush().last("depth")["value"] == 1
        one.reload("timers: {histogram: [{metric: load, bins: [10, inf]}]}\n")
        send("sendto", ALL, port=one.port)
        assert one.flush().last("load")["histogram.bin_10"] == 1
        one.stop()
    finally:
        one.kill()
