# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Telegraf's outputs.wavefront as the oracle of the options that have its names.

The same datagrams go to a Telegraf that listens and to kstatsd, which captures them; both send to a receiver. Compared are
names, sources, tags and values, all of them, but for the deviations below. What kstatsd sends must be strictly valid, too,
and Wavefront's own validator takes it.
"""
import collections
import json
import socket

import pytest

import telegraf as telegrafs
from daemon import wait_for
from wavefront import PROXY, Limits, Receiver

DEVIATIONS = {
    "tag-metric-type": "Telegraf's statsd input adds the tag metric_type",
    "host-beside-source": "a tag host beside a tag source is dropped by Telegraf and _host here: two series stay two",
    "letters": "without use_regex, each byte of a letter beyond ASCII becomes a - in Telegraf, here the letter becomes one",
}
TEN = [17, 3.5, 99, 41, 8, 60.25, 2, 75, 30, 55]  # percentiles mean the same to both
# Telegraf sends what Wavefront would refuse.
EVERYTHING = Limits(name=10 ** 6, source=10 ** 6, tags=10 ** 6, key=10 ** 6, value=10 ** 6, pair=10 ** 6)
TIMER = "\n".join(f"page_load.time-x:{value}|ms" for value in TEN)
LINES = ("requests_total:3|c|#env:prod,zone:eu", "queue_depth.now:-2.5|g", "users:a|s\nusers:b|s", TIMER)

Case = collections.namedtuple("Case", "name lines options deviation alter")
CASES = []  # a metric named c is none to Telegraf: a container stands there


def case(name, *lines, deviation=None, alter=lambda points: points, **options):
    """alter: what the deviation makes of what Telegraf sent, {(name, source, tags): value}."""
    CASES.append(Case(name, lines or LINES, options, deviation, alter))


def renamed(old, new):
    """In names, and in keys of tags."""
    def alter(points):
        return {(name.replace(old, new), source, tuple((key.replace(old, new), value) for key, value in tags)): value
                for (name, source, tags), value in points.items()}
    return alter


def with_host(points):
    return {(name, source, tuple(sorted((*tags, ("_host", "web1"))))): value
            for (name, source, tags), value in points.items()}


case("defaults")
case("prefix", prefix="my_app.")
case("convert_paths", convert_paths=False, prefix="my_app.")
case("metric_separator.underscore", metric_separator="_")
case("metric_separator.dash", metric_separator="-", prefix="my_app.")
case("metric_separator.keep", metric_separator="-", convert_paths=False)
case("tilde", "a:1|c", prefix="~x~y.")
case("use_regex", use_regex=True, prefix="my_app/~x,y+.")
case("use_regex.letters", use_regex=True, prefix="café.")
case("use_regex.strict", use_regex=True, use_strict=True, prefix="my/app,.")
case("sanitise", prefix="a!b@c#d$e%f^g&h*i(j)k+l'm[n]o{p}q:r;s<t>u,v?w/x|y z=.")
case("use_strict", use_strict=True, prefix="my/app,x y.")
case("simple_fields", simple_fields=True)
case("source", "a:1|c|#source:web1,env:prod\nb:1|c|#env:prod")
case("host", "a:1|c|#host:web1,env:prod")
case("source_override", "a:1|c|#hostname:web1,pod:p1\nb:1|c|#pod:p1,env:prod\ne:1|c|#env:prod\nd:1|c|#pod:p1,source:s",
     source_override=["hostname", "pod"])
case("source_override.host", "a:1|c|#pod:p1,host:web1", source_override=["pod"])
case("source_override.order", "a:1|c|#x:1,y:2,z:3", source_override=["z", "x"])
case("truncate_tags", f"a:1|c|#k:{'v' * 300}\nb:1|c|#{'k' * 100}:{'v' * 200}\ne:1|c|#{'k' * 300}:v,short:v\nd:1|c|#k:{'v' * 253}",
     truncate_tags=True)
case("deviation.host", "a:1|c|#source:s,host:web1", deviation="host-beside-source", alter=with_host)
case("deviation.letters", "a:1|c", prefix="café.", deviation="letters", alter=renamed("--", "-"))


def points_of(receiver, end):
    """{(name, source, tags): value} of what came before `end`, kstatsd's own metrics aside."""
    found = {}
    for point in list(receiver.points):
        if end in point.name or "kstatsd." in point.name or "kstatsd-" in point.name or "kstatsd_" in point.name:
            continue
        tags = tuple(sorted((key, value) for key, value in point.tags.items() if key not in ("metric_type", "metric-type")))
        assert (point.name, point.source, tags) not in found, f"{point} came twice"
        found[point.name, point.source, tags] = point.value
    return found


def differences(wanted, found):
    return [f"{key}: Telegraf {wanted.get(key)}, kstatsd {found.get(key)}" for key in sorted(wanted.keys() | found.keys())
            if wanted.get(key) != pytest.approx(found.get(key), rel=1e-9)]


@pytest.fixture(scope="session")
def binary():
    return telegrafs.install()


@pytest.fixture
def run_both(binary, start, judged, tmp_path):
    """run_both(lines, options) -> what each sends, {(name, source, tags): value}"""
    running = []

    def run(lines, options):
        theirs, ours = Receiver(EVERYTHING), Receiver(PROXY)
        running.extend((theirs, ours))
        server = telegrafs.Telegraf(binary, tmp_path / "telegraf", wavefront=(theirs.url, options), percentiles=[95],
                                    metric_separator=".", datadog_extensions=True)
        running.append(server)
        server.start()
        element = {"proxy": ours.url, "histograms": [], "limits": "proxy", **options}
        daemon = start("timers.percentiles=[95]", "timers.mode=exact", "names.field_names=telegraf",
                       f"outputs.wavefront={json.dumps([element])}", ports=[server.port])

        def send(end):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for datagram in (*lines, f"{end}:1|c"):
                    sender.sendto(datagram.encode(), ("127.0.0.1", server.port))

        server.gather(send)
        daemon.flush()
        end = f"end{server.ends}"
        for receiver in (theirs, ours):
            wait_for(lambda: any(end in point.name for point in list(receiver.points)),
                     lambda: f"{end}; arrived: {receiver.lines[-10:]}, {receiver.refused[:5]}, {server.said()}")
        ours.check()
        theirs.check()
        judged.extend(ours.lines)
        return points_of(theirs, end), points_of(ours, end)

    yield run
    for one in running:
        one.stop()


@pytest.mark.parametrize("one", CASES, ids=[one.name for one in CASES])
def test_case(one, run_both):
    wanted, found = run_both(one.lines, one.options)
    assert wanted
    if one.deviation:
        assert differences(wanted, found), f"{one.deviation}: Telegraf does the same as kstatsd"
    different = differences(one.alter(wanted), found)
    assert not different, "\n".join([*different, "sent:", *one.lines])


def test_each_deviation_is_used():
    """The tag metric_type is taken away in points_of(), for every point."""
    assert {one.deviation for one in CASES if one.deviation} | {"tag-metric-type"} == set(DEVIATIONS)
