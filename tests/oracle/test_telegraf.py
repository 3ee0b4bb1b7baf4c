# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Telegraf's statsd input as the oracle of field names, separators, templates, tags, and of the options that it has.

The same datagrams go to a Telegraf that listens and to kstatsd, which captures them. Compared are names, tags, fields
and values, all of them, but for the deviations below.
"""
import collections
import json
import socket

import pytest

import telegraf as telegrafs
from daemon import expect

# What kstatsd does on purpose not do as Telegraf does: the name, and why.
DEVIATIONS = {
    "tag-metric-type": "Telegraf adds the tag metric_type; the type is a field of its own in kstatsd's JSON",
    "percentile-rank": "the percentile P of n samples is Telegraf's number floor(n P / 100), counted from 0; kstatsd "
                       "has statsd's definition, the number round(n P / 100), counted from 1",
    "whole-weights": "Telegraf repeats a sample int(1/rate) times, kstatsd weighs it by 1/rate",
    "whole-counters": "Telegraf's counters are integers: it cuts fractions off, of each line",
    "distributions": "Telegraf has no |d without datadog_distributions, then it passes the samples on; they are timers",
    "fields-of-templates": "a template's field prefixes Telegraf's fields; kstatsd has one series for each, named behind it",
}
PERCENTILES = [55, 95, 99, 99.9, 99.95, 100]  # the two definitions agree for 10 samples
TEN = [17, 3.5, 99, 41, 8, 60.25, 2, 75, 30, 55]
DOGSTATSD = {"datadog_extensions": True}

Case = collections.namedtuple("Case", "name lines telegraf kstatsd deviation alter")
CASES = []


def case(name, *lines, telegraf=(), kstatsd=(), deviation=None, alter=lambda metrics: None):
    """alter: what the deviation makes of what Telegraf gathered, {(name, tags): fields}, in place."""
    CASES.append(Case(name, lines, dict(telegraf), kstatsd, deviation, alter))


def timer(name, values, kind="ms", rest=""):
    return "\n".join(f"{name}:{value}|{kind}{rest}" for value in values)


def percentiles(*values):
    return {"telegraf": {"percentiles": list(values)}, "kstatsd": [f"timers.percentiles={list(values)}"]}


case("counters", "a:1|c\na:41|c\nb:-2|c\nc:+5|c", "sampled:3|c|@0.1\nhalf:1|c|@0.5")
case("counters.fractions", "a:2.75|c\na:2.75|c", deviation="whole-counters",
     alter=lambda metrics: metrics[("a", "")].update(value=metrics[("a", "")]["value"] + 1.5))
case("gauges", "a:5|g\nb:1.5|g\nb:+2|g\nb:-0.25|g\nfresh:-3|g\nmore:+3|g", "zero:0|g")
case("sets", "users:alice|s\nusers:bob|s\nusers:alice|s\nnumbers:1|s\nnumbers:01|s")
case("timers", timer("load", TEN), timer("one", [320]), timer("same", [5, 5, 5]), **percentiles(*PERCENTILES))
case("timers.no-percentiles", timer("load", TEN), **percentiles())
case("timers.rank", timer("load", range(1, 11)), **percentiles(50, 90), deviation="percentile-rank",
     alter=lambda metrics: metrics[("load", "")].update({"50_percentile": 5, "90_percentile": 9}))
case("histograms", timer("size", TEN, "h"), **percentiles(*PERCENTILES))
case("timers.weighted", timer("load", TEN[:5], rest="|@0.5"), "tenth:7|ms|@0.2\ntenth:9|ms|@0.2",
     telegraf={"percentiles": [95]}, kstatsd=["timers.percentiles=[95]", "timers.weighted=true"])
case("timers.weights", "third:6|ms|@0.3", telegraf={"percentiles": [95]},
     kstatsd=["timers.percentiles=[95]", "timers.weighted=true"], deviation="whole-weights",
     alter=lambda metrics: metrics[("third", "")].update(count=1 / 0.3, sum=6 / 0.3))
case("several", "a:1|c:2|c\nt:1|ms:2|ms:30|ms", **percentiles(95))
case("tags.influxdb", "users,service=payroll,region=us-west:1|g", timer("load,zone=eu", TEN), "hits,a=1,b=2:3|c", **percentiles(95))
case("tags.dogstatsd", "hits:3|c|#env:prod,zone:eu", "hits:4|c|@0.5|#env:prod", timer("load", TEN, rest="|#zone:eu"),
     "bare:1|c|#flag", "users:alice|s|#a:b|c:83c0a99c", telegraf={**DOGSTATSD, "percentiles": [95]},
     kstatsd=["timers.percentiles=[95]"])
case("names.separator", "page.load.time:3|c", timer("a.b.c", TEN), "plain:1|g", telegraf={"metric_separator": "_", "percentiles": [95]},
     kstatsd=["names.metric_separator=_", "timers.percentiles=[95]"])
case("names.dots", "page.load.time:3|c", timer("a.b.c", TEN), telegraf={"metric_separator": ".", "percentiles": [95]},
     kstatsd=["names.metric_separator=.", "timers.percentiles=[95]"])
case("names.sanitised", "fo/o:1|c\nfoo+bar:3|c", "b.a-r_1:4|g", telegraf={"metric_separator": "."})
TEMPLATES = ["servers.* .host.measurement*", "cpu.* measurement.measurement.region.host", "measurement* unit=ms"]
case("names.templates", "servers.web1.cpu.load:3|c", "cpu.load.eu.web2:4|g", timer("servers.web1.wait", TEN), "other.name:5|c",
     "servers.web2.cpu:1|c",
     telegraf={"templates": TEMPLATES, "metric_separator": ".", "percentiles": [95]},
     kstatsd=[f"names.templates={json.dumps(TEMPLATES)}", "timers.percentiles=[95]"])


def separate_fields(metrics):
    """db with reads and writes -> db.reads and db.writes"""
    fields = metrics.pop(("db", "host=web1"))
    for name, value in fields.items():
        metrics[(f"db.{name}", "host=web1")] = {"value": value}


FIELDS = ["db.* measurement.host.field"]
case("names.fields", "db.web1.reads:3|c\ndb.web1.writes:4|c", telegraf={"templates": FIELDS, "metric_separator": "."},
     kstatsd=[f"names.templates={json.dumps(FIELDS)}"], deviation="fields-of-templates", alter=separate_fields)


def summarise(metrics):
    """Telegraf has nothing of |d: what a timer of the same samples has."""
    metrics[("wait", "")] = dict(metrics[("load", "")])


case("distributions", timer("wait", TEN, "d"), timer("load", TEN), **percentiles(95), deviation="distributions", alter=summarise)


def gathered(metrics):
    """{(name, tags): fields} without what Telegraf adds."""
    found = {}
    for metric in metrics:
        tags = ";".join(f"{key}={value}" for key, value in sorted(metric["tags"].items()) if key != "metric_type")
        key = (metric["name"], tags)
        expect(key not in found, f"Telegraf gathered {key} twice: {metrics}")
        found[key] = metric["fields"]
    return found


# What kstatsd's JSON says beside Telegraf's fields.
BESIDE = ("timestamp", "seconds", "type", "name", "tags", "samples", "estimated")


def flushed(window, end):
    return {(metric["name"], metric["tags"]): {field: value for field, value in metric.items() if field not in BESIDE}
            for metrics in window.by_key.values() for metric in metrics if metric["name"] != end}


def close(one, other):
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def differences(wanted, found):
    different = []
    for key in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(key), found.get(key)
        if one is None or other is None or one.keys() != other.keys():
            different.append(f"{key}: Telegraf {one}, kstatsd {other}")
        else:
            different += [f"{key} {field}: Telegraf {one[field]}, kstatsd {other[field]}" for field in one
                          if not close(one[field], other[field])]
    return different


@pytest.fixture(scope="session")
def binary():
    return telegrafs.install()


@pytest.fixture
def run_both(binary, start, tmp_path):
    """run_both(lines, telegraf's options, kstatsd's settings) -> what each has, {(name, tags): fields}"""
    running = []

    def run(lines, options, settings):
        server = telegrafs.Telegraf(binary, tmp_path / "telegraf", **options)
        running.append(server)
        server.start()
        daemon = start("timers.mode=exact", "names.field_names=telegraf", *settings, ports=[server.port])

        def send(end):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for datagram in (*lines, f"{end}:1|c"):
                    sender.sendto(datagram.encode(), ("127.0.0.1", server.port))

        metrics = server.gather(send)
        return gathered(metrics), flushed(daemon.flush(), f"end{server.ends}")

    yield run
    for server in running:
        server.stop()


@pytest.mark.parametrize("one", CASES, ids=[one.name for one in CASES])
def test_case(one, run_both):
    wanted, found = run_both(one.lines, one.telegraf, one.kstatsd)
    if one.deviation:
        assert differences(wanted, found), f"{one.deviation}: Telegraf does the same as kstatsd"
    one.alter(wanted)
    different = differences(wanted, found)
    assert not different, "\n".join([*different, "sent:", *one.lines])


def test_each_deviation_is_used():
    """The tag metric_type is taken away in gathered(), for every metric."""
    assert {one.deviation for one in CASES if one.deviation} | {"tag-metric-type"} == set(DEVIATIONS)


def test_differences_are_found():
    values = {("a", ""): {"value": 1.0, "count": 2}}
    assert not differences(values, values)
    for other in ({}, {("a", "k=v"): values[("a", "")]}, {("a", ""): {"value": 1.0}}, {("a", ""): {"value": 1.001, "count": 2}}):
        assert differences(values, other) and differences(other, values)
