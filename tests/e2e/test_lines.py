# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What a line may be (docs/lines.md), through the kernel: what it leaves to the daemon, what it does itself."""
import itertools
import math
import random
import time

import pytest

from daemon import assert_ledger_balances, send, wait_for

# Line -> counters, timers (their sums) and gauges that come of it; values; values behind the first; rejected.
LINES = [
    (b"a:1:2:3|ms|@0.5|#k:v", {"a;k=v": 6}, 3, 2, {}),
    (b"a:1|c:2|c|@0.1", {"a": 21}, 2, 1, {}),
    (b"a:1|c:2|c|@0.1|#t:x", {"a;t=x": 21}, 2, 1, {}),
    (b"a:1::2:|c", {"a": 3}, 2, 1, {}),
    (b"a:5|g:-2|g:+4|g", {"a": 7}, 3, 2, {}),
    (b"u:a:b|s", {"u": 1}, 1, 0, {}),
    (b"u:a|s:b|s", {"u": 2}, 2, 1, {}),
    (b"u:|s\nu:0|s", {"u": 1}, 2, 0, {}),
    (b"a:1|c:x|c:3|z:4|c", {"a": 5}, 4, 3, {"value": 1, "type": 1}),
    (b"a:0x10|c", {"a": 16}, 1, 0, {}),
    (b"a: |g", {"a": 0}, 1, 0, {}),
    (b"a:1| c \r", {"a": 1}, 1, 0, {}),
    (b"a:1|c|@1e-3 ", {"a": 1000}, 1, 0, {}),
    (b"a:1|c|@0.5|#k:v|c:ci-1|e:it-false|card:low", {"a;k=v": 2}, 1, 0, {}),
    (b"a:1|c|card:low|T1600000000|c:ci-1|#k:v|@0.5", {"a;k=v": 2}, 1, 0, {}),
    (b"noval|c|#env:1|c", {}, 1, 0, {"value": 1}),
]


def value_of(metric):
    return metric[{"counter": "count", "timer": "sum", "gauge": "value", "set": "count"}[metric["type"]]]


@pytest.mark.parametrize("line,values,seen,continued,rejected", LINES, ids=[repr(case[0])[2:-1] for case in LINES])
def test_line_beside_others(line, values, seen, continued, rejected, start):
    """Twice: the second time the series is there, in the kernel if it may be."""
    one = start()
    for _ in range(2):
        send("sendto", b"left:1|c\n" + line + b"\nright:1|c", port=one.port)
        window = one.flush()
        assert {name: value_of(window.last(name)) for name in window.names()} == {"left": 1, "right": 1, **values}
        assert window.count("lines.seen") == seen + 2
        assert window.count("lines.continued") == continued
        assert {name: window.count(f"lines.rejected.{name}") for name in rejected} == rejected
        assert window.count("lines.accepted") == seen + 2 - sum(rejected.values())
        assert_ledger_balances(window.ledger)


def test_fields_in_every_order(start):
    """Rate, tags, container, external data, cardinality: 120 orders, one series."""
    one = start()
    for fields in itertools.permutations(["@0.5", "#k:v,w", "c:ci-1f", "e:it-false,cn-web,pu-1", "card:low"]):
        send("sendto", "|".join(["a:1|c", *fields]), port=one.port)
    window = one.flush()
    assert window.names() == {"a;k=v;w=true"} and window.counter("a;k=v;w=true") == 240
    assert window.count("lines.accepted") == 120


def test_only_the_line_itself_is_slow(start):
    one = start()
    send("sendto", "left:1|c\na:1|c:2|c\nright:1|c\n_sc|a|0", port=one.port)
    window = one.flush()
    assert window.count("slow.lines") == 3 and window.count("slow.datagrams") == 0


def test_gauges_keep_their_order_around_several_values(start):
    """A gauge's write inside a line of several values goes through the ring; those behind it follow."""
    one = start()
    send("sendto", "depth:1|g", port=one.port)
    one.flush()
    for payload in ("depth:10|g", "hits:1|c:20|g\ndepth:30|g:-5|g", "depth:+2|g", "depth:-1|g"):
        send("sendto", payload, port=one.port)
    window = one.flush()
    assert window.last("depth")["value"] == 26


def test_values_with_a_time(start):
    """Each is a metric of its own, at its own time; the aggregated one stands beside them."""
    one = start()
    now = int(time.time())
    send("sendto", f"a:3|c|@0.5|T1600000000\na:4|c|T{now}\na:5|c\ndepth:-7|g|T1600000001\na:1|c|T{now + 3600}", port=one.port)
    window = one.flush()
    stamped = {(metric["timestamp"], value_of(metric)) for metric in window.by_key["a"]}
    assert {(1600000000, 6), (now, 4)} < stamped and len(stamped) == 3
    assert (stamped - {(1600000000, 6), (now, 4)}).pop()[1] == 5
    assert [(metric["timestamp"], metric["value"]) for metric in window.by_key["depth"]] == [(1600000001, -7)]
    assert window.count("lines.rejected.timestamp") == 1
    send("sendto", "depth:+1|g", port=one.port)
    assert one.flush().last("depth")["value"] == 1  # the value with a time was no write to the gauge


def test_the_future_begins_at_the_send(start):
    """The ring is read later: by then a time that was in the future may be in the past, and must not count all the same."""
    one = start()
    sent = time.time()
    send("sendto", f"a:1|c|T{int(sent) + 13}\na:2|c|T{int(sent) + 5}", port=one.port)
    wait_for(lambda: time.time() > sent + 4, "the clock to go on")
    window = one.flush()
    assert [metric["timestamp"] for metric in window.by_key["a"]] == [int(sent) + 5]
    assert window.count("lines.rejected.timestamp") == 1


def test_events_and_service_checks(start):
    one = start()
    before = int(time.time())
    send("sendto", "a:1|c\n_e{5,6}:title|a\\nb|c|d:1600000000|h:web1|k:key|p:low|s:jenkins|t:error|#env:prod\nb:1|c\n"
         "_sc|db.alive|2|h:web1|#env:prod|m:refused\n_e{1,1}:5|c\n_e{9,9}:5|c", port=one.port)
    window = one.flush()
    first, second, third = window.events
    assert first == {"timestamp": 1600000000, "type": "event", "title": "title", "text": "a\nb|c", "tags": "env=prod",
                     "host": "web1", "aggregation_key": "key", "priority": "low", "source_type": "jenkins",
                     "alert_type": "error"}
    assert second["type"] == "service_check" and second["name"] == "db.alive" and second["status"] == 2
    assert second["message"] == "refused" and before <= second["timestamp"] <= time.time() + 1
    assert third["title"] == "5" and third["text"] == "c"
    assert window.names() == {"a", "b"}
    assert window.count("lines.events") == 2 and window.count("lines.service_checks") == 1
    assert window.count("lines.rejected.event") == 1 and window.count("lines.accepted") == 5
    assert_ledger_balances(window.ledger)


@pytest.mark.parametrize("mode", ["histogram", "exact"])
def test_weighted_timers(mode, start):
    """Each value as often as its rate says; a rate that the kernel leaves to the daemon, too."""
    one = start("timers.weighted=true", f"timers.mode={mode}", "timers.percentiles=[50]")
    send("sendto", "load:10|ms|@0.1\nload:20|ms\nload:-4|h|@0.5\nload:100|ms|@0.0004\nload:7|ms|@0.3", port=one.port)
    window = one.flush()
    load = window.last("load")
    weights = {10: 10, 20: 1, -4: 2, 100: 2500, 7: 1 / 0.3}
    count, total = sum(weights.values()), sum(value * weight for value, weight in weights.items())
    squares = sum(value * value * weight for value, weight in weights.items())
    for field, wanted in (("count", count), ("sum", total), ("sum_squares", squares), ("mean", total / count),
                          ("upper", 100), ("lower", -4), ("samples", 5),
                          ("std", math.sqrt(squares / count - (total / count) ** 2))):
        assert math.isclose(load[field], wanted, rel_tol=1e-9), (field, load[field], wanted)
    assert math.isclose(load["median"], 100, rel_tol=0.006)
    assert window.count("slow.lines") == (2 if mode == "histogram" else 1)


def random_line(source):
    """Good ones and bad ones, of every syntax; of each piece sometimes a wrong one."""
    def number():
        return source.choice(["1", "2.5", "-3", "+4", "0x1f", " 7", "1e2", ".5", "5.", "x", "", "-0", "0.0000001", "99999999999999"])

    def kind():
        return source.choice(["c", "c", "ms", "g", "s", "h", "d", " c", "ms ", "z", ""])

    def field():
        return source.choice(["@0.1", "@0.5", "@0.3", "@2", "@", "#k:v", "#b,a:1", "c:id", "e:x", "card:low", "x", "T1600000000",
                              "T0"])

    def value():
        texts = ":".join(number() for _ in range(source.choice([1, 1, 1, 2, 3])))
        return texts + "".join("|" + part for part in [kind(), *(field() for _ in range(source.choice([0, 0, 0, 1, 1, 2, 3])))])

    name = source.choice(["a", "b.c", "d e", "_e", "_sc", "", "n" * 200])
    return (name + ":" + ":".join(value() for _ in range(source.choice([1, 1, 1, 1, 2, 3])))).encode()


def results(window):
    """What must not depend on the way a line took."""
    metrics = {}
    for metric in window.metrics:
        if metric["name"].startswith("kstatsd."):
            continue
        key = (metric["type"], metric["name"], metric["tags"], metric["timestamp"] if "seconds" not in metric else 0)
        fields = {name: value for name, value in metric.items() if name not in ("timestamp", "seconds", "rate", "count_ps")}
        metrics.setdefault(key, []).append(fields)
    return metrics


def assert_close(one, other):
    assert one.keys() == other.keys()
    for key, metrics in one.items():
        assert len(metrics) == len(other[key]), key
        for left, right in zip(metrics, other[key]):
            assert left.keys() == right.keys(), key
            for name, value in left.items():
                same = math.isclose(value, right[name], rel_tol=1e-9, abs_tol=1e-9) if isinstance(value, float | int) \
                    else value == right[name]
                assert same, f"{key} {name}: {value} or {right[name]}"


def test_kernel_and_daemon_make_the_same_of_a_line(start):
    """Short datagrams, whose lines the kernel parses, and long ones, which it leaves to the daemon whole."""
    source = random.Random(20261121)
    lines = [random_line(source) for _ in range(4000)]
    one = start("timers.mode=exact")
    windows = []
    for size, filler in ((20, b""), (200, b"\n" * 8192)):
        for at in range(0, len(lines), size):
            assert send("sendto", b"\n".join(lines[at:at + size]) + filler, port=one.port)["ok"]
        windows.append(one.flush())
        send("sendto", "".join(f"{name}:0|g{tags}\n" for name in ("a", "b.c", "d e", "_e", "_sc", "n" * 200)
                               for tags in ("", "|#k:v", "|#b,a:1")), port=one.port)  # gauges begin anew
        one.flush()
    kernel, daemon = windows
    assert kernel.count("slow.datagrams") == 0 and daemon.count("slow.datagrams") == len(lines) / 200
    assert 0 < kernel.count("slow.lines") < daemon.count("slow.lines")
    for name in daemon.ledger:
        if name.startswith("lines."):
            assert kernel.count(name) == daemon.count(name), name
    assert kernel.count("lines.accepted") > 2000 and kernel.count("lines.continued") > 1000
    assert_close(results(kernel), results(daemon))
