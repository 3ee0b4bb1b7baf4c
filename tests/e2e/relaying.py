# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Relays: what arrives behind one, and the case that guests run too. Standard library only."""
import os
import signal
import socket
import time

from daemon import PATIENCE, Listener, assert_ledger_balances, expect, free_port, send
from peers import Server, receiver
from sockets import ABSTRACT
from watching import Tail

BATCH = 1432  # bytes


def relay_to(port, keys="", host="127.0.0.1"):
    return f'outputs.relay=[{{address: "{host}:{port}"{keys}}}]'


def arrived(listener, lines, seconds=PATIENCE):
    """The datagrams that came until there were so many lines, and whatever comes soon after."""
    got, deadline = [], time.monotonic() + seconds
    while sum(len(one.split()) for one in got) < lines and time.monotonic() < deadline:
        got += listener.receive(0.1)
    return got + listener.receive(0.05)


def rush(daemon, small, large):
    """
    Sends more than the daemon reads at a time, of what the kernel parses and of what it leaves to the daemon, while
    the daemon is kept from reading. The first line of each datagram, as it was sent.
    """
    payloads = [b"g:%07d|g|#in:a.rush" % number for number in range(small)]
    payloads += [(b"g:9%06d|g" % number).ljust(9000, b"\n") for number in range(large)]
    payloads += [b"g:8%06d|g" % number for number in range(100)]
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", daemon.port))
            for payload in payloads:
                try:
                    sender.send(payload)
                except ConnectionRefusedError:
                    sender.send(payload)  # nobody listens there, which is said at every other send
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    return [payload.split()[0] for payload in payloads]


def relay_ready(folder):
    """Options of a Daemon that check_relay() can do its work with: a second port, and a file that it reads again."""
    os.makedirs(folder, exist_ok=True)
    config = os.path.join(folder, "relay.yaml")
    configure(config, "{}")
    return {"config": config, "ports": [free_port(), free_port()]}


def configure(config, text):
    with open(config, "w", encoding="utf-8") as file:
        file.write(text)


def reload(daemon):
    done = daemon.ask("reload")
    expect(done.returncode == 0, f"reload: {done.stderr}")


def check_relay(daemon, entry):
    """
    From a captured port to a captured port: of every kind of send each line arrives once, counts once, and comes by
    when somebody watches. The relay's own datagrams are not captured. `entry`: the daemon has socket_settings().
    """
    daemon.flush()
    with Listener(daemon.ports[1]) as there:
        configure(daemon.config, '{outputs: {relay: [{address: "127.0.0.1:%d"}]}}' % daemon.ports[1])
        reload(daemon)
        with Tail(daemon, "--json") as tail:
            payloads = send_all(daemon.port, entry)
            lines = [line for payload in payloads for line in payload.split()]
            got = arrived(there, len(lines))
            tail.wait_lines(len(lines))
            watched = [one["line"].encode() for one in tail.objects()]
        window = daemon.flush()
        configure(daemon.config, "{}")
        reload(daemon)
    expect(sorted(b"\n".join(got).split()) == sorted(lines), f"sent {payloads}, relayed {got}")
    expect(sorted(watched) == sorted(lines), f"sent {payloads}, watched {watched}")
    expect(any(one.count(b"\n") > 1 for one in got), f"nothing was joined: {got}")
    expect(all(len(one) <= BATCH or one in payloads for one in got), f"long datagrams: {list(map(len, got))}")
    assert_ledger_balances(window.ledger)
    expect(window.count("lines.seen") == len(lines), f"{len(lines)} lines were sent: {window.ledger}")
    expect(window.count("sinks.relay.lines_sent") == len(lines), f"the relay counts wrong: {window.ledger}")
    expect(window.count("sinks.relay.missed") == 0, f"the relay missed some: {window.ledger}")
    expect(daemon.log().count("gets everything twice") == 1, f"no warning: {daemon.log()}")


def send_all(port, entry):
    """Payloads that were sent, all different."""
    payloads = []
    for number, flags in enumerate((("-4",), ("-6", "-c"), ("-m",))):
        for text in (f"relay.a:{number}|c", f"relay.b:{number}|c\nrelay.bad{number}:x|c\nrelay.w:{number}e-9|c\n"):
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
    with receiver(ABSTRACT):
        send("sendto", "relay.unix:1|c", "-u", ABSTRACT, port=1)
    with Server(port) as server, server.connect() as connection:
        for piece in (b"relay.tcp:1|c\nrelay.t", b"cp:2|c\n"):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
    return [b"relay.unix:1|c", b"relay.tcp:1|c", b"relay.tcp:2|c"]
