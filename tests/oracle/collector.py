# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""OpenTelemetry's collector, built once from its modules: it receives OTLP over HTTP, and tells in JSON what it understood.

    kstatsd --OTLP, protobuf--> collector --OTLP, JSON--> Understood
"""
import gzip
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.request

import goserver
from daemon import PATIENCE, expect, free_port, wait_for

VERSION = "v0.160.0"
PROVIDER_VERSION = "v1.66.0"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"

MANIFEST = """dist:
  name: collector
  output_path: {folder}/built
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver {version}
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter {version}
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider {provider}
conf_resolver:
  default_uri_scheme: file
"""

CONFIG = """receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
exporters:
  otlp_http:
    metrics_endpoint: http://127.0.0.1:{there}/v1/metrics
    encoding: json
    sending_queue: {{enabled: false}}
    retry_on_failure: {{enabled: false}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [otlp_http]}}
"""


def install():
    """The path of the collector, built unless it is there. It appears whole or not at all."""
    binary = os.path.join(goserver.CACHE, f"collector-{VERSION}", "collector")
    if os.path.exists(binary):
        return binary
    builder = goserver.install(BUILDER, VERSION, "builder")
    expect(shutil.which("go"), f"{binary} is missing, and Go to build it: install Go (https://go.dev/dl)")
    with tempfile.TemporaryDirectory(prefix=".collector-", dir=goserver.CACHE) as folder:
        manifest = os.path.join(folder, "manifest.yaml")
        with open(manifest, "w", encoding="utf-8") as file:
            file.write(MANIFEST.format(folder=folder, version=VERSION, provider=PROVIDER_VERSION))
        done = subprocess.run([builder, "--config", manifest], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=goserver.BUILD_SECONDS,
                              cwd=folder, env={**os.environ, "GOFLAGS": ""})
        expect(done.returncode == 0, f"cannot build the collector: {done.stdout[-3000:]}")
        os.makedirs(os.path.dirname(binary), exist_ok=True)
        os.rename(os.path.join(folder, "built", "collector"), binary)
    return binary


class Understood:
    """An HTTP server of one thread for the collector's exporter: the requests, as Python has JSON."""

    def __init__(self):
        self.requests = requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                requests.append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def scopes(self):
        """(resource's attributes, scope, metrics) of all that came."""
        return [(attributes_of(resource["resource"]), scope["scope"], scope["metrics"]) for request in list(self.requests)
                for resource in request["resourceMetrics"] for scope in resource["scopeMetrics"]]

    def points(self):
        """{(name, sorted attributes): metric, data and point in one} of all that came, but kstatsd's own; nothing twice."""
        found = {}
        for _, _, metrics in self.scopes():
            for metric in metrics:
                if metric["name"].startswith("kstatsd."):
                    continue
                kind = next(key for key in ("sum", "gauge", "exponentialHistogram") if key in metric)
                for point in metric[kind]["dataPoints"]:
                    key = metric["name"], tuple(sorted(attributes_of(point).items()))
                    expect(key not in found, f"{key} came twice")
                    found[key] = {"kind": kind, "unit": metric.get("unit", ""), **metric[kind], **point}
        return found

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def attributes_of(message):
    """Of strings; numbers and others are no attributes of ours."""
    return {each["key"]: each["value"]["stringValue"] for each in message.get("attributes", [])}


class Collector:
    def __init__(self, binary, folder):
        self.folder = str(folder)
        self.there = Understood()
        self.port = free_port(socket.SOCK_STREAM)
        self.binary, self.process = binary, None
        self.log = os.path.join(self.folder, "collector.log")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1/metrics"

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "collector.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.port, there=self.there.port))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.binary, "--config", path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        wait_for(self.is_ready, lambda: f"the collector: {self.said()}", PATIENCE * 2)
        return self

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def is_ready(self):
        """An empty request is good, and changes nothing."""
        expect(self.process.poll() is None, f"the collector ended: {self.said()}")
        request = urllib.request.Request(self.url, b"", {"Content-Type": "application/x-protobuf"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)
            self.process = None

    def close(self):
        self.stop()
        self.there.close()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()
