# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Debian's graphite-web over the whisper files of a Carbon: what is stored, as people see it.

    kstatsd -> carbon-cache -> whisper -> graphite-web -> /render (JSON, PNG)
                    '-- tags, over HTTP ---^
"""
import json
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from carbon import Carbon
from daemon import PATIENCE, expect, free_port, wait_for

PYTHON = "/usr/bin/python3"  # Debian's, for which Debian packages graphite-web
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graphite_wsgi.py")
SETTINGS = """SECRET_KEY = "of no worth"
ALLOWED_HOSTS = ["127.0.0.1"]
STORAGE_DIR = {folder!r}
CONF_DIR = STORAGE_DIR
LOG_DIR = STORAGE_DIR
INDEX_FILE = STORAGE_DIR + "/index"
WHISPER_DIR = {folder!r} + "/whisper"
STATIC_ROOT = STORAGE_DIR
STANDARD_DIRS = [WHISPER_DIR]
CARBONLINK_HOSTS = ["127.0.0.1:{query}:a"]
DEFAULT_CACHE_DURATION = 0
DEFAULT_CACHE_POLICY = []
FIND_CACHE_DURATION = 0
TAGDB_CACHE_DURATION = 0
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": STORAGE_DIR + "/graphite.db",
                         "OPTIONS": {{"timeout": 20}}}}}}
"""


class GraphiteWeb:
    """With a carbon of its own, which tells it of tags."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.web = free_port(socket.SOCK_STREAM)
        self.carbon = Carbon(folder, tags_to=f"http://127.0.0.1:{self.web}")
        self.process = None

    def start(self):
        os.makedirs(os.path.join(self.folder, "whisper"), exist_ok=True)
        with open(os.path.join(self.folder, "graphite_settings.py"), "w", encoding="ascii") as file:
            file.write(SETTINGS.format(folder=self.folder, query=self.carbon.query))
        with open(os.path.join(self.folder, "web.log"), "wb") as log:
            self.process = subprocess.Popen([PYTHON, PROGRAM, self.folder, str(self.web)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        self.carbon.start()
        wait_for(self.is_ready, lambda: f"graphite-web to answer; it said: {self.said()}", 60)
        return self

    def said(self):
        with open(os.path.join(self.folder, "web.log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def is_ready(self):
        expect(self.process.poll() is None, f"graphite-web ended with {self.process.returncode}: {self.said()}")
        try:
            return self.get("/version/")
        except OSError:
            return False

    def get(self, path, **parameters):
        query = "?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}{query}", timeout=PATIENCE) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            expect(False, f"graphite-web: {path}{query}: {error}: {self.said()}")

    def render(self, target, **parameters):
        """{target: [(value, second)]} of what render's JSON holds; seconds without a value are left out."""
        parameters = {"from": "-10min", **parameters}
        rows = json.loads(self.get("/render", target=target, format="json", **parameters))
        return {row["target"]: [(value, second) for value, second in row["datapoints"] if value is not None]
                for row in rows}

    def wait_rendered(self, target, wanted):
        """Until render has these values, in this order, under each name. `wanted`: {target: [values]}"""
        def is_there():
            found = self.render(target)
            return {name: [value for value, _ in points] for name, points in found.items()} == wanted and found

        return wait_for(is_there, lambda: f"{wanted} in {self.render(target)}")

    def png(self, target, **parameters):
        return self.get("/render", target=target, format="png", **parameters)

    def stop(self):
        self.carbon.stop()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None
