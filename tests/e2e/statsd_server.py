# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A real statsd beside kstatsd: it listens on the port that kstatsd captures, so both see the same datagrams."""
import json
import os
import socket
import subprocess
import threading

import npm
from daemon import PATIENCE, expect, free_port, wait_for

VERSION = "0.9.0"


class Carbon:
    """Takes what statsd sends to Graphite: lines of (path, value, timestamp)."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lines = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("r", encoding="utf-8") as file:
                self.lines += [line.split() for line in file]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)


class Statsd:
    """One statsd of npm; `settings` as in its configuration file."""

    def __init__(self, folder, **settings):
        self.port = free_port()
        self.console = free_port(socket.SOCK_STREAM)
        self.carbon = Carbon()
        self.log = os.path.join(str(folder), "statsd.log")
        config = {"port": self.port, "address": "127.0.0.1", "mgmt_port": self.console, "mgmt_address": "127.0.0.1",
                  "graphiteHost": "127.0.0.1", "graphitePort": self.carbon.port, "backends": ["./backends/graphite"],
                  **settings}
        path = os.path.join(str(folder), "statsd.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([npm.command("node"), "stats.js", path], stdin=subprocess.DEVNULL,
                                            cwd=npm.package("statsd", VERSION), stdout=log, stderr=log)
        try:
            wait_for(self.is_ready, "statsd to listen")
        except BaseException:
            self.stop()
            raise

    def is_ready(self):
        expect(self.process.poll() is None, f"statsd ended, see {self.log}")
        try:
            socket.create_connection(("127.0.0.1", self.console), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.carbon.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
