# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Wavefront's own validator takes every line that kstatsd makes: of all types, of names and tags that were never meant for it.

And every line that other tests make: those of tests/e2e that deliver to Wavefront and the encoder's unit test are run once
more, and append the lines to the file that KSTATSD_WAVEFRONT_LINES names. Those of tests/oracle have the fixture `judged`.
"""
import glob
import json
import os
import random
import subprocess
import sys

import pytest

import wavefront_validator as validator
from daemon import ROOT, send, wait_for
from wavefront import PROXY, SERVICE, Receiver

LINES = 6000
KINDS = ("c", "g", "ms", "h", "d", "s")
ODD = "aZ09._-/,~ !\"'\\$%&()*+<=>?[]^`{}\tÀé∆Δ日本🎉"


def word(dice, longest, letters=ODD):
    return "".join(dice.choice(letters) for _ in range(dice.randrange(1, longest)))


def datagram(dice):
    """One line of a sender who knows nothing of Wavefront."""
    letters = ODD if dice.random() < 0.7 else "abc.xyz"
    name = word(dice, dice.choice((4, 20, 60, 240)), letters).replace("\t", "-")
    kind = dice.choice(KINDS)
    value = {"s": word(dice, 9, "abcdef"), "g": f"{dice.uniform(-1e6, 1e6):.6g}"}.get(kind, f"{dice.lognormvariate(0, 9):.9g}")
    tags = ",".join(f"{word(dice, dice.choice((4, 12, 70)))}:{word(dice, dice.choice((4, 30, 260)))}"
                    for _ in range(dice.choice((0, 0, 1, 3, 25))))
    rate = dice.choice(("", "", "|@0.1"))
    return f"{name}:{value}|{kind}" + (rate if kind in ("c", "ms") else "") + (f"|#{tags}" if tags else "")


def send_all(one, lines):
    for at in range(0, len(lines), 20):
        send("sendto", "\n".join(lines[at:at + 20]), port=one.port)


SETTINGS = {
    "as it is": {},
    "as in Telegraf": {"convert_paths": True, "use_regex": True, "truncate_tags": True, "prefix": "prod.",
                       "source_override": ["host", "abc"], "delta_counters": True, "histograms": ["minute", "hour", "day"]},
    "as little as possible": {"convert_paths": False, "use_strict": True, "metric_separator": "_", "limits": "proxy",
                              "application_tags": {"application": "shop", "service": "cart"}},
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_line_is_taken(settings, start):
    seed = int(os.environ.get("KSTATSD_SEED") or random.randrange(1 << 32))
    print(f"KSTATSD_SEED={seed}")
    dice = random.Random(seed)
    limits = PROXY if SETTINGS[settings].get("limits") == "proxy" else SERVICE
    receiver = Receiver(limits=limits)
    try:
        keys = {"proxy": receiver.address, "source": "node1", **SETTINGS[settings]}
        one = start(f"outputs.wavefront={json.dumps([keys])}", "timers.histogram=[]")
        for _ in range(2):
            send_all(one, [datagram(dice) for _ in range(LINES // len(SETTINGS))])
            one.flush()
        wait_for(lambda: not json.loads(one.ask("status", "--json").stdout)["sinks"][-1]["batches_queued"], "an empty queue")
        one.stop()
        receiver.check()
        assert len(receiver.lines) > LINES
        refused = validator.refused(receiver.lines, limits)
        assert not refused, f"{len(refused)} of {len(receiver.lines)}: {refused[:5]}"
        print(f"{len(receiver.lines)} lines, {len(receiver.histograms)} of them distributions")
        assert receiver.histograms
    finally:
        receiver.stop()


def delivering():
    """The files of tests/e2e with an output for Wavefront."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "e2e", "test_*.py"))):
        with open(path, encoding="utf-8") as file:
            if "outputs.wavefront=" in file.read():
                yield os.path.relpath(path, ROOT)


UNIT = os.path.join(".output", "tests", "unit", "test_wavefront")
COMMANDS = {UNIT: [UNIT], **{path: [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path] for path in delivering()}}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_line_of_the_other_tests(path, tmp_path):
    """With all that they send on the way."""
    made = tmp_path / "lines"
    assert path != UNIT or os.path.exists(os.path.join(ROOT, UNIT)), f"it is missing: make {UNIT}"
    done = subprocess.run(COMMANDS[path], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, env={**os.environ, "KSTATSD_WAVEFRONT_LINES": str(made)})
    assert done.returncode == 0, done.stdout[-4000:]
    lines = made.read_text(encoding="utf-8").splitlines()
    print(f"{len(lines)} lines")
    assert len(lines) > 50
    refused = validator.refused(lines, PROXY)
    assert not refused, f"{len(refused)} of {len(lines)}: {refused[:5]}"


def test_the_other_tests():
    """Else those would be few."""
    assert set(COMMANDS) >= {f"tests/e2e/test_{name}.py" for name in ("wavefront", "conservation", "delivery")}


REFUSED = {
    '"a b" 1 source="x"': "WF-400",
    '"∆a" 0 source="x"': "WF-404",
    '!M 1700000000 #0 1 "a" source="x"': "WF-405",
    '"a" 1 source=""': "WF-406",
    f'"{"a" * 257}" 1 source="x"': "WF-408",
    f'"a" 1 source="x" "k"="{"v" * 254}"': "WF-411",
    "a": "missing",
}


def test_it_refuses():
    """Else its silence would prove nothing."""
    for (line, code), verdict in zip(REFUSED.items(), validator.verdicts(REFUSED)):
        assert code in verdict, line
