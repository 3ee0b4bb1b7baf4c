# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""statsd_exporter: starts it, reads its /metrics, and says what kstatsd's metrics would be called there."""
import math
import os
import re
import socket
import subprocess
import urllib.request

import goserver
from daemon import expect, free_port, send, wait_for

VERSION = "v0.30.0"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
# Sent last: once it is counted, all before it is. The line, its type, and its name or one of its labels.
END = ("end_of_test:1|c", "counter", "end_of_test")


def install():
    return goserver.install("github.com/prometheus/statsd_exporter", VERSION, "statsd_exporter")


def free_ports():
    """One for statsd (UDP), one for HTTP."""
    return free_port(), free_port(socket.SOCK_STREAM)


class Exporter:
    def __init__(self, binary, folder, flags=()):
        self.port, self.web = free_ports()
        self.command = [binary, f"--statsd.listen-udp=127.0.0.1:{self.port}", "--statsd.listen-tcp=",
                        f"--web.listen-address=127.0.0.1:{self.web}", "--statsd.event-flush-interval=10ms",
                        "--web.enable-lifecycle", *flags]
        self.log = os.path.join(str(folder), "exporter.log")
        self.process = None
        self.end = END
        self.ends = 0

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.is_ready, lambda: f"statsd_exporter: {self.said()}")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def is_ready(self):
        expect(self.process.poll() is None, f"statsd_exporter ended: {self.said()}")
        try:
            return bool(self.get("/-/ready"))
        except OSError:
            return False

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.web}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def reload(self):
        self.get("/-/reload", "POST")

    def metrics(self):
        """{type: {(name, labels): value}} of what was sent; summaries and histograms as (count, sum)."""
        return parse_metrics(self.get("/metrics"))

    def settled(self):
        """What it has counted once all that was sent before this call has arrived."""
        self.ends += 1
        line, kind, known_by = self.end
        send("sendto", line, port=self.port)

        def arrived():
            metrics = self.metrics()
            seen = sum(value[0] if kind == "timer" else value for (name, labels), value in metrics[kind].items()
                       if known_by in (name, *labels))
            return metrics if seen == self.ends else None

        return wait_for(arrived, lambda: f"statsd_exporter to count: {self.said()}")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


def parse_labels(text):
    """Without empty ones: to Prometheus they are not there."""
    return tuple(sorted((key, value.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\"))
                        for key, value in LABEL.findall(text or "") if value))


def parse_metrics(text):
    """Its own metrics (they have its name, or Go's) are left out: what statsd sent has its help text or a rule's."""
    types, found = {}, {"counter": {}, "gauge": {}, "timer": {}}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:4]
            types[name] = kind
    for line in text.splitlines():
        match = None if line.startswith("#") else SAMPLE.match(line)
        if not match or match.group(1).startswith(("go_", "process_", "promhttp_", "statsd_")):
            continue
        name, labels, value = match.group(1), parse_labels(match.group(2)), float(match.group(3))
        kind = types.get(name)
        if kind in ("counter", "gauge"):
            found[kind][name, labels] = found[kind].get((name, labels), 0) + value
        elif name.endswith(("_sum", "_count")) and types.get(name.rpartition("_")[0]) in ("summary", "histogram"):
            base, _, part = name.rpartition("_")
            entry = found["timer"].setdefault((base, labels), [0, 0])
            entry[part == "sum"] += value
    return found


def escape_name(name):
    """What statsd_exporter makes of a name, and of a tag's key: letters, digits and '_'."""
    name = re.sub(r"-{2,}", "-", name)
    name = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return "_" + name if name[:1].isdigit() else name


def labels_of(tags):
    return tuple(sorted((escape_name(key), value) for key, _, value in (tag.partition("=") for tag in tags.split(";") if tag)))


def translate(window, seconds_of=lambda name: True):
    """kstatsd's metrics as statsd_exporter has them: names escaped, timers (`ms`) in seconds.

    seconds_of(name): were the values sent as milliseconds? Those of `h` and `d` stay as they are.
    """
    found = {"counter": {}, "gauge": {}, "timer": {}}
    for metric in window.metrics:
        if metric["name"].startswith("kstatsd."):
            continue
        key = escape_name(metric["name"]), labels_of(metric["tags"])
        if metric["type"] == "timer":
            entry = found["timer"].setdefault(key, [0, 0])
            entry[0] += metric["samples"]
            entry[1] += metric["sum"] / (1000 if seconds_of(metric["name"]) else 1)
        elif metric["type"] == "counter":
            found["counter"][key] = found["counter"].get(key, 0) + metric["count"]
        elif metric["type"] == "gauge":
            found["gauge"][key] = metric["value"]
    return found


def is_near(one, other):
    if isinstance(one, list):
        return all(map(is_near, one, other))
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def difference(theirs, ours):
    """Sentences, none if both have the same."""
    said = []
    for kind, wanted in theirs.items():
        got = ours[kind]
        for key in sorted(set(wanted) | set(got)):
            if key not in got:
                said.append(f"{kind} {key}: {wanted[key]} in statsd_exporter, kstatsd has it not")
            elif key not in wanted:
                said.append(f"{kind} {key}: {got[key]} in kstatsd, statsd_exporter has it not")
            elif not is_near(wanted[key], got[key]):
                said.append(f"{kind} {key}: {wanted[key]} in statsd_exporter, {got[key]} in kstatsd")
    return said
