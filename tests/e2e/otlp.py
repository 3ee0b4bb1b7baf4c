# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""An OTLP receiver of the tests' own, which reads protobuf by hand and believes nothing. Standard library only.

points() gives {(name, sorted attributes): {"kind", "unit", "start", "time", "value" or the histogram's fields}}.
"""
import gzip
import http.server
import struct
import threading

from daemon import expect
from faults import RESET, reset

VARINT, FIXED64, BYTES = 0, 1, 2
DELTA = 1


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def zigzag(value):
    return value >> 1 ^ -(value & 1)


def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def fields(data):
    """[(number, value)] of one message: whole numbers, or bytes."""
    at, found = 0, []
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(data, at)
        elif kind == FIXED64:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            expect(kind == BYTES, f"field {key >> 3} has wire type {kind}")
            length, at = varint(data, at)
            expect(at + length <= len(data), f"field {key >> 3} is longer than its message")
            value, at = data[at:at + length], at + length
        found.append((key >> 3, value))
    return found


def one(data, number, default=None):
    values = [value for field, value in fields(data) if field == number]
    expect(len(values) <= 1, f"field {number} stands {len(values)} times")
    return values[0] if values else default


def every(data, number):
    return [value for field, value in fields(data) if field == number]


def known(data, *numbers):
    expect({number for number, _ in fields(data)} <= set(numbers), f"unknown fields in {fields(data)}")
    return data


def attributes(message, number):
    found = {}
    for pair in every(message, number):
        key, value = one(known(pair, 1, 2), 1).decode(), one(known(one(pair, 2), 1), 1).decode()
        expect(key not in found, f"{key} stands twice")
        found[key] = value
    return found


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def buckets(data):
    """{index: count} of those that hold something."""
    if data is None:
        return {}
    offset = zigzag(one(known(data, 1, 2), 1, 0))
    counts = packed(one(data, 2, b""))
    expect(counts and counts[0] and counts[-1], f"empty buckets at the ends: {counts[:5]} ... {counts[-5:]}")
    return {offset + index: count for index, count in enumerate(counts) if count}


def number_point(data):
    known(data, 2, 3, 4, 7)
    return {"start": one(data, 2, 0), "time": one(data, 3), "value": double(one(data, 4)), "attributes": attributes(data, 7)}


def histogram_point(data):
    known(data, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13)
    point = {"start": one(data, 2, 0), "time": one(data, 3), "count": one(data, 4, 0), "scale": zigzag(one(data, 6, 0)),
             "zero": one(data, 7, 0), "positive": buckets(one(data, 8)), "negative": buckets(one(data, 9)),
             "attributes": attributes(data, 1)}
    for name, number in (("sum", 5), ("min", 12), ("max", 13)):
        bits = one(data, number)
        point[name] = None if bits is None else double(bits)
    point["written"] = max([len(packed(one(side, 2, b""))) for side in (one(data, 8), one(data, 9)) if side], default=0)
    held = point["zero"] + sum(point["positive"].values()) + sum(point["negative"].values())
    expect(held == point["count"], f"{held} in buckets of {point['count']}")
    return point


KINDS = {5: ("gauge", number_point), 7: ("sum", number_point), 10: ("histogram", histogram_point)}


def metric_points(data):
    """(name, point) of one Metric."""
    name, unit = one(known(data, 1, 3, *KINDS), 1).decode(), one(data, 3, b"").decode()
    chosen = [number for number in KINDS if every(data, number)]
    expect(len(chosen) == 1, f"{name} has {chosen} for its data")
    kind, decode = KINDS[chosen[0]]
    body = one(data, chosen[0])
    expect(one(body, 2) == (None if kind == "gauge" else DELTA), f"{name}: temporality {one(body, 2)}")
    for point in every(body, 1):
        yield name, {"kind": kind, "unit": unit, "monotonic": bool(one(body, 3, 0)), **decode(point)}


class Request:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        resource = one(known(body, 1), 1)
        self.resource = attributes(known(one(known(resource, 1, 2), 1), 1), 1)
        scope = one(resource, 2)
        self.scope = tuple(one(one(known(scope, 1, 2), 1), number, b"").decode() for number in (1, 2))
        self.metrics = [list(metric_points(metric)) for metric in every(scope, 2)]


class Receiver:
    """
    Answers with `answers`, one after the other, and 200 when there is none left: (status, body), or the bytes of a whole
    answer, which takes nothing; behind what is no HTTP the connection ends.
    """

    def __init__(self, port=0):
        self.requests, self.refused, self.answers, self.read = [], [], [], []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = receiver.take(self.path, self.headers, body)
                if status:
                    self.answer(status, answer)
                elif answer == RESET:
                    reset(self.connection)
                else:
                    self.wfile.write(answer)
                self.close_connection = not status and not answer.startswith(b"HTTP/1.1")

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1/metrics"

    def take(self, path, headers, body):
        answer = self.answers.pop(0) if self.answers else (200, b"")
        status, answer = answer if isinstance(answer, tuple) else (0, answer)
        if path != "/v1/metrics" or headers["Content-Type"] != "application/x-protobuf":
            status, answer = 404, b"not here"
        if headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        (self.requests if status == 200 else self.refused).append((headers, body))
        return status, answer

    def decoded(self):
        self.read += [Request(*request) for request in self.requests[len(self.read):]]
        return self.read

    def points(self):
        """Of all requests that were taken; kstatsd's own left out, and nothing may come twice."""
        found = {}
        for request in self.decoded():
            for metric in request.metrics:
                for name, point in metric:
                    key = name, tuple(sorted(point["attributes"].items()))
                    if name.startswith("kstatsd."):
                        continue
                    expect(key not in found, f"{key} came twice")
                    found[key] = point
        return found

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
