# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""`kstatsd tail` as a child, and the case that guests run too. Standard library only."""
import json
import os
import re
import signal
import subprocess

from daemon import KSTATSD, PATIENCE, expect, send, wait_for

LINE = re.compile(r"(\d\d:\d\d:\d\d\.\d{3}) +(\d+) (\S+) +(.*)")


def watchers(daemon):
    return json.loads(daemon.ask("status", "--json").stdout)["watching"]


class Tail:
    """One `kstatsd tail` of a daemon, connected when the constructor returns."""

    def __init__(self, daemon, *arguments):
        self.path = os.path.join(daemon.folder, f"tail{id(self)}")
        before = watchers(daemon)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen([KSTATSD, "tail", "-s", f"runtime_dir={daemon.runtime}", *arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
        wait_for(lambda: watchers(daemon) > before or self.process.poll() is not None, "tail to be connected")

    def text(self):
        """Whole lines so far, as bytes."""
        with open(self.path, "rb") as file:
            data = file.read()
        return data[:data.rfind(b"\n") + 1]

    def lines(self):
        return self.text().decode("ascii").splitlines()

    def objects(self):
        return [json.loads(line) for line in self.lines()]

    def wait_lines(self, count):
        """The first `count` lines at least."""
        wait_for(lambda: len(self.lines()) >= count, lambda: f"{count} lines; there are {self.lines()[-20:]}")
        return self.lines()

    def end(self, number=signal.SIGINT):
        """Its exit code and what it said on standard error."""
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def check_tail(daemon):
    """Fast, slow and fast again, by another process: in order, with its command and the reason for what is bad."""
    payloads = ["tail.fast:1|c\ntail.bad:x|c", "tail.slow:2|c\n".ljust(9000, "\n"), "tail.wide:1e-9|c"]
    with Tail(daemon) as tail:
        for payload in payloads:
            send("sendto", payload, port=daemon.port)
        tail.wait_lines(5)
        code, said = tail.end()
        expect(code == 0 and not said, f"tail ended with {code}: {said}")
        lines = tail.lines()
    expect(len(lines) == 5, f"five lines: {lines}")
    expect(re.fullmatch(r" +\^ .*\(lines\.rejected\.value\)", lines[2]), f"the reason: {lines}")
    shown = [LINE.fullmatch(line) for line in lines[:2] + lines[3:]]
    expect(all(shown), f"lines of tail: {lines}")
    expect([match.group(4) for match in shown] == ["tail.fast:1|c", "tail.bad:x|c", "tail.slow:2|c", "tail.wide:1e-9|c"],
           f"in order: {lines}")
    expect({match.group(3) for match in shown} == {"sender"}, f"the command: {lines}")
    expect(len({match.group(2) for match in shown}) == 3, f"three processes sent: {lines}")
    daemon.flush()
