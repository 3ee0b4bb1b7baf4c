# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The daemon to a receiver that takes only what Wavefront documents: by TCP, by HTTP to a proxy, and directly.

Every line that any of these tests makes is judged; a single one that is refused fails its test.
"""
import json
import os
import socket

import pytest

from daemon import ROOT, Daemon, send, wait_for
from wavefront import Answer, Receiver, is_recent

TOKEN = "s3cr3t-t0k3n-of-the-tests"
QUICK = {"retry": {"min": "0.02s", "max": "0.1s"}}


def output(**keys):
    return f"outputs.wavefront={json.dumps([{**QUICK, **keys}])}"


@pytest.fixture
def receive():
    """
    receive(**options) gives a Receiver. After the test, it must have refused nothing. Tests ask for it before
    `start`, so that their daemons end before it does.
    """
    running = []

    def receive_one(**options):
        running.append(Receiver(**options))
        return running[-1]

    yield receive_one
    for one in running:
        one.stop()
    for one in running:
        one.check()


@pytest.fixture
def proxies(receive):
    """One to be reached by TCP, one by HTTP; and where they are."""
    by_tcp, by_http = receive(), receive()
    return (by_tcp, by_http), [by_tcp.address, by_http.url]


def test_every_type(proxies, start):
    proxies, told = proxies
    one = start(output(proxies=told, source="web1", prefix="p."), "timers.mode=exact")
    send("sendto", "orders_new:3|c|#env:prod\ndepth:-2.5|g\nusers:ann|s\nusers:bob|s\n"
         "page_load:20|ms\npage_load:20|ms\nsize:7|h", port=one.port)
    one.flush()
    for proxy in proxies:
        count = proxy.wait_point("p.orders.new.count")
        assert (count.value, count.source, count.tags) == (3, "web1", {"env": "prod"})
        assert is_recent(count.timestamp)
        assert proxy.wait_point("p.depth").value == -2.5
        assert proxy.wait_point("p.users.count").value == 2
        assert proxy.wait_point("p.page.load.upper.90").value == 20
        timer = proxy.wait_distribution("p.page.load")
        assert timer.granularity == "!M" and timer.count == 2 and timer.mean == pytest.approx(20, rel=0.006)
        assert proxy.wait_distribution("p.size").mean == pytest.approx(7, rel=0.006)
        # The daemon's own metrics are metrics like others.
        assert proxy.wait_point("p.kstatsd.lines.seen.count").value == 7
    wait_for(lambda: one.flush().count("sinks.wavefront.lines_sent"), "what was sent to be counted")


def test_http_is_compressed_and_kept_open(receive, start):
    proxy = receive()
    one = start(output(proxy=proxy.url + "/"))
    for number in range(3):
        send("sendto", f"n{number}:1|c\nt:1|ms", port=one.port)
        one.flush()
        proxy.wait_point(f"n{number}.count")
    wait_for(lambda: len(proxy.requests) >= 6, "points and histograms of each flush")
    assert {path for path, _ in proxy.requests} == {"/report?f=wavefront", "/report?f=histogram"}
    for _, headers in proxy.requests:
        assert headers["content-encoding"] == "gzip"
        assert headers["content-type"] == "application/octet-stream"
        assert "authorization" not in headers
    assert proxy.connections == 1


def test_histogram_has_the_distribution(proxies, start):
    proxies, told = proxies
    one = start(output(proxies=told, histograms=["minute", "hour"], timer_points=False))
    durations = [1.02 ** power for power in range(400)]
    for at in range(0, len(durations), 100):
        send("sendto", "\n".join(f"wide:{value:.6f}|ms" for value in durations[at:at + 100]), port=one.port)
    one.flush()
    for proxy in proxies:
        wait_for(lambda: sum(each.count for each in proxy.distributions("wide")) == 2 * len(durations),
                 lambda: f"all values; arrived: {proxy.distributions('wide')}")
        minutes = [each for each in proxy.distributions("wide") if each.granularity == "!M"]
        values = sorted(value for each in minutes for count, value in each.centroids for _ in range(count))
        assert values == [pytest.approx(value, rel=0.006) for value in durations]
        assert not proxy.named("wide.mean")


def test_two_nodes_have_the_same_centroids(receive, start):
    """Then Wavefront adds them up without loss."""
    proxy = receive()
    nodes = [start(output(proxy=proxy.address, source=f"node{number}")) for number in range(2)]
    for number, node in enumerate(nodes):
        send("sendto", "\n".join(f"t:{100 + value + number * 0.001}|ms" for value in range(0, 100, 7)), port=node.port)
        node.flush()
    wait_for(lambda: len(proxy.distributions("t")) == 2, "both distributions")
    one, other = proxy.distributions("t")
    assert one.source != other.source
    assert one.centroids == other.centroids


def test_delta_counters(proxies, start):
    proxies, told = proxies
    one = start(output(proxies=told, delta_counters=True))
    send("sendto", "hits:2|c\nfewer:-1|c\ndepth:1|g", port=one.port)
    one.flush()
    for proxy in proxies:
        assert proxy.wait_point("∆hits.count").value == 2
        proxy.wait_point("depth")
        assert not proxy.named("∆fewer.count") and not proxy.named("hits.count") and not proxy.named("∆hits.rate")
    wait_for(lambda: one.flush().count("sinks.wavefront.refused.WF-404"), "the refusal to be counted")
    assert "a value of fewer is not sent to Wavefront, which would refuse it: WF-404" in one.log()


def test_idle_delta_counters(receive, start):
    """Counters of nothing, of the daemon's own above all, are nothing to complain of."""
    proxy = receive()
    one = start(output(proxy=proxy.address, delta_counters=True))
    for number in range(3):
        send("sendto", f"hits:{number % 2}|c\nend{number}:1|g", port=one.port)
        one.flush()
        proxy.wait_point(f"end{number}")
    one.flush()
    assert [point.value for point in proxy.named("∆hits.count")] == [1]
    assert one.ledger.get("sinks.wavefront.refused.WF-404", 0) == 0
    assert "refuse" not in one.log()


def test_what_would_be_refused_is_counted(proxies, start):
    """With the limits of the service; a receiver that has them sees none of it."""
    proxies, told = proxies
    bad = {
        "WF-402": "old:1|g|T1000000000",
        "WF-408": "n" * 300 + ":1|g",
        "WF-409": "t" * 300 + ":1|ms",
        "WF-410": "tags:1|g|#" + ",".join(f"k{number}:v" for number in range(21)),
        "WF-411": "long:1|g|#k:" + "v" * 254,
        "WF-412": "key:1|g|#" + "k" * 65 + ":v",
    }
    one = start(output(proxies=told, source="h"))
    for line in bad.values():
        send("sendto", f"{line}\ngood:1|c", port=one.port)
    one.flush()
    for proxy in proxies:
        proxy.wait_point("good.count", lambda points: points and points[-1].value == len(bad))
    one.flush()
    ledger = one.ledger
    for code in bad:
        assert ledger.get(f"sinks.wavefront.refused.{code}"), (code, ledger)
        assert one.log().count(f"{code} (") == 1, code


def test_limits_of_a_proxy(receive, start):
    from wavefront import PROXY
    proxy = receive(limits=PROXY)
    one = start(output(proxy=proxy.address, limits="proxy"))
    send("sendto", "n" * 1023 + ":1|g", port=one.port)
    one.flush()
    proxy.wait_point("n" * 1023)


def test_a_name_of_10_kib_and_nan(proxies, start):
    proxies, told = proxies
    one = start(output(proxies=told))
    send("sendto", "x" * 10240 + ":1|c", port=one.port)
    send("sendto", "nan:nan|g\ninf:inf|g\nbig:1e308|c\nbig:1e308|c\ngood:1|c", port=one.port)
    one.flush()
    for proxy in proxies:
        proxy.wait_point("good.count")
        assert not proxy.named("nan") and not proxy.named("inf")


def test_application(receive, start):
    proxy = receive()
    one = start(output(proxy=proxy.url, source="h", application_tags={"application": "shop", "service": "web"}))
    send("sendto", "n:1|c|#shard:mine", port=one.port)
    one.flush()
    tags = {"application": "shop", "service": "web", "cluster": "none", "shard": "none"}
    assert proxy.wait_point("n.count").tags == {**tags, "shard": "mine"}
    beat = proxy.wait_point("~component.heartbeat")
    assert (beat.value, beat.tags) == (1, {**tags, "component": "kstatsd"})
    send("sendto", "n:1|c", port=one.port)
    one.flush()
    proxy.wait_point("n.count", lambda points: len(points) == 2)
    assert len(proxy.named("~component.heartbeat")) == 1


def direct(receiver, **keys):
    return output(url=receiver.url, **keys)


def assert_secret(one, *texts):
    """The token stands nowhere that anybody can look at."""
    texts = [*texts, one.log(), one.ask("status").stdout, json.dumps(one.window().metrics)]
    assert not [text for text in texts if TOKEN in text]


def test_direct_ingestion(receive, start, tmp_path, monkeypatch):
    """The token from a file, which changes; and from the environment."""
    service = receive(token=TOKEN)
    path = tmp_path / "token"
    path.write_text("an old one\n".replace(" ", "-"))
    one = start(direct(service, token_file=str(path)), "log.level=debug")
    send("sendto", "early:1|c", port=one.port)
    one.flush()
    wait_for(lambda: "rejects a batch of" in one.log(), lambda: f"the refusal; the log has {one.log()}")
    path.write_text(TOKEN + "\n")
    send("sendto", "late:1|c", port=one.port)
    one.flush()
    service.wait_point("late.count")
    assert not service.named("early.count")
    one.flush()
    assert one.ledger["sinks.wavefront.batches_rejected"] == 1
    assert_secret(one)
    monkeypatch.setenv("WAVEFRONT_TOKEN", TOKEN)
    other = start(direct(service, token="${WAVEFRONT_TOKEN}"), "log.level=debug")
    send("sendto", "environment:1|c", port=other.port)
    other.flush()
    service.wait_point("environment.count")
    assert_secret(other)


def test_batches_outlive_answers(receive, start, monkeypatch):
    """Pushback, errors, garbage and a connection that is closed: the points come all the same, and once."""
    monkeypatch.setenv("WAVEFRONT_TOKEN", TOKEN)
    answers = [Answer(503, body=TOKEN.encode()), Answer(406), Answer(429, ["Retry-After: 1"]),
               Answer(0, raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Answer(0, raw=b""), Answer(500)]
    service = receive(token=TOKEN, answers=answers)
    one = start(direct(service, token="${WAVEFRONT_TOKEN}", histograms=[]))
    send("sendto", "n:1|c", port=one.port)
    one.flush()
    service.wait_point("n.count")
    assert len(service.requests) == 7 and len(service.named("n.count")) == 1
    assert f"cannot deliver to wavefront at {service.url}: it answered 503: ****" in one.log()
    assert one.log().count("cannot deliver") == 1
    assert_secret(one)


def test_rejections_are_counted(receive, start):
    proxy = receive(answers=[Answer(400, body=b"no such thing\nsecond line"), Answer(413)])
    one = start(output(proxy=proxy.url, histograms=[]))
    for name in ("first", "second", "third"):
        send("sendto", f"{name}:1|c", port=one.port)
        one.flush()
        wait_for(lambda: len(proxy.requests) >= ("first", "second", "third").index(name) + 1, "a request")
    proxy.wait_point("third.count")
    one.flush()
    assert one.ledger["sinks.wavefront.batches_rejected"] == 2
    assert one.log().count("rejects a batch") == 1 and "it answered 400: no such thing" in one.log()


def test_absent_proxy(receive, start):
    """What could not be sent comes when the proxy does, in order and once."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    one = start(output(proxy=f"http://127.0.0.1:{port}"))
    for number in range(3):
        send("sendto", f"n:{number + 1}|c", port=one.port)
        one.flush()
    proxy = receive(port=port)
    proxy.wait_point("n.count", lambda points: len(points) == 3)
    assert [point.value for point in proxy.named("n.count")] == [1, 2, 3]


@pytest.fixture
def sidecar(receive, hook, monkeypatch, tmp_path):
    """sidecar(**variables) gives a receiver and a daemon with deploy/wavefront.yaml as it is shipped, its interval too."""
    started = []

    def start_one(**variables):
        proxy = receive()
        for name, value in {"WAVEFRONT_PROXY": proxy.address, **variables}.items():
            monkeypatch.setenv(name, value)
        one = Daemon(tmp_path / "sidecar", hook=hook, config=os.path.join(ROOT, "deploy", "wavefront.yaml"))
        one.settings = [setting for setting in one.settings if not setting.startswith("flush.interval=")]
        started.append(one)
        return proxy, one.start()

    yield start_one
    for one in started:
        one.kill()


def test_sidecar_example(sidecar):
    proxy, one = sidecar(POD_NAME="pod-7", NODE_HOSTNAME="node-3", INTERVAL="1s")
    for number in range(3):
        send("sendto", "orders:3|c\nload:20|ms", port=one.port)
        proxy.wait_point("orders.count", lambda points, number=number: len(points) > number)
    points = proxy.named("orders.count")
    assert {(point.value, point.source, point.tags["node"]) for point in points} == {(3, "pod-7", "node-3")}
    assert proxy.wait_distribution("load").source == "pod-7"
    stamps = [point.timestamp for point in points]
    assert stamps[2] - stamps[0] < 5, "the interval is that of the variable"
    assert not [point for point in proxy.points if point.name.startswith("kstatsd.")], "they cost, too"
    one.stop()


def test_sidecar_example_with_empty_variables(sidecar):
    """As manifests often have them: they are as good as none."""
    proxy, one = sidecar(POD_NAME="", NODE_HOSTNAME="", INTERVAL="")
    send("sendto", "orders:3|c", port=one.port)
    one.flush()
    count = proxy.wait_point("orders.count")
    assert (count.value, count.source, count.tags) == (3, socket.gethostname(), {})
    one.stop()
