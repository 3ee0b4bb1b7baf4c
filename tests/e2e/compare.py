# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Compares what statsd and kstatsd flushed for the same datagrams: every line, and no other.

Deviations are applied to statsd's side first (deviations.py). A number may differ by 1e-9 of itself. In histogram
mode what is derived from percentiles may differ by 0.6 %, as each value is known to 0.6 % only; a sum of squares then
by twice that, since the error of a square is twice the error of its root.
"""
import re

from daemon import Failure
from deviations import expected, is_dead
from statsd_server import INTERVAL

EXACT = 1e-9
BUCKET = 0.006
DERIVED = re.compile(r"\.(median|(upper|lower|mean|sum|sum_squares)_(top)?[0-9_]+)(\.|;|$)")
SQUARES = re.compile(r"\.sum_squares_(top)?[0-9_]+(\.|;|$)")
IS_COUNT = re.compile(r"^stats_counts\.|\.count(\.|$)")
DEVIATES = re.compile(r"\.std(?=\.|;|$)")

# statsd's metrics about itself, behind its prefix. What they count is determined for some.
COUNTED = ("packets_received", "metrics_received")
BAD = "bad_lines_seen"
NUMBER = "numStats"
TIMES = ("processing_time", "timestamp_lag", "graphiteStats.calculationtime", "graphiteStats.last_exception",
         "graphiteStats.last_flush", "graphiteStats.flush_time", "graphiteStats.flush_length")
# What each series has exactly one line of, in both namespaces.
ONE_EACH = re.compile(r"^(stats_counts\..*|stats\.counters\..*\.count|stats\.timers\..*\.count_ps|stats\.gauges\..*|"
                      r"stats\.sets\..*\.count)(;|$)")


def tolerance(name, histogram):
    if histogram and DERIVED.search(name):
        return 2 * BUCKET + BUCKET * BUCKET if SQUARES.search(name) else BUCKET
    return EXACT


def slack(name, values):
    """The standard deviation of equal values is 0 or a rounding error: it is measured by the values."""
    return EXACT * abs(values.get(DEVIATES.sub(".upper", name), 0)) if DEVIATES.search(name) else 0


def differences(wanted, found, histogram=False):
    """{name: (wanted, found)} of all that is not the same; None stands for a line that is not there."""
    different = {}
    for name in wanted.keys() | found.keys():
        one, other = wanted.get(name), found.get(name)
        if one is None or other is None:
            different[name] = (one, other)
            continue
        limit = max(tolerance(name, histogram) * max(abs(one), abs(other)), slack(name, wanted))
        if not abs(one - other) <= limit:  # whatever is NaN differs
            different[name] = (one, other)
    return different


def split_internal(values, prefix):
    """(statsd's metrics about itself, by full name; the rest)"""
    pattern = re.compile(rf"(^|\.){re.escape(prefix)}\.({'|'.join(map(re.escape, (*COUNTED, BAD, NUMBER, *TIMES)))})(\.|$)")
    own = {name: value for name, value in values.items() if pattern.search(name)}
    return own, {name: value for name, value in values.items() if name not in own}


def number_of_series(values):
    return sum(bool(ONE_EACH.match(name)) for name in values)


def internal_differences(statsd, kstatsd, samples):
    """Of (internal, rest) of each. The same names; the same values where they do not depend on the clock."""
    (wanted, _), (found, rest) = statsd, kstatsd
    more = sum(one.more for one in samples)
    adjusted = {}
    for name, value in wanted.items():
        if any(time in name for time in TIMES):
            value = found.get(name, 0.0)  # whatever it is
        elif BAD in name:
            value += more if IS_COUNT.search(name) else more / INTERVAL
        elif NUMBER in name and samples:
            value = number_of_series(rest) + number_of_series(found)
        adjusted[name] = value
    return differences(adjusted, found)


def compare(one, samples=(), histogram=False, prefix="statsd"):
    """
    {name: (wanted, found)} of a round. `samples`: the deviations that it holds; one that statsd knows nothing of
    any more is a Failure.
    """
    for each in samples:
        if is_dead(each, one.statsd):
            raise Failure(f"{each.deviation}: statsd does the same as kstatsd: {each.lines}")
    statsd, kstatsd = split_internal(one.statsd, prefix), split_internal(one.kstatsd, prefix)
    different = differences(expected(statsd[1]), kstatsd[1], histogram)
    different.update(internal_differences(statsd, kstatsd, samples))
    return different


def series_of(line):
    """(name, tags) of a line as statsd understands it."""
    name, *tags = line.split(b"|#", 2)[:2]
    name, *more = name.split(b":")[0].decode(errors="replace").split(";")
    tags = [tag.replace(";", "_", 1).replace(":", "=", 1) for tag in b"".join(tags).decode(errors="replace").split(",") if tag]
    return sanitised(name), ";".join(sorted(map(sanitised, more + tags)))


def sanitised(text):
    return re.sub(r"[^a-zA-Z_\-0-9.=]", "", re.sub(r"\s+", "_", text).replace("/", "-"))


def is_of(line, series):
    """Whether a line of Graphite is one of the series: with what a namespace puts before it, and one field behind it."""
    path, _, tags = line.partition(";")
    return tags == series[1] and re.search(rf"(^|\.){re.escape(series[0])}(\.[^.]+)?$", path)


def explain(different, one, limit=12):
    """What was sent for the series that differ, and both outputs of them, once for each."""
    text = [f"{len(different)} differences, the first:"]
    sent = {}
    for line in b"\n".join(one.sent).split(b"\n"):
        if line:
            sent.setdefault(series_of(line), []).append(line)
    for name, (wanted, found) in sorted(different.items())[:limit * 4]:
        text.append(f"{name}: expected {wanted}, kstatsd {found}")
        series = max((series for series in sent if series[0] and is_of(name, series)), key=lambda key: len(key[0]), default=None)
        if series and limit:
            limit -= 1
            text += [f"    sent     {line!r}" for line in sent.pop(series)][:20]
            text += [f"    {who:8} {other} {value!r}" for who, values in (("statsd", one.statsd), ("kstatsd", one.kstatsd))
                     for other, value in sorted(values.items()) if is_of(other, series)]
    return "\n".join(text)


def check(one, samples=(), **options):
    different = compare(one, samples, **options)
    if different:
        raise Failure(explain(different, one))
