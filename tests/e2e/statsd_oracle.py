# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The real statsd (npm) and kstatsd side by side on one port, their windows lined up.

statsd listens on the port, kstatsd captures what is sent to it: both get the same datagrams. statsd loses datagrams
when it is slow, so the sender waits for it: its management console says how many it has received. Both flush when
told to. statsd's Graphite backend sends to a sink that keeps the lines; kstatsd prints the same protocol.

    Pair(...).round([b"hits:1|c", ...]) -> {"stats.counters.hits.count": 1.0, ...} of each
"""
import collections
import json
import os
import re
import signal
import socket
import subprocess
import threading

import npm
from daemon import PATIENCE, Daemon, Failure, assert_ledger_balances, expect, free_port, wait_for

VERSION = "0.9.0"  # the newest that npm has
CLOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statsd_clock.js")
INTERVAL = 240  # seconds that rates are divided by; no daemon lives that long
AHEAD = 40  # datagrams that may wait in statsd's socket

DEVIANT = "deviant."  # in the name of a series of which statsd makes something else, see deviations.py

Round = collections.namedtuple("Round", "statsd kstatsd sent")


class Lost(Failure):
    """statsd lost datagrams: the two windows cannot be compared."""


def parse_lines(lines):
    """{name: value} of Graphite's plaintext. Tags are sorted by name: they are a set, statsd leaves them as sent."""
    values = {}
    for line in lines:
        parts = line.split(" ")
        expect(len(parts) == 3 and parts[2].isdigit(), f"not a line of Graphite's plaintext: {line!r}")
        path, *tags = parts[0].split(";")
        name = ";".join([path, *sorted(tags)])
        expect(name not in values or DEVIANT in name, f"{name} stands twice in one flush")
        values[name] = float(parts[1])
    return values


class Sink:
    """A carbon of one thread. statsd connects for each flush and hangs up behind it: a connection is a flush."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.flushes = []
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
    """One statsd. `options` is its own configuration."""

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
        before = len(self.sink.flushes)
        self.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: len(self.sink.flushes) > before, lambda: f"statsd to flush; it said: {self.log()[-2000:]}")
        return parse_lines(self.sink.flushes[-1])

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.sink.close()


class GraphiteDaemon(Daemon):
    """A kstatsd that prints Graphite's plaintext. flush() gives {name: value}."""

    def __init__(self, folder, *settings, **options):
        super().__init__(folder, *settings, "outputs.stdout.format=graphite", **options)

    def new_metrics(self):
        with open(self.stdout, "rb") as file:
            file.seek(self.read_to)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.read_to += len(whole)
        return whole.decode("ascii").splitlines()

    def window(self):
        return parse_lines(self.new_metrics())


# statsd's options -> kstatsd's keys. Values are the same unless a function says how they differ.
KEYS = {
    "percentThreshold": "timers.percentiles", "calculatedTimerMetrics": "timers.calculated_timer_metrics",
    "histogram": "timers.histogram", "gaugesMaxTTL": "gauge_ttl", "prefixStats": "names.prefix_stats",
}
GRAPHITE_KEYS = {
    "legacyNamespace": "names.legacy_namespace", "globalPrefix": "names.global_prefix",
    "prefixCounter": "names.prefix_counter", "prefixTimer": "names.prefix_timer", "prefixGauge": "names.prefix_gauge",
    "prefixSet": "names.prefix_set", "globalSuffix": "names.global_suffix",
}
IDLE_TYPES = ("counters", "timers", "gauges", "sets")
# What makes kstatsd do as statsd does where its default is something better.
LIKE_STATSD = ("flush.rates=interval", f"flush.interval={INTERVAL}s", "flush.align=false", "internal_metrics=[statsd]",
               "tags.influxdb=false", "tags.librato=false", "tags.signalfx=false")


def settings_of(options):
    """kstatsd's -s for a configuration of statsd, which takes one percentile without a list."""
    settings = list(LIKE_STATSD)
    if isinstance(options.get("percentThreshold", []), (int, float)):
        options = {**options, "percentThreshold": [options["percentThreshold"]]}
    settings += [f"{KEYS[key]}={json.dumps(value)}" for key, value in options.items() if key in KEYS]
    graphite = {"legacyNamespace": True, **options.get("graphite", {})}
    settings += [f"{GRAPHITE_KEYS[key]}={json.dumps(value)}" for key, value in graphite.items()]
    whole = options.get("deleteIdleStats", False)
    idle = {name: options.get("delete" + name.capitalize(), whole) for name in IDLE_TYPES}
    if idle["gauges"] and "gaugesMaxTTL" not in options:
        settings.append("gauge_ttl=1")
    return [*settings, f"delete_idle={json.dumps(whole if set(idle.values()) == {whole} else idle)}"]


class Pair:
    """Both, on one port. `options` are statsd's; kstatsd gets their translation, and `settings`."""

    def __init__(self, folder, options=(), settings=(), hook="auto"):
        options = dict(options)
        known = {*KEYS, "graphite", "deleteIdleStats", *("delete" + name.capitalize() for name in IDLE_TYPES)}
        expect(set(options) <= known, f"options without a translation: {set(options) - known}")
        self.port = free_port()
        self.statsd = Statsd(os.path.join(folder, "statsd"), self.port, options)
        self.kstatsd = GraphiteDaemon(os.path.join(folder, "kstatsd"), *settings_of(options), *settings,
                                      hook=hook, ports=[self.port])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self):
        try:
            self.statsd.launch()
            self.kstatsd.start()
            self.statsd.wait()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.finish()
        finally:
            self.kill()

    def kill(self):
        self.socket.close()
        self.statsd.stop()
        self.kstatsd.kill()

    def send(self, datagrams):
        """Whether statsd received all of them."""
        for index, datagram in enumerate(datagrams, 1):
            self.socket.sendto(datagram, ("127.0.0.1", self.port))
            if index % AHEAD == 0 and not self.statsd.wait_received(index - AHEAD // 2):
                return False
        return self.statsd.wait_received(len(datagrams))

    def round(self, datagrams):
        """Sends, flushes both."""
        complete = self.send(datagrams)
        found = Round(self.statsd.flush(), self.kstatsd.flush(), datagrams)
        if not complete:
            raise Lost(f"statsd lost some of {len(datagrams)} datagrams")
        return found

    def ledger(self):
        """kstatsd's, of all windows that were flushed."""
        return json.loads(self.kstatsd.ask("status", "--json").stdout)["ledger"]

    def finish(self):
        """Both must have lived until now; kstatsd's ledger must balance."""
        expect(self.statsd.is_alive(), f"statsd ended: {self.statsd.log()[-2000:]}")
        assert_ledger_balances(self.ledger())
        self.kstatsd.stop()
