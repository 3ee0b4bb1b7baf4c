# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Written cases for test_statsd.py: statsd's options, and the datagrams of one flush after another."""
import collections
import math
import re

from statsd_server import INTERVAL

# alter: what a deviation makes of statsd's output, in place; `deviation` is its name. modes: of timers.
Case = collections.namedtuple("Case", "name options rounds deviation alter modes")
# A line that ends statsd: how many bad lines are in it for kstatsd, what it makes of it, the deviation's name.
Crash = collections.namedtuple("Crash", "name line bad values deviation")
CASES = []

NEW = {"graphite": {"legacyNamespace": False}}
# Nothing is left of a flush for the next: cases of one flush need no daemons of their own.
SHARED = {**NEW, "deleteIdleStats": True}
BOTH = ("exact", "histogram")


def case(name, options, *rounds, deviation=None, alter=lambda values: None, modes=("exact",)):
    CASES.append(Case(name, options, rounds, deviation, alter, modes))


def groups():
    """[(name, cases)]: what shares its daemons, and each of the others."""
    shared = [one for one in CASES if one.options == SHARED and len(one.rounds) == 1]
    return [("shared", shared)] + [(one.name, [one]) for one in CASES if one not in shared]


def timers(name, *sizes):
    """For each size a timer of so many values, shuffled, some twice."""
    return [f"{name}{size}:{'|ms:'.join(str((index * 7919 % 977) / 4 + 1) for index in range(size))}|ms" for size in sizes]


def add_lines():
    values = ["1", "-1", "+1", "0", "-0", "1.5", ".5", "5.", "007", "+10e1", "1e3", "1E-3", "0x10", "0XfF", "0b101", "0o17",
              "12345678901234567890", "1e-9", " 5", "5 ", " 5 ", "\t5", "5\t", " ", "1_0", "0x", "-0x1", "", "x", "nan", "NaN",
              "inf", "infinity", "--1", "1-", "1 1", ".", "e1", "1e", "0x1p1", "0b2", "0o8", "1,5", "5ms", "\u0661"]
    for kind in ("c", "g", "ms"):
        case(f"values.{kind}", SHARED, [f"value{number}.{kind}:{value}|{kind}" for number, value in enumerate(values)])
    case("values.s", SHARED, [f"value{number}:{value}|s" for number, value in enumerate(values)])
    rates = ["1", "1.0", "0.5", ".5", "0.1", "0.3", "00.1", "0.1 ", "0.10", "1.", "0.000001", "", " ", "x", "-0.5", "0.1x",
             "0.1.1", "0,1", "@0.1"]
    case("rates", SHARED, [f"rate{number}.{kind}:3|{kind}|@{rate}" for number, rate in enumerate(rates) if rate != " "
                        for kind in ("c", "ms", "g", "s")])
    case("rates.without-at", SHARED, ["a:1|c|0.1", "b:1|c|", "c:1|c||", "d:1|c|0", "e:1|c|x", "f:1|ms|0.5"])
    case("types.blank-behind", SHARED, ["a:4|ms ", "b:5|c\r", "c:6|g\t", "d:7|s ", "e:8|c \t\r", "f:9|ms\r"])
    case("types.blank-before", SHARED, ["a:4| ms", "b:5| c", "c:6|\tg", "d:7| s"])
    case("forms", SHARED, ["noval", "ctr|c", "a:", "a:1", "|c", ":", "|", " ", "  \t", "\r", "a:1:2", "a:|c", "a|c:1", "a:1|c:",
                        "b:1|c|@0.5:2"])
    case("several", SHARED, ["c1:1|c|@0.1:2|c", "t1:1|ms:2|ms|@0.5:3|ms", "g1:5|g:+3|g:-1|g", "s1:a|s:b|s:a|s",
                          "mixed:1|c:2|ms:3|g:4|s", "half:1|c:x|c:3|c", "tagged:1|c:2|c|@0.1|#env:prod"])
    case("newlines", SHARED, ["a:1|c\nb:2|c", "c:1|c\n", "\n\nd:1|c\n\n", "\n", "e:1|c\r\nf:2|c\r\n", "\r\n", ""])
    case("counters", NEW, ["a:1|c", "a:2.5|c", "a:-3|c", "b:3|c|@0.1", "b:1|c|@0.3", "neg:-7|c"], ["a:5|c"], [])
    case("sanitise", SHARED, ["fo/o:1|c", "b ar:2|c", "foo+bar:3|c", "a  \t b:4|c", "x*y@z:5|c", "sla//sh:6|c", "u\u00fcml:7|c",
                           "ta\tb:9|c", "cr\rlf:10|c", "br[ack]et:11|c", "co,mma:12|c", "ha#sh:13|c",
                           "pi|pe:14|c", "a_b:1|c", "a b:1|c", "per%cent:1|g", "per%cent:+2|g", "percent:+4|g"])
    case("tags", SHARED, ["a:1|c|#env:prod", "b:1|ms|#a:1,b:2", "c:1|g|#a=1", "d:1|s|#val:1;1", "e;k=v;l=w:1|c", "f:1|c|#",
                       "g:1|c|@0.5|#x:y", "h:1|c|#colon:a:b", "i:1|c|#sp ace:v w", "j:1|c|#k:a=b", "k;a=1:1|c|#b:2", "l:1|c|#slash:a/b"])


def add_types():
    case("gauges", NEW, ["a:5|g", "b:-3|g", "c:+3|g", "d:0|g", "e:50|g", "e:-3|g", "f:10|g:-20|g", "g:1.25|g"],
         ["a:+2|g", "b:-3|g", "c:-3|g", "d:-4|g", "g:-1.25|g"], ["c:-1|g", "d:+4|g", "g:+0.5|g", "a:0|g"], ["a:-1|g"], [])
    case("sets", NEW, ["a:x|s", "a:y|s", "a:x|s", "empty:|s", "zero:|s", "zero:0|s", "blank: |s", "blank:|s", "blank:x |s",
                       "n:1|s:01|s:1.0|s", "rate:a|s|@0.5"], ["a:x|s"], [])
    sizes = [*range(1, 22), 50, 99, 100, 101, 200, 201, 333]
    case("timers.90", SHARED, timers("t", *sizes), modes=BOTH)
    case("timers.many", {**NEW, "percentThreshold": [50, 75, 90, 95, 99, 99.9, 0.1, 1, 25, 33.3, 100]}, timers("t", *sizes),
         modes=BOTH)
    case("timers.top", {**NEW, "percentThreshold": [-10, -20, -50, -0.1, -33.3, -1]}, timers("t", *sizes), modes=BOTH)
    case("timers.both", {**NEW, "percentThreshold": [90, -90, 50, -50, 12.5, -12.5]}, timers("t", 1, *sizes[5:]), modes=BOTH)
    case("timers.scalar", {**NEW, "percentThreshold": 75}, timers("t", 1, 4, 10), modes=BOTH)
    case("timers.legacy", {"percentThreshold": [90, -10]}, timers("t", 1, 2, 10, 100), modes=BOTH)
    case("timers.top20", {**NEW, "percentThreshold": -20}, ["a:" + "|ms:".join(["10"] * 8 + ["100", "200"]) + "|ms"], modes=BOTH)
    case("timers.sampled", NEW, ["a:10|ms|@0.1", "a:20|ms", "b:1|ms|@0.3:2|ms|@0.3", "c:7|ms|@0.5"], ["a:5|ms"], [], modes=BOTH)
    case("timers.values", SHARED, ["a:0|ms", "a:0.001|ms", "a:1000000|ms", "b:0|ms", "c:0|ms:0|ms:0|ms", "d:1e-7|ms:1e7|ms",
                                "e:100|ms:100|ms:100|ms", "f:0.1|ms:0.1|ms:0.1|ms"], modes=BOTH)


def add_top100():
    def whole(values):
        """All samples are the topmost ones: what statsd knows by the names without a percentile."""
        for name, value in values.items():
            if math.isnan(value):
                values[name] = values[re.sub(r"_top[0-9_]+", "", name)]

    case("timers.top100", {**NEW, "percentThreshold": [-100, -99.5, 90]}, timers("t", 1, 2, 10, 100), deviation="top-100",
         alter=whole, modes=BOTH)


def add_options():
    bins = [{"metric": "foo", "bins": []}, {"metric": "abcd", "bins": [1, 5, "inf"]}, {"metric": "abc", "bins": [1, 2.21, "inf"]},
            {"metric": "a", "bins": [1, 2]}]
    rules = [f"{name}:{'|ms:'.join(values)}|ms" for name, values in {
        "a": ["0.5", "0.9", "1.5", "1.6", "30"], "abc": ["0.5", "2.1", "2.5", "9"], "x.abcd": ["0.1", "4", "4.5", "6"],
        "foo": ["1", "2"], "foo.a": ["3"], "zzz": ["1"], "ab": ["50"]}.items()]
    case("histogram", {**NEW, "histogram": bins}, rules, [rules[0]], modes=BOTH)
    case("histogram.all", {"histogram": [{"metric": "", "bins": [10, 100, 1000, "inf"]}]}, ["a:5|ms:50|ms:500|ms:5000|ms:7|ms|@0.1"],
         modes=BOTH)
    case("histogram.limits", {**NEW, "histogram": [{"metric": "", "bins": [1, 20.5, 300]}]}, ["a:0|ms:0.5|ms:15|ms:250|ms:900|ms"],
         modes=BOTH)
    for number, names in enumerate((["upper", "mean_percent", "std", "count_ps"],
                                    ["count_percent", "upper_percent", "lower_percent"],
                                    ["histogram", "count", "sum", "sum_squares", "lower", "mean", "median"])):
        case(f"calculated.{number}", {**NEW, "calculatedTimerMetrics": names, "percentThreshold": [90, -10],
                                      "histogram": [{"metric": "", "bins": [10, "inf"]}]}, timers("t", 1, 10), [])
    used = ["c:1|c", "t:1|ms:2|ms", "g:7|g", "s:a|s"]
    for whole in (True, False):
        case(f"delete.{whole}", {**NEW, "deleteIdleStats": whole}, used, [], ["g:+3|g"], [], used)
        for one, other in (("Counters", "Timers"), ("Gauges", "Sets")):
            options = {"deleteIdleStats": whole, f"delete{one}": not whole, f"delete{other}": not whole}
            case(f"delete.{whole}.{one}.{other}", {**NEW, **options}, used, [], ["g:+3|g", "c:1|c"], [])
    for ttl in (1, 2, 3):
        case(f"gauges-max-ttl.{ttl}", {**NEW, "deleteGauges": True, "gaugesMaxTTL": ttl}, ["g:7|g", "h:1|g"], [], ["h:+1|g"], [],
             ["g:+3|g"], [])


def add_names():
    everything = ["c:1|c", "t:1|ms:2|ms", "g:7|g", "s:a|s", "tag:1|c|#a:b", "tag:1|ms|#a:b,c:d", "bad"]
    prefixes = {"globalPrefix": "all", "prefixCounter": "co", "prefixTimer": "ti", "prefixGauge": "ga", "prefixSet": "se"}
    none = {key: "" for key in prefixes}
    for name, graphite in (("prefixes", prefixes), ("none", none), ("global", {"globalPrefix": "a.b"}),
                           ("no-global", {"globalPrefix": ""}), ("suffix", {"globalSuffix": "host1"}),
                           ("prefixes-suffix", {**prefixes, "globalSuffix": "x.y"})):
        case(f"names.{name}", {"graphite": {"legacyNamespace": False, **graphite}}, everything, [])
    case("names.legacy", {"graphite": {**prefixes, "globalSuffix": "host1"}}, everything, [])
    case("names.prefix-stats", {**NEW, "prefixStats": "own"}, everything, [])
    case("names.legacy.prefix-stats", {"prefixStats": "own", "graphite": {"globalSuffix": "z"}}, everything, [])


def add_javascript():
    def count_them(values):
        values["stats_counts.__proto__"] = 5.0
        values["stats.__proto__"] = 5.0 / INTERVAL
        values["stats.sets.s.count"] = 2.0
        values["statsd.numStats"] += 1

    case("javascript.names", {"deleteIdleStats": True}, ["__proto__:5|c", "s:__proto__|s:a|s"], deviation="names-of-javascript",
         alter=count_them)


def add_overflow():
    def drop(values):
        for name in [name for name, value in values.items() if math.isinf(value)]:
            del values[name]

    case("overflow", NEW, ["a:1e308|c", "a:1e308|c", "b:1e308|g", "b:+1e308|g", "c:1|c"], deviation="overflow", alter=drop)


def add_times():
    def deliver(values):
        """As they are, without a rate; the time is seen by the tests of clients, here are numbers only."""
        values["stats.counters.c.count"] = 7.0
        values["stats.gauges.g"] = 3.0
        for field, per in (("count", 1), ("rate", INTERVAL)):
            values[f"stats.counters.statsd.bad_lines_seen.{field}"] -= 2 / per
        values["stats.statsd.numStats"] += 2

    case("times", SHARED, ["c:7|c|T1656581400", "g:3|g|T1656581400"], deviation="times", alter=deliver)


for add in (add_times, add_lines, add_types, add_top100, add_options, add_names, add_javascript, add_overflow):
    add()

CRASHES = [
    Crash("rate-blank", b"crash:1|c|@ 0.1", 1, {"stats_counts.crash": None}, "never-ends"),
    Crash("rate-infinity", b"crash:1|c|@Infinity", 1, {"stats_counts.crash": None}, "never-ends"),
    Crash("timer-constructor", b"constructor:1|ms", 0, {"stats.timers.constructor.count": 1}, "never-ends"),
]
