# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Telegraf with its statsd input: builds it once, starts it, and reads what it gathered, or sends to Wavefront.

Its module does not build from another one (a checksum is missing): a copy of its own folder does.
"""
import json
import os
import shutil
import subprocess
import tempfile
import time
import zlib

from daemon import PATIENCE, expect, free_port, wait_for

VERSION = "v1.37.2"
MODULE = f"github.com/influxdata/telegraf@{VERSION}"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kstatsd")
TAGS = "custom,inputs.statsd,outputs.file,outputs.wavefront,serializers.json"
BUILD_SECONDS = 1800
GATHER = 1  # seconds

CONFIG = """[agent]
interval = "{gather}s"
flush_interval = "{gather}s"
round_interval = true
omit_hostname = true
[[inputs.statsd]]
protocol = "udp4"
service_address = "127.0.0.1:{port}"
number_workers_threads = 1
sanitize_name_method = "upstream"
{options}
[[outputs.file]]
files = ["{output}"]
data_format = "json"
"""
WAVEFRONT = """[[outputs.wavefront]]
url = "{url}"
send_internal_metrics = false
immediate_flush = true
{options}
"""


def run(*command, cwd, **environment):
    """Whatever this machine's Go is told to do with modules: no project is built here."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=BUILD_SECONDS, cwd=cwd, env={**os.environ, "GOFLAGS": "", **environment})
    expect(done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}")
    return done.stdout


def install():
    """The path of Telegraf, built unless it is there. It appears whole or not at all."""
    binary = os.path.join(CACHE, f"telegraf-{VERSION}-{zlib.crc32(TAGS.encode()):08x}", "telegraf")
    if os.path.exists(binary):
        return binary
    expect(shutil.which("go"), f"{binary} is missing, and Go to build it: install Go (https://go.dev/dl)")
    os.makedirs(os.path.dirname(binary), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".telegraf-", dir=CACHE) as folder:
        told = run("go", "mod", "download", "-json", MODULE, cwd=folder)
        source = os.path.join(folder, "source")
        shutil.copytree(json.loads(told[told.index("{"):])["Dir"], source)
        run("chmod", "-R", "u+w", source, cwd=folder)
        run("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", TAGS, "-o", os.path.join(folder, "telegraf"),
            "./cmd/telegraf", cwd=source, CGO_ENABLED="0")
        os.rename(os.path.join(folder, "telegraf"), binary)
    return binary


def toml(value):
    """A simple value is the same in JSON. Numbers of a list must be of one type."""
    if isinstance(value, list) and any(isinstance(each, float) for each in value):
        value = [float(each) for each in value]
    return json.dumps(value)


class Telegraf:
    """`options` are the statsd input's own. With `wavefront`, (URL, options), it sends there, too."""

    def __init__(self, binary, folder, wavefront=None, **options):
        self.binary, self.folder = binary, str(folder)
        self.port = free_port()
        self.output = os.path.join(self.folder, "metrics")
        self.log = os.path.join(self.folder, "telegraf.log")
        written = "\n".join(f"{key} = {toml(value)}" for key, value in options.items())
        self.config = CONFIG.format(gather=GATHER, port=self.port, output=self.output, options=written)
        if wavefront:
            url, keys = wavefront
            self.config += WAVEFRONT.format(url=url, options="\n".join(f"{key} = {toml(value)}"
                                                                      for key, value in keys.items()))
        self.process = None
        self.read_to = 0
        self.ends = 0

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "telegraf.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.config)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.binary, "--config", path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        wait_for(self.is_listening, lambda: f"Telegraf to listen; it said: {self.said()}")
        return self

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def is_listening(self):
        expect(self.process.poll() is None, f"Telegraf ended with {self.process.returncode}: {self.said()}")
        return "UDP listening" in self.said()

    def gather(self, send):
        """
        [metric] of one gathering, all that `send` sends being in it: it is sent in the first half of an interval,
        and a line that comes last shows that all was read.
        """
        wait_for(lambda: 0.05 < time.time() % GATHER < 0.4 * GATHER, "an interval to begin", 10 * GATHER)
        self.ends += 1
        end = f"end{self.ends}"
        before = time.time()
        send(end)
        expect(time.time() // GATHER == before // GATHER, "sending took longer than the interval")
        return wait_for(lambda: self.gathered(end), lambda: f"{end} from Telegraf, which said: {self.said()}", PATIENCE)

    def gathered(self, end):
        if not os.path.exists(self.output):
            return None
        with open(self.output, encoding="utf-8") as file:
            metrics = [json.loads(line) for line in file.read().splitlines()[self.read_to:]]
        ended = [metric["timestamp"] for metric in metrics if metric["name"] == end]
        if not ended:
            return None
        self.read_to += len(metrics)
        return [metric for metric in metrics if metric["timestamp"] == ended[0] and metric["name"] != end]

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
