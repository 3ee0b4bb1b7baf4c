# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Relays: what arrives behind one, and the case that guests run too. Standard library only."""
import socket
import time

from daemon import ENTRY_HOOKS, PATIENCE, Listener, assert_ledger_balances, expect, free_port, send
from peers import Server, receiver
from watching import Tail

BATCH = 1432  # bytes
UNIX = "@kstatsd-relay"


def relay_to(port, keys="", host="127.0.0.1"):
    return f'outputs.relay=[{{address: "{host}:{port}"{keys}}}]'


def arrived(listener, lines, seconds=PATIENCE):
    """The datagrams that came until there were so many lines, and whatever comes soon after."""
    got, deadline = [], time.monotonic() + seconds
    while sum(len(one.split()) for one in got) < lines and time.monotonic() < deadline:
        got += listener.receive(0.1)
    return got + listener.receive(0.05)


def check_relay(make_daemon, hook):
    """
    From a captured port to a captured port: of every kind of send each line arrives once, counts once, and comes by
    when somebody watches. The relay's own datagrams are not captured.
    """
    entry = hook in ENTRY_HOOKS
    settings = (f'capture.statsd.unix=["{UNIX}"]', "capture.statsd.tcp=true") if entry else ()
    with Listener(free_port()) as there:
        port = there.socket.getsockname()[1]
        daemon = make_daemon(relay_to(port), *settings, ports=[free_port(), port])
        with Tail(daemon, "--json") as tail:
            payloads = send_all(daemon.port, entry)
            lines = [line for payload in payloads for line in payload.split()]
            got = arrived(there, len(lines))
            tail.wait_lines(len(lines))
            watched = [one["line"].encode() for one in tail.objects()]
    expect(sorted(b"\n".join(got).split()) == sorted(lines), f"sent {payloads}, relayed {got}")
    expect(sorted(watched) == sorted(lines), f"sent {payloads}, watched {watched}")
    expect(any(one.count(b"\n") > 1 for one in got), f"nothing was joined: {got}")
    expect(all(len(one) <= BATCH or one in payloads for one in got), f"long datagrams: {list(map(len, got))}")
    window = daemon.flush()
    assert_ledger_balances(window.ledger)
    expect(window.count("lines.seen") == len(lines), f"{len(lines)} lines were sent: {window.ledger}")
    expect(window.count("sinks.relay.lines_sent") == len(lines), f"the relay counts wrong: {window.ledger}")
    expect(window.count("sinks.relay.missed") == 0, f"the relay missed some: {window.ledger}")
    expect(daemon.log().count("gets everything twice") == 1, f"no warning: {daemon.log()}")


def send_all(port, entry):
    """Payloads that were sent, all different."""
    payloads = []
    for number, flags in enumerate((("-4",), ("-6",), ("-m",), ("-4", "-c"), ("-6", "-c"), ("-m", "-c"))):
        for text in (f"relay.a:{number}|c", f"relay.b:{number}|c\nrelay.bad{number}:x|c\n", f"relay.w:{number}e-9|c"):
            send("sendto", text, *flags, port=port)
            payloads.append(text.encode())
    long = b"\n".join(b"relay.long.%s:%d|c" % (b"x" * 30, number) for number in range(300))
    send("sendto", long, port=port)
    payloads.append(long)
    if entry:
        payloads += send_others(port)
    return payloads


def send_others(port):
    """The same over a Unix socket and a TCP connection, whose lines come one by one."""
    with receiver(UNIX):
        send("sendto", "relay.unix:1|c", "-u", UNIX, port=1)
    with Server(port) as server, server.connect() as connection:
        for piece in (b"relay.tcp:1|c\nrelay.t", b"cp:2|c\n"):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
    return [b"relay.unix:1|c", b"relay.tcp:1|c", b"relay.tcp:2|c"]
