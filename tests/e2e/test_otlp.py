# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""outputs.otlp against a receiver that reads every byte: values, buckets, names; and what an answer means."""
import collections
import math
import re
import socket
import time

import pytest

from daemon import free_port, wait_for
from otlp import Receiver

SECOND = 10 ** 9
OUTPUT = "outputs.otlp=[{{url: \"{url}\", retry: {{min: 50ms, max: 100ms}}{keys}}}]"


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


def begin(start, receiver, *settings, keys=""):
    return start(OUTPUT.format(url=receiver.url, keys=keys), *settings)


def send_lines(port, *lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line.encode(), ("127.0.0.1", port))


def bucket(value, scale=6):
    """Index of OTLP, base = 2^(2^-scale): (base^i, base^(i+1)]."""
    return math.ceil(math.ldexp(math.log2(value), scale)) - 1


def test_values(start, receiver):
    """Every type, with tags; of timers each bucket."""
    daemon = begin(start, receiver, "global_tags={env: prod}")
    times = [2.75, 3, 3, 17, 1000, 2500.5]
    sizes = [0, 0, -4, -4.2, 512, 70000]
    before = time.time()
    send_lines(daemon.port, "hits:3|c", "hits:4|c", "hits:1|c|#zone:eu", "back:-2|c", "depth:7|g", "users:a|s\nusers:b|s",
               *(f"load:{value}|ms|#zone:eu" for value in times), *(f"size:{value}|h" for value in sizes), "one:1|d|@0.5")
    window = daemon.flush()
    points = wait_for(receiver.points, "points")
    prod, both = (("env", "prod"),), (("env", "prod"), ("zone", "eu"))
    assert points[("hits", prod)]["value"] == 7 and points[("hits", both)]["value"] == 1
    assert points[("hits", prod)]["kind"] == "sum" and points[("hits", prod)]["monotonic"]
    assert points[("back", prod)]["value"] == -2 and not points[("back", prod)]["monotonic"]
    assert points[("depth", prod)]["kind"] == points[("users", prod)]["kind"] == "gauge"
    assert points[("depth", prod)]["value"] == 7 and points[("users", prod)]["value"] == 2
    load, size = points[("load", both)], points[("size", prod)]
    assert load["unit"] == "s" and size["unit"] == "" and load["scale"] == size["scale"] == 6
    assert load["positive"] == collections.Counter(bucket(value / 1000) for value in times)
    assert not load["negative"] and not load["zero"] and load["count"] == len(times)
    assert load["sum"] == pytest.approx(sum(times) / 1000) and (load["min"], load["max"]) == (0.00275, 2.5005)
    assert size["positive"] == collections.Counter(bucket(value) for value in sizes if value > 0)
    assert size["negative"] == collections.Counter(bucket(-value) for value in sizes if value < 0)
    assert size["zero"] == 2 and size["sum"] == pytest.approx(sum(sizes)) and (size["min"], size["max"]) == (-4.2, 70000)
    assert points[("one", prod)]["count"] == 1
    assert len(points) == 8
    end = window.last("hits;env=prod")["timestamp"] * SECOND
    for point in points.values():
        assert point["time"] == end and point["start"] == (0 if point["kind"] == "gauge" else pytest.approx(
            end - (time.time() - before) * SECOND, abs=3 * SECOND)), point


def test_far_apart(start, receiver):
    """Two values at the ends of what there is: few buckets, each where its value is."""
    daemon = begin(start, receiver)
    send_lines(daemon.port, *(f"wide.{number}:{least}|h\nwide.{number}:{most}|h"
                              for number, (least, most) in enumerate(((1, 1e9), (1e-6, 9e12), (1e-300, 1e300)))))
    daemon.flush()
    points = wait_for(receiver.points, "points")
    point = points[("wide.0", ())]
    assert point["scale"] == 4 and point["positive"] == {bucket(1, 4): 1, bucket(1e9, 4): 1}
    assert all(point["count"] == 2 and point["written"] <= 640 for point in points.values())


def test_counts_beyond_what_there_is(start, receiver):
    """A rate of nearly nothing: what no number holds is cut, together with the sum of all, and counted."""
    daemon = begin(start, receiver, "timers.weighted=true")
    send_lines(daemon.port, "load:3|ms|@1e-300", "load:3|ms|@1e-300", "fine:1|ms|@1e-15")
    daemon.flush()
    points = wait_for(receiver.points, "points")
    assert points[("load", ())]["count"] == 2 ** 63 - 1  # and what the buckets hold, or the receiver would complain
    assert points[("fine", ())]["count"] == 10 ** 15
    assert wait_for(lambda: daemon.flush().count("sinks.otlp.points_clamped"), "it to be counted") == 1


def test_envelope(start, receiver, tmp_path):
    """Resource, scope, headers, token; neighbours of one name are one metric; without compression, too."""
    token = tmp_path / "token"
    token.write_text("secret-1\n")
    keys = (', headers: {X-Scope-OrgID: shop, X-Key: "a b"}, resource: {service.name: web, deployment.environment: prod}, '
            f"compression: none, token_file: {token}")
    daemon = begin(start, receiver, keys=keys)
    send_lines(daemon.port, "hits:1|c|#a:1", "hits:1|c|#a:2", "other:1|c", "hits:2|c")
    daemon.flush()
    request = wait_for(receiver.decoded, "a request")[0]
    assert request.headers["X-Scope-OrgID"] == "shop" and request.headers["X-Key"] == "a b"
    assert request.headers["Authorization"] == "Bearer secret-1" and not request.headers["Content-Encoding"]
    host = socket.gethostname()
    assert request.resource == {"service.name": "web", "deployment.environment": "prod", "host.name": host}
    assert request.scope[0] == "kstatsd" and re.fullmatch(r"\d+\.\d+\.\d+", request.scope[1])
    names = [metric[0][0] for metric in request.metrics if not metric[0][0].startswith("kstatsd.")]
    assert names == ["hits", "other"] and len(request.metrics[[metric[0][0] for metric in request.metrics].index("hits")]) == 3
    assert "secret-1" not in daemon.log()


def test_secrets_come_back(start, receiver):
    """A receiver repeats headers and token, in what it refuses and in what it takes: no log and no status does."""
    secrets = ["HDRSECRET", "dXNlcjpwYXNzd29yZA==", "s3cr3t-t0k3n"]
    echo = f"A-Api: {secrets[0]}, Basic {secrets[1]}, {secrets[2]}, {secrets[1][:-2]}".encode()
    message = b"\x08\x01\x12" + bytes([len(echo)]) + echo
    receiver.answers += [(400, echo), (200, b"\x0a" + bytes([len(message)]) + message), (503, echo)]
    daemon = begin(start, receiver, keys=f', headers: {{A-Api: {secrets[0]}, B: "Basic {secrets[1]}"}}, token: {secrets[2]}')
    status = ""
    for number, said in enumerate(("it answered 400: A-Api: ", "some of its points: A-Api: ", "it answered 503: A-Api: ")):
        send_lines(daemon.port, f"echo.{number}:1|c")
        daemon.flush()
        wait_for(lambda said=said: said in daemon.log(), lambda said=said: f"'{said}' in the log: {daemon.log()}")
        status += daemon.ask("status").stdout + daemon.ask("status", "--json").stdout
    assert [secret for secret in (*secrets, secrets[1][:-2]) if secret in daemon.log() + status] == []
    assert receiver.refused[0][0]["A-Api"] == secrets[0]


def test_batches(start, receiver):
    """2,000 series: several requests, none too large, nothing missing and nothing twice."""
    daemon = begin(start, receiver, keys=", batch: {points: 400, bytes: 32KiB}")
    send_lines(daemon.port, *("\n".join(f"series.{number}:{number}|c" for number in range(first, first + 100))
                              for first in range(0, 2000, 100)))
    daemon.flush()
    wait_for(lambda: len(receiver.points()) == 2000, lambda: f"2000 series, not {len(receiver.points())}")
    assert {name: point["value"] for (name, _), point in receiver.points().items()} == {
        f"series.{number}": number for number in range(2000)}
    requests = receiver.decoded()
    assert len(requests) > 5 and max(len(request.body) for request in requests) < 40000


def test_filter_and_idle(start, receiver):
    daemon = begin(start, receiver, "delete_idle=false", keys=', filter: {include: ["shop.*"]}')
    send_lines(daemon.port, "shop.hits:3|c", "shop.load:3|ms", "other:1|c")
    daemon.flush()
    wait_for(lambda: len(receiver.points()) == 2, "two points")
    receiver.requests.clear()
    receiver.read.clear()
    daemon.flush()
    points = wait_for(receiver.points, "points")
    hits, load = points[("shop.hits", ())], points[("shop.load", ())]
    assert hits["value"] == 0 and hits["kind"] == "sum"
    assert load["count"] == 0 and load["sum"] is None and load["min"] is None and not load["positive"]


def test_timestamp(start, receiver):
    """A value with a time of its own keeps it."""
    daemon = begin(start, receiver)
    moment = int(time.time()) - 100
    send_lines(daemon.port, f"then:3|c|T{moment}", f"was:4|g|T{moment}")
    daemon.flush()
    points = wait_for(receiver.points, "points")
    for name, value in (("then", 3), ("was", 4)):
        point = points[(name, ())]
        assert (point["value"], point["time"], point["start"]) == (value, moment * SECOND, 0)


def test_busy_then_taken(start, receiver):
    """429, 503: the same bytes again. 400: never again, counted. What is refused in part is counted."""
    daemon = begin(start, receiver)
    receiver.answers += [(429, b""), (503, b"later")]
    send_lines(daemon.port, "again:1|c")
    daemon.flush()
    wait_for(receiver.points, "it to be taken")
    assert [body for _, body in receiver.refused] == [receiver.requests[0][1]] * 2
    receiver.answers += [(400, b"\x08\x03\x12\x07no good")]
    send_lines(daemon.port, "bad:1|c")
    daemon.flush()
    wait_for(lambda: len(receiver.refused) == 3, "it to be refused")
    # partial_success {rejected_data_points: 3, error_message: "too old"}
    receiver.answers += [(200, b"\x0a\x0b\x08\x03\x12\x07too old")]
    send_lines(daemon.port, "partly:1|c")
    daemon.flush()
    wait_for(lambda: ("partly", ()) in receiver.points(), "it to be taken in part")

    def counted():
        daemon.flush()
        return [daemon.ledger.get(f"sinks.otlp.{name}") for name in ("points_refused", "batches_rejected")] == [3, 1]
    wait_for(counted, lambda: f"what was refused to be counted: {daemon.ledger}")
    assert "without some of its points: too old" in daemon.log()


def test_garbage_answers(start, receiver):
    """Whatever a 200 says beside: the batch was taken."""
    daemon = begin(start, receiver)
    for number, answer in enumerate((b"\xff" * 50, b"{}", b"x" * 100000, b"\x0a\x7f\x08")):
        receiver.answers.append((200, answer))
        send_lines(daemon.port, f"garbage.{number}:1|c")
        daemon.flush()
        wait_for(lambda number=number: (f"garbage.{number}", ()) in receiver.points(), "it to arrive")
    assert daemon.flush().count("sinks.otlp.points_refused") == 0


def test_absent_then_there(start):
    """What was flushed while nobody listened arrives, once."""
    port = free_port(socket.SOCK_STREAM)
    daemon = start(OUTPUT.format(url=f"http://127.0.0.1:{port}/v1/metrics", keys=""))
    for number in range(3):
        send_lines(daemon.port, f"late.{number}:{number}|c")
        daemon.flush()
    with Receiver(port) as receiver:
        wait_for(lambda: len(receiver.points()) == 3, "three windows")
        assert {name: point["value"] for (name, _), point in receiver.points().items()} == {
            "late.0": 0, "late.1": 1, "late.2": 2}
        daemon.stop()


def test_events_have_no_place(start, receiver):
    daemon = start(f'outputs.otlp=[{{url: "http://127.0.0.1:{receiver.port}"}}]')  # the path goes without saying
    send_lines(daemon.port, "_e{5,4}:title|text", "_sc|name|0")
    daemon.flush()
    assert wait_for(lambda: daemon.flush().count("sinks.otlp.events_without_place"), "it to be counted") == 2
    wait_for(lambda: receiver.requests and not receiver.refused, "kstatsd's own metrics")
