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
import socket

from daemon import Daemon, Failure, assert_ledger_balances, expect, free_port
from statsd_server import INTERVAL, Statsd

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
        found = Round(parse_lines(self.statsd.flush()), self.kstatsd.flush(), datagrams)
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
