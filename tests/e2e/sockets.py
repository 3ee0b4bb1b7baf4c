# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Unix datagrams and TCP connections: how they are sent, and what must come of it.

Entry hooks only, so guests run these (tests/vm/guest.py). Each check takes a running daemon with the
settings of socket_settings(), and sees nothing but its own sends. Standard library only, and the `datadog`
client in the folder that KSTATSD_CLIENTS names.
"""
import contextlib
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from daemon import KSTATSD, PATIENCE, assert_ledger_balances, expect, send, wait_for
from peers import Server, receiver
from watching import watchers

FOLDER = "/tmp/kstatsd-sockets"
PATH, ABSTRACT = f"{FOLDER}/dsd.socket", "@kstatsd-test"
LINES = b"tcp.a:1|c\ntcp.b:22|c|#env:prod\ntcp.c:+3|g\n\ntcp.a:2|c\n"


def socket_settings():
    os.makedirs(FOLDER, exist_ok=True)
    return (f'capture.statsd.unix=["{PATH}", "{ABSTRACT}"]', "capture.statsd.tcp=true")


def window_of(daemon, **wanted):
    """Flushes; counters must be as wanted (dots as underscores), and the ledger must balance."""
    window = daemon.flush()
    for name, value in wanted.items():
        got = window.counter(name.replace("_", "."))
        expect(got == value, f"{name} should be {value}, is {got}; ledger: {window.ledger}")
    assert_ledger_balances(window.ledger)
    expect(window.count("streams.seen") == window.count("streams.accepted"), f"streams were lost: {window.ledger}")
    return window


def expect_count(window, name, value):
    expect(window.count(name) == value, f"{name} should be {value}: {window.ledger}")


def check_status(daemon):
    """Both are captured, by an entry hook, and their programs are among the programs."""
    status = json.loads(daemon.ask("status", "--json").stdout)
    rows = {row["name"]: row for row in status["sockets"]}
    expect(set(rows) == {"unix datagrams", "TCP"}, f"status: {rows}")
    expect(all(row["captured"] and row["configured"] for row in rows.values()), f"{rows}; {daemon.log()}")
    hook = rows["TCP"]["hook"]
    names = {row["name"] for row in status["programs"]}
    expect({f"{hook}_unix", f"{hook}_tcp", f"{hook}_tcp_close"} <= names, f"{hook}: {names}")


def check_unix_ways(daemon):
    """Connected and not, by path and by abstract name, from pages that are not there, too."""
    ways = (("sendto", 1), ("sendmsg", 1), ("sendmmsg", 5), ("uring", 1), ("untouched", 1))
    sends = 0
    for name in (PATH, ABSTRACT):
        with receiver(name) as got:
            for how, pieces in ways:
                for options in ((), ("-c",)):
                    send(how, "unix.ways:1|c\n", "-u", name, "-k", pieces, *options, port=1)
                    sends += pieces
        expect(set(got) == {b"unix.ways:1|c\n"}, f"the receiver got {got[:3]}")
    window = window_of(daemon, unix_ways=sends)
    expect_count(window, "datagrams.seen", sends)
    expect_count(window, "slow.retried", 4)


def check_unix_sizes(daemon):
    """Empty, on the fast path, on the slow path, and longer than what is taken up."""
    lines = b"unix.size:1|c\n"
    with receiver(PATH):
        for size in (0, 8192, 8193, 65507, 65508):
            data = lines * (size // len(lines))
            send("sendto", data.ljust(size, b"\n"), "-u", PATH, port=1)
    window = window_of(daemon, unix_size=sum(size // len(lines) for size in (8192, 8193, 65507)))
    expect_count(window, "datagrams.seen", 5)
    expect_count(window, "datagrams.rejected.empty", 1)
    expect_count(window, "datagrams.rejected.oversize", 1)


def check_unix_others(daemon):
    """Nobody is bound: the attempt counts. Another name, longer or shorter, is another socket."""
    send("sendto", "unix.attempt:1|c", "-u", PATH, "-n", 3, port=1)
    for name in (PATH + "x", PATH[:-1], ABSTRACT + "x", ABSTRACT[:-1], "relative", "@" + PATH):
        send("sendto", "unix.other:1|c", "-u", name, port=1)
    window = window_of(daemon, unix_attempt=3)
    expect_count(window, "datagrams.seen", 3)
    # A path that is followed by a NUL and what lies behind it.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        with contextlib.suppress(OSError):
            one.sendto(b"unix.padded:1|c", PATH.encode() + b"\0rest")
    window_of(daemon, unix_padded=1)


def check_unix_datadog(daemon):
    """The real client, over a bound socket."""
    sys.path.insert(0, os.environ["KSTATSD_CLIENTS"])
    from datadog.dogstatsd import DogStatsd  # it is not in the standard library, and takes a while
    with receiver(PATH) as got:
        client = DogStatsd(socket_path=PATH, disable_telemetry=True, disable_buffering=True)
        client.increment("unix.datadog", 3, tags=["env:prod"])
        client.timing("unix.timing", 12.5)
        client.gauge("unix.gauge", 7)
        client.flush()
        client.close_socket()
        wait_for(lambda: len(got) == 3, lambda: f"the receiver to get 3 datagrams; it got {got}")
    window = daemon.flush()
    expect(window.counter("unix.datadog;env=prod") == 3, f"flushed: {window.by_key}")
    expect(window.last("unix.timing")["sum"] == 12.5, f"flushed: {window.by_key}")
    expect(window.last("unix.gauge")["value"] == 7, f"flushed: {window.by_key}")


def check_tcp_split(daemon):
    """Two sends, cut at every byte; and one byte per send."""
    cuts = range(len(LINES) + 1)
    with Server(daemon.port) as server:
        for cut in cuts:
            with server.connect() as one:
                one.sendall(LINES[:cut])
                one.sendall(LINES[cut:])
        with server.connect() as one:
            for byte in LINES:
                one.sendall(bytes([byte]))
    times = len(cuts) + 1
    window = window_of(daemon, tcp_a=3 * times)
    expect(window.counter("tcp.b;env=prod") == 22 * times, f"flushed: {window.by_key}")
    expect(window.last("tcp.c")["value"] == 3 * times, f"flushed: {window.by_key}")
    expect_count(window, "lines.seen", 4 * times)
    expect_count(window, "lines.rejected.unterminated", 0)


def check_tcp_interleaved(daemon):
    """Many connections, each in the middle of a line all the time."""
    with Server(daemon.port) as server, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(20)]
        for piece in (b"tcp.in", b"terleaved:", b"2|c\ntcp.inter", b"leaved:1|c\n"):
            for one in connections:
                one.sendall(piece)
        window_of(daemon, tcp_interleaved=3 * len(connections))


def check_tcp_writev(daemon):
    data = b"tcp.writev:1|c\n" * 40
    with Server(daemon.port) as server, server.connect() as one:
        for size in (1, 7, 100, len(data)):
            expect(one.sendmsg([data[at:at + size] for at in range(0, len(data), size)]) == len(data), "a partial send")
        window_of(daemon, tcp_writev=160)


def check_tcp_megabyte(daemon):
    data = b"tcp.megabyte:1|c\n" * ((1 << 20) // 17)
    with Server(daemon.port) as server, server.connect() as one:
        one.sendall(data)
        one.sendall(data)
        window_of(daemon, tcp_megabyte=2 * (len(data) // 17))
    expect(server.received == 2 * len(data), f"the server got {server.received} bytes")


def check_tcp_partial(daemon):
    """Non-blocking sends of which the kernel takes a part: what it did not take is sent again."""
    data = b"".join(b"tcp.partial:%d|c\n" % (number % 7 + 1) for number in range(20000))
    total = sum(number % 7 + 1 for number in range(20000))
    sent = partial = refused = 0
    with Server(daemon.port, slow=True) as server, server.connect(SO_SNDBUF=8192) as one:
        one.setblocking(False)
        while sent < len(data):
            try:
                taken = one.send(data[sent:sent + 30000])
                partial += taken < min(30000, len(data) - sent)
                sent += taken
            except BlockingIOError:
                refused += 1
                server.go.set()
        window_of(daemon, tcp_partial=total)
    expect(partial and refused, f"no send was partial ({partial}) or refused ({refused})")


def check_tcp_unterminated(daemon):
    with Server(daemon.port) as server:
        with server.connect() as one:
            one.sendall(b"tcp.ended:1|c\ntcp.ended:5")
        window = window_of(daemon, tcp_ended=1)
    expect_count(window, "lines.rejected.unterminated", 1)


def check_tcp_v6(daemon):
    with Server(daemon.port, socket.AF_INET6) as server, server.connect() as one:
        one.sendall(b"tcp.v6:1")
        one.sendall(b"1|c\n")
        window_of(daemon, tcp_v6=11)


def check_tcp_fastopen(daemon):
    """A send that connects: it begins without a connection."""
    with Server(daemon.port) as server, socket.socket() as one:
        address = server.socket.getsockname()
        expect(one.sendto(b"tcp.fast:1|c\ntcp.fa", socket.MSG_FASTOPEN, address) == 19, "a partial send")
        one.sendall(b"st:2|c\n")
        window_of(daemon, tcp_fast=3)


def check_tcp_accepted(daemon):
    """The side that accepted sends the lines, to a client whose port is captured: the first is a line like the others."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("127.0.0.1", daemon.port))
        client.connect(listener.getsockname())
        with listener.accept()[0] as one:
            one.sendall(b"tcp.accepted:1|c\ntcp.acc")
            one.sendall(b"epted:2|c\n")
    window = window_of(daemon, tcp_accepted=3)
    expect_count(window, "lines.seen", 2)


def check_tcp_reset(daemon):
    """A connection that the peer ends, in the middle of a line, with data unread."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", daemon.port))
        listener.listen()
        with socket.socket() as one:
            one.connect(listener.getsockname())
            peer, _ = listener.accept()
            one.sendall(b"tcp.reset:1|c\ntcp.reset:5")
            peer.close()
            with contextlib.suppress(ConnectionError):
                while True:
                    one.sendall(b"5")
    window = window_of(daemon, tcp_reset=1)
    expect_count(window, "lines.rejected.unterminated", 1)


def check_tcp_untouched(daemon):
    """Pages that are not there when the send begins."""
    with tempfile.TemporaryFile() as file, Server(daemon.port) as server, server.connect() as one:
        file.write(b"tcp.untouched:1|c\n" * 1000)
        file.flush()
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
            pages.madvise(mmap.MADV_RANDOM)
            one.sendall(pages)
        window_of(daemon, tcp_untouched=1000)


def check_tcp_sendfile(daemon):
    """Spliced pages cannot be read: a hole in the stream, and the line behind it is not trusted."""
    splices = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 5)  # before, it was no send
    with tempfile.TemporaryFile() as file, Server(daemon.port) as server, server.connect() as one:
        file.write(b"tcp.hole:1|c\n")
        file.flush()
        one.sendall(b"tcp.file:1|c\n")
        expect(os.sendfile(one.fileno(), file.fileno(), 0, 13) == 13, "a partial sendfile")
        one.sendall(b"tcp.file:2|c\ntcp.file:4|c\n")
        window = daemon.flush()
    expect(window.counter("tcp.file") == 5 and window.counter("tcp.hole") == 0, f"flushed: {window.by_key}")
    expect_count(window, "streams.lost.unreadable", int(splices))
    expect_count(window, "lines.rejected.unterminated", 1)
    assert_ledger_balances(window.ledger)


def check_tcp_ring_full(daemon):
    """The daemon does not drain: what does not fit is lost by the send, and the stream goes on behind it."""
    line = b"tcp.full:1|c\n"
    data, sends = line * 80000, 10
    with Server(daemon.port) as server, server.connect() as one:
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(sends):
                one.sendall(data)
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        window = daemon.flush()
        kept, lost = window.counter("tcp.full"), window.count("streams.lost.ring_full")
        expect(0 < lost < sends, f"{lost} of {sends} sends were lost")
        expect((sends - lost) * 80000 <= kept + 1 and kept < sends * 80000, f"{kept} lines, {lost} sends lost")
        assert_ledger_balances(window.ledger)
        one.sendall(line + b"tcp.behind:1|c\n")
        window = window_of(daemon, tcp_full=0, tcp_behind=1)
    expect_count(window, "lines.rejected.unterminated", 1)


def check_tcp_room(daemon):
    """The ring holds many of the batches that clients send, from one buffer or several, before the daemon drains it."""
    data, sends = b"tcp.room:1|c\n" * 107, 1900  # 1391 bytes; of the ring's 8 MiB, 1391 * 1900 are a third
    with Server(daemon.port) as server, server.connect() as one:
        for buffers in ([data], [data[:700], data[700:]]):
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                for _ in range(sends):
                    expect(one.sendmsg(buffers) == len(data), "a partial send")
            finally:
                daemon.process.send_signal(signal.SIGCONT)
            window = daemon.flush()
            assert_ledger_balances(window.ledger)
            expect_count(window, "streams.lost.ring_full", 0)
            # Where the kernel preempts, fentry may skip the return of a send: that is no fault of the ring's.
            expect(window.count("streams.accepted") >= 0.99 * sends, f"of {sends} sends too few: {window.ledger}")
            expect(window.counter("tcp.room") >= 0.98 * 107 * sends, f"too few lines: {window.by_key}")


def check_tcp_senders(daemon):
    """`kstatsd top` counts the sends of a process on connections, and their bytes, as it does datagrams."""
    data, sends = b"tcp.top:1|c\n" * 100, 20
    with Server(daemon.port) as server, server.connect() as one:
        before = watchers(daemon)
        with subprocess.Popen([KSTATSD, "top", "--json", "-s", f"runtime_dir={daemon.runtime}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as top:
            wait_for(lambda: watchers(daemon) > before or top.poll() is not None, "top to be connected")
            for _ in range(sends):
                one.sendall(data)
            report = json.loads(top.communicate(timeout=PATIENCE)[0])
        window_of(daemon, tcp_top=100 * sends)
    total = report["totals"]["sends"]["rate"] * report["seconds"]
    expect(round(total) == sends, f"of all sends {sends} should be of late, are {total}")
    rows = {row["pid"]: row for row in report["senders"]}
    expect(os.getpid() in rows, f"senders: {rows}")
    for name, count in (("sends", sends), ("bytes", sends * len(data)), ("lines", sends * 100), ("rejected", 0)):
        got = rows[os.getpid()][name] * report["seconds"]
        expect(round(got) == count, f"{name} should be {count}, is {got}: {rows}")


def check_tcp_threads(daemon):
    """Two threads, one connection, whole lines."""
    with Server(daemon.port) as server, server.connect() as one:
        def run(line):
            for _ in range(300):
                one.sendall(line)

        threads = [threading.Thread(target=run, args=(line,)) for line in (b"tcp.first:1|c\n", b"tcp.second:1|c\n")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        window_of(daemon, tcp_first=300, tcp_second=300)


def check_tcp_other_port(daemon):
    """What is no statsd is not looked at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    with Server(other) as server, server.connect() as one:
        one.sendall(b"tcp.other:1|c\n")
    expect_count(daemon.flush(), "streams.seen", 0)


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]
