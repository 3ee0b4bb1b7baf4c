# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Any bytes may arrive: the daemon lives, neighbours count, nothing unsafe reaches a sink."""
import random

import pytest

from carbon import FakeCarbon, assert_lines_valid
from daemon import Daemon, assert_ledger_balances, send, wait_for

HOSTILE_NAMES = [
    b"a b", b"a\tb", b"a\rb", b"a;tag=injected", b"a;b", b"../../etc/passwd", b"/", b"..", b"...", b"a..b", b".a", b"a.",
    b"\x00", b"a\x00b", b"\x1b[31mred", b"\xff\xfe", "größe".encode(), "a\u2028b".encode(), b"%n%s%d", b"$(reboot)",
    b"a" * 256, b"a" * 257, b"a" * 5000, b'"quoted"', b"'", b"\\", b"a=b", b"{}", b"[0]", b"<script>", b"a|b", b"@", b"#",
]
# Line -> the reason it is counted under.
MALFORMED = [
    (b":1|c", "name"), (b"a", "value"), (b"a:", "value"), (b"a:|c", "value"), (b"a:1", "type"), (b"a:1|", "type"),
    (b"a:1|q", "type"), (b"a:1|cc", "type"), (b"a:x|c", "value"), (b"a:1x|c", "value"), (b"a:--1|c", "value"),
    (b"a:0x|c", "value"), (b"a:nan|c", "value"), (b"a:inf|g", "value"), (b"a:1e999|c", "value"),
    (b"a:-1|ms", "value"), (b"a:1|c|@0", "rate"), (b"a:1|c|@2", "rate"), (b"a:1|c|@-1", "rate"), (b"a:1|c|@", "rate"),
    (b"a:1|c|@ 0.1", "rate"), (b"a:1|c|@nan", "rate"), (b"a:1|c|x", "field"), (b"a:1|c|", "field"),
    (b"a:1|c|T0", "timestamp"), (b"a:1|c|T99999999999", "timestamp"), (b"a:1|ms|T1600000000", "timestamp"),
    (b"noval|c|#env:1|c", "value"), (b"noval|#env:1|g", "value"), (b"_e{5,4}:title", "event"), (b"_sc|name|4", "event"),
    (b"_e{9,1}:1|c", "event"),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory, hook):
    one = Daemon(tmp_path_factory.mktemp("bad"), hook=hook).start()
    yield one
    try:
        one.stop()
    finally:
        one.kill()


@pytest.mark.parametrize("line,reason", MALFORMED, ids=[repr(line)[2:-1] for line, _ in MALFORMED])
def test_malformed_line_beside_good_ones(line, reason, shared):
    send("sendto", b"left:1|c\n" + line + b"\nright:1|c", port=shared.port)
    window = shared.flush()
    assert window.counter("left") == 1 and window.counter("right") == 1
    assert window.names() == {"left", "right"}
    assert window.count(f"lines.rejected.{reason}") == 1, window.ledger
    assert window.count("lines.seen") == 3
    assert_ledger_balances(window.ledger)


def test_random_bytes(start):
    """Seeded; pieces of valid lines among them, so that every part of the parser is reached."""
    source = random.Random(8125)
    words = [b"a", b"name", b":", b"|", b"c", b"ms", b"g", b"s", b"@", b"0.1", b"#", b",", b"\n", b"1", b"-", b"+", b".",
             b"1e5", b"9" * 30, b"\x00", b"\xff", b" ", b";", b"=", b"\r\n"]
    one = start()
    sent = 0
    for _ in range(600):
        if source.random() < 0.3:
            payload = source.randbytes(source.randrange(1, 3000))
        else:
            payload = b"".join(source.choice(words) for _ in range(source.randrange(1, 200)))
        sent += send("sendto", payload, port=one.port)["ok"]
    send("sendto", "alive:1|c", port=one.port)
    window = one.flush()
    assert window.counter("alive") == 1
    assert window.count("datagrams.seen") == sent + 1
    assert_ledger_balances(window.ledger)


def test_hostile_names_are_made_safe(start):
    carbon = FakeCarbon()
    try:
        one = start(f'outputs.graphite=[{{address: "127.0.0.1:{carbon.port}"}}]')
        for name in HOSTILE_NAMES:
            for kind in (b"c", b"ms", b"g", b"s"):
                send("sendto", b"before:1|c\n" + name + b":1|" + kind + b"\nbehind:1|c", port=one.port)
        window = one.flush()
        wanted = 4 * len(HOSTILE_NAMES)
        assert window.counter("before") == wanted and window.counter("behind") == wanted
        assert carbon.wait_value("stats.counters.behind.count") == [wanted]
        wait_for(lambda: carbon.values("stats.counters.before.count"), "the batch")
        assert_lines_valid(carbon.lines)
        paths = {line.split(" ")[0].partition(";")[0] for line in carbon.lines}
        assert not [path for path in paths if "/" in path or ".." in path or path.startswith(".")]
        # A name may bring Graphite's tags along, "a;tag=injected"; they stay tags of that name.
        assert "stats.counters.a.count;tag=injected" in {line.split(" ")[0] for line in carbon.lines}
        assert_ledger_balances(window.ledger)
    finally:
        carbon.stop()


def test_hostile_tags_are_made_safe(start):
    carbon = FakeCarbon()
    try:
        one = start(f'outputs.graphite=[{{address: "127.0.0.1:{carbon.port}"}}]')
        for tags in (b"a:1\x00", b"a:b c", b"a;b:c", b"a:x;name=other", b":", b",", b"a:", b"=", b"~a:1", b"a:~", b"\xff:\xff"):
            send("sendto", b"tagged:1|c|#" + tags, port=one.port)
        send("sendto", "done:1|c", port=one.port)
        one.flush()
        carbon.wait_value("stats.counters.done.count")
        assert_lines_valid(carbon.lines)
    finally:
        carbon.stop()


def test_names_that_differ_are_never_merged(start):
    """Many long names that differ in one byte each, sent at once."""
    one = start()
    base = "n" * 255
    names = [base[:at] + letter + base[at + 1:] for at in range(255) for letter in "ab"]
    for at in range(0, len(names), 5):
        send("sendto", "\n".join(f"{name}:{index + 1}|c" for index, name in enumerate(names[at:at + 5])), port=one.port)
    window = one.flush()
    assert window.names() == set(names)
    assert [window.counter(name) for name in names] == [index % 5 + 1 for index in range(len(names))]


def test_names_that_statsd_would_make_one_are_one(start):
    one = start()
    send("sendto", "a b:1|c\na_b:2|c\na/b:4|c\na-b:8|c", port=one.port)
    window = one.flush()
    assert window.counter("a_b") == 3 and window.counter("a-b") == 12
