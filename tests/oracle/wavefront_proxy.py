# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Wavefront's own proxy, and a stand-in for the service behind it.

    kstatsd -> 10.x.y.2:2878 the proxy | veth | 10.x.y.1 the stand-in, which keeps the lines that the proxy passes on

The proxy listens on all interfaces, so it runs in a network namespace of its own. To a POST it answers 204 even if it
refuses lines: blocked() has what its log says of those.
"""
import gzip
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time

import maven
from daemon import PATIENCE, expect, wait_for

VERSION = "4.31"
JARS = (f"com.wavefront:proxy:{VERSION}", "org.apache.httpcomponents:httpclient:4.5.13", "javax.xml.bind:jaxb-api:2.3.1")
TOO_OLD = ("com.sun.java:tools",)  # came with the JDK once
PORT = 2878
CONFIG = """server={service}/api/
token=of-no-worth
hostname=proxy-of-tests
ephemeral=true
buffer={folder}/buffer
idFile={folder}/id
pushListenerPorts={port}
pushFlushInterval=200
pushBlockedSamples=1000
"""


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    expect(not check or done.returncode == 0, f"ip {' '.join(arguments)}: {done.stdout}")


class Namespace:
    """A network namespace with one link to this one; both names and addresses have the pid."""

    def __init__(self):
        pid = os.getpid()
        self.name, self.link = f"kstatsd-{pid}", f"ks{pid}"
        self.outside, self.inside = (f"10.251.{pid // 64 % 256}.{pid % 64 * 4 + host}" for host in (1, 2))

    def __enter__(self):
        try:
            ip("netns", "add", self.name)
            ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            ip("addr", "add", f"{self.outside}/30", "dev", self.link)
            ip("link", "set", self.link, "up")
            ip("-n", self.name, "addr", "add", f"{self.inside}/30", "dev", "eth0")
            ip("-n", self.name, "link", "set", "eth0", "up")
            ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        ip("link", "del", self.link, check=False)  # and the other end with it
        ip("netns", "del", self.name, check=False)

    def command(self, *words):
        return ["ip", "netns", "exec", self.name, *words]


class Service:
    """Answers check-ins and keeps the lines that are pushed to it."""

    def __init__(self, address):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = service.answer(self.path, self.headers, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.lines = []
        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, path, headers, body):
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if "/pushdata/" in path:
            self.lines += body.decode().splitlines()
        if "/checkin" not in path:
            return b""
        return json.dumps({"currentTime": int(time.time() * 1000), "collectorSetsPointsPerBatch": True,
                           "pointsPerBatch": 1000, "shutOffAgents": False}).encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class WavefrontProxy:
    def __init__(self, folder, namespace):
        self.folder, self.namespace = str(folder), namespace
        self.service = Service(namespace.outside)
        self.address = f"{namespace.inside}:{PORT}"
        self.log = os.path.join(self.folder, "proxy.log")
        self.process = None

    def start(self):
        path = maven.install(f"wavefront-proxy-{VERSION}", *JARS, excluded=TOO_OLD)
        config = os.path.join(self.folder, "proxy.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(service=self.service.url, folder=self.folder, port=PORT))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.namespace.command(maven.tool("java"), "-cp", path, "com.wavefront.agent.PushAgent", "-f", config),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.is_listening, lambda: f"the proxy to listen: {self.said()[-2000:]}", 90)
        return self

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def is_listening(self):
        expect(self.process.poll() is None, f"the proxy ended: {self.said()[-2000:]}")
        try:
            socket.create_connection((self.namespace.inside, PORT), 1).close()
            return True
        except OSError:
            return False

    def blocked(self):
        """What it has refused, and why, line by line."""
        return re.findall(r"blocked input: \[(.*)\]", self.said())

    def wait_lines(self, pattern, count=1):
        """The lines that reached the service and match, once there are so many."""
        def found():
            return [line for line in list(self.service.lines) if re.search(pattern, line)]

        wait_for(lambda: len(found()) >= count,
                 lambda: f"{count} of {pattern}; arrived: {self.service.lines[-20:]}; blocked: {self.blocked()[:5]}")
        return found()

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE * 2)
            self.process = None
        self.service.stop()
