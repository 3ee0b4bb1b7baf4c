# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What Graphite's paths are called: beside a real statsd in both namespaces, and after a reload."""
import json
import math
import socket

import pytest

from daemon import free_port, send, wait_for
from statsd_server import Statsd

# One datagram, so that it falls into one window of either server.
DATAGRAM = ("c.plain:3|c\nc.tagged:1|c|#env:prod,zone:eu\nc.sampled:2|c|@0.1\nt.one:320.5|ms\ng:7|g\ns:a|s\ns:b|s\n"
            + "\n".join(f"t.many:{i * 7 % 31}|ms" for i in range(40)))
TIMES = ("calculationtime", "processing_time", "flush_time", "flush_length", "last_flush", "last_exception",
         "timestamp_lag")

NAMESPACES = {
    "legacy": ({"legacyNamespace": True}, {"legacy_namespace": True}, "stats_counts.c.plain"),
    "legacy-with-prefixes": (
        {"legacyNamespace": True, "globalPrefix": "p", "prefixCounter": "q", "globalSuffix": "suf"},
        {"legacy_namespace": True, "global_prefix": "p", "prefix_counter": "q", "global_suffix": "suf"},
        "stats_counts.c.plain.suf"),
    "today's": ({"legacyNamespace": False}, {}, "stats.counters.c.plain.count"),
    "prefixes": (
        {"legacyNamespace": False, "globalPrefix": "a.b", "prefixCounter": "", "prefixTimer": "T", "prefixGauge": "",
         "prefixSet": "S", "globalSuffix": "h1.z"},
        {"global_prefix": "a.b", "prefix_counter": "", "prefix_timer": "T", "prefix_gauge": "", "prefix_set": "S",
         "global_suffix": "h1.z"},
        "a.b.c.plain.count.h1.z"),
    "nothing": (
        {"legacyNamespace": False, "globalPrefix": "", "prefixCounter": "", "prefixTimer": "", "prefixGauge": "",
         "prefixSet": ""},
        {"global_prefix": "", "prefix_counter": "", "prefix_timer": "", "prefix_gauge": "", "prefix_set": ""},
        "c.plain.count"),
}


def graphite_lines(daemon):
    with open(daemon.stdout, encoding="ascii") as file:
        return [line.split() for line in file.read().rpartition("\n")[0].splitlines()]


def flush_with(lines, path):
    """The lines of the flush that `path` was in, as a dict; statsd's graphiteStats may be of a second later."""
    stamps = [stamp for name, _, stamp in lines if name == path]
    if not stamps:
        return None
    found = {name: float(value) for name, value, stamp in lines if int(stamp) in (int(stamps[0]), int(stamps[0]) + 1)
             and (stamp == stamps[0] or "graphiteStats" in name)}
    return found if any("graphiteStats.flush_length" in name for name in found) else None  # which comes last


def knows_lag(lines):
    return any("timestamp_lag" in line[0] for line in lines)


@pytest.mark.parametrize("prefix_stats", ["statsd", "my.stats"])
@pytest.mark.parametrize("name", NAMESPACES)
def test_same_paths_as_statsd(name, prefix_stats, tmp_path, start):
    theirs, ours, path = NAMESPACES[name]
    options = {"graphite": theirs, "prefixStats": prefix_stats, "flushInterval": 1000, "percentThreshold": [90, -10, 99.9],
               "deleteIdleStats": True}
    with Statsd(tmp_path / "statsd", free_port(), options, own_clock=True) as statsd:
        one = start("outputs.stdout.format=graphite", "internal_metrics=[statsd]", "flush.rates=interval",
                    "timers.mode=exact", "timers.percentiles=[90, -10, 99.9]", f"names.prefix_stats={prefix_stats}",
                    *[f"names.{key}={json.dumps(value)}" for key, value in ours.items()],
                    interval="1s", ports=[statsd.port])
        wait_for(lambda: knows_lag(statsd.lines()) and knows_lag(graphite_lines(one)), "second flushes")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(DATAGRAM.encode(), ("127.0.0.1", statsd.port))
        want = wait_for(lambda: flush_with(statsd.lines(), path), "statsd's flush")
        got = wait_for(lambda: flush_with(graphite_lines(one), path), "our flush")
        one.process.kill()  # its standard output is not JSON, so there is nothing to balance
        one.process.wait()
        one.process = None
    assert set(got) == set(want)
    different = {key: (want[key], got[key]) for key in want
                 if not key.removesuffix(".suf").removesuffix(".h1.z").endswith(TIMES)
                 and not math.isclose(want[key], got[key], rel_tol=1e-9)}
    assert not different


def test_reload_changes_names(start, tmp_path):
    """At once, in both directions, and without losing what was sent meanwhile."""
    file = tmp_path / "kstatsd.yaml"
    file.write_text("{}")
    one = start(config=file)
    send("sendto", "t:1|ms\nc:2|c", port=one.port)
    first = one.flush()
    assert first.last("t")["upper_90"] == 1 and first.last("c")["count"] == 2
    file.write_text("names: {field_names: telegraf}\ninternal_metrics: [kstatsd, statsd]\n"
                    "timers: {calculated_timer_metrics: [upper_percent, mean]}\n")
    send("sendto", "t:3|ms\nc:4|c", port=one.port)
    assert one.ask("reload").returncode == 0
    second = one.flush()
    timer = second.last("t")
    assert timer["90_percentile"] == 3 and timer["mean"] == 3 and not {"upper_90", "stddev", "count"} & set(timer)
    assert second.last("c")["value"] == 4 and "rate" not in second.last("c")
    assert second.last("statsd.packets_received")["value"] == 1 and second.last("statsd.metrics_received")["value"] == 2
    file.write_text("names: {legacy_namespace: true, field_names: telegraf}\n")
    assert one.ask("reload").returncode == 2, "they exclude each other"
    file.write_text("{}")
    assert one.ask("reload").returncode == 0
    send("sendto", "c:5|c", port=one.port)
    third = one.flush()
    assert third.last("c")["count"] == 5 and "statsd.packets_received" not in third.names()


def test_no_internal_metrics(start):
    """Nothing of the daemon leaves; the ledger is there, in the status."""
    one = start("internal_metrics=[]", "shutdown_timeout=100ms",
                "outputs.graphite=[{address: \"127.0.0.1:%d\"}]" % free_port(socket.SOCK_STREAM))
    send("sendto", "a:1|c\nbad", port=one.port)
    window = one.flush()
    assert window.names() == {"a"} and not window.ledger
    status = json.loads(one.ask("status", "--json").stdout)
    assert status["ledger"]["lines.seen"] == 2 and status["ledger"]["lines.rejected.value"] == 1


def test_rates_by_interval(start):
    one = start("flush.rates=interval", interval="100s")
    send("sendto", "a:50|c\nt:1|ms", port=one.port)
    window = one.flush()
    assert window.last("a")["rate"] == 0.5 and window.last("a")["seconds"] == 100
    assert window.last("t")["count_ps"] == 0.01
