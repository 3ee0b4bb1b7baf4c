# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Starts kstatsd and the sender, and reads what they say. Standard library only: runs in guests too.

A Daemon never flushes by itself unless told to: flush() closes the window and returns what was
in it, so a test sees exactly its own datagrams. Nothing here knows pytest.
"""
import json
import os
import random
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KSTATSD = os.environ.get("KSTATSD") or os.path.join(ROOT, ".output", "kstatsd")
SENDER = os.environ.get("KSTATSD_SENDER") or os.path.join(ROOT, ".output", "tests", "sender")
PATIENCE = float(os.environ.get("KSTATSD_PATIENCE") or 20)  # seconds; more under emulation

ENTRY_HOOKS = ("fentry", "kprobe")
LEDGER_PREFIX = "kstatsd."
EVENT_TYPES = ("event", "service_check")
SO_RCVBUFFORCE = 33  # Python has no name for it


class Failure(AssertionError):
    """A test's expectation that was not met."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(condition, what, seconds=PATIENCE):
    """Asks until the answer is true, returns it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        expect(time.monotonic() < deadline, f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(0.01)


class Ports:
    """
    Ports that no other test of this machine takes: each process has a block of its own, below those that the kernel
    hands out. The daemon binds nothing, so "nobody has bound it" does not say that no daemon captures there.
    """

    FIRST, SIZE, BLOCKS = 12000, 200, 100

    def __init__(self):
        self.process, self.claim, self.next = None, None, 0

    def renew(self):
        for block in random.sample(range(self.BLOCKS), self.BLOCKS):
            self.claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self.claim.bind(f"\0kstatsd-tests-ports-{block}")  # free again when this process ends
            except OSError:
                self.claim.close()
                continue
            self.process, self.first = os.getpid(), self.FIRST + block * self.SIZE
            return
        raise Failure("cannot find free ports: there are other tests in all blocks of them")

    def take(self):
        if self.process != os.getpid():
            self.renew()
        self.next = (self.next + 1) % self.SIZE
        return self.first + self.next


PORTS = Ports()


def free_port(kind=socket.SOCK_DGRAM):
    while True:
        port = PORTS.take()
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def send(how, payload, *options, port):
    """Runs the sender; `how` is its way to send, with its result as a dict."""
    if isinstance(payload, str):
        payload = payload.encode()
    command = [SENDER, "-p", str(port), *map(str, options), how, "-"]
    done = subprocess.run(command, input=payload, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    expect(done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def flood(name, *options, port):
    command = [SENDER, "-p", str(port), *map(str, options), "flood", name]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def flood_result(process):
    out, _ = process.communicate(timeout=PATIENCE * 6)
    expect(process.returncode == 0, f"the flood ended with {process.returncode}")
    return json.loads(out)


class Window:
    """What one or several flushes wrote, by metric name."""

    def __init__(self, lines):
        self.metrics = [line for line in lines if line["type"] not in EVENT_TYPES]
        self.events = [line for line in lines if line["type"] in EVENT_TYPES]
        self.ledger = {}
        self.by_key = {}
        for metric in self.metrics:
            name = metric["name"]
            if name.startswith(LEDGER_PREFIX):
                name = name[len(LEDGER_PREFIX):]
                self.ledger[name] = self.ledger.get(name, 0) + metric.get("count", metric.get("value"))
            else:
                key = name + (";" + metric["tags"] if metric.get("tags") else "")
                self.by_key.setdefault(key, []).append(metric)

    def names(self):
        return set(self.by_key)

    def counter(self, name):
        """Sum of a counter over the flushes."""
        return sum(metric["count"] for metric in self.by_key.get(name, []))

    def last(self, name):
        found = self.by_key.get(name)
        expect(found, f"{name} was not flushed; flushed were {sorted(self.by_key)[:20]}")
        return found[-1]

    def count(self, name):
        """A counter of kstatsd's own, without the prefix."""
        return self.ledger.get(name, 0)


def assert_ledger_balances(ledger):
    """For datagrams, streams and lines: seen = accepted + rejected + lost."""
    for what in ("datagrams", "streams", "lines"):
        seen = ledger.get(f"{what}.seen", 0)
        parts = {name: value for name, value in ledger.items()
                 if name == f"{what}.accepted" or name.startswith((f"{what}.rejected.", f"{what}.lost."))}
        expect(seen == sum(parts.values()), f"{what}: {seen} seen, {sum(parts.values())} accounted for: {parts}")


class Daemon:
    """One `kstatsd run` with a configuration of its own."""

    def __init__(self, folder, *settings, hook="auto", interval="600s", ports=None, command_prefix=(),
                 config=None):
        self.folder = str(folder)
        self.ports = ports or [free_port()]
        self.runtime = os.path.join(self.folder, "run")
        self.state = os.path.join(self.folder, "state")
        self.settings = [f"capture.statsd.ports={json.dumps(self.ports)}", f"capture.statsd.hook={hook}",
                         f"flush.interval={interval}", f"runtime_dir={self.runtime}",
                         f"state_dir={self.state}",
                         "outputs.stdout.format=json", *settings]
        self.stdout = os.path.join(self.folder, "stdout")
        self.stderr = os.path.join(self.folder, "stderr")
        self.prefix = list(command_prefix)
        self.config = config  # a file; the settings win over it
        self.process = None
        self.read_to = 0
        self.ledger = {}

    @property
    def port(self):
        return self.ports[0]

    def arguments(self):
        file = ["-c", str(self.config)] if self.config else []
        return file + [word for setting in self.settings for word in ("-s", setting)]

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        self.launch()
        try:
            wait_for(self.is_ready, lambda: f"kstatsd to be ready; it said: {self.log()}")
        except BaseException:
            self.kill()
            raise
        return self

    def launch(self):
        with open(self.stdout, "ab") as out, open(self.stderr, "ab") as err:
            self.process = subprocess.Popen([*self.prefix, KSTATSD, "run", *self.arguments()],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def is_ready(self):
        expect(self.process.poll() is None, f"kstatsd ended with {self.process.returncode}: {self.log()}")
        return self.ask("status").returncode == 0

    def ask(self, command, *arguments):
        """Runs another kstatsd that talks to this one."""
        return subprocess.run([KSTATSD, command, "-s", f"runtime_dir={self.runtime}", *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE * 3)

    def log(self):
        with open(self.stderr, encoding="utf-8", errors="replace") as file:
            return file.read()

    def new_metrics(self):
        """Whole lines written to standard output since the last call."""
        with open(self.stdout, "rb") as file:
            file.seek(self.read_to)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.read_to += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def window(self):
        window = Window(self.new_metrics())
        for name, count in window.ledger.items():
            self.ledger[name] = self.ledger.get(name, 0) + count
        return window

    def flush(self):
        """Closes the window; returns what was flushed since the last look. What `kstatsd flush` does, without a process."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(PATIENCE * 3)
            control.connect(os.path.join(self.runtime, "control.sock"))
            control.sendall(b"flush\n")
            answer = b""
            while piece := control.recv(4096):
                answer += piece
        expect(json.loads(answer)["ok"], f"flush: {answer.decode()}; the daemon said: {self.log()}")
        return self.window()

    def stop(self, number=signal.SIGTERM):
        """Ends it as a service manager would; returns what the last flush wrote. The ledger must balance."""
        if self.process is None:
            return Window([])
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self.process = None
        window = self.window()
        expect(code == 0, f"kstatsd ended with {code}: {self.log()}")
        assert_ledger_balances(self.ledger)
        return window

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Listener:
    """A bound UDP socket, and what arrived there."""

    def __init__(self, port, family=socket.AF_INET):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)  # room for all: it must not lose any
        self.socket.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))

    def receive(self, seconds=0.2):
        """The datagrams that are there, waiting a little for the first."""
        received = []
        self.socket.settimeout(seconds)
        try:
            while True:
                received.append(self.socket.recv(70000))
                self.socket.settimeout(0.01)
        except (socket.timeout, BlockingIOError):
            return received

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
