# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What docs/ says of outputs is what there is: an example of each kind, and their counters. tests/unit/test_config.c compares keys."""
import json
import os
import re
import subprocess

import pytest

from daemon import KSTATSD, ROOT, free_port

DOCS = os.path.join(ROOT, "docs")
PAGES = {"file": "json.md", "stdout": "json.md"}  # others have one of their own
ALL = """outputs:
  stdout: {{format: json}}
  file: [{{path: {folder}/file}}]
  prometheus: {{listen: "127.0.0.1:{port}"}}
  graphite: [{{address: "127.0.0.1:1"}}, {{address: "127.0.0.1:2", protocol: udp}}]
  wavefront: [{{proxy: "127.0.0.1:1"}}, {{proxy: "http://127.0.0.1:1"}}]
  otlp: [{{url: "http://127.0.0.1:1"}}]
  relay: [{{address: "127.0.0.1:1"}}]
"""


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def kinds():
    """Those of the table of keys."""
    return set(re.findall(r'^\t\{ "outputs\.([a-z]+)",', read("user", "cli", "config_keys.c"), re.MULTILINE))


def common_counters():
    """Those that all sinks have, of the table of what is exported."""
    return set(re.findall(r'^\t\{ "([a-z_]+)", offsetof\(struct sink_stats', read("user", "cli", "outputs_count.c"), re.MULTILINE))


def quoted(text):
    return set(re.findall(r"`([^`\s]+)`", text))


def examples():
    """The configurations of docs/sinks.md, by the heading above each."""
    heading, found, lines = "", {}, None
    with open(os.path.join(DOCS, "sinks.md"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("```"):
                if lines:
                    found.setdefault(heading, "".join(lines))
                lines = [] if line.startswith("```yaml") else None
            elif lines is not None:
                lines.append(line)
            elif line.startswith("## "):
                heading = line[3:].strip()
    return found


EXAMPLES = examples()


def test_every_sink_has_an_example():
    assert kinds() >= {"stdout", "graphite", "wavefront", "prometheus"}
    shown = {kind for text in EXAMPLES.values() for kind in re.findall(r"^  ([a-z]+):", text, re.MULTILINE)}
    assert shown == kinds()


@pytest.mark.parametrize("heading", EXAMPLES)
def test_example_is_loaded(tmp_path, heading):
    path = tmp_path / "kstatsd.yaml"
    path.write_text(EXAMPLES[heading])
    done = subprocess.run([KSTATSD, "check", "-c", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    assert f"valid ({path})" in done.stdout, done.stdout + done.stderr
    assert "not valid" not in done.stdout


@pytest.fixture
def counters(start, tmp_path):
    """{kind: its own counters}, of a daemon with an output of each kind."""
    config = tmp_path / "kstatsd.yaml"
    config.write_text(ALL.format(folder=tmp_path, port=free_port()))
    found = {}
    for row in json.loads(start(config=config).ask("status", "--json").stdout)["sinks"]:
        found.setdefault(row["kind"], set()).update(row["counts"])
    assert set(found) == kinds()
    return found


def test_counters_are_documented(counters):
    """Those of a kind on its page; what all have in docs/delivery.md. And there are no others."""
    common = common_counters()
    table = read("docs", "delivery.md").partition("## What is counted")[2]
    assert {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in quoted(row)} == common
    assert len(common) > 8 and sum(map(len, counters.values())) > 30
    for kind, own in counters.items():
        page = read("docs", PAGES.get(kind, f"{kind}.md"))
        told = {name.removeprefix(f"kstatsd.sinks.{kind}.") for name in quoted(page)}
        told |= {f"refused.{code}" for code in [*told, *re.findall(r"WF-\d+", page)]}
        assert own <= told, f"docs/ does not know {sorted(own - told)} of {kind}"


def test_documented_counters_are_there(counters):
    known = {**{kind: own | common_counters() for kind, own in counters.items()}, "spool": {"batches_dropped", "lines_dropped"}}
    codes = {name.partition(".")[2] for name in known["wavefront"] if name.startswith("refused.")}
    assert set(re.findall(r"WF-\d+", read("docs", "wavefront.md"))) <= codes
    named = [("prometheus", name) for name in quoted(read("docs", "prometheus.md").partition("## What it counts of itself")[2])]
    for page in sorted(os.listdir(DOCS)):
        if page.endswith(".md"):
            named += re.findall(r"`kstatsd\.sinks\.([a-z]+)\.([a-z_]+)`", read("docs", page))
    assert len(named) > 20
    wrong = [(kind, name) for kind, name in named if name.removeprefix(f"kstatsd.sinks.{kind}.") not in known[kind]]
    assert not wrong
