# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The named cases of capture, on the hook that this machine allows. tests/vm runs them on the others."""
import pytest

import daemon as daemons
from cases import CASES, run_case
from daemon import Listener, expect, flood, flood_result, send


@pytest.fixture(scope="module")
def running(tmp_path_factory, hook):
    one = daemons.Daemon(tmp_path_factory.mktemp("capture"), hook=hook).start()
    yield one
    try:
        one.stop()
    finally:
        one.kill()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case, running, hook):
    run_case(case, running, hook)


def test_listener_still_receives(running):
    with Listener(running.port) as listener:
        send("sendto", "listener:1|c", "-n", 20, port=running.port)
        expect(listener.receive() == [b"listener:1|c"] * 20, "capture must not disturb the receiver")
    assert running.flush().counter("listener") == 20


def test_connected_with_listener_counts_each(running):
    with Listener(running.port):
        sent = send("write", "listened:1|c", "-c", "-n", 20, port=running.port)
    assert sent == {"calls": 20, "ok": 20, "errnos": {}}
    assert running.flush().counter("listened") == 20


def test_other_port_is_not_seen(running):
    for flag in ("-4", "-6", "-m"):
        send("sendto", "elsewhere:1|c", "-n", 50, flag, port=daemons.free_port())
    window = running.flush()
    assert window.count("datagrams.seen") == 0
    assert "elsewhere" not in window.names()


def test_many_threads_on_connected_sockets(running, hook):
    """Nobody listens: sends fail with ECONNREFUSED now and then, and still count at an entry hook."""
    sent = flood_result(flood("refused", "-c", "-k", 4, "-n", 2000, port=running.port))
    window = running.flush()
    wanted = sent["calls"] if hook in daemons.ENTRY_HOOKS else sent["ok"]
    assert window.counter("refused") == wanted


def test_several_ports(start):
    one = start(ports=[daemons.free_port() for _ in range(5)])
    for index, port in enumerate(one.ports):
        send("sendto", f"port{index}:1|c", "-n", index + 1, port=port)
    window = one.flush()
    assert [window.counter(f"port{index}") for index in range(5)] == [1, 2, 3, 4, 5]


def test_two_daemons_side_by_side(start):
    first, second = start(), start()
    send("sendto", "mine:1|c", "-n", 3, port=first.port)
    send("sendto", "yours:1|c", "-n", 4, port=second.port)
    assert first.flush().by_key.keys() == {"mine"}
    assert second.flush().by_key.keys() == {"yours"}
    first.stop()
    send("sendto", "yours:1|c", "-n", 5, port=second.port)
    assert second.flush().counter("yours") == 5


def test_two_daemons_see_the_same_port(start):
    first = start()
    second = start(ports=first.ports)
    send("sendto", "both:1|c", "-n", 3, port=first.port)
    assert first.flush().counter("both") == 3
    assert second.flush().counter("both") == 3
