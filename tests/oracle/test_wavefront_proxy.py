# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Wavefront's own proxy takes what kstatsd sends, by TCP and by HTTP, and passes it on to a stand-in for the service.

The proxy is too old to judge names: those here are plain. What it passes on is read strictly. The same batches go to a
receiver, for Wavefront's own validator to judge the lines.
"""
import json
import socket
import time

import pytest

import wavefront
from daemon import send, wait_for
from wavefront_proxy import Namespace, WavefrontProxy


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with Namespace() as namespace:
        one = WavefrontProxy(tmp_path_factory.mktemp("proxy"), namespace)
        try:
            yield one.start()
        finally:
            one.stop()


WAYS = {"tcp": "{}", "http": "http://{}"}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def is_delivered(one, receiver):
    """Nothing waits, and the receiver has read its half of what was sent."""
    sink = json.loads(one.ask("status", "--json").stdout)["sinks"][-1]
    return not sink["batches_queued"] and 2 * len(receiver.lines) >= sink["lines_sent"] > 0


@pytest.fixture
def deliver(proxy, way, start, judged):
    """deliver(lines, **keys) flushes them, and waits until the proxy has all."""
    receiver = wavefront.Receiver(wavefront.PROXY)

    def deliver_some(lines, **keys):
        proxies = [WAYS[way].format(address) for address in (proxy.address, receiver.address)]
        keys = {"proxies": proxies, "source": "node1", "convert_paths": False, **keys}
        one = start(f"outputs.wavefront={json.dumps([keys])}", "timers.mode=exact")
        for at in range(0, len(lines), 100):
            send("sendto", "\n".join(lines[at:at + 100]), port=one.port)
        window = one.flush()
        wait_for(lambda: is_delivered(one, receiver), lambda: f"an empty queue; {receiver.refused[:5]}")
        return window

    yield deliver_some
    receiver.stop()
    receiver.check()
    judged.extend(receiver.lines)


def test_points(proxy, deliver, way):
    window = deliver([f"{way}.hits:3|c|#env:prod,zone:eu-1", f"{way}.depth:-2.5|g", f"{way}.load:20|ms"])
    at = window.last(f"{way}.depth")["timestamp"]
    for name, value, tags in ((f"{way}.hits.count", 3, {"env": "prod", "zone": "eu-1"}), (f"{way}.depth", -2.5, {}),
                              (f"{way}.load.upper_90", 20, {})):
        [line] = proxy.wait_lines(f'^"{name}" ')
        point = wavefront.parse(line)
        assert (point.name, point.value, point.timestamp, point.source, point.tags) == (name, value, at, "node1", tags)


def test_delta_counters(proxy, deliver, way):
    deliver([f"delta.{way}:7|c", f"delta.{way}:-7|c", f"delta.{way}.up:7|c"], delta_counters=True)
    [line] = proxy.wait_lines(f'^"?∆delta.{way}.up.count"? ')
    assert wavefront.parse(line).value == 7
    assert not [line for line in proxy.service.lines if f"∆delta.{way}.count" in line], "what is not above 0 is not sent"


def test_histograms(proxy, deliver, way):
    values = [10.0, 20.0, 20.0, 4000.0]
    window = deliver([f"spread.{way}:{value}|ms|#env:prod" for value in values], timer_points=False)
    at = window.last(f"spread.{way};env=prod")["timestamp"]
    [line] = proxy.wait_lines(f'^!M .*"spread.{way}"')
    found = wavefront.parse(line)
    assert found.tags == {"env": "prod"} and found.source == "node1"
    assert found.timestamp % 60 == 0 and at - 120 <= found.timestamp <= at
    assert [count for count, _ in found.centroids] == [1, 2, 1]
    assert [value for _, value in found.centroids] == pytest.approx([10, 20, 4000], rel=0.006)


def test_many_lines(proxy, deliver, way):
    """All of 2,000 names, and nothing is blocked on the way."""
    names = [f"many.{way}.n{number}" for number in range(2000)]
    deliver([f"{name}:1|c" for name in names])
    proxy.wait_lines(f'^"many.{way}.n[0-9]*.count" 1.0 [0-9]* source="node1"$', len(names))
    assert not [line for line in proxy.blocked() if "many." in line]


def test_its_log_shows_what_it_blocks(proxy):
    """Else that nothing is blocked would prove nothing."""
    with socket.create_connection((proxy.namespace.inside, 2878), 5) as client:
        client.sendall(f'"not a name" 1 {int(time.time())} source="x"\n'.encode())
        wait_for(lambda: any("WF-400" in line for line in proxy.blocked()), "a blocked line")
