# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The same datagrams to statsd_exporter, which listens, and to kstatsd, which captures: the same metrics.

What statsd_exporter does not do, or does otherwise, is tested by name at the end.
"""
import os
import random

import pytest

from daemon import send
from exporter import difference, translate

README_GLOBS = """
mappings:
- match: "test.dispatcher.*.*.*"
  name: "dispatcher_events_total"
  labels:
    processor: "$1"
    action: "$2"
    outcome: "$3"
    job: "test_dispatcher"
- match: "*.signup.*.*"
  name: "signup_events_total"
  labels:
    provider: "$2"
    outcome: "$3"
    job: "${1}_server"
"""
README_DYNAMIC = """
mappings:
- match: "test.*.*.counter"
  name: "${2}_total"
  labels:
    provider: "$1"
"""
README_REGEX = r"""
mappings:
- match: "test\\.(\\w+)\\.(\\w+)\\.counter"
  match_type: regex
  name: "${2}_total"
  labels:
    provider: "$1"
- match: "(.*)\\.(.*)--(.*)\\.status\\.(.*)\\.count"
  match_type: regex
  name: "request_total"
  labels:
    hostname: "$1"
    exec: "$2"
    protocol: "$3"
    code: "$4"
"""
README_GROUP_0 = """
mappings:
- match: ".+"
  match_type: regex
  name: "$0"
  labels:
    statsd_metric_name: "$0"
"""
README_HELP = """
mappings:
- match: "http.request.*"
  help: "Total number of http requests"
  name: "http_requests_total"
  labels:
    code: "$1"
"""
README_SUMMARY = """
mappings:
- match: "test.timing.*.*.*"
  observer_type: summary
  name: "myT"
  labels:
    provider: "$2"
    outcome: "$3"
    job: "${1}_server"
  summary_options:
    quantiles:
      - quantile: 0.99
        error: 0.001
      - quantile: 0.95
        error: 0.01
      - quantile: 0.9
        error: 0.05
      - quantile: 0.5
        error: 0.005
    max_age: 30s
    age_buckets: 3
    buf_cap: 1000
"""
README_HISTOGRAM = """
mappings:
- match: "test.timing.*.*.*"
  observer_type: histogram
  histogram_options:
    buckets: [ 0.01, 0.025, 0.05, 0.1 ]
    native_histogram_bucket_factor: 1.1
    native_histogram_max_buckets: 256
  name: "myT"
  labels:
    provider: "$2"
    outcome: "$3"
    job: "${1}_server"
"""
README_DROP = """
mappings:
# This metric would match as normal.
- match: "test.timing.*.*.*"
  name: "myT"
  labels:
    provider: "$2"
    outcome: "$3"
    job: "${1}_server"
# Any metric not matched will be dropped because "." matches all metrics.
- match: "."
  match_type: regex
  action: drop
  name: "dropped"
"""
README_TYPES = """
mappings:
- match: "test.foo.*"
  name: "test_foo"
  match_metric_type: counter
  labels:
    provider: "$1"
"""
README_SCALE = """
mappings:
- match: foo.latency_ms
  name: foo_latency_seconds
  scale: 0.001
- match: bar.processed_kb
  name: bar_processed_bytes
  scale: 1024
- match: baz.latency_us
  name: baz_latency_seconds
  scale: 1e-6
"""
EXAMPLE_FILE = """
defaults:
  observer_type: histogram
  histogram_options:
    native_histogram_bucket_factor: 1.1
    native_histogram_max_buckets: 160
    buckets: [.005, .01, .025, .05, .1, .25, .5, 1, 2.5 ]
  summary_options:
    quantiles:
      - quantile: 0.99
        error: 0.001
      - quantile: 0.95
        error: 0.01
      - quantile: 0.9
        error: 0.05
      - quantile: 0.5
        error: 0.005
    max_age: 5m
    age_buckets: 2
    buf_cap: 1000
  match_type: glob
  glob_disable_ordering: true
  ttl: 0
mappings:
  - match: "test.timing.*.*.*"
    name: "myT"
    help: "Latency of the application"
    labels:
      provider: "$2"
      outcome: "$3"
      job: "${1}_server"
  - match: "consistent_app.timing.*.*.*"
    name: "my_consistentT"
    help: "Latency of an application with a consistent latency pattern"
    histogram_options:
      native_histogram_bucket_factor: 1.005
      buckets: [0.01, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018, 0.019, 0.02]
    labels:
      provider: "$2"
      outcome: "$3"
      job: "${1}_server"
  - match: "other.distribution.*.*.*"
    observer_type: summary
    name: "other_distribution"
    labels:
      provider: "$2"
      outcome: "$3"
      job: "${1}_server_other"
"""
HONOR = """
mappings:
- {match: "keep.*", name: kept, honor_labels: true, labels: {env: "$1", job: rule}}
- {match: "take.*", name: taken, labels: {env: "$1", job: rule}}
- {match: "none.*", name: emptied, labels: {env: "$7", job: rule}}
"""
ALL_TYPES = """
defaults: {match_type: regex}
mappings:
- {match: "m.*", match_type: glob, match_metric_type: counter, name: m_sum, labels: {one: "$1"}}
- {match: "m.*", match_type: glob, match_metric_type: gauge, name: m_current, labels: {one: "$1"}}
- {match: "m.*", match_type: glob, match_metric_type: observer, name: m_seconds, labels: {one: "$1"}}
- {match: '^r(\\w*)', match_metric_type: timer, name: "r_seconds"}
- {match: '^r(?P<rest>\\w*)$', name: "r_${1}_all", labels: {rest: "${rest}-$rest-$1x-"}}
"""
ORDERED = """
mappings:
- {match: "*", name: one, labels: {xx: "$1"}}
- {match: "a.*.*", name: general, labels: {xx: "$1", yy: "$2"}}
- {match: "a.*.c", name: special, labels: {xx: "$1"}}
- {match: "*.b.c", name: tail}
- {match: "z.*.c", name: z_first, labels: {xx: "$1"}}
- {match: "z.b.*", name: z_second, labels: {xx: "$1"}}
"""
TIMES = b"test.timing.api.fb.ok:320|ms\ntest.timing.api.fb.ok:0.25|ms\ntest.timing.api.fb.fail:7|ms\ntest.timing.x:1|ms"
NAMES = (b"test.dispatcher.Foo.send.success:1|c\ntest.dispatcher.Foo.send.success:2|c|@0.5\n"
         b"foo_product.signup.facebook.failure:1|c\ntest.web-server.foo.bar:4|c\nplain:1.5|g\nplain2:-3|g\nplain2:+1|g")
ORDERS = b"a.b.c:1|c\na.x.c:1|c\na.x.d:1|c\nq.b.c:1|c\nz.b.c:1|c\nz.b.q:1|c\nz.q.c:1|c\nz.q.q:1|c\nonly:1|c\na..c:1|c\na.b:1|c"

CASES = {
    "no mapping": (None, NAMES + b"\n" + TIMES),
    "README, globs": (README_GLOBS, NAMES),
    "README, dynamic name": (README_DYNAMIC, b"test.a.hits.counter:1|c\ntest.b.hits.counter:2|c\ntest.b.other.counter:1|c"),
    "README, regular expressions": (README_REGEX, b"test.a.hits.counter:1|c\nh1.app--http.status.200.count:1|c\nno:1|c"),
    "README, group 0": (README_GROUP_0, b"my.statsd_counter:1|c\nother:2|c"),
    "README, help": (README_HELP, b"http.request.200:3|c\nhttp.request.404:1|c\nhttp.other:1|c"),
    "README, summary": (README_SUMMARY, TIMES),
    "README, histogram": (README_HISTOGRAM, TIMES),
    "README, drop": (README_DROP, TIMES + b"\nx:1|c\ny:1|g\nend_of_testing:1|c"),
    "README, metric type": (README_TYPES, b"test.foo.bar:1|c\ntest.foo.bar:5|g"),
    "README, scale": (README_SCALE, b"foo.latency_ms:3|g\nfoo.latency_ms:+2|g\nbar.processed_kb:3|c\nbaz.latency_us:250|ms"),
    "example file": (EXAMPLE_FILE, TIMES + b"\nconsistent_app.timing.a.b.c:15|ms\nother.distribution.a.b.c:3|ms\n" + NAMES),
    "honor_labels": (HONOR, b"keep.a:1|c|#env:sent,more:x\nkeep.b:1|c\ntake.a:1|c|#env:sent\ntake.b,env=sent:1|c\n"
                            b"none.a:1|c|#env:sent,k:v\nkeep.c#job=mine:1|c"),
    "match_metric_type": (ALL_TYPES, b"m.a:1|c\nm.a:2|g\nm.a:3|ms\nrest:1|c\nrest2:7|ms\nr:1|g\nq:1|c"),
    "ordered": (ORDERED, ORDERS),
    "unordered": ("defaults: {glob_disable_ordering: true}" + ORDERED, ORDERS),
    "tags": (None, b"t,k=v,k2=v2:1|c\nt#k=v,k2=v2:2|c\nt[k=v,k2=v2]:4|c\nt:8|c|#k:v,k2:v2\npre[k=v]fix.a:1|c\n[k=v]front:1|c\n"
                   b"two,k=1,k=2:1|c\nkey-s,a-b=1,a.b.c=2:1|c\nt3:1|c|@0.5|#k:v\nt4,k=a=b:1|c\n"
                   b"t7:3|ms|#k:v\nt8,k=v:4|g"),
    "tags and mapping": (README_GLOBS, b"foo.signup.fb.fail,provider=x,zone=a:1|c\nfoo[z=1].signup.fb.ok:2|c\n"
                                       b"foo.signup.fb.ok#z=1:4|c\nfoo.signup.fb.ok:8|c|#z:1,job:sent"),
}


# Where rules are for the line that ends, too: what becomes of it.
ENDS = {"README, drop": ("test.timing.end.end.end:1|ms", "timer", ("job", "end_server")),
        "ordered": ("end_of_test:1|c", "counter", ("xx", "end_of_test")),
        "unordered": ("end_of_test:1|c", "counter", ("xx", "end_of_test"))}


def compare(exporter, daemon, *datagrams):
    for datagram in datagrams:
        send("sendto", datagram, port=exporter.port)
    theirs = exporter.settled()
    ours = translate(daemon.flush())
    assert not (said := difference(theirs, ours)), "\n".join(said)
    return theirs, ours


@pytest.mark.parametrize("name", CASES)
def test_same(name, pair):
    mapping, lines = CASES[name]
    exporter, daemon = pair(mapping)
    exporter.end = ENDS.get(name, exporter.end)
    theirs, _ = compare(exporter, daemon, lines)
    assert sum(map(len, theirs.values())) > 1  # more than the line that ends


@pytest.mark.parametrize("style,lines", [
    ("dogstatsd", b"t:1|c|#k:v"), ("influxdb", b"t,k=v:1|c"), ("librato", b"t#k=v:1|c"), ("signalfx", b"t[k=v]:1|c"),
], ids=["dogstatsd", "influxdb", "librato", "signalfx"])
def test_style_switched_off(style, lines, pair):
    """What is no tag is name: '_' for each strange byte there, here none. So only tags are compared."""
    exporter, daemon = pair(flags=[f"--no-statsd.parse-{style}-tags"], settings=[f"tags.{style}=false"])
    send("sendto", lines, port=exporter.port)
    theirs = [key for key in exporter.settled()["counter"] if key[0] != "end_of_test"]
    ours = [key for key in translate(daemon.flush())["counter"] if key[0] != "end_of_test"]
    assert [labels for _, labels in theirs] == [labels for _, labels in ours] == [()]
    assert [name.replace("_", "") for name, _ in theirs] == [name for name, _ in ours]


def test_reload(pair, tmp_path):
    """A changed file takes effect in both when they are told."""
    exporter, daemon = pair("mappings: [{match: 'a.*', name: before, labels: {xx: $1}}]")
    compare(exporter, daemon, b"a.b:1|c\nother:1|c")
    path = next(word for word in exporter.command if "mapping-config" in word).partition("=")[2]
    with open(path, "w", encoding="utf-8") as file:
        file.write("mappings: [{match: 'a.*', name: behind, labels: {yy: $1}}]")
    exporter.reload()
    assert daemon.ask("reload").returncode == 0
    daemon.flush()
    before = exporter.settled()["counter"]
    daemon.flush()
    send("sendto", b"a.b:5|c\nother:2|c", port=exporter.port)
    after = exporter.settled()["counter"]
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert grown == translate(daemon.flush())["counter"]
    assert grown["behind", (("yy", "b"),)] == 5


WORDS = ["web", "db", "cache", "api-1", "eu", "us_west", "200", "404", "hits", "time", "x"]
GENERATED_RULES = """
defaults: {ttl: 10m}
mappings:
- {match: "web.*.hits", name: "web_${1}_total", labels: {region: "$1", rule: "1"}}
- {match: "web.eu.*", name: "web_eu", labels: {what: "$1", rule: "2"}, match_metric_type: counter}
- {match: "*.db.*.*", name: "db_all", labels: {env: "$1", second: "$2", third: "$3"}, honor_labels: true, match_metric_type: counter}
- {match: "api-1.*", name: "api_scaled", labels: {what: "$1"}, scale: 0.25, match_metric_type: gauge}
- {match: "cache.*.*", name: "cache_seconds", labels: {xx: "$2-$1"}, scale: 2, match_metric_type: observer}
- {match: "x.*", action: drop, name: "x"}
- {match: '^([a-z]+)\\.(\\d+)$', match_type: regex, name: "coded_$1", labels: {code: "$2"}, match_metric_type: counter}
- {match: '(hits|time)$', match_type: regex, name: "ends_in_${1}", labels: {full: "$0", first: "$9"}, match_metric_type: counter}
- {match: 'us_west\\.x', match_type: regex, action: drop, name: dropped}
"""


def generated_line(source):
    """Types have names of their own, as statsd_exporter has one type for each name."""
    name = ".".join(source.choice(WORDS) for _ in range(source.randrange(1, 5)))
    kind = source.choice(["c", "c", "c", "g", "ms"])
    tags = {source.choice(["env", "a", "region", "k"]): source.choice(["prod", "v-1", "1.5", "a_b"])
            for _ in range(source.randrange(0, 3))}
    name += {"c": "", "g": ".gauge", "ms": ".timer"}[kind] if source.random() < 0.97 or kind != "c" else "--c"
    if kind == "g" and source.random() < 0.5:
        name = f"api-1.{source.choice(WORDS)}G"
    if kind == "ms" and source.random() < 0.5:
        name = f"cache.{source.choice(WORDS)}.{source.choice(WORDS)}T"
    value = {"c": lambda: str(source.randrange(0, 100)), "ms": lambda: f"{source.uniform(0, 5000):.3f}",
             "g": lambda: source.choice(["", "", "+", "-"]) + f"{source.uniform(0, 100):.2f}"}[kind]()
    rate = source.choice(["", "", "|@0.5", "|@0.1"]) if kind == "c" else ""
    behind = ""
    if tags:
        pairs = sorted(tags.items())
        # One spelling for each gauge: kstatsd keeps no order among several in their first window.
        style = "|#" if kind == "g" else source.choice(["|#", ",", "#", "[]", "[]"])
        text = ",".join(f"{key}{':' if style == '|#' else '='}{tag}" for key, tag in pairs)
        if style == "|#":
            behind = "|#" + text
        elif style == "[]":
            at = source.randrange(0, len(name) + 1)
            name = f"{name[:at]}[{text}]{name[at:]}"
        else:
            name += style + text
    return f"{name}:{value}|{kind}{rate}{behind}"


@pytest.mark.parametrize("mapping", [None, GENERATED_RULES], ids=["plain", "mapping"])
def test_generated(mapping, pair):
    seed = int(os.environ.get("KSTATSD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KSTATSD_SEED={seed}")
    source = random.Random(seed)
    lines = [generated_line(source) for _ in range(2000)]
    exporter, daemon = pair(mapping)
    theirs, _ = compare(exporter, daemon, *("\n".join(lines[at:at + 20]) for at in range(0, len(lines), 20)))
    assert sum(map(len, theirs.values())) > 100


# Deviations, on purpose; docs/names.md and docs/mapping.md list them.

def counters(window):
    return {name: window.counter(name) for name in window.names()}


@pytest.mark.parametrize("line,ours,theirs", [
    (b"a,bare:1|c", {"a;bare=true": 1}, {("a", ()): 1}),
    (b"a,k=:1|c", {"a;k=true": 1}, {("a", ()): 1}),
    (b"a:1|c|#bare", {"a;bare=true": 1}, {("a", ()): 1}),
    (b"a:1|c|#k=v", {"a;k=v": 1}, {("a", ()): 1}),
    (b"a,k=v:1|c|#x:y", {"a;k=v;x=y": 1}, {}),
    (b"a;k=v:1|c", {"a;k=v": 1}, {("a_k_v", ()): 1}),
    (b"a:1|c|#k:v:w/x", {"a;k=vw-x": 1}, {("a", (("k", "v:w/x"),)): 1}),
    (b"a,k=v#w:1|c", {"a;k=vw": 1}, {("a", (("k", "v#w"),)): 1}),
    (b"a[k=v]#w:1|c", {"aw;k=v": 1}, {("a_w", (("k", "v"),)): 1}),
    (b"a b/c+d:1|c", {"a_b-cd": 1}, {("a_b_c_d", ()): 1}),
], ids=lambda value: value.decode() if isinstance(value, bytes) else "")
def test_deviation_in_tags(line, ours, theirs, pair):
    exporter, daemon = pair()
    send("sendto", line, port=exporter.port)
    got = exporter.settled()["counter"]
    assert {key: value for key, value in got.items() if key[0] != "end_of_test"} == theirs
    window = counters(daemon.flush())
    window.pop("end_of_test")
    assert window == ours


def test_deviation_in_shorter_rule(pair):
    """A glob that is the front of one before it is never matched by statsd_exporter."""
    exporter, daemon = pair("mappings: [{match: a.b.c, name: long}, {match: a.b, name: short}]")
    send("sendto", b"a.b:1|c", port=exporter.port)
    assert ("a_b", ()) in exporter.settled()["counter"]
    assert daemon.flush().counter("short") == 1


@pytest.mark.parametrize("mapping,theirs,ours", [
    ("""
defaults: {glob_disable_ordering: true}
mappings: [{match: "a.*.c", name: star_c}, {match: "a.*.*", name: stars}, {match: a.b.d, name: named}]
""", "a_b_c", "star_c"),
    ("mappings: [{match: 'a.*.*', name: '$1$2'}]", None, "bc"),
    ("mappings: [{match: 'a.*.c', name: one}, {match: '*.b.c', name: two}, {match: 'a.*.c', name: three}]", "two", "one"),
], ids=["back to a star", "references side by side", "the same glob twice"])
def test_deviation_in_rules(mapping, theirs, ours, pair):
    exporter, daemon = pair(mapping)
    send("sendto", b"a.b.c:1|c", port=exporter.port)
    got = [name for name, _ in exporter.settled()["counter"] if name != "end_of_test"]
    assert got == ([theirs] if theirs else [])
    assert daemon.flush().names() == {ours, "end_of_test"}


def test_deviation_in_brackets(pair):
    """Brackets the wrong way round end statsd_exporter."""
    exporter, daemon = pair()
    send("sendto", b"a]b[c:1|c", port=exporter.port)
    assert exporter.process.wait(timeout=20) != 0
    assert "panic" in exporter.said()
    exporter.process = None
    assert daemon.flush().names() == {"abc"}
