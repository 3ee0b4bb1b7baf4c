# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Real clients: what their calls mean is what is flushed. PyPI's statsd and datadog, npm's hot-shots, by UDP.

Each test compares all that was flushed, so that a line which the daemon read as something else is found too.
"""
import os
import random
import subprocess

import pytest
import statsd
from datadog.dogstatsd.base import DogStatsd

import npm
from daemon import PATIENCE, Listener, expect

HOT_SHOTS = "17.1.1"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hot_shots.js")
PAST = 1640995200


def values_of(window):
    """{name;tags: what a reader wants to know of it}"""
    read = {"counter": lambda metric: metric["count"], "gauge": lambda metric: metric["value"],
            "set": lambda metric: {metric["count"]},
            "timer": lambda metric: (metric["count"], metric["sum"], metric["lower"], metric["upper"])}
    found = {}
    for name, metrics in window.by_key.items():
        expect(len(metrics) == 1, f"{name} was flushed {len(metrics)} times: {metrics}")
        found[name] = read[metrics[0]["type"]](metrics[0])
    return found


def timer(*values):
    return (len(values), sum(values), min(values), max(values))


def check_window(window, wanted, **ledger):
    """A set's wanted value is {its cardinality}."""
    found = values_of(window)
    assert found == wanted, f"ledger: {window.ledger}"
    rejected = {name: count for name, count in window.ledger.items() if ".rejected." in name and count}
    assert not rejected
    for name, count in ledger.items():
        assert window.count(name.replace("__", ".")) == count, f"{name}: {window.ledger}"


# PyPI statsd


def test_statsd(start):
    one = start()
    client = statsd.StatsClient("127.0.0.1", one.port, prefix="shop")
    client.incr("clicks")
    client.incr("clicks", 41)
    client.decr("clicks", 2)
    client.gauge("depth", 17.5)
    client.gauge("depth", -7.5, delta=True)
    client.timing("load", 320)
    client.timing("load", 80)
    client.set("users", "alice")
    client.set("users", "bob")
    client.set("users", "alice")
    check_window(one.flush(), {"shop.clicks": 40, "shop.depth": 10, "shop.load": timer(320, 80), "shop.users": {2}},
                 datagrams__seen=10)


def test_statsd_negative_gauge(start):
    """The client says `0|g` and then the difference, in one datagram, for a gauge below zero."""
    one = start()
    client = statsd.StatsClient("127.0.0.1", one.port)
    client.gauge("balance", 12)
    client.gauge("balance", -5)
    check_window(one.flush(), {"balance": -5}, datagrams__seen=2, lines__seen=3)


def test_statsd_pipeline(start):
    one = start()
    with statsd.StatsClient("127.0.0.1", one.port, maxudpsize=512).pipeline() as pipe:
        for index in range(100):
            pipe.incr("clicks")
            pipe.timing("load", index)
    window = one.flush()
    check_window(window, {"clicks": 100, "load": timer(*range(100))}, lines__seen=200)
    assert window.count("datagrams.seen") < 20


# PyPI datadog


@pytest.fixture
def datadog(start):
    """
    (daemon, a function that makes clients without telemetry of their own). The client connects its socket: without
    a listener the kernel would refuse every other send before it is a datagram.
    """
    one = start("timers.mode=exact")
    clients = []

    def client(**options):
        options = {"disable_telemetry": True, "origin_detection_enabled": False, **options}
        clients.append(DogStatsd(host="127.0.0.1", port=one.port, **options))
        return clients[-1]

    with Listener(one.port):
        yield one, client
    for each in clients:
        each.stop()


def dogstatsd_calls(client):
    client.increment("clicks")
    client.increment("clicks", 41, tags=["zone:eu"])
    client.decrement("clicks", 2)
    client.gauge("depth", 17.5)
    client.histogram("size", 1024)
    client.histogram("size", 24)
    client.distribution("wait", 7, tags=["zone:eu", "beta"])
    client.timing("load", 320)
    client.set("users", "alice")
    client.set("users", "bob")
    client.set("users", "alice")


DOGSTATSD_MEANT = {"clicks": -1, "clicks;zone=eu": 41, "depth": 17.5, "size": timer(1024, 24),
                   "wait;beta=true;zone=eu": timer(7), "load": timer(320), "users": {2}}


def test_datadog(datadog):
    one, client = datadog
    dogstatsd_calls(client())
    check_window(one.flush(), DOGSTATSD_MEANT, datagrams__seen=11, lines__seen=11)


def test_datadog_buffered(datadog):
    """Several lines in a datagram."""
    one, client = datadog
    with client(disable_buffering=False) as buffer:
        dogstatsd_calls(buffer)
    check_window(one.flush(), DOGSTATSD_MEANT, datagrams__seen=1, lines__seen=11)


def test_datadog_aggregated(datadog):
    """The client adds counters up and keeps the last of a gauge, the members of a set, the samples of a timer."""
    one, client = datadog
    aggregating = client(disable_aggregation=False, max_metric_samples_per_context=100, flush_interval=3600)
    for _ in range(50):
        dogstatsd_calls(aggregating)
    aggregating.flush_aggregated_metrics()
    aggregating.flush()
    window = one.flush()
    check_window(window, {"clicks": -50, "clicks;zone=eu": 2050, "depth": 17.5, "size": timer(*[1024, 24] * 50),
                          "wait;beta=true;zone=eu": timer(*[7] * 50), "load": timer(*[320] * 50), "users": {2}})
    assert window.count("lines.seen") < 50 * 11 / 2


def test_datadog_options(datadog):
    one, client = datadog
    dogstatsd_calls(client(namespace="app", constant_tags=["env:prod"]))
    tagged = {}
    for name, value in DOGSTATSD_MEANT.items():
        path, *tags = name.split(";")
        tagged[";".join([f"app.{path}", *sorted([*tags, "env=prod"])])] = value
    check_window(one.flush(), tagged)


def test_datadog_origin(datadog):
    """Container, external data and cardinality are fields behind the tags, and no part of the name."""
    one, client = datadog
    os.environ["DD_EXTERNAL_ENV"] = "it-false,cn-web,pu-75a2b6d5"
    try:
        detecting = client(container_id="83c0a99c0a54c0c187f461c7980e9b57", origin_detection_enabled=True, cardinality="low")
    finally:
        del os.environ["DD_EXTERNAL_ENV"]
    dogstatsd_calls(detecting)
    check_window(one.flush(), DOGSTATSD_MEANT, lines__seen=11)


def test_datadog_timestamps(datadog):
    """Delivered with their own time, one by one."""
    one, client = datadog
    sender = client()
    sender.count_with_timestamp("hits", 3, PAST)
    sender.count_with_timestamp("hits", 4, PAST + 10, tags=["a:b"])
    sender.gauge_with_timestamp("level", 42, PAST + 20)
    sender.gauge_with_timestamp("level", 43, PAST + 30)
    sender.increment("hits")
    window = one.flush()
    with_time = sorted((metric["timestamp"], metric["name"], metric["tags"], metric.get("count", metric.get("value")))
                       for metric in window.metrics if metric["timestamp"] < PAST + 100)
    assert with_time == [(PAST, "hits", "", 3), (PAST + 10, "hits", "a=b", 4), (PAST + 20, "level", "", 42),
                         (PAST + 30, "level", "", 43)]
    assert [metric["count"] for metric in window.by_key["hits"] if metric["timestamp"] > PAST + 100] == [1]


def test_datadog_events(datadog):
    one, client = datadog
    sender = client()
    sender.event("deployed", "version 3\nof the shop", alert_type="success", priority="low", tags=["env:prod"],
                 aggregation_key="key", hostname="web1", source_type_name="ci", date_happened=PAST)
    sender.event("caf\u00e9", "\u4e2d\u6587")
    sender.service_check("db.up", sender.OK, tags=["env:prod"], message="all is well", hostname="db1", timestamp=PAST)
    sender.service_check("db.up", sender.CRITICAL)
    check_window(one.flush(), {}, lines__events=2, lines__service_checks=2, lines__seen=4, lines__accepted=4)


def test_datadog_sampled(datadog):
    """What the client lets through is weighted."""
    one, client = datadog
    random.seed(5)
    sender = client(default_sample_rate=0.25)
    for _ in range(400):
        sender.increment("hits")
    window = one.flush()
    datagrams = window.count("datagrams.seen")
    assert 50 < datagrams < 150
    check_window(window, {"hits": 4 * datagrams})


def test_datadog_telemetry(datadog):
    """The client's own metrics come as any others, in the same datagrams."""
    one, client = datadog
    sender = client(disable_telemetry=False, telemetry_min_flush_interval=0)
    sender.increment("clicks")
    sender.increment("clicks")
    window = one.flush()
    assert window.counter("clicks") == 2
    names = {name.split(";")[0] for name in window.names()}
    assert {"datadog.dogstatsd.client.metrics", "datadog.dogstatsd.client.bytes_sent"} <= names
    assert not any(count for name, count in window.ledger.items() if ".rejected." in name)


# npm hot-shots


def hot_shots(one, script):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "DATADOG_"))}
    environment["NODE_PATH"] = os.path.join(npm.install("hot-shots", HOT_SHOTS), "node_modules")
    done = subprocess.run([npm.command("node"), SCRIPT, script, str(one.port)], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE * 3, env=environment)
    expect(done.returncode == 0, f"hot-shots, {script}: {done.stdout}")
    return one.flush()


# script: (what is flushed, counters of the ledger)
HOT_SHOTS_MEANT = {
    "plain": ({"web.clicks": 40, "web.depth": 10, "web.load": timer(320, 80), "web.size": timer(1024), "web.users": {2},
               "web.one": 3, "web.other": 3}, {"lines__seen": 13}),
    "tags": ({"hits;beta=true;env=prod;zone=eu": 2, "wait;env=prod;zone=eu": timer(7), "level;env=prod;zone=eu": 4,
              "child.hits;env=prod;part=cart": 1}, {"lines__seen": 4}),
    "telegraf": ({"hits;env=prod;zone=eu": 2, "load;env=prod;zone=eu": timer(30), "level;env=prod": 4,
                  "users;env=prod;zone=eu": {1}}, {"lines__seen": 4}),
    "events": ({}, {"lines__events": 2, "lines__service_checks": 2, "lines__accepted": 4}),
    "datadog": ({"hits;a=b": 2, "load": timer(30)}, {"lines__seen": 2}),
    "buffered": ({"hits": 1000, "load": timer(*range(1000))}, {"lines__seen": 2000}),
    "aggregated": ({"hits;zone=eu": 1000, "level": 999, "users": {7}}, {"lines__seen": 9}),
}


@pytest.mark.parametrize("script", HOT_SHOTS_MEANT)
def test_hot_shots(script, start):
    wanted, ledger = HOT_SHOTS_MEANT[script]
    check_window(hot_shots(start(), script), wanted, **ledger)


def test_hot_shots_sampled(start):
    window = hot_shots(start(), "sampled")
    datagrams = window.count("datagrams.seen")
    assert 100 < datagrams < 300
    check_window(window, {"hits": 2 * datagrams})


def test_hot_shots_timestamps(start):
    window = hot_shots(start(), "timestamps")
    found = sorted((metric["timestamp"], metric["name"], metric["tags"], metric.get("count", metric.get("value")))
                   for metric in window.metrics if metric["timestamp"] < PAST + 100)
    assert found == [(PAST, "level", "", 42), (PAST + 1, "hits", "a=b", 3)]
