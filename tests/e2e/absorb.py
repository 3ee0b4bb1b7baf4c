# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""absorb: true ends a datagram at the sender, and only one that was captured whole. Host and guests.

Each check takes make_daemon(*settings), which gives a running Daemon on the cgroup hook.
"""
import signal
import socket
import time

from daemon import PATIENCE, Listener, expect, flood, flood_result, free_port, send, wait_for

ABSORB = "capture.statsd.absorb=true"


def travels(port, name, family="-4"):
    """Whether a datagram arrives at a listener."""
    with Listener(port, socket.AF_INET6 if family == "-6" else socket.AF_INET) as listener:
        send("sendto", f"{name}:1|c", family, port=port)
        return listener.receive() != []


def check_success(make_daemon):
    """The call succeeds, also on a connected socket where nobody listens."""
    daemon = make_daemon(ABSORB)
    for flags in (("-4",), ("-6",), ("-m",), ("-4", "-c"), ("-6", "-c"), ("-m", "-c")):
        sent = send("sendto", "absorbed:1|c", "-n", 100, *flags, port=daemon.port)
        expect(sent == {"calls": 100, "ok": 100, "errnos": {}}, f"{flags}: {sent}")
    window = daemon.flush()
    expect(window.counter("absorbed") == 600, f"counted {window.counter('absorbed')} of 600")
    expect(window.count("absorbed") == 600, f"the ledger says {window.ledger}")


def check_listener_gets_nothing(make_daemon):
    daemon = make_daemon(ABSORB)
    for family in ("-4", "-6"):
        expect(not travels(daemon.port, "kept", family), f"{family}: the datagram arrived although it was absorbed")
    expect(daemon.flush().counter("kept") == 2, "the absorbed datagrams must count")


def check_off_by_default(make_daemon):
    daemon = make_daemon()
    expect(travels(daemon.port, "free"), "without absorb the datagram must arrive")
    window = daemon.flush()
    expect(window.counter("free") == 1 and window.count("absorbed") == 0, f"{window.ledger}")


def check_recverr(make_daemon):
    """A socket that asked for errors is told of the congestion: ENOBUFS. It counts all the same."""
    daemon = make_daemon(ABSORB)
    for family in ("-4", "-6"):
        sent = send("sendto", "told:1|c", "-e", "-n", 10, family, port=daemon.port)
        expect(sent == {"calls": 10, "ok": 0, "errnos": {"ENOBUFS": 10}}, f"{family}: {sent}")
    expect(daemon.flush().counter("told") == 20, "a send that returns ENOBUFS must count")


def check_daemon_killed(make_daemon):
    daemon = make_daemon(ABSORB)
    expect(not travels(daemon.port, "before"), "not absorbed")
    daemon.kill()
    wait_for(lambda: travels(daemon.port, "after"), "datagrams to travel again after the daemon was killed")


def begin_deadline(make_daemon):
    """One daemon hangs from now on, another lives, with a flush interval beyond the deadline."""
    hanging, living = make_daemon(ABSORB, interval="1s"), make_daemon(ABSORB, interval="600s")
    wait_for(lambda: not travels(hanging.port, "before"), "datagrams to be absorbed")
    hanging.process.send_signal(signal.SIGSTOP)
    return hanging, living


def finish_deadline(hanging, living):
    """Nobody drains: datagrams travel again. Where somebody does, and when the hanging one goes on, they do not."""
    try:
        wait_for(lambda: travels(hanging.port, "meanwhile"), "datagrams to travel while the daemon hangs", 60 + PATIENCE)
        expect(not travels(living.port, "steady"), "a datagram travelled although its daemon lives")
    finally:
        hanging.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not travels(hanging.port, "after"), "datagrams to be absorbed again")


def check_deadline(make_daemon):
    """Takes as long as the deadline; guests do other things between the two halves."""
    finish_deadline(*begin_deadline(make_daemon))


def check_not_taken(make_daemon):
    """What does not fit into the ring is not captured, so it is not absorbed either."""
    daemon = make_daemon(ABSORB, "limits.ring=262144")
    large = "large:1|c\n" * 6000
    count = 12
    with Listener(daemon.port) as listener:
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            sent = [send("sendto", large, port=daemon.port) for _ in range(count)]
            received = listener.receive()
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        expect(all(result["ok"] == 1 for result in sent), f"{sent}")
    window = daemon.flush()
    lost = window.count("datagrams.lost.ring_full")
    expect(0 < lost < count, f"the ring should have held some of {count}: {window.ledger}")
    expect(len(received) == lost, f"{lost} not captured, {len(received)} travelled: {window.ledger}")
    expect(window.counter("large") == (count - lost) * 6000, f"{window.counter('large')}: {window.ledger}")


def check_rejected_lines(make_daemon):
    """Nonsense was captured too, whole: it ends here as well, and it is counted."""
    daemon = make_daemon(ABSORB)
    sent = send("sendto", "nonsense\ngood:1|c\n", port=daemon.port)
    expect(sent["ok"] == 1, f"{sent}")
    window = daemon.flush()
    expect(window.count("absorbed") == 1 and window.count("lines.rejected.value") == 1, f"{window.ledger}")
    expect(window.counter("good") == 1, "the neighbour of a bad line must count")


def check_other_port_travels(make_daemon):
    make_daemon(ABSORB)
    expect(travels(free_port(), "other"), "a datagram to another port must arrive")


def check_flat_out(make_daemon):
    daemon = make_daemon(ABSORB, interval="100ms")
    sent = flood_result(flood("flat", "-c", "-k", 4, "-t", 1500, port=daemon.port))
    expect(sent["ok"] == sent["calls"], f"absorbed sends must not fail: {sent}")
    windows = [daemon.flush(), daemon.stop()]
    got = sum(window.counter("flat") for window in windows)
    expect(got == sent["counters"], f"sent {sent['counters']}, flushed {got}: {daemon.ledger}")


def check_leaving(make_daemon):
    """SIGTERM amid traffic: each datagram is either flushed or arrives, none ends in between."""
    daemon = make_daemon(ABSORB)
    received, sent = [], 0
    with Listener(daemon.port) as listener:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                sent += sender.sendto(b"leaving:1|c", ("127.0.0.1", daemon.port)) == 11
            daemon.process.terminate()
            while daemon.process.poll() is None:
                sent += sender.sendto(b"leaving:1|c", ("127.0.0.1", daemon.port)) == 11
            sent += sender.sendto(b"leaving:1|c", ("127.0.0.1", daemon.port)) == 11
        received = listener.receive()
    flushed = daemon.window().counter("leaving")
    daemon.process = None
    expect(received, "when the daemon is gone datagrams must travel")
    expect(flushed + len(received) == sent, f"sent {sent}, flushed {flushed:.0f}, arrived {len(received)}")


CHECKS = [check_success, check_listener_gets_nothing, check_off_by_default, check_recverr, check_daemon_killed,
          check_not_taken, check_rejected_lines, check_other_port_travels, check_flat_out, check_leaving, check_deadline]
