# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A real statsd (npm) beside kstatsd: it listens on the port that kstatsd captures, so both see the same datagrams."""
import json
import os
import re
import signal
import socket
import subprocess
import threading

import npm
from daemon import PATIENCE, Failure, expect, free_port, wait_for

VERSION = "0.9.0"  # the newest that npm has
CLOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statsd_clock.js")
INTERVAL = 240  # seconds that rates are divided by; no daemon lives that long


class Sink:
    """A carbon of one thread. statsd connects for each flush and hangs up behind it: a connection is a flush."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.flushes = []  # lines of each
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            data = b""
            with client:
                while piece := client.recv(1 << 20):
                    data += piece
            self.flushes.append(data.decode("ascii").splitlines())

    def close(self):
        """Ends the thread first: in accept() it would hold a number that the next listener gets."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.listener.close()


class Statsd:
    """One statsd of npm. `options` is its own configuration. It flushes when told, or by its own clock."""

    def __init__(self, folder, port, options, own_clock=False):
        self.folder = str(folder)
        self.sink = Sink()
        self.port = port
        self.console = free_port(socket.SOCK_STREAM)
        self.config = {"port": port, "address": "127.0.0.1", "mgmt_port": self.console, "mgmt_address": "127.0.0.1",
                       "flushInterval": INTERVAL * 1000, "automaticConfigReload": False, "graphiteHost": "127.0.0.1",
                       "graphitePort": self.sink.port, "backends": ["./backends/graphite"], **options}
        self.own_clock = own_clock
        self.output = os.path.join(self.folder, "output")
        self.process = None
        self.received = 0

    def start(self):
        self.launch()
        return self.wait()

    def launch(self):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "config.js")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.config, file)
        command = [npm.command("node"), "--no-deprecation", *([] if self.own_clock else ["--require", CLOCK]),
                   "stats.js", path]
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(command, cwd=npm.package("statsd", VERSION), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT)

    def wait(self):
        wait_for(self.is_listening, lambda: f"statsd to listen; it said: {self.log()}")
        return self

    def log(self):
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self):
        """All that it has sent to Graphite, as (path, value, timestamp)."""
        return [tuple(line.split()) for flush in list(self.sink.flushes) for line in flush]

    def is_alive(self):
        return self.process.poll() is None

    def is_listening(self):
        """The console opens after the socket of UDP was asked for; a datagram of its own shows that it is bound."""
        expect(self.is_alive(), f"statsd ended with {self.process.returncode}: {self.log()}")
        with open("/proc/net/udp", encoding="ascii") as file:
            bound = f"0100007F:{self.port:04X} " in file.read()
        try:
            return bound and self.packets_received() is not None
        except OSError:
            return False

    def packets_received(self):
        """Since the last flush. The console's `counters` begins with statsd's own."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.console), PATIENCE) as console:
            console.sendall(b"counters")
            while piece := console.recv(65536):
                answer += piece
                if found := re.search(rb"packets_received'?: (\d+),", answer):
                    return int(found.group(1))
        return None

    def wait_received(self, count):
        """Whether it has got `count` datagrams since the last flush; if not soon, then some were lost."""
        try:
            wait_for(lambda: self.packets_received() >= count, f"statsd to receive {count} datagrams", PATIENCE / 2)
        except Failure:
            return False
        return True

    def flush(self):
        """The lines of a flush; not with a clock of its own."""
        before = len(self.sink.flushes)
        self.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: len(self.sink.flushes) > before, lambda: f"statsd to flush; it said: {self.log()[-2000:]}")
        return self.sink.flushes[-1]

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.sink.close()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()
