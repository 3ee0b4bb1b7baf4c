# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""`kstatsd top`: the report against a known load, and the screen on a pseudo-terminal of 80x24."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

import pyte
import pytest

from daemon import KSTATSD, PATIENCE, wait_for
from watching import watchers

LOAD = [b"\n".join([b"busy.%d:1|c" % n] * (n + 1)) for n in range(10)] + [b"load:5|ms\nload:15|ms", b"depth:17|g", b"bad"]
LINES = 55 + 2 + 1 + 1


@pytest.fixture
def daemon(start):
    return start()


@contextlib.contextmanager
def load(port, extra=()):
    """Sends LOAD again and again; gives the list of how often so far, with when."""
    sent, ended = [], threading.Event()

    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not ended.wait(0.005):
                for payload in (*LOAD, *extra):
                    sender.sendto(payload, ("127.0.0.1", port))
                sent.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: sent, "the load to begin")
        yield sent
    finally:
        ended.set()
        thread.join()


def report(daemon, *arguments):
    done = daemon.ask("top", "--json", *arguments)
    assert done.returncode == 0 and not done.stderr
    return json.loads(done.stdout)


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_rates_of_a_known_load(daemon):
    slow = b"\n".join([b"wide:1e-9|c"] * 900)  # whole through the ring, and parsed there
    with load(daemon.port, extra=[slow]) as sent:
        one = report(daemon)
        until = time.monotonic()
    rounds = sum(until - one["seconds"] <= at <= until for at in sent) / one["seconds"]
    series = by_name(one["series"])
    assert set(series) == {f"busy.{n}" for n in range(10)} | {"load", "depth", "wide"}
    assert 0.9 < one["seconds"] < 2 and rounds > 20

    def is_about(value, expected):
        return abs(value - expected) <= 0.2 * expected
    for n in range(10):
        assert is_about(series[f"busy.{n}"]["rate"], (n + 1) * rounds), f"busy.{n}: {series[f'busy.{n}']}, {rounds}"
        assert abs(series[f"busy.{n}"]["count"] / (n + 1) - series["busy.0"]["count"]) < 2, "since the last flush, exact"
    assert series["load"]["value"] == 10 and series["load"]["upper"] == 15 and is_about(series["load"]["rate"], 2 * rounds)
    assert series["depth"]["value"] == 17 and "rate" not in series["depth"]

    mine = [row for row in one["senders"] if row["pid"] == os.getpid()]
    assert len(mine) == 1 and len(one["senders"]) == 1
    with open("/proc/self/comm", encoding="ascii") as file:
        assert mine[0]["command"] == file.read().strip()
    assert is_about(mine[0]["sends"], (len(LOAD) + 1) * rounds)
    assert is_about(mine[0]["lines"], (LINES + 900) * rounds)
    assert is_about(mine[0]["rejected"], rounds)
    assert is_about(mine[0]["bytes"], sum(map(len, [*LOAD, slow])) * rounds)
    assert is_about(one["totals"]["sends"]["rate"], (len(LOAD) + 1) * rounds)
    assert is_about(one["totals"]["lines"]["rate"], (LINES + 900) * rounds)
    assert one["totals"]["lost"] == {"total": 0, "rate": 0}


def test_plain_report_is_sorted(daemon):
    with load(daemon.port):
        done = daemon.ask("top", "--once")
    assert done.returncode == 0 and not done.stderr
    names = re.findall(r"^(busy\.\d) ", done.stdout, re.M)
    assert names == [f"busy.{n}" for n in reversed(range(10))]
    assert re.search(rf"^ *{os.getpid()} ", done.stdout, re.M)
    assert "\033" not in done.stdout


def test_looking_loses_nothing(daemon):
    """What top gathered is in the next flush, once; and the rates are right in the second of a flush too."""
    with load(daemon.port) as sent:
        report(daemon)
        counted = daemon.flush().counter("busy.0")
        one = report(daemon)
        rounds = len(sent) / (sent[-1] - sent[0])
    rest = daemon.flush()
    assert one["known"] == 12, "busy.*, load and depth; none of kstatsd's own, which were flushed"
    assert counted + rest.counter("busy.0") == len(sent)
    assert rest.last("depth")["value"] == 17
    assert abs(by_name(one["series"])["busy.9"]["rate"] - 10 * rounds) < 3 * rounds


def test_several_senders(daemon):
    """One line per process, the busiest first; who sent before somebody looked is not there."""
    code = ("import socket, sys, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "while True:\n    s.sendto(b'\\n'.join([b'x:1|c'] * int(sys.argv[2])), ('127.0.0.1', int(sys.argv[1])))\n"
            "    time.sleep(0.01)")
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(subprocess.Popen([sys.executable, "-c", code, str(daemon.port), str(lines)]))
                    for lines in (1, 50, 10)]
        try:
            rows = wait_for(lambda: (lambda rows: rows if len(rows) == 3 else None)(report(daemon)["senders"]),
                            "three senders")
            plain = daemon.ask("top", "--once").stdout
        finally:
            for child in children:
                child.kill()
    assert {row["pid"] for row in rows} == {child.pid for child in children}
    shown = [int(pid) for pid in re.findall(r"^ *(\d+) python", plain, re.M)]
    assert shown == [children[1].pid, children[2].pid, children[0].pid]


def test_nothing_is_counted_while_nobody_looks(daemon):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"before:1|c", ("127.0.0.1", daemon.port))
    one = report(daemon)
    assert one["senders"] == [] and by_name(one["series"])["before"]["count"] == 1
    wait_for(lambda: watchers(daemon) == 0, "the daemon to notice")


def test_without_daemon(tmp_path):
    for command in ("top", "tail"):
        done = subprocess.run([KSTATSD, command, "-s", f"runtime_dir={tmp_path}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 1 and "no kstatsd answers" in done.stderr and not done.stdout


class Screen:
    """kstatsd top on a pseudo-terminal, and what stands on it."""

    def __init__(self, daemon, rows=24, columns=80):
        self.shown = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.shown)
        self.master, self.terminal = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.terminal)
        self.process = subprocess.Popen([KSTATSD, "top", "-s", f"runtime_dir={daemon.runtime}"], stdin=self.terminal,
                                        stdout=self.terminal, stderr=subprocess.PIPE, env={**os.environ, "TERM": "linux"},
                                        start_new_session=True)

    def resize(self, rows, columns):
        self.shown.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def lines(self):
        while select.select([self.master], [], [], 0)[0]:
            self.stream.feed(os.read(self.master, 65536))
        return [line.rstrip() for line in self.shown.display]

    def wait(self, condition, what):
        """Waits until condition(lines) is true; returns the lines."""
        def look():
            lines = self.lines()
            return lines if condition(lines) else None
        return wait_for(look, lambda: what + " on the screen:\n" + "\n".join(self.lines()))

    def key(self, key):
        os.write(self.master, key)

    def end(self):
        _, said = self.process.communicate(timeout=PATIENCE)
        self.lines()
        return self.process.returncode, said.decode()

    def is_restored(self):
        return termios.tcgetattr(self.terminal) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.terminal)


@pytest.fixture
def screen(daemon):
    one = Screen(daemon)
    yield one
    one.close()


def rows_of(lines, pattern):
    """The places and first words of the lines that match."""
    return [(place, line.split()[0]) for place, line in enumerate(lines) if re.match(pattern, line)]


def test_screen_draws_and_obeys(daemon, screen):
    by_rate = [f"busy.{n}" for n in reversed(range(10))]
    with load(daemon.port):
        lines = screen.wait(lambda lines: len(rows_of(lines, r"busy\.")) > 5, "rows")
        assert lines[0].startswith("kstatsd top") and re.match(r"sends .* lines .* bad .* lost 0/s \(0\)$", lines[1])
        assert lines[2].split() == ["SERIES", "TYPE", "RATE/S", "COUNT", "VALUE", "MEDIAN", "UPPER"]
        assert [name for _, name in rows_of(lines, r"busy\.")] == by_rate[:len(rows_of(lines, r"busy\."))]
        titles = [place for place, line in enumerate(lines) if line.startswith(("SERIES", "    PID"))]
        assert titles[0] == 2 and lines[titles[1] + 1].split()[0] == str(os.getpid())
        assert lines[23].startswith("r rate") and lines[23].endswith("quit"), "fits into 80 columns"

        screen.key(b"h")
        screen.wait(lambda lines: any("sort by rate" in line for line in lines), "help")
        screen.key(b"h")
        screen.key(b"n")
        screen.wait(lambda lines: [name for _, name in rows_of(lines, r"busy\.")][:3] == by_rate[:-4:-1], "names in order")
        screen.key(b"\x1b[B")
        screen.wait(lambda lines: rows_of(lines, r"busy\.")[:1] == [(3, "busy.1")], "one row scrolled")
        screen.key(b"r")
        screen.key(b"\x1b[A")
        screen.wait(lambda lines: rows_of(lines, r"busy\.|load")[:2] == [(3, "busy.9"), (4, "busy.8")], "the rate's order")
        screen.key(b"s")
        screen.wait(lambda lines: lines[2].startswith("    PID") and rows_of(lines, "SERIES"), "the panes swapped")
        assert screen.process.poll() is None and not screen.is_restored()
        screen.key(b"q")
        assert screen.end() == (0, "")
    assert screen.is_restored()


def test_screen_follows_its_size(daemon, screen):
    with load(daemon.port):
        screen.wait(lambda lines: rows_of(lines, r"busy\."), "rows")
        screen.resize(40, 132)
        lines = screen.wait(lambda lines: lines[39].startswith("r rate"), "the keys in the last line")
        screen.wait(lambda lines: {name for _, name in rows_of(lines, r"busy\.")} == {f"busy.{n}" for n in range(10)},
                    "every series, as there is room")
        assert len(lines[2]) > 100, "the title is as wide as the screen"
        screen.resize(5, 20)
        screen.wait(lambda lines: lines[4].startswith("r rate") and len(lines[4]) <= 20, "a small screen")
        screen.key(b"q")
        assert screen.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_screen_restores_the_terminal(daemon, screen, number):
    screen.wait(lambda lines: lines[0].startswith("kstatsd top"), "a head")
    wait_for(lambda: watchers(daemon) == 1 and not screen.is_restored(), "the screen")
    screen.process.send_signal(number)
    assert screen.end() == (0, "")
    assert screen.is_restored()
    wait_for(lambda: watchers(daemon) == 0, "the daemon to notice")


@pytest.mark.parametrize("how,word", [("stop", "leaving"), ("kill", "gone")])
def test_screen_ends_with_the_daemon(daemon, screen, how, word):
    screen.wait(lambda lines: lines[0].startswith("kstatsd top"), "a head")
    wait_for(lambda: watchers(daemon) == 1, "the screen")
    getattr(daemon, how)()
    code, said = screen.end()
    assert code == 1 and word in said and screen.is_restored()
