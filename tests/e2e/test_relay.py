# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""outputs.relay: unchanged, bounded, counted; to a real statsd; and never in a circle."""
import json
import signal
import socket

import pytest

from daemon import ENTRY_HOOKS, Listener, free_port, send, wait_for
from relaying import BATCH, arrived, check_relay, relay_ready, relay_to, rush
from sockets import socket_settings
from statsd_server import Statsd


@pytest.fixture
def there():
    with Listener(free_port()) as listener:
        listener.port = listener.socket.getsockname()[1]
        yield listener


def send_many(port, payloads):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for payload in payloads:
            sender.sendto(payload, ("127.0.0.1", port))


def joined(payloads):
    """One datagram of them all, whichever were joined on the way."""
    return b"".join(one if one.endswith(b"\n") else one + b"\n" for one in payloads)


def test_every_way_once(start, tmp_path, hook):
    entry = hook in ENTRY_HOOKS
    check_relay(start(*(socket_settings() if entry else ()), **relay_ready(tmp_path)), entry)


def test_unchanged_bytes(start, there):
    """Whatever was sent, alone or joined by newlines, of which none is doubled."""
    daemon = start(relay_to(there.port))
    payloads = [b"a:1|c", b"b:2|c\n", b"\x00\xff:1|c", b"no line at all", b"c:1|c\n\nd:1|c\n\n", b"e:1|c\r\n", b"f:1|c"]
    send_many(daemon.port, payloads)
    got = arrived(there, 9)
    assert joined(got) == joined(payloads)
    large = b"l:1|c|#" + b"x" * 60000
    send_many(daemon.port, [b"g:1|c", large, b"h:1|c"])
    assert arrived(there, 3) == [b"g:1|c", large, b"h:1|c"]
    send_many(daemon.port, [b"alone:1|c\n"])
    assert arrived(there, 1) == [b"alone:1|c\n"]


@pytest.mark.parametrize("limit,keys", [(BATCH, ""), (512, ", batch: {bytes: 512}")])
def test_batches(start, there, limit, keys):
    """Full batches leave at once, and none is longer than allowed but for a datagram that is."""
    daemon = start(relay_to(there.port, keys + ", delay: 10s"))
    payloads = [b"batch.%d:1|c|#%s" % (number, b"t" * (number % 90)) for number in range(2000)]
    send_many(daemon.port, payloads + [b"x" * (limit + 1)])
    daemon.stop()
    got = arrived(there, 2001)
    assert b"\n".join(got).split(b"\n") == payloads + [b"x" * (limit + 1)]
    sizes = [len(one) for one in got[:-1]]
    assert max(sizes) <= limit and min(sizes[:-1]) > limit - 120 and len(got[-1]) == limit + 1


def test_segments(start, there):
    """One send of several datagrams (UDP_SEGMENT) is relayed datagram by datagram."""
    daemon = start(relay_to(there.port, ", batch: {bytes: 64}"))
    send("segment", "seg:1|c|#%s\n" % ("s" * 50) * 3, "-g", 60, port=daemon.port)
    assert [len(one) for one in arrived(there, 3)] == [60, 60, 60]


def test_order(start, there):
    """That of the sends, however many wait on both ways to the daemon."""
    daemon = start(relay_to(there.port))
    lines = rush(daemon, 40000, 40)
    got = b"\n".join(arrived(there, len(lines))).split()
    assert len(got) == len(lines)
    assert [line for line, sent in zip(got, lines) if line != sent][:3] == []


def test_flood(start, there):
    """Nothing is lost at a moderate rate, to two relays."""
    with Listener(free_port()) as second:
        daemon = start(relay_to(there.port)[:-1] + f', {{address: "localhost:{second.socket.getsockname()[1]}"}}]')
        count = 40000
        send_many(daemon.port, (b"flood.%d:1|c" % (number % 10) for number in range(count)))
        got = [sum(len(one.split()) for one in arrived(listener, count)) for listener in (there, second)]
    window = daemon.flush()
    assert got == [count, count] and sum(window.counter(f"flood.{number}") for number in range(10)) == count
    assert window.count("sinks.relay.lines_sent") == window.count("sinks.relay.datagrams") == 2 * count
    assert window.count("sinks.relay.missed") == window.count("sinks.relay.refused") == 0


def test_tiny_ring(start, there):
    """What finds no room is counted as missed, and the capture does not notice."""
    daemon = start(relay_to(there.port), "limits.relay_ring=16KiB")
    daemon.process.send_signal(signal.SIGSTOP)
    send_many(daemon.port, [b"tiny:1|c"] * 3000)
    daemon.process.send_signal(signal.SIGCONT)
    got = sum(len(one.split()) for one in arrived(there, 3000, 1))
    window = daemon.flush()
    missed = window.count("sinks.relay.missed")
    assert 0 < got < 3000 and got + missed == 3000, window.ledger
    assert window.counter("tiny") == 3000 and "raise limits.relay_ring" in daemon.log()
    send_many(daemon.port, [b"tiny:1|c"])
    assert arrived(there, 1) == [b"tiny:1|c"]


def test_slow_ring_full(start, there):
    """The same of what takes the slow path: the ring of that is full."""
    daemon = start(relay_to(there.port), "limits.ring=256KiB")
    daemon.process.send_signal(signal.SIGSTOP)
    send_many(daemon.port, [b"s:1|c\n" * 1500] * 20)
    daemon.process.send_signal(signal.SIGCONT)
    got = len(arrived(there, 20 * 1500, 1))
    window = daemon.flush()
    lost = window.count("datagrams.lost.ring_full")
    assert lost and got + lost == 20 and window.count("sinks.relay.missed") == lost, window.ledger


def relay_row(daemon):
    return next(row for row in json.loads(daemon.ask("status", "--json").stdout)["sinks"] if row["kind"] == "relay")


def test_absent(start):
    """Nobody there: refusals are counted and said once; what comes later arrives again."""
    port = free_port()
    daemon = start(relay_to(port))
    refused = 0

    def count_refused():
        nonlocal refused
        send_many(daemon.port, [b"absent:1|c"])
        refused += daemon.flush().count("sinks.relay.refused")
        return refused >= 3
    wait_for(count_refused, "refusals to be counted")
    assert daemon.log().count(f"the relay to 127.0.0.1:{port}: Connection refused") == 1
    row = relay_row(daemon)
    assert not row["connected"] and row["last_error"] == "Connection refused" and row["address"] == f"127.0.0.1:{port}"
    with Listener(port) as listener:
        arrived(listener, 1, 0.3)
        send_many(daemon.port, [b"present:1|c"])
        assert arrived(listener, 1) == [b"present:1|c"]

        def is_well():
            send_many(daemon.port, [b"present:1|c"])
            return relay_row(daemon)["connected"]
        wait_for(is_well, "the relay to be well again")


def test_no_such_name(start):
    """A name that means nothing: refused, with the reason; the capture goes on."""
    daemon = start(relay_to(8125, host="nowhere.invalid"))
    send_many(daemon.port, [b"a:1|c"])
    wait_for(lambda: relay_row(daemon)["last_error"], "a reason")
    refused = wait_for(lambda: daemon.flush().count("sinks.relay.refused"), "it to be counted")
    assert refused == 1 and "nowhere.invalid" in daemon.log()


def test_absorb(start, there):
    """Applications' datagrams end at the sender, the relay's travel, to the same port; nothing comes twice."""
    daemon = start(relay_to(there.port), "capture.statsd.absorb=true", ports=[there.port], hook="cgroup")
    send_many(there.port, [b"once:1|c", b"once:2|c"])
    assert joined(arrived(there, 2)) == b"once:1|c\nonce:2|c\n"
    assert daemon.flush().counter("once") == 3 and "twice" not in daemon.log()


def test_reload(start, there, tmp_path):
    """Relays come and go; one that changes does not send twice."""
    config = tmp_path / "kstatsd.yaml"
    config.write_text("{}")
    daemon = start(config=config)

    def reload(text):
        config.write_text(text)
        done = daemon.ask("reload")
        assert done.returncode == 0, done.stderr
    send_many(daemon.port, [b"before:1|c"])
    relay = '{outputs: {relay: [{address: "127.0.0.1:%d"%s}]}}'
    reload(relay % (there.port, ""))
    send_many(daemon.port, [b"first:1|c"])
    assert arrived(there, 1) == [b"first:1|c"]
    reload(relay % (there.port, ", delay: 50ms"))
    send_many(daemon.port, [b"second:1|c"])
    assert arrived(there, 1) == [b"second:1|c"]
    send_many(daemon.port, [b"last:1|c"])
    reload("{}")
    send_many(daemon.port, [b"after:1|c"])
    assert there.receive() == [b"last:1|c"]
    assert daemon.flush().counter("after") == 1


def test_statsd_behind(start, tmp_path):
    """A statsd behind the relay flushes what one flushes that the applications send to."""
    direct, behind = free_port(), free_port()
    payloads = [b"hits:%d|c" % number for number in range(150)]
    payloads += [b"depth:%d|g\ndepth:-3|g\n" % number for number in range(20)]
    payloads += [b"load:%d|ms|@0.5\nusers:u%d|s\nbad\nbig:1e-9|c" % (number, number % 7) for number in range(50)]
    payloads += [b"many:1|c\n" * 1200, b"depth:+5|g"]
    with Statsd(tmp_path / "direct", direct, {}) as one, Statsd(tmp_path / "behind", behind, {}) as other:
        daemon = start(relay_to(behind), ports=[direct])
        for begin in range(0, len(payloads), 30):
            send_many(direct, payloads[begin:begin + 30])
            assert one.wait_received(min(begin + 30, len(payloads)))
        wait_for(lambda: relay_row(daemon)["lines_sent"] == sum(len(one.split()) for one in payloads), "the relay")
        wait_for(lambda: other.packets_received() == relay_row(daemon)["batches_sent"], "the statsd behind it")
        values = [{line.split()[0]: line.split()[1] for line in server.flush() if "statsd" not in line.split()[0]}
                  for server in (one, other)]
    assert values[0] == values[1] and len(values[0]) > 20
    assert values[1]["stats_counts.hits"] == str(sum(range(150)))
