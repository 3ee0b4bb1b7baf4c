# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Fixtures of the tests against other servers: a server and kstatsd on one port.

The server really listens; kstatsd captures what is sent to it. tests/conftest.py gives `start`.
"""
import pytest

import exporter
import wavefront_validator
from wavefront import PROXY


@pytest.fixture(scope="session")
def exporter_binary():
    return exporter.install()


@pytest.fixture
def pair(start, exporter_binary, tmp_path):
    """pair(mapping, exporter_flags, kstatsd_settings) gives an Exporter and a Daemon on its port."""
    running = []

    def start_both(mapping=None, flags=(), settings=()):
        folder = tmp_path / f"pair{len(running)}"
        folder.mkdir()
        settings = list(settings)
        if mapping is not None:
            path = folder / "mapping.yml"
            path.write_text(mapping)
            flags = [*flags, f"--statsd.mapping-config={path}"]
            settings.append(f"mapping={path}")
        one = exporter.Exporter(exporter_binary, folder, flags)
        running.append(one)
        one.start()
        return one, start("timers.mode=exact", *settings, ports=[one.port])

    yield start_both
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def judged():
    """A list of lines that kstatsd sent to Wavefront. At the end of the file Wavefront's own validator must take them all."""
    lines = []
    yield lines
    refused = wavefront_validator.refused(lines, PROXY)
    assert lines and not refused, f"{len(refused)} of {len(lines)}: {refused[:5]}"
