# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Timers beyond statsd's default: weighted by their rate, in bins, or of a part of the samples."""
import random

import pytest

from daemon import send

MODES = ("histogram", "exact")
NEAR = {"histogram": 0.006, "exact": 0}


def send_lines(lines, port, per_datagram=40):
    for at in range(0, len(lines), per_datagram):
        send("sendto", "\n".join(lines[at:at + per_datagram]), port=port)


def fields(timer):
    return {name: value for name, value in timer.items()
            if isinstance(value, (int, float)) and name not in ("timestamp", "seconds", "samples", "count_ps")}


@pytest.mark.parametrize("mode", MODES)
def test_weighted_is_repeated(mode, start):
    """A sample at rate 1/w is as w samples, in every field; some of them take the slow path."""
    one = start(f"timers.mode={mode}", "timers.weighted=true", "timers.percentiles=[50, 90, 99.9, -10, -100]",
                "limits.buckets=64")
    chance = random.Random(1)
    sampled, repeated = [], []
    for _ in range(200):
        value, (rate, weight) = chance.randrange(1, 5000) / 10, chance.choice(((1, 1), (0.5, 2), (0.1, 10)))
        sampled.append(f"sampled:{value}|ms|@{rate}")
        repeated += [f"repeated:{value}|ms"] * weight
    send_lines(sampled, one.port)
    send_lines(repeated, one.port)
    window = one.flush()
    assert window.last("sampled")["samples"] == 200
    assert window.last("repeated")["samples"] == len(repeated)
    assert fields(window.last("sampled")) == fields(window.last("repeated"))


@pytest.mark.parametrize("mode", MODES)
def test_weighted_fractions(mode, start):
    one = start(f"timers.mode={mode}", "timers.weighted=true", "timers.percentiles=[50, 90]")
    send("sendto", "load:10|ms|@0.3\nload:20|ms|@0.3\nload:40|ms|@0.4", port=one.port)
    timer = one.flush().last("load")
    third, count = 1 / 0.3, 2 / 0.3 + 2.5
    assert timer["count"] == pytest.approx(count)
    assert timer["sum"] == pytest.approx(30 * third + 100)
    assert timer["mean"] == pytest.approx((30 * third + 100) / count)
    assert (timer["lower"], timer["upper"]) == (10, 40)
    assert timer["count_50"] == 5
    assert timer["upper_50"] == pytest.approx(20, rel=NEAR[mode])
    assert timer["sum_50"] == pytest.approx(10 * third + 20 * (5 - third), rel=NEAR[mode] + 1e-12)
    assert timer["count_90"] == 8


@pytest.mark.parametrize("mode", MODES)
def test_not_weighted_by_default(mode, start):
    one = start(f"timers.mode={mode}")
    send("sendto", "load:10|ms|@0.1\nload:20|ms", port=one.port)
    timer = one.flush().last("load")
    assert (timer["count"], timer["samples"], timer["mean"], timer["sum"]) == (11, 2, 15, 30)


def test_percentile_limit(start):
    """Of 20,000 samples 1,000 stand for all; what is counted and summed is exact."""
    one = start("timers.mode=exact", "timers.percentile_limit=1000", "timers.percentiles=[50, 90, 100]")
    values = list(range(1, 20001))
    random.Random(2).shuffle(values)
    send_lines([f"load:{value}|ms" for value in values], one.port, 500)
    timer = one.flush().last("load")
    assert (timer["count"], timer["lower"], timer["upper"]) == (20000, 1, 20000)
    assert (timer["sum"], timer["mean"]) == (200010000, 10000.5)
    assert (timer["count_90"], timer["upper_100"], timer["sum_100"]) == (18000, 20000, 200010000)
    # Standard errors of the rank: 1.6 % and 0.95 % of all; six of them.
    assert timer["median"] == pytest.approx(10000, abs=1900)
    assert timer["upper_90"] == pytest.approx(18000, abs=1140)


def bins(window, name):
    return {key: value for key, value in window.last(name).items() if key.startswith("histogram.")}


RULES = ("timers.histogram=[{metric: none, bins: []}, {metric: load, bins: [10, 20.5, inf]}, "
         "{metric: '', bins: [100]}]")


@pytest.mark.parametrize("mode", MODES)
def test_bins(mode, start):
    """statsd's histogram: limits are exclusive, the first rule that matches is taken, samples are not weighted."""
    one = start(f"timers.mode={mode}", RULES)
    lines = [f"page.load:{value}|ms|@0.1" for value in (1, 9, 10, 11, 20, 20.49, 21, 90)]
    send_lines(lines + ["load.none:5|ms", "other:99|ms", "other:100|ms"], one.port)
    window = one.flush()
    high = 3 if mode == "exact" else 2  # 20.49 is in the bucket of 20.5, which is one of seconds
    assert bins(window, "page.load") == {"histogram.bin_10": 2, "histogram.bin_20_5": high + 1,
                                         "histogram.bin_inf": 5 - high}
    assert bins(window, "load.none") == {}
    assert bins(window, "other") == {"histogram.bin_100": 1}


def test_weighted_bins(start):
    one = start("timers.weighted=true", RULES)
    send("sendto", "load:5|ms|@0.1\nload:15|ms\nload:15|ms|@0.5", port=one.port)
    assert bins(one.flush(), "load") == {"histogram.bin_10": 10, "histogram.bin_20_5": 3, "histogram.bin_inf": 0}
