# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What `kstatsd check` says about the hooks, for tests on the host and in guests."""
import re
import subprocess

from daemon import KSTATSD, PATIENCE

NAMES = ("fentry", "kprobe", "cgroup")


def check_output(*arguments):
    return subprocess.run([KSTATSD, "check", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=PATIENCE * 3)


def parse_hooks(text):
    """{hook: "chosen" | "usable" | "unusable"} from the lines that begin with a hook's name."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*(fentry|kprobe|cgroup)\s+(.*)", line)
        if match:
            rest = match.group(2).lower()
            found[match.group(1)] = ("unusable" if re.match(r"(un|not )usable|no\b", rest) else
                                     "chosen" if rest.startswith("chosen") else "usable")
    return found


def usable_hooks():
    """Usable hooks, the chosen one first."""
    states = parse_hooks(check_output().stdout)
    return sorted((name for name in NAMES if states.get(name) in ("chosen", "usable")),
                  key=lambda name: states[name] != "chosen")
