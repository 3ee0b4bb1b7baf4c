# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A strict reader of Wavefront's lines, and a receiver that judges all it is sent with it.

The reader takes what the documented format allows and nothing else. It also refuses what Wavefront's own
validator is known to let through: NaN and infinity, names, sources and tags over the limits, repeated
tags, a source that is missing, timestamps in milliseconds, centroids without a count. Standard library only.
"""
import dataclasses
import gzip
import os
import re
import socket
import threading
import time

from daemon import expect, wait_for
from faults import RESET, reset

DELTA = "∆"
NAME = re.compile(r"[∆Δ]?~?[a-zA-Z0-9_.,/-]+")
KEY = re.compile(r"[a-zA-Z0-9_.,/-]+")
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([^ "=]+)')
GRANULARITIES = {"!M": 60, "!H": 3600, "!D": 86400}
LINE_MAX, HISTOGRAM_LINE_MAX = 32768, 65536
CENTROIDS_MAX = 100
TIMESTAMP_MAX = 10 ** 11  # seconds; what is larger was meant to be milliseconds
INT32_MAX = 2 ** 31 - 1


@dataclasses.dataclass
class Limits:
    name: int
    source: int
    tags: int
    key: int
    value: int = 255
    pair: int = 254


SERVICE = Limits(name=256, source=128, tags=20, key=64)
PROXY = Limits(name=1023, source=1023, tags=100, key=253)


class Refused(Exception):
    """With Wavefront's code in front, or "strict" where it has none."""

    def __init__(self, code, line):
        super().__init__(f"{code}: {line[:300]!r}")
        self.code = code


@dataclasses.dataclass
class Point:
    name: str
    value: float
    timestamp: int
    source: str
    tags: dict

    @property
    def key(self):
        """What makes it another point: Wavefront keeps one value of each."""
        return self.name, self.source, tuple(sorted(self.tags.items())), self.timestamp


@dataclasses.dataclass
class Histogram:
    granularity: str
    timestamp: int
    centroids: list  # (count, value)
    name: str
    source: str
    tags: dict

    @property
    def count(self):
        return sum(count for count, _ in self.centroids)

    @property
    def mean(self):
        return sum(count * value for count, value in self.centroids) / self.count

    @property
    def key(self):
        return self.granularity, self.name, self.source, tuple(sorted(self.tags.items())), self.timestamp


def utf16(text):
    """Its length as Java counts it."""
    return len(text.encode("utf-16-le")) // 2


def refuse_unless(condition, code, line):
    if not condition:
        raise Refused(code, line)


def unescape(text):
    return re.sub(r"\\(.)", lambda match: "\n" if match.group(1) == "n" else match.group(1), text)


def split(line):
    """"name" 1 2 source="a" "k"="v" -> ["name", "1", "2", ("source", "a"), ("k", "v")]"""
    parts, at = [], 0
    while at < len(line):
        match = TOKEN.match(line, at)
        refuse_unless(match, "strict", line)
        left, at = match, match.end()
        if line[at:at + 1] == "=":
            right = TOKEN.match(line, at + 1)
            refuse_unless(right and right.group(1) is not None, "strict", line)
            at = right.end()
            refuse_unless(not right.group(1).endswith("\\"), "strict", line)
            parts.append((text_of(left), unescape(right.group(1))))
        else:
            parts.append(text_of(left))
        refuse_unless(at == len(line) or line[at] == " ", "strict", line)
        at += 1
        refuse_unless(at != len(line), "strict", line)
    return parts


def text_of(match):
    return match.group(2) if match.group(1) is None else unescape(match.group(1))


def number(text, line):
    refuse_unless(isinstance(text, str) and NUMBER.fullmatch(text), "strict", line)
    value = float(text)
    refuse_unless(abs(value) != float("inf"), "strict", line)
    return value


def timestamp_of(text, line):
    refuse_unless(isinstance(text, str) and text.isdigit() and 0 < int(text) < TIMESTAMP_MAX, "strict", line)
    return int(text)


def tags_of(parts, limits, line):
    """The source, and the tags as they pass the limits."""
    refuse_unless(all(isinstance(part, tuple) for part in parts), "strict", line)
    refuse_unless(parts and parts[0][0] == "source" and parts[0][1].strip(), "WF-406", line)
    source, pairs = parts[0][1], parts[1:]
    refuse_unless(utf16(source) <= limits.source, "WF-407", line)
    refuse_unless(len({key for key, _ in parts}) == len(parts), "strict", line)
    refuse_unless(len(pairs) <= limits.tags, "WF-410", line)
    for key, value in pairs:
        refuse_unless(KEY.fullmatch(key), "WF-401", line)
        refuse_unless(utf16(key) + utf16(value) <= limits.pair, "WF-411", line)
        refuse_unless(utf16(key) <= limits.key, "WF-412", line)
        refuse_unless(utf16(value) <= limits.value, "WF-413", line)
        refuse_unless(value.strip(), "WF-414", line)
        refuse_unless(value == value.strip(), "strict", line)
    return source, dict(pairs)


def check_name(name, limits, too_long, line):
    refuse_unless(isinstance(name, str) and NAME.fullmatch(name), "WF-400", line)
    refuse_unless(utf16(name) <= limits.name, too_long, line)


def parse_point(line, limits=SERVICE):
    refuse_unless(len(line.encode()) <= LINE_MAX, "strict", line)
    parts = split(line)
    refuse_unless(len(parts) >= 3, "strict", line)
    name, value, timestamp = parts[0], number(parts[1], line), timestamp_of(parts[2], line)
    source, tags = tags_of(parts[3:], limits, line)
    check_name(name, limits, "WF-408", line)
    refuse_unless(value > 0 or name[0] not in "∆Δ", "WF-404", line)
    return Point(name, value, timestamp, source, tags)


def parse_histogram(line, limits=SERVICE):
    refuse_unless(len(line.encode()) <= HISTOGRAM_LINE_MAX, "strict", line)
    parts = split(line)
    refuse_unless(len(parts) >= 4 and parts[0] in GRANULARITIES, "strict", line)
    timestamp, centroids, at = timestamp_of(parts[1], line), [], 2
    while at + 1 < len(parts) and isinstance(parts[at], str) and parts[at].startswith("#"):
        refuse_unless(re.fullmatch("#[0-9]+", parts[at]), "strict", line)
        count, value = int(parts[at][1:]), number(parts[at + 1], line)
        refuse_unless(0 < count <= INT32_MAX, "strict", line)
        centroids.append((count, value))
        at += 2
    refuse_unless(centroids, "WF-405", line)
    refuse_unless(len(centroids) <= CENTROIDS_MAX, "strict", line)
    refuse_unless(at < len(parts), "strict", line)
    source, tags = tags_of(parts[at + 1:], limits, line)
    check_name(parts[at], limits, "WF-409", line)
    return Histogram(parts[0], timestamp, centroids, parts[at], source, tags)


def parse(line, limits=SERVICE):
    return parse_histogram(line, limits) if line.startswith("!") else parse_point(line, limits)


def record(line):
    """For the oracle, which judges every line that any test makes (tests/oracle/test_wavefront_validator.py)."""
    if os.environ.get("KSTATSD_WAVEFRONT_LINES"):
        with open(os.environ["KSTATSD_WAVEFRONT_LINES"], "a", encoding="utf-8") as file:
            file.write(line + "\n")


class Answer:
    """What the receiver says to one POST instead of 202."""

    def __init__(self, status, headers=(), body=b"", raw=None):
        head = [f"HTTP/1.1 {status} Test", f"Content-Length: {len(body)}", *headers]
        self.raw = raw if raw is not None else "\r\n".join(head).encode() + b"\r\n\r\n" + body
        self.taken = raw is None and 200 <= status <= 299


TAKEN = Answer(202)


class Receiver:
    """
    Takes lines by TCP and POSTs by HTTP on one port, as a proxy does. `answers` are given to the POSTs that come next,
    then 202. With a `token`, whoever does not show it gets 401.
    """

    def __init__(self, limits=SERVICE, port=0, token=None, answers=()):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.limits, self.token = limits, token
        self.answers = list(answers)
        self.lines, self.points, self.histograms, self.refused = [], [], [], []
        self.requests = []  # (path, headers) of POSTs
        self.connections = 0
        self.clients = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.clients.append(client)
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        try:
            with client, client.makefile("rb") as stream:
                first = stream.readline()
                if first.startswith(b"POST "):
                    while first:
                        self.post(client, stream, first)
                        first = stream.readline()
                while first.endswith(b"\n"):
                    self.take(first)
                    first = stream.readline()
        except OSError:
            pass

    def post(self, client, stream, request):
        path, headers = request.split(b" ")[1].decode(), {}
        while (line := stream.readline().decode().strip()):
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        body = stream.read(int(headers["content-length"]))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.requests.append((path, headers))
        answer = self.answers.pop(0) if self.answers else TAKEN
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            answer = Answer(401)
        if answer.taken:
            self.take_body(path, body)
        if answer.raw == RESET:
            reset(client)
            raise ConnectionResetError
        client.sendall(answer.raw)
        if answer.raw == b"" or not answer.raw.startswith(b"HTTP/1.1"):
            client.shutdown(socket.SHUT_RDWR)

    def take_body(self, path, body):
        """All of it, then it can be seen: whoever sees a line of a body sees the others."""
        wanted = {"/report?f=wavefront": False, "/report?f=histogram": True}.get(path)
        taken = ([], [], [], [])
        for line in body.splitlines(keepends=True):
            if wanted is not None and line.startswith(b"!") != wanted:
                taken[3].append(f"strict: {line!r} to {path}")
            else:
                self.judge(line, *taken)
        self.publish(*taken)

    def take(self, line):
        taken = ([], [], [], [])
        self.judge(line, *taken)
        self.publish(*taken)

    def judge(self, line, lines, points, histograms, refused):
        try:
            text = line.decode("utf-8")
            expect(text.endswith("\n"), f"no end of line: {text!r}")
            parsed = parse(text[:-1], self.limits)
            lines.append(text[:-1])
            (histograms if isinstance(parsed, Histogram) else points).append(parsed)
        except (Refused, UnicodeDecodeError, AssertionError) as refusal:
            refused.append(str(refusal))

    def publish(self, lines, points, histograms, refused):
        with self.lock:
            self.lines += lines
            self.points += points
            self.histograms += histograms
            self.refused += refused
            for line in lines:
                record(line)

    def check(self):
        """Nothing that came was refused."""
        expect(not self.refused, f"refused: {self.refused[:5]}")

    def named(self, name):
        return [point for point in list(self.points) if point.name == name]

    def distributions(self, name):
        return [histogram for histogram in list(self.histograms) if histogram.name == name]

    def wait_point(self, name, condition=bool):
        wait_for(lambda: condition(self.named(name)), lambda: f"{name}; arrived: {self.lines[-20:]}, {self.refused[:5]}")
        return self.named(name)[-1]

    def wait_distribution(self, name):
        wait_for(lambda: self.distributions(name), lambda: f"{name}; arrived: {self.lines[-20:]}, {self.refused[:5]}")
        return self.distributions(name)[-1]

    def stop(self):
        """Nobody listens any more, and who was connected is not."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def is_recent(timestamp, seconds=3600):
    return abs(time.time() - timestamp) < seconds
