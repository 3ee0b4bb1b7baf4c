# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Wavefront's own decoder and validator. What they are known to let through is refused by tests/e2e/wavefront.py."""
import os
import subprocess

import maven
from daemon import expect
from wavefront import SERVICE

JAR = "com.wavefront:java-lib:2023-08.2"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Verdicts.java")
SECONDS = 300


def verdicts(lines, limits=SERVICE):
    """Of each line "ok", or a sentence with Wavefront's code. Lines are text without line ends."""
    path = maven.install(f"wavefront-{JAR.rpartition(':')[2]}", JAR)
    numbers = map(str, (limits.name, limits.source, limits.tags, limits.key, limits.value))
    done = subprocess.run([maven.tool("java"), "-cp", path, PROGRAM, *numbers], input="".join(f"{line}\n" for line in lines),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=SECONDS, check=False)
    found = done.stdout.splitlines()
    expect(done.returncode == 0 and len(found) == len(lines), f"Verdicts.java: {done.stderr[-2000:]}")
    return found


def refused(lines, limits=SERVICE):
    """The lines that are not taken, each with the verdict."""
    return [(line, verdict) for line, verdict in zip(lines, verdicts(lines, limits)) if verdict != "ok"]
