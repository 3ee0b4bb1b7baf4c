# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""`kstatsd tail`: what it shows, what it leaves out, how it ends, and that the capture does not notice."""
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from daemon import KSTATSD, wait_for
from relaying import rush
from sums import run_sum
from watching import LINE, Tail, check_tail, watchers


@pytest.fixture
def daemon(start):
    return start()


@pytest.fixture
def sendto(daemon):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        yield lambda payload: sender.sendto(payload, ("127.0.0.1", daemon.port))


def test_fast_and_slow(daemon):
    check_tail(daemon)


def test_order(daemon):
    """That of the sends, however many wait on both ways to the daemon."""
    with Tail(daemon, "--json", "--rate", "100000") as tail:
        lines = rush(daemon, 3500, 40)
        tail.wait_lines(len(lines))
        shown = [one["line"].encode() for one in tail.objects()]
    assert [line for line, sent in zip(shown, lines) if line != sent][:3] == []


def test_process_and_time(daemon, sendto):
    with Tail(daemon, "--json") as tail:
        sendto(b"a:1|c\nb:2|c\n")
        sendto(b"c:3|c\n" + b"\n" * 9000)
        tail.wait_lines(3)
        shown = tail.objects()
    with open("/proc/self/comm", encoding="ascii") as file:
        command = file.read().strip()
    assert [one["line"] for one in shown] == ["a:1|c", "b:2|c", "c:3|c"]
    assert {one["pid"] for one in shown} == {os.getpid()} and {one["command"] for one in shown} == {command}
    stated = os.stat(tail.path).st_mtime
    assert all(abs(one["time"] - stated) < 5 for one in shown), "the time is that of the send, by the wall clock"
    assert shown[0]["time"] == shown[1]["time"] < shown[2]["time"]


@pytest.mark.parametrize("pattern,expected", [
    ("api.*", ["api.hits:1|c", "api.x.y:2|ms"]),
    ("api.hits", ["api.hits:1|c"]),
    ("*.[xy].?", ["api.x.y:2|ms"]),
    ("/hits/", ["api.hits:1|c", "web.hits:3|c|#api:1"]),
    ("/[|]c$/", ["api.hits:1|c"]),
    ("/^web.*api/", ["web.hits:3|c|#api:1"]),
])
def test_pattern(daemon, sendto, pattern, expected):
    with Tail(daemon, pattern) as tail, Tail(daemon) as all_of_it:
        for line in (b"api.hits:1|c", b"api.x.y:2|ms", b"web.hits:3|c|#api:1", b"other:1|g"):
            sendto(line)
        assert len(all_of_it.wait_lines(4)) == 4
        lines = [LINE.fullmatch(line).group(4) for line in tail.wait_lines(len(expected))]
    assert lines == expected


@pytest.mark.parametrize("pattern,word", [("/(/", "parenthes"), ("[", "pattern"), ("/api", "/api/")])
def test_bad_pattern(daemon, pattern, word):
    done = daemon.ask("tail", pattern)
    assert done.returncode == 2 and pattern in done.stderr and word in done.stderr and not done.stdout
    assert watchers(daemon) == 0


def test_help_says_what_a_pattern_is(daemon):
    assert re.search(r"^PATTERN: .*'api\.\*'.*/", daemon.ask("tail", "--help").stdout, re.M)


# line, what the caret stands under (or where the line ends: None), reason
FAULTS = [
    ("page.load:abc|ms", "abc", "value"),
    ("page.load:1|q", "q", "type"),
    ("hits:1|c|@2", "2", "rate"),
    (":1|c", ":1", "name"),
    ("a.long.name:12,5|g", "12,5", "value"),
    ("page.load:-5|ms", "-5", "value"),
]


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
def test_rejected(daemon, sendto, slow):
    """Carets stand where the fault is; good lines do not show."""
    payload = "\n".join(["fine:1|c"] + [f"{line}\nfine:1|c" for line, _, _ in FAULTS]).encode()
    with Tail(daemon, "--rejected") as tail:
        sendto(payload.ljust(9000, b"\n") if slow else payload)
        lines = tail.wait_lines(2 * len(FAULTS))
        sendto(b"fine:2|c")
        sendto(b"last")
        assert "last" in tail.wait_lines(2 * len(FAULTS) + 1)[2 * len(FAULTS)], "nothing between: the good one is not shown"
    for (line, under, reason), shown, fault in zip(FAULTS, lines[::2], lines[1::2]):
        assert LINE.fullmatch(shown).group(4) == line
        assert fault.endswith(f"(lines.rejected.{reason})")
        column = len(fault) - len(fault.lstrip(" "))
        assert fault[column] == "^"
        assert shown[column:].startswith(under), f"\n{shown}\n{fault}"
    assert "^ a timer in ms must not be negative (" in lines[2 * len(FAULTS) - 1]


def test_caret_behind_escapes(daemon, sendto):
    with Tail(daemon, "--rejected") as tail:
        sendto(b"a\x1b\x00b:zzz|c")
        shown, fault = tail.wait_lines(2)[:2]
    assert shown.endswith("a\\x1b\\x00b:zzz|c")
    assert shown[fault.index("^"):] == "zzz|c", f"\n{shown}\n{fault}"


def test_rate(daemon, sendto):
    """Ten lines of a hundred, and the rest is counted; without a limit, all."""
    with Tail(daemon, "--rate", "10") as limited, Tail(daemon, "--rate", "0") as unlimited:
        sendto(b"\n".join(b"n:%d|c" % number for number in range(100)))
        said = wait_for(lambda: [line for line in limited.lines() if line.startswith("...")], "what was left out")
        shown = [line for line in limited.lines() if not line.startswith("...")]
        assert said == [f"... {100 - len(shown)} lines not shown (rate limit)"] and 10 <= len(shown) <= 12
        assert len(unlimited.wait_lines(100)) == 100


def test_garbage_is_escaped(daemon, sendto):
    everything = bytes(byte for byte in range(256) if byte != 10)
    with Tail(daemon, "--rate", "0") as tail, Tail(daemon, "--json") as objects:
        sendto(everything)
        sendto("n\u00e4me:1|c".encode())
        wait_for(lambda: b"me:1|c" in tail.text() and b"me:1|c" in objects.text(), "the lines")
        text, shown = tail.text(), objects.objects()
    assert not re.search(rb"[^\x20-\x7e\n]", text)
    assert rb"\x00\x01" in text and rb"\x1b" in text and rb"[\\]" in text and rb"n\xc3\xa4me:1|c" in text
    assert shown[0]["bytes"] is True and shown[0]["line"].encode("latin-1") == everything
    assert "bytes" not in shown[1] and shown[1]["line"] == "n\u00e4me:1|c"


def test_flood_loses_nothing(start):
    """With three tails on, one of which does not read, every observation of a flood is flushed all the same."""
    daemon = start("flush.align=false", interval="50ms")
    with Tail(daemon) as tail, Tail(daemon, "/sum/", "--rejected"), Tail(daemon, "--rate", "0") as stopped:
        stopped.process.send_signal(signal.SIGSTOP)
        run_sum(daemon, "-T")
        assert [line for line in tail.lines() if "not shown (rate limit)" in line]
        stopped.process.send_signal(signal.SIGCONT)
        # Where it was missed depends on who gets the CPU: at the tail, or before, when the daemon reads too late.
        wait_for(lambda: b" not shown (t" in stopped.text(), "what the stopped one missed")


def test_daemon_stops(daemon, sendto):
    with Tail(daemon) as tail, Tail(daemon, "--json") as other:
        sendto(b"a:1e-9|c")
        sendto(b"the.last:1|c\n" + b"\n" * 9000)
        daemon.stop()
        code, said = tail.end(number=None)
        assert code == 1 and "leaving" in said
        assert [LINE.fullmatch(line).group(4) for line in tail.lines()] == ["a:1e-9|c", "the.last:1|c"]
        assert other.end(number=None)[0] == 1 and len(other.objects()) == 2


def test_daemon_is_killed(daemon):
    with Tail(daemon) as tail:
        daemon.kill()
        code, said = tail.end(number=None)
        assert code == 1 and "gone" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_on_signal(daemon, number):
    with Tail(daemon) as tail:
        assert tail.end(number) == (0, "")
    wait_for(lambda: watchers(daemon) == 0, "the daemon to notice")


def test_ends_with_its_reader(daemon, sendto):
    """tail | head -1: ends at once, not with the next line."""
    tail = subprocess.Popen([KSTATSD, "tail", "-s", f"runtime_dir={daemon.runtime}"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    wait_for(lambda: watchers(daemon) == 1, "tail to be connected")
    sendto(b"a:1|c")
    assert tail.stdout.readline().endswith(b"a:1|c\n")
    tail.stdout.close()
    assert tail.wait(timeout=20) == 0 and tail.stderr.read() == b""
    tail.stderr.close()


def ask_raw(daemon, request):
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.settimeout(20)
    control.connect(os.path.join(daemon.runtime, "control.sock"))
    control.sendall(request)
    return control


@pytest.mark.parametrize("request_line", [b"tail nonsense\n", b"tail []\n", b'tail {"pattern": "/(/"}\n', b"tail {\n",
                                          b"tail " + b"x" * 4091], ids=["word", "array", "pattern", "cut", "long"])
def test_bad_request(daemon, request_line):
    with ask_raw(daemon, request_line) as control:
        answer = json.loads(control.makefile("rb").read())
    assert answer["ok"] is False and answer["error"]
    assert watchers(daemon) == 0


def test_client_that_never_reads(daemon, sendto):
    """It talks, too. The daemon goes on; what did not fit is said when there is room."""
    with ask_raw(daemon, b'tail {"rate": 0}\n') as control, Tail(daemon, "the.end") as other:
        control.sendall(b"x" * 100000)
        for _ in range(600):
            sendto(b"many.lines:1|c\n" * 500)
        sendto(b"the.end:1|c")
        assert daemon.flush().counter("many.lines") == 300000
        other.wait_lines(1)
        skipped = 0
        with control.makefile("rb") as stream:
            assert json.loads(stream.readline()) == {"ok": True}
            count = 0
            while not skipped:
                one = json.loads(stream.readline())
                skipped += one.get("skipped", {}).get("reader", 0)
                count += "line" in one
        assert count and skipped


def test_pattern_that_takes_forever(daemon, sendto):
    """Its client has to go; the others, and the flush, do not wait for it."""
    with Tail(daemon, "/(a+)+$/") as expensive, Tail(daemon, "the.end") as other:
        for _ in range(2000):
            sendto(b"a" * 200 + b":1|c")
        sendto(b"the.end:1|c")
        other.wait_lines(1)
        code, said = expensive.end(number=None)
        assert code == 1 and "takes too long" in said
        assert daemon.flush().count("lines.accepted") == 2001
