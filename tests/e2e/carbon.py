# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Carbon: Debian's own, storing into whisper files of a test, and an imitation that misbehaves."""
import os
import socket
import subprocess
import threading

import whisper

from daemon import PATIENCE, Failure, expect, free_port, wait_for

CARBON_CONF = """[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {line}
ENABLE_UDP_LISTENER = True
UDP_RECEIVER_INTERFACE = 127.0.0.1
UDP_RECEIVER_PORT = {udp}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
WHISPER_SPARSE_CREATE = True
ENABLE_TAGS = {tags}
GRAPHITE_URL = {tags_to}
TAG_UPDATE_INTERVAL = 1
"""
SCHEMAS = "[every]\npattern = .*\nretentions = 1s:1h\n"


class Carbon:
    """`tags_to` is the URL of a graphite-web that learns of each series that has tags."""

    def __init__(self, folder, tags_to=None):
        self.folder = str(folder)
        self.port, self.pickle, self.query = (free_port(socket.SOCK_STREAM) for _ in range(3))
        self.udp = free_port()
        self.tags_to = tags_to
        self.process = None

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "carbon.conf"), "w", encoding="ascii") as file:
            file.write(CARBON_CONF.format(folder=self.folder, line=self.port, pickle=self.pickle, query=self.query,
                                          udp=self.udp,
                                          tags=bool(self.tags_to), tags_to=self.tags_to or ""))
        with open(os.path.join(self.folder, "storage-schemas.conf"), "w", encoding="ascii") as file:
            file.write(SCHEMAS)
        log = os.path.join(self.folder, "output")
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["/usr/bin/carbon-cache", f"--config={self.folder}/carbon.conf", "--nodaemon", "start"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        wait_for(self.is_listening, "carbon-cache to listen, see " + log, 60)
        return self

    def is_listening(self):
        if self.process.poll() is not None:
            raise Failure(f"carbon-cache ended with {self.process.returncode}, see {self.folder}/output")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def path(self, metric):
        return os.path.join(self.folder, "whisper", *metric.split(".")) + ".wsp"

    def stored(self, metric):
        """The values stored in the last hour, oldest first."""
        try:
            _, values = whisper.fetch(self.path(metric), 0)
        except (FileNotFoundError, whisper.CorruptWhisperFile):
            return []  # carbon has not made it yet, or not finished its header
        return [value for value in values if value is not None]

    def metrics(self):
        top = os.path.join(self.folder, "whisper")
        return sorted(os.path.relpath(os.path.join(path, file), top)[:-4].replace("/", ".")
                      for path, _, files in os.walk(top) for file in files if file.endswith(".wsp"))

    def wait_stored(self, metric, condition=bool):
        return wait_for(lambda: condition(self.stored(metric)) and self.stored(metric),
                        lambda: f"{metric} in whisper; it holds {self.stored(metric)}")


class FakeCarbon:
    """
    Listens and keeps whole lines; after `close_after` bytes of a connection it hangs up, as often as told.
    `buffer` bounds what the kernel acknowledges and carbon has not read.
    """

    def __init__(self, port=0, close_after=None, hangups=1, buffer=None):
        self.listener = socket.create_server(("127.0.0.1", port))
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port = self.listener.getsockname()[1]
        self.close_after, self.hangups = close_after, hangups
        self.lines, self.connections = [], 0
        self.clients = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.clients.append(client)
            threading.Thread(target=self.read, args=(client,), daemon=True).start()

    def read(self, client):
        pending, total = b"", 0
        while True:
            limit = self.close_after is not None and self.hangups > 0
            try:
                data = client.recv(min(65536, self.close_after - total) if limit else 65536)
            except OSError:
                return
            total += len(data)
            *whole, pending = (pending + data).split(b"\n")
            self.lines += [line.decode("ascii") for line in whole]
            if not data or limit and total >= self.close_after:
                self.hangups -= bool(data)
                client.close()
                return

    def values(self, metric):
        return [float(line.split(" ")[1]) for line in list(self.lines) if line.split(" ")[0] == metric]

    def wait_value(self, metric):
        return wait_for(lambda: self.values(metric), lambda: f"{metric}; arrived: {self.lines[-20:]}")

    def stop(self):
        self.listener.close()
        for client in self.clients:
            client.close()


def assert_lines_valid(lines):
    """Graphite's plaintext: name, number, timestamp; the name has nothing that splits or injects."""
    for line in lines:
        parts = line.split(" ")
        expect(len(parts) == 3, f"not three fields: {line!r}")
        expect(all(33 <= ord(letter) < 127 for letter in parts[0]), f"unsafe name: {line!r}")
        float(parts[1])
        expect(parts[2].isdigit(), f"no timestamp: {line!r}")
        for tag in parts[0].split(";")[1:]:
            key, equals, value = tag.partition("=")
            expect(key and equals and value and key != "name" and value[0] != "~", f"bad tag: {line!r}")
