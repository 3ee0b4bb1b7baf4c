# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The oracle is statsd itself: the same datagrams at the same time, and kstatsd must flush what statsd flushes.

Deviations are rows of deviations.py, and of docs/statsd.md. A generated round prints its seed; KSTATSD_SEED sets it.
"""
import os
import re
import socket
import time

import pytest

from compare import check, compare, differences
from daemon import PATIENCE, ROOT, Failure, free_port, wait_for
from deviations import DEVIATIONS, sample
from generate import Generator, seed_of_run
from statsd_cases import CASES, CRASHES, groups
from statsd_oracle import GraphiteDaemon, Lost, Pair, Round, parse_lines
from statsd_server import Statsd

ATTEMPTS = 3
LINES = 5200  # of a round
ROUNDS = 4
MODES = {"exact": ["timers.mode=exact"], "histogram": []}
NAMESPACES = {"legacy": {}, "new": {"graphite": {"legacyNamespace": False}}}


def attempt(run):
    """A window in which statsd lost something says nothing: begins anew, with other daemons."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return run()
        except Lost:
            if not left:
                raise


# Generated


def generated_rounds(folder, hook, generator, namespace, mode):
    seen = 0
    with Pair(folder, NAMESPACES[namespace], MODES[mode], hook) as pair:
        for _ in range(ROUNDS):
            before = len(generator.samples)
            lines = generator.lines(LINES)
            one = pair.round(generator.datagrams(lines))
            check(one, generator.samples[before:], histogram=mode == "histogram")
            seen += len([line for line in b"\n".join(lines).split(b"\n") if line])
    return seen


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_generated(namespace, mode, tmp_path, hook):
    seed = seed_of_run()
    folders = iter(tmp_path / str(number) for number in range(ATTEMPTS))
    seen = attempt(lambda: generated_rounds(next(folders), hook, Generator(seed), namespace, mode))
    assert seen >= 20000


# Written


def run_case(pair, case, mode):
    for number, datagrams in enumerate(case.rounds):
        one = pair.round([datagram.encode() if isinstance(datagram, str) else datagram for datagram in datagrams])
        case.alter(one.statsd)
        try:
            check(one, histogram=mode == "histogram", prefix=case.options.get("prefixStats", "statsd"))
        except Failure as failure:
            raise Failure(f"{case.name}, flush {number}: {failure}") from None


@pytest.mark.parametrize("group, mode", [(group, mode) for group in groups() 
                                         for mode in sorted({mode for case in group[1] for mode in case.modes})],
                         ids=lambda value: value if isinstance(value, str) else value[0])
def test_written(group, mode, tmp_path, hook):
    _, cases = group
    folders = iter(tmp_path / str(number) for number in range(ATTEMPTS))

    def run():
        with Pair(next(folders), cases[0].options, MODES[mode], hook) as pair:
            for case in cases:
                if mode in case.modes:
                    run_case(pair, case, mode)

    attempt(run)


@pytest.fixture(scope="module", params=NAMESPACES)
def exact_pair(request, tmp_path_factory, hook):
    with Pair(tmp_path_factory.mktemp("deviations"), {**NAMESPACES[request.param], "deleteIdleStats": True},
              MODES["exact"], hook) as pair:
        yield pair


@pytest.mark.parametrize("row", DEVIATIONS, ids=[row.name for row in DEVIATIONS])
def test_deviation(row, exact_pair):
    """Each example by itself: kstatsd does what it is to do, and statsd does not."""
    for number, example in enumerate(row.examples):
        one = sample(row, example, number)
        check(exact_pair.round([b"\n".join(one.lines)]), [one])


def test_deviations_are_documented():
    """The same names in docs/statsd.md, no other."""
    with open(os.path.join(ROOT, "docs", "statsd.md"), encoding="utf-8") as file:
        section = file.read().split("\n## Deviations\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.M)
    written = [case.deviation for case in CASES if case.deviation] + [case.deviation for case in CRASHES]
    assert sorted(documented) == sorted({*(row.name for row in DEVIATIONS), *written})


@pytest.mark.parametrize("case", CRASHES, ids=[case.name for case in CRASHES])
def test_crash(case, tmp_path, hook):
    """One datagram ends statsd. kstatsd goes on, and counts what is in it."""
    with pytest.raises(Failure, match="statsd ended"):
        with Pair(tmp_path, hook=hook) as pair:
            pair.socket.sendto(case.line, ("127.0.0.1", pair.port))
            wait_for(lambda: not pair.statsd.is_alive(), "statsd to end", PATIENCE)
            pair.socket.sendto(b"survivor:1|c", ("127.0.0.1", pair.port))
            values = pair.kstatsd.flush()
            assert values["stats_counts.survivor"] == 1
            assert values["stats_counts.statsd.bad_lines_seen"] == case.bad
            assert {name: values.get(name) for name in case.values} == case.values
            pair.kstatsd.stop()


# By their own clocks


def flushed(lines):
    """The counts and the rates of the counter `own`, one for each flush."""
    values = [parse_lines([line]) for line in lines]
    return [[value["stats.counters.own." + field] for value in values if "stats.counters.own." + field in value]
            for field in ("count", "rate")]


def test_own_clocks(tmp_path, hook):
    """Each flushes when its own interval is over: in the end both have what was sent, and both the rates of 1 s."""
    statsd = Statsd(tmp_path / "statsd", free_port(), {"flushInterval": 1000, **NAMESPACES["new"]}, own_clock=True)
    kstatsd = GraphiteDaemon(tmp_path / "kstatsd", "internal_metrics=[]", "flush.rates=interval", ports=[statsd.port],
                             interval="1s", hook=hook)
    printed = []
    try:
        statsd.start()
        kstatsd.start()
        sent = send_until(statsd.port, lambda: len(flushed(sum(statsd.sink.flushes, []))[0]) >= 3)
        for what, lines in (("statsd", lambda: sum(statsd.sink.flushes, [])),
                            ("kstatsd", lambda: printed.extend(kstatsd.new_metrics()) or printed)):
            wait_for(lambda: sum(flushed(lines())[0]) == sent, lambda: f"{what} to flush {sent}: {flushed(lines())}")
            counts, rates = flushed(lines())
            assert len(counts) >= 2 and counts == rates
        kstatsd.stop()
    finally:
        kstatsd.kill()
        statsd.stop()


def send_until(port, condition):
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while not condition():
            sender.sendto(b"own:1|c", ("127.0.0.1", port))
            sent += 1
            time.sleep(0.001)  # what statsd keeps up with
    return sent


# The comparer itself


def test_comparer_finds_each_difference():
    values = {"stats.counters.a.count": 3.0, "stats.timers.b.upper_90": 100.0, "stats.gauges.c": 0.0}
    assert not compare(Round(values, dict(values), []))
    for name, value in values.items():
        changed = {**values, name: value + 1e-6}
        assert differences(values, changed) == {name: (value, value + 1e-6)}
        missing = {other: kept for other, kept in values.items() if other != name}
        assert differences(values, missing) == {name: (value, None)}
        assert differences(missing, values) == {name: (None, value)}
