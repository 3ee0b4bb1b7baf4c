# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Prometheus: Debian's own, scraping; its promtool, judging; and the client of /metrics in the tests."""
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from daemon import PATIENCE, expect, free_port, wait_for

PROMETHEUS = "/usr/bin/prometheus"
PROMTOOL = "/usr/bin/promtool"
TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$")
LINT = 3  # promtool: readable, but against the customs of naming

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: kstatsd
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    """Scrapes 127.0.0.1:PORT each second."""

    def __init__(self, folder, port, native=True):
        self.folder, self.target = str(folder), port
        self.port = free_port(socket.SOCK_STREAM)
        self.flags = ["--enable-feature=native-histograms"] if native else []
        self.process = None

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=self.target))
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.is_ready, lambda: f"Prometheus to be ready: {self.log()}")
        return self

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def is_ready(self):
        expect(self.process.poll() is None, f"Prometheus ended: {self.log()}")
        try:
            return get(self.port, "/-/ready").status == 200
        except OSError:
            return False

    def query(self, expression):
        """The values of an instant query, by the series' labels without __name__, instance and job."""
        answer = get(self.port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        body = json.loads(answer.body)
        expect(body["status"] == "success", f"{expression}: {body}")
        found = {}
        for row in body["data"]["result"]:
            labels = {key: value for key, value in row["metric"].items() if key not in ("__name__", "instance", "job")}
            # A native histogram itself has no single value.
            found[tuple(sorted(labels.items()))] = float(row["value"][1]) if "value" in row else row["histogram"][1]
        return found

    def wait_value(self, expression, condition):
        """The value of a query that has one, once it is so."""
        def value():
            found = self.query(expression)
            return list(found.values()) if len(found) == 1 and condition(*found.values()) else None

        return wait_for(value, lambda: f"{expression}: it is {self.query(expression)}; {self.target_state()}")[0]

    def target_state(self):
        """What it says of the last scrape. For the first seconds it has no target yet."""
        return (json.loads(get(self.port, "/api/v1/targets").body)["data"]["activeTargets"] or [{}])[0]

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def text(self):
        zipped = self.headers.get("Content-Encoding") == "gzip"
        return (gzip.decompress(self.body) if zipped else self.body).decode("utf-8")


def get(port, path="/metrics", headers=None, method="GET", tls=None):
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=tls)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def samples(text):
    """{"name{labels}": value} of a text format."""
    found = {}
    for line in text.splitlines():
        match = None if line.startswith("#") else SAMPLE.match(line)
        expect(match or line.startswith("# "), f"not a line of the text format: {line!r}")
        if match:
            expect(match.group(1) not in found, f"twice: {line!r}")
            found[match.group(1)] = float(match.group(2))
    return found


def assert_readable(text):
    """Prometheus' own parser takes the text. What it says about names is another matter."""
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=PATIENCE)
    expect(done.returncode in (0, LINT), f"promtool: {done.stdout}")
    expect("error while linting" not in done.stdout, f"promtool: {done.stdout}")


def assert_strict(text):
    """The reference parser of OpenMetrics, which refuses a page for one sample, takes the text and reads the same in it."""
    read = [(sample.name, sample.value) for family in text_string_to_metric_families(text) for sample in family.samples]
    shown = [(name.partition("{")[0], value) for name, value in samples(text).items()]
    expect([name for name, _ in read] == [name for name, _ in shown], f"{read}\n{shown}")
    expect(all(one == other or (one != one and other != other) for (_, one), (_, other) in zip(read, shown)), f"{read}\n{shown}")
